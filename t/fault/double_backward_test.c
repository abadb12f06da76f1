/* Faults under batch norm's double backward: its first call, which makes what plans that make none
   need not have, and later ones. */
#include <math.h>

#include "fault/faults.h"
#include "lib/double_backward.h"
#include "lib/harness.h"

#define FAILS(status) FAULT_STATUS(BNCL_ERROR_##status)
/* A run call launches kernels, and may run out of memory for the event that it is to signal. */
#define RUN_FAILS (FAILS(OPENCL) | FAILS(MEMORY))

typedef struct world {
    device *d;
    double_backward_data data;
    double_backward of;
    bncl_batch_norm *plan; /* that the call goes to */
    bncl_sync sync;
    bncl_event *event;
} world;

static world *world_make(void **state, const batch_norm_case *c, bool train)
{
    world *w = harness_memory(1, sizeof *w);
    w->d = device_of(state);
    w->data = double_backward_data_make(c);
    w->of = double_backward_make(w->d, c, train, &w->data);
    w->plan = w->of.plan;
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

static void prepare(void *of)
{
    world *w = of;
    w->event = FAULT_SENTINEL;
    spoil(w, &w->of.args.dx);
    spoil(w, &w->of.args.ddy);
    spoil(w, &w->of.args.dgamma);
}

static bncl_status run(void *of, bncl_error *err)
{
    world *w = of;
    return w->of.train ? bncl_batch_norm_double_backward_train(w->plan, w->d->queue, &w->of.args,
                                                               &w->sync, err)
                       : bncl_batch_norm_double_backward_eval(w->plan, w->d->queue, &w->of.args,
                                                              &w->sync, err);
}

static void lasting(void *of, fault_record *record)
{
    world *w = of;
    const bncl_batch_norm_double_backward *args = &w->of.args;
    fault_record_bytes(record, "the event", &w->event, sizeof w->event);
    fault_record_tensor(record, "x", w->d, &args->x);
    fault_record_tensor(record, "dy", w->d, &args->dy);
    fault_record_tensor(record, "gamma", w->d, &args->gamma);
    fault_record_tensor(record, "ddx", w->d, &args->ddx);
    fault_record_tensor(record, "ddgamma", w->d, &args->ddgamma);
    fault_record_tensor(record, "ddbeta", w->d, &args->ddbeta);
    fault_record_tensor(record, "save_mean", w->d, &args->save_mean);
    fault_record_tensor(record, "save_invstd", w->d, &args->save_invstd);
    fault_record_tensor(record, "running_mean", w->d, &args->running_mean);
    fault_record_tensor(record, "running_var", w->d, &args->running_var);
}

static void results(void *of, fault_record *record)
{
    world *w = of;
    device_ok(w->d, bncl_event_wait(w->event, &w->d->err), "bncl_event_wait");
    fault_record_tensor(record, "dx", w->d, &w->of.args.dx);
    fault_record_tensor(record, "ddy", w->d, &w->of.args.ddy);
    fault_record_tensor(record, "dgamma", w->d, &w->of.args.dgamma);
}

static void destroy_event(void *of)
{
    world *w = of;
    bncl_event_destroy(w->event);
}

static const fault_operation later = {.name = "a later bncl_batch_norm_double_backward",
                                      .statuses = RUN_FAILS,
                                      .prepare = prepare,
                                      .run = run,
                                      .lasting = lasting,
                                      .results = results,
                                      .discard = destroy_event};

static void later_calls(void **state, batch_norm_case c, bool no_dgamma, bool no_elementwise)
{
    for (int train = 0; train < 2; ++train) {
        world *w = world_make(state, &c, train);
        if (no_dgamma)
            w->of.args.dgamma = device_absent();
        if (no_elementwise)
            w->of.args.dx = w->of.args.ddy = device_absent();
        double_backward_call(w->d, &w->of);
        faults_try(&later, w);
    }
}

static void all_outputs(void **state)
{
    later_calls(state, batch_norm_case_make(BNCL_LAYOUT_NC, 40, 5, 1), false, false);
    later_calls(state, batch_norm_case_make(BNCL_LAYOUT_NCL, 3, 4, 17), false, false);
}

static void some_outputs(void **state)
{
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NLC, 6, 5, 7);
    later_calls(state, c, true, false);
    later_calls(state, c, false, true);
    later_calls(state, c, true, true);
    later_calls(state, batch_norm_case_make(BNCL_LAYOUT_NC, 0, 5, 1), false, false);
}

/* ---- a plan's first call ---- */

static void prepare_first(void *of)
{
    world *w = of;
    size_t dims[BNCL_MAX_RANK];
    const batch_norm_case *c = &w->of.c;
    const int rank = batch_norm_case_dims(c, dims);
    prepare(of);
    device_ok(w->d,
              bncl_batch_norm_create(w->d->context, c->layout, BNCL_F32, rank, dims, &c->options,
                                     &w->plan, &w->d->err),
              "bncl_batch_norm_create");
}

static void finish_first(void *of)
{
    world *w = of;
    bncl_batch_norm_destroy(w->plan);
}

/* In a context that has built the programs: what building one can meet, elementwise plans show. */
static void first_calls(void **state)
{
    fault_operation first = later;
    first.name = "the first bncl_batch_norm_double_backward";
    first.statuses = RUN_FAILS | FAILS(BUILD) | FAILS(DEVICE_MEMORY);
    first.prepare = prepare_first;
    first.finish = finish_first;
    const batch_norm_case cases[] = {batch_norm_case_make(BNCL_LAYOUT_NC, 40, 5, 1),
                                     batch_norm_case_make(BNCL_LAYOUT_NCL, 3, 4, 17)};
    for (int i = 0; i < 2; ++i) {
        world *w = world_make(state, &cases[i], i == 0);
        double_backward_call(w->d, &w->of);
        faults_try(&first, w);
    }
}

/* A plan without a double backward has none of its kernels and no workspace for it; the first call
   makes them, no other makes more, and they go with the plan. */
static void made_at_the_first_call(void **state)
{
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 40, 5, 1);
    world *w = world_make(state, &c, true);
    const long kernels = faults_layer()->alive[FAULT_KERNEL];
    const long buffers = faults_layer()->alive[FAULT_MEM];
    double_backward_call(w->d, &w->of);
    assert_int_equal(faults_layer()->alive[FAULT_KERNEL], kernels + 3);
    assert_int_equal(faults_layer()->alive[FAULT_MEM], buffers + 1);
    double_backward_call(w->d, &w->of);
    assert_int_equal(faults_layer()->alive[FAULT_KERNEL], kernels + 3);
    assert_int_equal(faults_layer()->alive[FAULT_MEM], buffers + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(all_outputs),
        HARNESS_TEST(some_outputs),
        HARNESS_TEST(first_calls),
        HARNESS_TEST(made_at_the_first_call),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
