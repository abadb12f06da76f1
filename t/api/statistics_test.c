/* Bad arguments to statistics and sums of parts, and to a graph's recalibration. */
#include <string.h>

#include "api/api.h"
#include "lib/harness.h"

enum { samples = 3, channels = 4, parts = 5 };

typedef struct run_args {
    api_run run; /* first */
    bncl_batch_norm *plan;
    bncl_batch_norm_forward held_forward;
    const bncl_batch_norm_forward *forward;
    bncl_batch_norm_backward held_backward;
    const bncl_batch_norm_backward *backward;
    bncl_tensor held_x, held_rows, held_parts;
    const bncl_tensor *x, *rows, *parts; /* rows: statistics, sums or what is merged */
    size_t held_counts[parts], part_count, count;
    const size_t *counts;
    int64_t batches;
} run_args;

static void release_plan(void *plan)
{
    bncl_batch_norm_destroy(plan);
}

static void forward_tensors(run_args *args, device *d)
{
    bncl_batch_norm_forward *f = &args->held_forward;
    bncl_tensor *vectors[] = {&f->gamma,       &f->beta,         &f->running_mean,
                              &f->running_var, &f->next_mean,    &f->next_var,
                              &f->save_mean,   &f->save_mean_lo, &f->save_invstd};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; ++i)
        *vectors[i] = device_vector(d, channels, NULL);
    f->x = args->held_x;
    f->y = device_tensor(d, BNCL_F32, 2, args->held_x.dims, NULL);
    f->num_batches_tracked = &args->batches;
}

static void backward_tensors(run_args *args, device *d)
{
    const bncl_batch_norm_forward *f = &args->held_forward;
    bncl_batch_norm_backward *b = &args->held_backward;
    b->x = f->x;
    b->gamma = f->gamma;
    b->save_mean = f->save_mean;
    b->save_mean_lo = f->save_mean_lo;
    b->save_invstd = f->save_invstd;
    b->dy = device_tensor(d, BNCL_F32, 2, f->x.dims, NULL);
    b->dx = device_tensor(d, BNCL_F32, 2, f->x.dims, NULL);
    b->dgamma = device_vector(d, channels, NULL);
    b->dbeta = device_vector(d, channels, NULL);
}

/* Parts of `rows` numbers a channel. In place: `args` points into itself. */
static void run_args_init(run_args *args, api *a, size_t rows)
{
    device *d = a->d;
    const size_t dims[] = {samples, channels}, part_dims[] = {parts, rows, channels};
    *args = (run_args){.batches = 7, .part_count = parts, .count = 2 * samples};
    for (size_t k = 0; k < parts; ++k)
        args->held_counts[k] = k + 1;
    args->held_x = device_tensor(d, BNCL_F32, 2, dims, NULL);
    args->held_parts = device_tensor(d, BNCL_F32, 3, part_dims, NULL);
    args->held_rows = device_tensor(d, BNCL_F32, 2, part_dims + 1, NULL);
    forward_tensors(args, d);
    backward_tensors(args, d);
    args->x = &args->held_x;
    args->rows = &args->held_rows;
    args->parts = &args->held_parts;
    args->counts = args->held_counts;
    args->forward = &args->held_forward;
    args->backward = &args->held_backward;
    device_ok(d,
              bncl_batch_norm_create(d->context, BNCL_LAYOUT_NC, BNCL_F32, 2, dims, NULL,
                                     &args->plan, &d->err),
              "bncl_batch_norm_create");
    harness_hold(args->plan, release_plan);
    api_run_init(&args->run, a);
}

static bncl_status statistics(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_batch_norm_statistics(args->plan, args->run.queue, args->x, args->rows,
                                      args->run.sync, err);
}

static bncl_status statistics_merge(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_batch_norm_statistics_merge(args->plan, args->run.queue, args->parts, args->counts,
                                            args->part_count, args->rows, args->run.sync, err);
}

static bncl_status forward_with(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_batch_norm_forward_with(args->plan, args->run.queue, args->forward, args->rows,
                                        args->count, args->run.sync, err);
}

static bncl_status backward_sums(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_batch_norm_backward_sums(args->plan, args->run.queue, args->backward, args->rows,
                                         args->run.sync, err);
}

static bncl_status backward_merge(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_batch_norm_backward_merge(args->plan, args->run.queue, args->parts,
                                          args->part_count, args->rows, args->run.sync, err);
}

static bncl_status backward_with(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_batch_norm_backward_with(args->plan, args->run.queue, args->backward, args->rows,
                                         args->count, args->run.sync, err);
}

/* What all have: plan, queue, wait list, and rows by their name. */
static void refuses_common(api *a, api_call *call, const char *rows)
{
    run_args *args = call->args;
    api_output(call, "num_batches_tracked", &args->batches, sizeof args->batches);
    api_refuses_run(a, call);
    api_refuses_null(call, &args->plan, "plan");
    api_refuses_null(call, &args->rows, rows);
    api_refuses_tensors(a, call, &args->held_rows, rows, 0);
}

static void statistics_of_a_batch(void **state)
{
    api *a = api_of(state);
    run_args args;
    run_args_init(&args, a, 3);
    api_call call = {.function = "bncl_batch_norm_statistics", .run = statistics, .args = &args};
    refuses_common(a, &call, "statistics");
    api_refuses_null(&call, &args.x, "x");
    api_refuses_tensors(a, &call, &args.held_x, "x", 0);
    device_untouched(a->d, "statistics", &args.held_rows);
    api_accepts(&call);
}

/* Of which part the merging begins: it must not be where it ends. */
static void refuses_parts(api *a, api_call *call)
{
    run_args *args = call->args;
    bncl_tensor within = args->held_parts;
    within.rank = 2;
    within.dims[0] = args->held_rows.dims[0];
    within.dims[1] = channels;
    refuses_common(a, call, "merged");
    api_refuses_null(call, &args->parts, "parts");
    api_refuses_tensors(a, call, &args->held_parts, "parts", 0);
    api_refuses_size(call, &args->part_count, 0, BNCL_ERROR_ARGUMENT, "part_count");
    api_refuses_size(call, &args->part_count, (size_t)1 << 31, BNCL_ERROR_ARGUMENT, "part_count");
    api_refuses_size(call, &args->part_count, parts - 1, BNCL_ERROR_SHAPE, "parts");
    api_refuses_bytes(call, &args->held_rows, &within, sizeof within, BNCL_ERROR_ARGUMENT,
                      "merged overlaps parts");
    within.offset += 1;
    api_refuses_bytes(call, &args->held_rows, &within, sizeof within, BNCL_ERROR_ARGUMENT,
                      "merged overlaps parts");
    device_untouched(a->d, "merged", &args->held_rows);
}

static void merging(void **state)
{
    api *a = api_of(state);
    run_args args;
    run_args_init(&args, a, 3);
    api_call call = {
        .function = "bncl_batch_norm_statistics_merge", .run = statistics_merge, .args = &args};
    refuses_parts(a, &call);
    api_refuses_null(&call, &args.counts, "counts");
    api_refuses_size(&call, &args.held_counts[1], ((size_t)1 << 31) - 1, BNCL_ERROR_SHAPE,
                     "counts[1]");
    api_refuses_size(&call, &args.held_counts[4], SIZE_MAX, BNCL_ERROR_SHAPE, "counts[4]");
    device_untouched(a->d, "merged", &args.held_rows);
    api_accepts(&call);

    run_args_init(&args, a, 4);
    api_call sums = {
        .function = "bncl_batch_norm_backward_merge", .run = backward_merge, .args = &args};
    refuses_parts(a, &sums);
    api_accepts(&sums);
}

static void forwards(void **state)
{
    api *a = api_of(state);
    run_args args;
    run_args_init(&args, a, 3);
    bncl_batch_norm_forward *f = &args.held_forward;
    const api_tensor tensors[] = {
        {&f->x, "x", 0},
        {&f->y, "y", 0},
        {&f->gamma, "weight", API_OPTIONAL},
        {&f->beta, "bias", API_OPTIONAL},
        {&f->running_mean, "running_mean", 0}, /* next_mean is there */
        {&f->running_var, "running_var", 0},
        {&f->next_mean, "next_mean", API_OPTIONAL},
        {&f->next_var, "next_var", API_OPTIONAL},
        {&f->save_mean, "save_mean", 0},
        {&f->save_mean_lo, "save_mean_lo", 0},
        {&f->save_invstd, "save_invstd", 0},
    };
    api_call call = {
        .function = "bncl_batch_norm_forward_with", .run = forward_with, .args = &args};
    refuses_common(a, &call, "statistics");
    api_refuses_null(&call, &args.forward, "args");
    api_refuses_all(a, &call, tensors, sizeof tensors / sizeof tensors[0]);
    api_refuses_size(&call, &args.count, 0, BNCL_ERROR_SHAPE, "count");
    api_refuses_size(&call, &args.count, 1, BNCL_ERROR_SHAPE, "Expected more than 1 value");
    api_refuses_size(&call, &args.count, (size_t)1 << 31, BNCL_ERROR_SHAPE, "count");
    api_refuses_size(&call, &args.count, SIZE_MAX, BNCL_ERROR_SHAPE, "count");
    device_untouched(a->d, "y", &f->y);
    device_untouched(a->d, "next_mean", &f->next_mean);
    device_untouched(a->d, "save_mean", &f->save_mean);
    api_accepts(&call);
}

static void backwards(void **state)
{
    api *a = api_of(state);
    run_args args;
    run_args_init(&args, a, 4);
    bncl_batch_norm_backward *b = &args.held_backward;
    const api_tensor tensors[] = {
        {&b->x, "x", 0},
        {&b->dy, "dy", 0},
        {&b->gamma, "weight", API_OPTIONAL},
        {&b->dx, "dx", API_OPTIONAL},
        {&b->dgamma, "dgamma", API_OPTIONAL},
        {&b->dbeta, "dbeta", API_OPTIONAL},
        {&b->save_mean, "save_mean", 0},
        {&b->save_mean_lo, "save_mean_lo", 0},
        {&b->save_invstd, "save_invstd", 0},
    };
    api_call calls[] = {
        {.function = "bncl_batch_norm_backward_sums", .run = backward_sums, .args = &args},
        {.function = "bncl_batch_norm_backward_with", .run = backward_with, .args = &args}};
    for (int i = 0; i < 2; ++i) {
        refuses_common(a, &calls[i], "sums");
        api_refuses_null(&calls[i], &args.backward, "args");
        api_refuses_all(a, &calls[i], tensors, sizeof tensors / sizeof tensors[0]);
    }
    api_refuses_size(&calls[1], &args.count, 0, BNCL_ERROR_SHAPE, "count");
    api_refuses_size(&calls[1], &args.count, (size_t)1 << 31, BNCL_ERROR_SHAPE, "count");
    device_untouched(a->d, "sums", &args.held_rows);
    device_untouched(a->d, "dx", &b->dx);
    device_untouched(a->d, "dgamma", &b->dgamma);
    api_accepts(&calls[0]);
    api_accepts(&calls[1]);
}

/* ---- a graph ---- */

typedef struct graph_args {
    bncl_graph *graph;
    bncl_queue *queue;
    bncl_graph_source *source;
    bncl_tensor input;
    size_t given; /* of the one batch that there is */
} graph_args;

static void release_graph(void *graph)
{
    bncl_graph_destroy(graph);
}

static bncl_status give(void *user, bncl_tensor *inputs, size_t count, bool *more, bncl_error *err)
{
    graph_args *args = user;
    (void)err;
    assert_int_equal(count, 1);
    *more = args->given++ % 2 == 0;
    inputs[0] = args->input;
    return BNCL_OK;
}

static bncl_status recalibrate(void *of, bncl_error *err)
{
    graph_args *args = of;
    args->given = 0;
    return bncl_graph_recalibrate(args->graph, args->queue, args->source, args, err);
}

static void recalibrations(void **state)
{
    api *a = api_of(state);
    device *d = a->d;
    const size_t dims[] = {samples, channels};
    graph_args args = {.queue = d->queue, .source = give};
    bncl_value value;
    device_ok(d, bncl_graph_create(d->context, &args.graph, &d->err), "bncl_graph_create");
    harness_hold(args.graph, release_graph);
    device_ok(d, bncl_graph_input(args.graph, 1, dims + 1, false, &value, &d->err), "input");
    device_ok(d, bncl_graph_batch_norm(args.graph, "bn", value, NULL, &value, &d->err), "layer");
    args.input = device_tensor(d, BNCL_F32, 2, dims, NULL);
    const api_call call = {.function = "bncl_graph_recalibrate", .run = recalibrate, .args = &args};
    api_refuses(&call, BNCL_ERROR_STATE, "bncl_graph_plan first");
    device_ok(d, bncl_graph_plan(args.graph, value, 1, d->queue, &d->err), "bncl_graph_plan");
    api_refuses_null(&call, &args.graph, "graph");
    api_refuses_null(&call, &args.source, "source");
    api_refuses_queues(a, &call, &args.queue);
    assert_int_equal(args.given, 0);
    /* What the source gives is asked as bncl_graph_forward asks it. */
    api_refuses_tensors(a, &call, &args.input, "input", API_ANY_SHAPE);
    api_refuses_size(&call, &args.input.dims[1], channels - 1, BNCL_ERROR_SHAPE, "input");
    int64_t batches = 77;
    device_ok(d,
              bncl_graph_state_read(args.graph, d->queue, "bn.num_batches_tracked", &batches,
                                    sizeof batches, &d->err),
              "bncl_graph_state_read");
    assert_true(batches == 0);
    api_accepts(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(statistics_of_a_batch),
        HARNESS_TEST(merging),
        HARNESS_TEST(forwards),
        HARNESS_TEST(backwards),
        HARNESS_TEST(recalibrations),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
