/* Two threads at once: with contexts of their own, and with graphs, plans and queues of their own
   on one context. Each must give the bits that it gives alone. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "fault/graph_fixture.h"
#include "lib/fingerprint.h"
#include "lib/generate.h"
#include "lib/harness.h"

enum { threads = 2, rounds = 3, steps = 4, batch_most = 9, hashes_most = 64 };

/* What a thread does, and what came of it. cmocka is not for threads: they report by status. */
typedef struct job {
    const char *device;
    bncl_context *context; /* shared; NULL: one of its own */
    uint64_t seed;
    pthread_barrier_t *start; /* NULL: alone */
    bncl_status status;
    bncl_error err;
    size_t count;
    uint64_t hashes[hashes_most];
} job;

/* The objects of a thread. */
typedef struct tools {
    bncl_context *context;
    bncl_queue *queue;
    bncl_graph *graph;
    bncl_sgd *sgd;
    bncl_batch_norm *norm;
    bncl_elementwise *elementwise;
    bncl_buffer *buffer; /* x and dy, of the largest batch */
    bncl_tensor x, dy;
} tools;

static void add_hash(job *j, const void *bytes, size_t count)
{
    if (j->count < hashes_most)
        j->hashes[j->count++] = fingerprint(bytes, count);
}

static bncl_status make_tensors(job *j, tools *t)
{
    enum { x_count = batch_most * fixture_channels * fixture_positions };
    enum { dy_count = batch_most * fixture_classes };
    float values[x_count + dy_count];
    const size_t all = x_count + dy_count;
    size_t dims[3];
    bncl_tensor whole;
    generator g = generator_seed(j->seed);
    generate_normal(&g, 2.0, 1.0, values, all);
    bncl_status status = bncl_buffer_create(t->context, sizeof values, &t->buffer, &j->err);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&whole, t->buffer, 0, BNCL_F32, 1, &all, &j->err);
    if (status == BNCL_OK)
        status = bncl_tensor_write(t->queue, &whole, values, NULL, &j->err);
    if (status == BNCL_OK)
        status = bncl_queue_finish(t->queue, &j->err);
    fixture_input_dims(batch_most, dims);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&t->x, t->buffer, 0, BNCL_F32, 3, dims, &j->err);
    fixture_output_dims(batch_most, dims);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&t->dy, t->buffer, x_count, BNCL_F32, 2, dims, &j->err);
    return status;
}

static bncl_status make_tools(job *j, tools *t)
{
    const size_t dims[] = {batch_most, fixture_channels, fixture_positions};
    const bncl_sgd_options options = {.lr = 0.125, .momentum = 0.5};
    bncl_tensor values, gradients;
    bncl_status status = BNCL_OK;
    t->context = j->context;
    if (t->context == NULL)
        status = bncl_context_create(j->device, &t->context, &j->err);
    if (status == BNCL_OK)
        status = bncl_queue_create(t->context, &t->queue, &j->err);
    if (status == BNCL_OK)
        status = make_tensors(j, t);
    if (status == BNCL_OK)
        status = fixture_graph(t->context, t->queue, j->seed, &t->graph, &j->err);
    if (status == BNCL_OK)
        status = bncl_graph_parameters(t->graph, &values, &gradients, &j->err);
    if (status == BNCL_OK)
        status =
            bncl_sgd_create(t->context, bncl_tensor_count(&values), &options, &t->sgd, &j->err);
    if (status == BNCL_OK)
        status = bncl_batch_norm_create(t->context, BNCL_LAYOUT_NCL, BNCL_F32, 3, dims, NULL,
                                        &t->norm, &j->err);
    if (status == BNCL_OK)
        status = bncl_elementwise_create(t->context, BNCL_F32, &t->elementwise, &j->err);
    return status;
}

static void destroy_tools(const job *j, tools *t)
{
    bncl_elementwise_destroy(t->elementwise);
    bncl_batch_norm_destroy(t->norm);
    bncl_sgd_destroy(t->sgd);
    bncl_graph_destroy(t->graph);
    bncl_buffer_destroy(t->buffer);
    bncl_queue_destroy(t->queue);
    if (j->context == NULL)
        bncl_context_destroy(t->context);
}

static bncl_status read_tensor(job *j, tools *t, const bncl_tensor *tensor)
{
    float host[1024];
    const size_t bytes = bncl_tensor_count(tensor) * sizeof *host;
    if (bytes > sizeof host)
        return BNCL_ERROR_SHAPE;
    bncl_status status = bncl_tensor_read(t->queue, tensor, host, NULL, &j->err);
    if (status == BNCL_OK)
        add_hash(j, host, bytes);
    return status;
}

/* A step of training, of a batch size that changes. */
static bncl_status train_step(job *j, tools *t, size_t step)
{
    bncl_tensor x = t->x, dy = t->dy, y, values, gradients;
    x.dims[0] = dy.dims[0] = batch_most - step % 3;
    bncl_status status = bncl_graph_forward(t->graph, t->queue, &x, 1, &y, NULL, &j->err);
    if (status == BNCL_OK)
        status = bncl_graph_backward(t->graph, t->queue, &dy, NULL, &j->err);
    if (status == BNCL_OK)
        status = bncl_graph_parameters(t->graph, &values, &gradients, &j->err);
    if (status == BNCL_OK)
        status = bncl_sgd_step(t->sgd, t->queue, &values, &gradients, NULL, &j->err);
    if (status == BNCL_OK)
        status = read_tensor(j, t, &y);
    if (status == BNCL_OK)
        status = read_tensor(j, t, &values);
    return status;
}

/* The operators by themselves: x += relu(x), then its batch norm in place of dy's memory is read.
   */
static bncl_status operator_step(job *j, tools *t)
{
    bncl_buffer *scratch = NULL;
    bncl_batch_norm_forward args = {.x = t->x, .y = t->x};
    bncl_status status =
        bncl_buffer_create(t->context, bncl_buffer_size(t->buffer), &scratch, &j->err);
    args.y.buffer = scratch;
    if (status == BNCL_OK)
        status = bncl_relu_forward(t->elementwise, t->queue, &t->x, &args.y, NULL, &j->err);
    if (status == BNCL_OK)
        status = bncl_add(t->elementwise, t->queue, &t->x, &args.y, &t->x, NULL, &j->err);
    if (status == BNCL_OK)
        status = bncl_batch_norm_forward_train(t->norm, t->queue, &args, NULL, &j->err);
    if (status == BNCL_OK)
        status = read_tensor(j, t, &args.y);
    bncl_buffer_destroy(scratch);
    return status;
}

static void *work(void *of)
{
    job *j = of;
    tools t = {.context = NULL};
    if (j->start != NULL)
        pthread_barrier_wait(j->start);
    j->status = make_tools(j, &t);
    for (size_t step = 0; step < steps && j->status == BNCL_OK; ++step) {
        j->status = train_step(j, &t, step);
        if (j->status == BNCL_OK)
            j->status = operator_step(j, &t);
    }
    destroy_tools(j, &t);
    return NULL;
}

static void check_job(const job *j, const job *alone)
{
    if (j->status != BNCL_OK)
        harness_fail("%s: %s", bncl_status_string(j->status), j->err.text);
    assert_int_equal(j->count, 3 * steps);
    for (size_t i = 0; alone != NULL && i < j->count; ++i)
        if (j->hashes[i] != alone->hashes[i])
            harness_fail("seed %d: result %zu has other bits than alone", (int)j->seed, i);
}

/* All threads at once, on this context or (NULL) on one each. */
static void run_together(const device *d, bncl_context *context, const job *alone)
{
    pthread_barrier_t start;
    pthread_t ids[threads];
    job jobs[threads];
    assert_int_equal(pthread_barrier_init(&start, NULL, threads), 0);
    for (int i = 0; i < threads; ++i) {
        jobs[i] = (job){
            .device = d->info.index, .context = context, .seed = alone[i].seed, .start = &start};
        if (pthread_create(&ids[i], NULL, work, &jobs[i]) != 0)
            abort(); /* the others would wait for ever */
    }
    for (int i = 0; i < threads; ++i)
        pthread_join(ids[i], NULL);
    pthread_barrier_destroy(&start);
    for (int i = 0; i < threads; ++i)
        check_job(&jobs[i], &alone[i]);
}

static void run_alone(const device *d, job *jobs)
{
    for (int i = 0; i < threads; ++i) {
        jobs[i] = (job){.device = d->info.index, .seed = (uint64_t)i + 1};
        work(&jobs[i]);
        check_job(&jobs[i], NULL);
    }
    if (memcmp(jobs[0].hashes, jobs[1].hashes, sizeof jobs[0].hashes) == 0)
        harness_fail("two seeds gave the same results");
}

static void contexts_of_their_own(void **state)
{
    const device *d = device_of(state);
    job alone[threads];
    run_alone(d, alone);
    for (int round = 0; round < rounds; ++round)
        run_together(d, NULL, alone);
}

static void release_context(void *context)
{
    bncl_context_destroy(context);
}

/* New each round, so that the threads build its programs at once, too. */
static void one_context(void **state)
{
    device *d = device_of(state);
    job alone[threads];
    run_alone(d, alone);
    for (int round = 0; round < rounds; ++round) {
        bncl_context *context;
        device_ok(d, bncl_context_create(d->info.index, &context, &d->err), "bncl_context_create");
        harness_hold(context, release_context);
        run_together(d, context, alone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(contexts_of_their_own),
        HARNESS_TEST(one_context),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
