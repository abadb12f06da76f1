/* Faults under batch norm: plans, forward and backward, in training and evaluation. */
#include <math.h>

#include "fault/faults.h"
#include "lib/batch_norm_case.h"
#include "lib/harness.h"

#define FAILS(status) FAULT_STATUS(BNCL_ERROR_##status)
/* A run call launches kernels, and may run out of memory for the event that it is to signal. */
#define RUN_FAILS (FAILS(OPENCL) | FAILS(MEMORY))

typedef struct world {
    device *d;
    batch_norm_case c;
    batch_norm_data data;
    bncl_batch_norm *plan;
    bncl_batch_norm_forward forward;
    bncl_batch_norm_backward backward;
    bncl_sync sync;
    bncl_event *event;
    /* of the calls that create */
    bncl_context *context;
    bncl_batch_norm *out;
} world;

static world *world_make(void **state, const batch_norm_case *c)
{
    world *w = harness_memory(1, sizeof *w);
    w->d = device_of(state);
    w->c = *c;
    w->data = batch_norm_data_make(c);
    w->plan = batch_norm_plan(w->d, c);
    w->forward = batch_norm_forward_tensors(w->d, c, &w->data);
    w->backward = batch_norm_backward_tensors(w->d, c, &w->data, &w->forward);
    w->sync.signal = &w->event;
    return w;
}

/* An output that is not written does not pass. */
static void spoil(world *w, const bncl_tensor *tensor)
{
    if (tensor->buffer != NULL)
        device_ok(w->d, bncl_tensor_fill(w->d->queue, tensor, (double)NAN, NULL, &w->d->err),
                  "bncl_tensor_fill");
}

static void destroy_event(void *of)
{
    world *w = of;
    bncl_event_destroy(w->event);
}

/* ---- forward ---- */

static void prepare_forward(void *of)
{
    world *w = of;
    const bncl_batch_norm_forward *f = &w->forward;
    w->event = FAULT_SENTINEL;
    w->data.num_batches_tracked = 5;
    spoil(w, &f->y);
    if (f->mask.buffer != NULL)
        device_ok(w->d, bncl_tensor_fill(w->d->queue, &f->mask, 99.0, NULL, &w->d->err), "mask");
    spoil(w, &f->save_mean);
    spoil(w, &f->save_mean_lo);
    spoil(w, &f->save_invstd);
    spoil(w, &f->next_mean);
    spoil(w, &f->next_var);
    if (f->running_mean.buffer == NULL)
        return;
    device_write(w->d, &f->running_mean, w->data.running_mean);
    device_write(w->d, &f->running_var, w->data.running_var);
}

static void forward_lasting(void *of, fault_record *record)
{
    world *w = of;
    fault_record_bytes(record, "the event", &w->event, sizeof w->event);
    fault_record_bytes(record, "num_batches_tracked", &w->data.num_batches_tracked,
                       sizeof w->data.num_batches_tracked);
    fault_record_tensor(record, "x", w->d, &w->forward.x);
    fault_record_tensor(record, "gamma", w->d, &w->forward.gamma);
    fault_record_tensor(record, "beta", w->d, &w->forward.beta);
    fault_record_tensor(record, "running_mean", w->d, &w->forward.running_mean);
    fault_record_tensor(record, "running_var", w->d, &w->forward.running_var);
}

static void forward_results(void *of, fault_record *record)
{
    world *w = of;
    device_ok(w->d, bncl_event_wait(w->event, &w->d->err), "bncl_event_wait");
    fault_record_bytes(record, "num_batches_tracked", &w->data.num_batches_tracked,
                       sizeof w->data.num_batches_tracked);
    fault_record_tensor(record, "y", w->d, &w->forward.y);
    fault_record_tensor(record, "mask", w->d, &w->forward.mask);
    fault_record_tensor(record, "running_mean", w->d, &w->forward.running_mean);
    fault_record_tensor(record, "running_var", w->d, &w->forward.running_var);
    fault_record_tensor(record, "next_mean", w->d, &w->forward.next_mean);
    fault_record_tensor(record, "next_var", w->d, &w->forward.next_var);
    fault_record_tensor(record, "save_mean", w->d, &w->forward.save_mean);
    fault_record_tensor(record, "save_mean_lo", w->d, &w->forward.save_mean_lo);
    fault_record_tensor(record, "save_invstd", w->d, &w->forward.save_invstd);
}

static bncl_status forward_train(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_batch_norm_forward_train(w->plan, w->d->queue, &w->forward, &w->sync, err);
}

static bncl_status forward_eval(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_batch_norm_forward_eval(w->plan, w->d->queue, &w->forward, &w->sync, err);
}

static const fault_operation train_operation = {.name = "bncl_batch_norm_forward_train",
                                                .statuses = RUN_FAILS,
                                                .prepare = prepare_forward,
                                                .run = forward_train,
                                                .lasting = forward_lasting,
                                                .results = forward_results,
                                                .discard = destroy_event};
static const fault_operation eval_operation = {.name = "bncl_batch_norm_forward_eval",
                                               .statuses = RUN_FAILS,
                                               .prepare = prepare_forward,
                                               .run = forward_eval,
                                               .lasting = forward_lasting,
                                               .results = forward_results,
                                               .discard = destroy_event};

static void train(void **state)
{
    const batch_norm_case rows = batch_norm_case_make(BNCL_LAYOUT_NC, 40, 5, 1);
    batch_norm_case inner = batch_norm_case_make(BNCL_LAYOUT_NCL, 3, 4, 17);
    inner.options.cumulative = true;
    faults_try(&train_operation, world_make(state, &rows));
    faults_try(&train_operation, world_make(state, &inner));
}

/* A layer with a residual and an activation: the mask is an output as y is. */
static void fuse(world *w)
{
    const size_t bytes = bncl_batch_norm_mask_bytes(w->plan);
    w->forward.residual = batch_norm_case_tensor(w->d, &w->c, 0, w->data.dy);
    w->forward.mask = device_tensor(w->d, BNCL_U8, 1, &bytes, NULL);
    w->backward.mask = w->forward.mask;
    w->backward.dresidual = batch_norm_case_tensor(w->d, &w->c, 0, NULL);
}

static batch_norm_case fused_case(void)
{
    batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NCL, 3, 4, 17);
    c.options.activation = bncl_activation_leaky_relu(0.25);
    return c;
}

static void fused(void **state)
{
    const batch_norm_case c = fused_case();
    world *w = world_make(state, &c);
    fuse(w);
    faults_try(&train_operation, w);
    w->forward.save_mean = w->forward.save_mean_lo = w->forward.save_invstd = device_absent();
    faults_try(&eval_operation, w);
}

static void train_into_next(void **state)
{
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NLC, 6, 5, 7);
    world *w = world_make(state, &c);
    w->forward.next_mean = device_vector(w->d, 5, NULL);
    w->forward.next_var = device_vector(w->d, 5, NULL);
    faults_try(&train_operation, w);
}

static void train_nothing(void **state)
{
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 0, 5, 1);
    world *w = world_make(state, &c);
    faults_try(&train_operation, w);
    w->forward.next_mean = device_vector(w->d, 5, NULL);
    w->forward.next_var = device_vector(w->d, 5, NULL);
    faults_try(&train_operation, w);
}

static void eval(void **state)
{
    const batch_norm_case rows = batch_norm_case_make(BNCL_LAYOUT_NC, 9, 5, 1);
    batch_norm_case untracked = batch_norm_case_make(BNCL_LAYOUT_NCL, 3, 4, 17);
    untracked.untracked = true;
    world *w = world_make(state, &rows);
    w->forward.save_mean = w->forward.save_mean_lo = w->forward.save_invstd = device_absent();
    faults_try(&eval_operation, w);
    faults_try(&eval_operation, world_make(state, &untracked));
}

/* ---- backward ---- */

static void prepare_backward(void *of)
{
    world *w = of;
    w->event = FAULT_SENTINEL;
    spoil(w, &w->backward.dx);
    spoil(w, &w->backward.dresidual);
    spoil(w, &w->backward.dgamma);
    spoil(w, &w->backward.dbeta);
}

static void backward_results(void *of, fault_record *record)
{
    world *w = of;
    device_ok(w->d, bncl_event_wait(w->event, &w->d->err), "bncl_event_wait");
    fault_record_tensor(record, "dx", w->d, &w->backward.dx);
    fault_record_tensor(record, "dresidual", w->d, &w->backward.dresidual);
    fault_record_tensor(record, "dgamma", w->d, &w->backward.dgamma);
    fault_record_tensor(record, "dbeta", w->d, &w->backward.dbeta);
}

static bncl_status backward_train(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_batch_norm_backward_train(w->plan, w->d->queue, &w->backward, &w->sync, err);
}

static bncl_status backward_eval(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_batch_norm_backward_eval(w->plan, w->d->queue, &w->backward, &w->sync, err);
}

static void backward(void **state, batch_norm_case c, bool no_dx, bool no_gradients)
{
    fault_operation operation = {.name = "bncl_batch_norm_backward_train",
                                 .statuses = RUN_FAILS,
                                 .prepare = prepare_backward,
                                 .run = backward_train,
                                 .lasting = forward_lasting,
                                 .results = backward_results,
                                 .discard = destroy_event};
    world *w = world_make(state, &c);
    if (c.options.activation.kind != BNCL_ACTIVATION_NONE)
        fuse(w);
    device_ok(w->d,
              bncl_batch_norm_forward_train(w->plan, w->d->queue, &w->forward, NULL, &w->d->err),
              "bncl_batch_norm_forward_train");
    if (no_dx)
        w->backward.dx = device_absent();
    if (no_gradients)
        w->backward.dgamma = w->backward.dbeta = device_absent();
    faults_try(&operation, w);
    operation.name = "bncl_batch_norm_backward_eval";
    operation.run = backward_eval;
    faults_try(&operation, w);
}

static void backward_all(void **state)
{
    backward(state, batch_norm_case_make(BNCL_LAYOUT_NC, 40, 5, 1), false, false);
    backward(state, batch_norm_case_make(BNCL_LAYOUT_NCL, 3, 4, 17), false, false);
}

static void backward_fused(void **state)
{
    backward(state, fused_case(), false, false);
    backward(state, fused_case(), true, true);
}

static void backward_some(void **state)
{
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NLC, 6, 5, 7);
    backward(state, c, true, false);
    backward(state, c, false, true);
    backward(state, batch_norm_case_make(BNCL_LAYOUT_NC, 0, 5, 1), false, false);
}

/* ---- plans ---- */

static void prepare_create(void *of)
{
    world *w = of;
    w->context = w->d->context;
    w->out = FAULT_SENTINEL;
}

/* In a context that has built no program yet. */
static void prepare_first(void *of)
{
    world *w = of;
    device_ok(w->d, bncl_context_create(NULL, &w->context, &w->d->err), "bncl_context_create");
    w->out = FAULT_SENTINEL;
}

static void finish_first(void *of)
{
    world *w = of;
    bncl_context_destroy(w->context);
}

static bncl_status create(void *of, bncl_error *err)
{
    world *w = of;
    size_t dims[BNCL_MAX_RANK];
    int rank = batch_norm_case_dims(&w->c, dims);
    return bncl_batch_norm_create(w->context, w->c.layout, BNCL_F32, rank, dims, &w->c.options,
                                  &w->out, err);
}

static void created_lasting(void *of, fault_record *record)
{
    world *w = of;
    fault_record_bytes(record, "the plan", &w->out, sizeof w->out);
}

/* The new plan normalizes: y, by the batch's own statistics, in one buffer behind x. */
static void created_results(void *of, fault_record *record)
{
    world *w = of;
    bncl_error *err = &w->d->err;
    size_t dims[BNCL_MAX_RANK];
    const int rank = batch_norm_case_dims(&w->c, dims);
    const size_t total = batch_norm_case_total(&w->c);
    float *y = calloc(total, sizeof *y);
    bncl_queue *queue = NULL;
    bncl_buffer *buffer = NULL;
    bncl_batch_norm_forward args = {.num_batches_tracked = NULL};
    bncl_status status = y != NULL ? BNCL_OK : BNCL_ERROR_MEMORY;
    if (status == BNCL_OK)
        status = bncl_queue_create(w->context, &queue, err);
    if (status == BNCL_OK)
        status = bncl_buffer_create(w->context, 2 * total * sizeof *y, &buffer, err);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&args.x, buffer, 0, BNCL_F32, rank, dims, err);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&args.y, buffer, total, BNCL_F32, rank, dims, err);
    if (status == BNCL_OK)
        status = bncl_tensor_write(queue, &args.x, w->data.x, NULL, err);
    if (status == BNCL_OK)
        status = bncl_batch_norm_forward_eval(w->out, queue, &args, NULL, err);
    if (status == BNCL_OK)
        status = bncl_tensor_read(queue, &args.y, y, NULL, err);
    if (status == BNCL_OK)
        fault_record_bytes(record, "y", y, total * sizeof *y);
    bncl_buffer_destroy(buffer);
    bncl_queue_destroy(queue);
    free(y);
    device_ok(w->d, status, "using the new plan");
}

static void discard_plan(void *of)
{
    world *w = of;
    bncl_batch_norm_destroy(w->out);
}

/* Building seven programs takes a good part of a second, each time: so every fault is tried on
   programs that are built, and the first build with OpenCL's alone. What building one program can
   meet, with memory, elementwise plans show. */
static void plans(void **state)
{
    fault_operation operation = {.name = "bncl_batch_norm_create",
                                 .statuses = FAILS(BUILD) | FAILS(MEMORY) | FAILS(DEVICE_MEMORY) |
                                             FAILS(OPENCL),
                                 .prepare = prepare_create,
                                 .run = create,
                                 .lasting = created_lasting,
                                 .results = created_results,
                                 .discard = discard_plan};
    const batch_norm_case rows = batch_norm_case_make(BNCL_LAYOUT_NC, 40, 5, 1);
    const batch_norm_case inner = batch_norm_case_make(BNCL_LAYOUT_NCL, 3, 4, 17);
    faults_try(&operation, world_make(state, &inner));
    world *w = world_make(state, &rows);
    faults_try(&operation, w);
    operation.prepare = prepare_first;
    operation.finish = finish_first;
    faults_try_some(&operation, w, FAULTS_OPENCL_ONCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(train),           HARNESS_TEST(fused),         HARNESS_TEST(backward_fused),
        HARNESS_TEST(train_into_next), HARNESS_TEST(train_nothing), HARNESS_TEST(eval),
        HARNESS_TEST(backward_all),    HARNESS_TEST(backward_some), HARNESS_TEST(plans),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
