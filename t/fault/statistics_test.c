/* Faults under statistics and sums of parts, and under a graph's recalibration. */
#include <math.h>
#include <string.h>

#include "fault/graph_world.h"
#include "lib/batch_norm_parts.h"
#include "lib/harness.h"

/* A run call launches kernels, and may run out of memory for the event that it is to signal. */
#define RUN_FAILS (FAILS(OPENCL) | FAILS(MEMORY))

enum { parts = 5 };

typedef struct world {
    device *d;
    batch_norm_case c;
    batch_norm_data data;
    bncl_batch_norm *plan;
    bncl_batch_norm_forward forward;
    bncl_batch_norm_backward backward;
    bncl_tensor statistics, sums, merged_statistics, merged_sums; /* [parts][…][C], [1][…][C] */
    size_t counts[parts], count;
    bncl_sync sync;
    bncl_event *event;
} world;

/* A tensor [count][rows][C] of small numbers. */
static bncl_tensor numbers(device *d, size_t count, size_t rows, size_t channels)
{
    const size_t dims[] = {count, rows, channels}, total = count * rows * channels;
    float *host = harness_floats(total);
    for (size_t i = 0; i < total; ++i)
        host[i] = 1.0f + (float)(i % 7);
    return device_tensor(d, BNCL_F32, 3, dims, host);
}

static bncl_tensor first(const bncl_tensor *tensor)
{
    return batch_norm_part_of(tensor, 0);
}

static world *world_make(void **state, const batch_norm_case *c)
{
    world *w = harness_memory(1, sizeof *w);
    w->d = device_of(state);
    w->c = *c;
    w->data = batch_norm_data_make(c);
    w->plan = batch_norm_plan(w->d, c);
    w->forward = batch_norm_forward_tensors(w->d, c, &w->data);
    w->backward = batch_norm_backward_tensors(w->d, c, &w->data, &w->forward);
    w->statistics = numbers(w->d, parts, 3, c->channels);
    w->sums = numbers(w->d, parts, 4, c->channels);
    w->merged_statistics = numbers(w->d, 1, 3, c->channels);
    w->merged_sums = numbers(w->d, 1, 4, c->channels);
    w->count = 60;
    w->sync.signal = &w->event;
    for (size_t k = 0; k < parts; ++k)
        w->counts[k] = 2 + k;
    return w;
}

/* An output that is not written does not pass. */
static void spoil(world *w, const bncl_tensor *tensor)
{
    device_ok(w->d, bncl_tensor_fill(w->d->queue, tensor, (double)NAN, NULL, &w->d->err),
              "bncl_tensor_fill");
}

/* ---- calls that give rows: each into the first part of what it gives ---- */

static bncl_status statistics(void *of, bncl_error *err)
{
    world *w = of;
    const bncl_tensor out = first(&w->statistics);
    return bncl_batch_norm_statistics(w->plan, w->d->queue, &w->forward.x, &out, &w->sync, err);
}

static bncl_status sums(void *of, bncl_error *err)
{
    world *w = of;
    const bncl_tensor out = first(&w->sums);
    return bncl_batch_norm_backward_sums(w->plan, w->d->queue, &w->backward, &out, &w->sync, err);
}

static bncl_status statistics_merge(void *of, bncl_error *err)
{
    world *w = of;
    const bncl_tensor out = first(&w->merged_statistics);
    return bncl_batch_norm_statistics_merge(w->plan, w->d->queue, &w->statistics, w->counts, parts,
                                            &out, &w->sync, err);
}

static bncl_status sums_merge(void *of, bncl_error *err)
{
    world *w = of;
    const bncl_tensor out = first(&w->merged_sums);
    return bncl_batch_norm_backward_merge(w->plan, w->d->queue, &w->sums, parts, &out, &w->sync,
                                          err);
}

static void prepare_parts(void *of)
{
    world *w = of;
    const bncl_tensor one = first(&w->statistics), other = first(&w->sums);
    w->event = FAULT_SENTINEL;
    spoil(w, &one);
    spoil(w, &other);
}

static void prepare_merging(void *of)
{
    world *w = of;
    w->event = FAULT_SENTINEL;
    spoil(w, &w->merged_statistics);
    spoil(w, &w->merged_sums);
}

/* A plan of its own, whose nodes are still to be made. */
static void prepare_first_merging(void *of)
{
    world *w = of;
    size_t dims[BNCL_MAX_RANK];
    const int rank = batch_norm_case_dims(&w->c, dims);
    prepare_merging(of);
    device_ok(w->d,
              bncl_batch_norm_create(w->d->context, w->c.layout, BNCL_F32, rank, dims,
                                     &w->c.options, &w->plan, &w->d->err),
              "bncl_batch_norm_create");
}

static void finish_first_merging(void *of)
{
    world *w = of;
    bncl_batch_norm_destroy(w->plan);
}

static void event_lasting(void *of, fault_record *record)
{
    world *w = of;
    fault_record_bytes(record, "the event", &w->event, sizeof w->event);
    fault_record_tensor(record, "x", w->d, &w->forward.x);
}

static void merging_lasting(void *of, fault_record *record)
{
    world *w = of;
    event_lasting(of, record);
    fault_record_tensor(record, "statistics", w->d, &w->statistics);
    fault_record_tensor(record, "sums", w->d, &w->sums);
}

static void row_results(void *of, fault_record *record)
{
    world *w = of;
    device_ok(w->d, bncl_event_wait(w->event, &w->d->err), "bncl_event_wait");
    fault_record_tensor(record, "statistics", w->d, &w->statistics);
    fault_record_tensor(record, "sums", w->d, &w->sums);
    fault_record_tensor(record, "merged statistics", w->d, &w->merged_statistics);
    fault_record_tensor(record, "merged sums", w->d, &w->merged_sums);
}

static void destroy_event(void *of)
{
    world *w = of;
    bncl_event_destroy(w->event);
}

static void of_a_batch(void **state)
{
    fault_operation operation = {.name = "bncl_batch_norm_statistics",
                                 .statuses = RUN_FAILS,
                                 .prepare = prepare_parts,
                                 .run = statistics,
                                 .lasting = event_lasting,
                                 .results = row_results,
                                 .discard = destroy_event};
    const batch_norm_case cases[] = {batch_norm_case_make(BNCL_LAYOUT_NC, 40, 5, 1),
                                     batch_norm_case_make(BNCL_LAYOUT_NCL, 3, 4, 17),
                                     batch_norm_case_make(BNCL_LAYOUT_NC, 0, 5, 1)};
    for (int i = 0; i < 3; ++i) {
        world *w = world_make(state, &cases[i]);
        faults_try(&operation, w);
        fault_operation other = operation;
        other.name = "bncl_batch_norm_backward_sums";
        other.run = sums;
        faults_try(&other, w);
    }
}

static void merging(void **state)
{
    fault_operation operation = {.name = "bncl_batch_norm_statistics_merge",
                                 .statuses = RUN_FAILS | FAILS(DEVICE_MEMORY),
                                 .prepare = prepare_first_merging,
                                 .run = statistics_merge,
                                 .lasting = merging_lasting,
                                 .results = row_results,
                                 .discard = destroy_event,
                                 .finish = finish_first_merging};
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 40, 5, 1);
    world *w = world_make(state, &c);
    bncl_batch_norm *lasting = w->plan;
    faults_try(&operation, w);
    operation.name = "bncl_batch_norm_backward_merge";
    operation.run = sums_merge;
    faults_try(&operation, w);

    w->plan = lasting;
    device_ok(w->d, sums_merge(w, &w->d->err), "a first merging");
    destroy_event(w);
    operation.statuses = RUN_FAILS;
    operation.prepare = prepare_merging;
    operation.finish = NULL;
    faults_try(&operation, w);
    operation.name = "bncl_batch_norm_statistics_merge";
    operation.run = statistics_merge;
    for (size_t left = parts; left-- > 0;) { /* two parts, one, none */
        w->counts[left] = 0;
        if (left < 3)
            faults_try(&operation, w);
    }
}

/* ---- calls that take them ---- */

static void prepare_forward(void *of)
{
    world *w = of;
    const bncl_batch_norm_forward *f = &w->forward;
    w->event = FAULT_SENTINEL;
    w->data.num_batches_tracked = 5;
    spoil(w, &f->y);
    spoil(w, &f->save_mean);
    spoil(w, &f->save_mean_lo);
    spoil(w, &f->save_invstd);
    device_write(w->d, &f->running_mean, w->data.running_mean);
    device_write(w->d, &f->running_var, w->data.running_var);
}

static bncl_status forward_with(void *of, bncl_error *err)
{
    world *w = of;
    const bncl_tensor given = first(&w->statistics);
    return bncl_batch_norm_forward_with(w->plan, w->d->queue, &w->forward, &given, w->count,
                                        &w->sync, err);
}

static void forward_lasting(void *of, fault_record *record)
{
    world *w = of;
    merging_lasting(of, record);
    fault_record_bytes(record, "num_batches_tracked", &w->data.num_batches_tracked,
                       sizeof w->data.num_batches_tracked);
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
    fault_record_tensor(record, "running_mean", w->d, &w->forward.running_mean);
    fault_record_tensor(record, "running_var", w->d, &w->forward.running_var);
    fault_record_tensor(record, "save_mean", w->d, &w->forward.save_mean);
    fault_record_tensor(record, "save_invstd", w->d, &w->forward.save_invstd);
}

static void prepare_backward(void *of)
{
    world *w = of;
    w->event = FAULT_SENTINEL;
    spoil(w, &w->backward.dx);
    spoil(w, &w->backward.dgamma);
    spoil(w, &w->backward.dbeta);
}

static bncl_status backward_with(void *of, bncl_error *err)
{
    world *w = of;
    const bncl_tensor given = first(&w->sums);
    return bncl_batch_norm_backward_with(w->plan, w->d->queue, &w->backward, &given, w->count,
                                         &w->sync, err);
}

static void backward_results(void *of, fault_record *record)
{
    world *w = of;
    device_ok(w->d, bncl_event_wait(w->event, &w->d->err), "bncl_event_wait");
    fault_record_tensor(record, "dx", w->d, &w->backward.dx);
    fault_record_tensor(record, "dgamma", w->d, &w->backward.dgamma);
    fault_record_tensor(record, "dbeta", w->d, &w->backward.dbeta);
}

/* A part with values, an empty one among others that have some, and a batch of empty ones. */
static void with_what_is_given(void **state)
{
    const fault_operation forward = {.name = "bncl_batch_norm_forward_with",
                                     .statuses = RUN_FAILS,
                                     .prepare = prepare_forward,
                                     .run = forward_with,
                                     .lasting = forward_lasting,
                                     .results = forward_results,
                                     .discard = destroy_event};
    const fault_operation backward = {.name = "bncl_batch_norm_backward_with",
                                      .statuses = RUN_FAILS,
                                      .prepare = prepare_backward,
                                      .run = backward_with,
                                      .lasting = merging_lasting,
                                      .results = backward_results,
                                      .discard = destroy_event};
    for (int empty = 0; empty < 3; ++empty) {
        const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, empty ? 0 : 40, 5, 1);
        world *w = world_make(state, &c);
        w->count = empty == 2 ? 0 : 60;
        faults_try(&forward, w);
        device_ok(w->d, forward_with(w, &w->d->err), "what backward needs");
        destroy_event(w);
        faults_try(&backward, w);
    }
}

/* ---- a graph ---- */

typedef struct recalibration {
    graph_world w; /* first */
    size_t given;
} recalibration;

static bncl_status give(void *user, bncl_tensor *inputs, size_t count, bool *more, bncl_error *err)
{
    recalibration *r = user;
    (void)err;
    (void)count;
    inputs[0] = r->w.inputs;
    inputs[0].dims[0] = r->given == 0 ? 6 : 4;
    *more = r->given++ < 2;
    return BNCL_OK;
}

static bncl_status recalibrate(void *of, bncl_error *err)
{
    recalibration *r = of;
    r->given = 0;
    return bncl_graph_recalibrate(r->w.graph, r->w.d->queue, give, r, err);
}

static void recalibrating(void **state)
{
    const fault_operation operation = {.name = "bncl_graph_recalibrate",
                                       .statuses = FAILS(MEMORY) | FAILS(DEVICE_MEMORY) |
                                                   FAILS(BUILD) | FAILS(OPENCL) | FAILS(BLAS),
                                       .prepare = graph_world_prepare,
                                       .run = recalibrate,
                                       .lasting = graph_world_lasting,
                                       .results = graph_world_record_pass,
                                       .finish = graph_world_destroy_graph};
    recalibration *r = harness_memory(1, sizeof *r);
    const graph_world *made = graph_world_make(state);
    memcpy(&r->w, made, sizeof r->w);
    r->w.sync.signal = &r->w.event;
    r->w.warm[0] = 6; /* of the batches one is of a size that is new */
    r->w.evaluating = true;
    faults_try_some(&operation, r, FAULTS_OPENCL_ONCE | FAULTS_MEMORY_ONCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(of_a_batch),
        HARNESS_TEST(merging),
        HARNESS_TEST(with_what_is_given),
        HARNESS_TEST(recalibrating),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
