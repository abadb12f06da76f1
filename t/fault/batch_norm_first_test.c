/* Faults under the calls of batch norm whose kernels are built at the first of them: what the call
   overwrites, or adds to, is there unchanged for the second. */
#include "fault/faults.h"
#include "lib/batch_norm_case.h"
#include "lib/harness.h"

#define FAILS(status) FAULT_STATUS(BNCL_ERROR_##status)

typedef struct world {
    device *d;
    batch_norm_case c;
    batch_norm_data data;
    bncl_batch_norm *plan; /* of one try */
    bncl_batch_norm_forward forward;
    bncl_batch_norm_backward backward;
    bncl_tensor statistics; /* the batch's own, and its backward's sums */
    bncl_tensor sums;
    size_t count;
} world;

/* A forward call in place, and a backward call that adds to what is there. */
static world *world_make(void **state, const batch_norm_case *c)
{
    const size_t dims[] = {4, c->channels};
    const size_t fewer[] = {3, c->channels};
    world *w = harness_memory(1, sizeof *w);
    w->d = device_of(state);
    w->c = *c;
    w->count = c->samples * c->positions;
    w->data = batch_norm_data_make(c);
    bncl_batch_norm *plan = batch_norm_plan(w->d, c);
    w->forward = batch_norm_forward_tensors(w->d, c, &w->data);
    w->backward = batch_norm_backward_tensors(w->d, c, &w->data, &w->forward);
    w->statistics = device_tensor(w->d, BNCL_F32, 2, fewer, NULL);
    w->sums = device_tensor(w->d, BNCL_F32, 2, dims, NULL);
    device_ok(w->d, bncl_batch_norm_forward_train(plan, w->d->queue, &w->forward, NULL, &w->d->err),
              "bncl_batch_norm_forward_train");
    device_ok(w->d,
              bncl_batch_norm_statistics(plan, w->d->queue, &w->forward.x, &w->statistics, NULL,
                                         &w->d->err),
              "bncl_batch_norm_statistics");
    device_ok(
        w->d,
        bncl_batch_norm_backward_sums(plan, w->d->queue, &w->backward, &w->sums, NULL, &w->d->err),
        "bncl_batch_norm_backward_sums");
    w->backward.accumulate_dx = w->backward.accumulate_dresidual = true;
    w->backward.accumulate_parameters = true;
    return w;
}

/* A plan that has run nothing, and what it will change. */
static void prepare(void *of)
{
    world *w = of;
    device *d = w->d;
    size_t dims[BNCL_MAX_RANK];
    const int rank = batch_norm_case_dims(&w->c, dims);
    w->data.num_batches_tracked = 5;
    device_write(d, &w->forward.x, w->data.x);
    device_write(d, &w->forward.running_mean, w->data.running_mean);
    device_write(d, &w->forward.running_var, w->data.running_var);
    device_write(d, &w->backward.dgamma, w->data.gamma);
    device_write(d, &w->backward.dbeta, w->data.beta);
    if (w->backward.dx.buffer != NULL)
        device_write(d, &w->backward.dx, w->data.dy);
    if (w->backward.dresidual.buffer != NULL)
        device_write(d, &w->backward.dresidual, w->data.x);
    device_ok(d,
              bncl_batch_norm_create(d->context, w->c.layout, BNCL_F32, rank, dims, &w->c.options,
                                     &w->plan, &d->err),
              "bncl_batch_norm_create");
}

static void finish(void *of)
{
    world *w = of;
    bncl_batch_norm_destroy(w->plan);
}

static void record_all(void *of, fault_record *record)
{
    world *w = of;
    fault_record_bytes(record, "num_batches_tracked", &w->data.num_batches_tracked,
                       sizeof w->data.num_batches_tracked);
    fault_record_tensor(record, "x", w->d, &w->forward.x);
    fault_record_tensor(record, "running_mean", w->d, &w->forward.running_mean);
    fault_record_tensor(record, "running_var", w->d, &w->forward.running_var);
    fault_record_tensor(record, "save_invstd", w->d, &w->forward.save_invstd);
    fault_record_tensor(record, "dx", w->d, &w->backward.dx);
    fault_record_tensor(record, "dresidual", w->d, &w->backward.dresidual);
    fault_record_tensor(record, "dgamma", w->d, &w->backward.dgamma);
    fault_record_tensor(record, "dbeta", w->d, &w->backward.dbeta);
}

static bncl_status forward_with(void *of, bncl_error *err)
{
    world *w = of;
    bncl_batch_norm_forward args = w->forward;
    args.y = args.x;
    return bncl_batch_norm_forward_with(w->plan, w->d->queue, &args, &w->statistics, w->count, NULL,
                                        err);
}

static bncl_status backward_with(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_batch_norm_backward_with(w->plan, w->d->queue, &w->backward, &w->sums, w->count,
                                         NULL, err);
}

static bncl_status backward_eval(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_batch_norm_backward_eval(w->plan, w->d->queue, &w->backward, NULL, err);
}

static bncl_status backward_train(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_batch_norm_backward_train(w->plan, w->d->queue, &w->backward, NULL, err);
}

/* Only what builds kernels fails: allocations are theirs, as no event is asked for. */
static void try_first(world *w, const char *name, bncl_status (*run)(void *, bncl_error *))
{
    const fault_operation operation = {.name = name,
                                       .statuses = FAILS(BUILD) | FAILS(MEMORY) | FAILS(OPENCL),
                                       .prepare = prepare,
                                       .run = run,
                                       .lasting = record_all,
                                       .results = record_all,
                                       .finish = finish,
                                       .only = "clCreateKernel"};
    faults_try(&operation, w);
}

static void in_place(void **state)
{
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NCL, 3, 4, 17);
    try_first(world_make(state, &c), "bncl_batch_norm_forward_with", forward_with);
}

static void adding(void **state)
{
    const batch_norm_case cases[] = {batch_norm_case_make(BNCL_LAYOUT_NC, 40, 5, 1),
                                     batch_norm_case_make(BNCL_LAYOUT_NCL, 3, 4, 17)};
    for (int i = 0; i < 2; ++i) {
        world *w = world_make(state, &cases[i]);
        try_first(w, "bncl_batch_norm_backward_eval", backward_eval);
        try_first(w, "bncl_batch_norm_backward_with", backward_with);
        w->backward.dx = device_absent();
        w->backward.dresidual = batch_norm_case_tensor(w->d, &w->c, 0, NULL);
        try_first(w, "bncl_batch_norm_backward_train", backward_train);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {HARNESS_TEST(in_place), HARNESS_TEST(adding)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
