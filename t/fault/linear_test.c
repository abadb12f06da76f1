/* Faults under Linear, and so under what multiplies: native kernels, or CLBlast, which makes OpenCL
   calls of its own.

   What CLBlast 1.5.3 does with them, measured with a program of its own: it reports every failure,
   and leaks nothing; a failure of clGetMemObjectInfo is an invalid matrix to it (-1020 … -1022),
   and one of clCreateBuffer for its workspace, under large matrices, ends the process, so that the
   plan makes it. It keeps
   built programs, and with them the contexts that they are of, until CLBlastClearCache(): what
   stays behind after its first use is no leak, and is gone after that call. It also prints to
   stderr, which is why these tests do. */
#include <math.h>

#include <clblast_c.h>

#include "fault/faults.h"
#include "lib/gemm.h"
#include "lib/generate.h"
#include "lib/harness.h"

#define FAILS(status) FAULT_STATUS(BNCL_ERROR_##status)
/* MEMORY also for the event that a call is to signal, DEVICE_MEMORY and BUILD inside CLBlast. */
#define RUN_FAILS                                                                                  \
    (FAILS(OPENCL) | FAILS(BLAS) | FAILS(MEMORY) | FAILS(DEVICE_MEMORY) | FAILS(BUILD))

typedef struct world {
    device *d;
    bncl_context *context; /* of the call that creates: d's, or a new one */
    size_t rows, in, out;
    bncl_tensor x, weight, bias, y;
    bncl_linear_backward_args args;
    bncl_linear *plan, *made;
    bncl_sync sync;
    bncl_event *event;
} world;

static void release_linear(void *plan)
{
    bncl_linear_destroy(plan);
}

static bncl_tensor random_tensor(world *w, generator *g, int rank, size_t dim0, size_t dim1)
{
    const size_t dims[] = {dim0, dim1};
    const size_t count = rank == 2 ? dim0 * dim1 : dim0;
    float *values = harness_floats(count);
    generate_uniform(g, -1.0, 1.0, values, count);
    return device_tensor(w->d, BNCL_F32, rank, dims, values);
}

static world *world_make(void **state, size_t rows, size_t in, size_t out)
{
    world *w = harness_memory(1, sizeof *w);
    generator g = generator_seed(rows);
    w->d = device_of(state);
    w->context = w->d->context;
    w->rows = rows;
    w->in = in;
    w->out = out;
    w->x = random_tensor(w, &g, 2, rows, in);
    w->weight = random_tensor(w, &g, 2, out, in);
    w->bias = random_tensor(w, &g, 1, out, 0);
    w->y = random_tensor(w, &g, 2, rows, out);
    w->args = (bncl_linear_backward_args){.x = w->x,
                                          .weight = w->weight,
                                          .dy = random_tensor(w, &g, 2, rows, out),
                                          .dx = random_tensor(w, &g, 2, rows, in),
                                          .dweight = random_tensor(w, &g, 2, out, in),
                                          .dbias = random_tensor(w, &g, 1, out, 0)};
    w->sync.signal = &w->event;
    device_ok(w->d, bncl_linear_create(w->context, rows, in, out, &w->plan, &w->d->err),
              "bncl_linear_create");
    harness_hold(w->plan, release_linear);
    return w;
}

static void prepare(void *of)
{
    world *w = of;
    const bncl_tensor *outputs[] = {&w->y, &w->args.dx, &w->args.dweight, &w->args.dbias};
    w->event = FAULT_SENTINEL;
    w->made = FAULT_SENTINEL;
    for (int i = 0; i < 4; ++i)
        device_ok(w->d, bncl_tensor_fill(w->d->queue, outputs[i], (double)NAN, NULL, &w->d->err),
                  "bncl_tensor_fill");
}

static void lasting(void *of, fault_record *record)
{
    world *w = of;
    fault_record_bytes(record, "the event", &w->event, sizeof w->event);
    fault_record_bytes(record, "the plan", &w->made, sizeof w->made);
    fault_record_tensor(record, "x", w->d, &w->x);
    fault_record_tensor(record, "weight", w->d, &w->weight);
    fault_record_tensor(record, "bias", w->d, &w->bias);
    fault_record_tensor(record, "dy", w->d, &w->args.dy);
}

static void results(void *of, fault_record *record)
{
    world *w = of;
    device_ok(w->d, bncl_event_wait(w->event, &w->d->err), "bncl_event_wait");
    fault_record_tensor(record, "y", w->d, &w->y);
    fault_record_tensor(record, "dx", w->d, &w->args.dx);
    fault_record_tensor(record, "dweight", w->d, &w->args.dweight);
    fault_record_tensor(record, "dbias", w->d, &w->args.dbias);
}

static void destroy_event(void *of)
{
    world *w = of;
    bncl_event_destroy(w->event);
}

static bncl_status forward(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_linear_forward(w->plan, w->d->queue, &w->x, &w->weight, &w->bias, &w->y, &w->sync,
                               err);
}

static bncl_status backward(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_linear_backward(w->plan, w->d->queue, &w->args, &w->sync, err);
}

static fault_operation operation_of(const char *name, bncl_status (*run)(void *, bncl_error *))
{
    return (fault_operation){.name = name,
                             .statuses = RUN_FAILS,
                             .prepare = prepare,
                             .run = run,
                             .lasting = lasting,
                             .results = results,
                             .discard = destroy_event};
}

/* Skips the test where it cannot serve the device. */
static void take(void **state, const char *name)
{
    if (!multiply_by(device_of(state), name))
        skip();
}

static void both_ways(void **state, size_t rows, unsigned statuses)
{
    fault_operation forwards = operation_of("bncl_linear_forward", forward);
    fault_operation backwards = operation_of("bncl_linear_backward", backward);
    world *w = world_make(state, rows, 5, 4);
    forwards.statuses = backwards.statuses = statuses;
    faults_try(&forwards, w);
    faults_try(&backwards, w);
}

static void small(void **state)
{
    take(state, "clblast");
    both_ways(state, 6, RUN_FAILS);
}

/* No rows: no matrix products, and zero gradients. */
static void empty(void **state)
{
    take(state, "clblast");
    both_ways(state, 0, RUN_FAILS);
}

static void native(void **state)
{
    take(state, "cblas");
    for (size_t rows = 0; rows < 3; ++rows)
        both_ways(state, rows, FAILS(OPENCL) | FAILS(MEMORY));
}

/* The first product, after the bias, does not come to be. */
static void no_native_kernel(void **state)
{
    fault_operation forwards = operation_of("bncl_linear_forward", forward);
    forwards.only = "clEnqueueNativeKernel";
    forwards.statuses = FAILS(OPENCL);
    take(state, "cblas");
    faults_try_some(&forwards, world_make(state, 6, 5, 4),
                    FAULTS_OPENCL_ONCE | FAULTS_OPENCL_STICKY);
}

/* Matrices so large that CLBlast copies them into a workspace on every device: the product of their
   three sizes is beyond its setting XGEMM_MIN_INDIRECT_SIZE, cubed, which is 1 on processors. Each
   try takes a second, so only what makes kernels or enqueues fails here; buffers are the plan's.
   */
static void large(void **state)
{
    static const char *const calls[] = {"clCreateKernel", "clEnqueueNDRangeKernel"};
    fault_operation forwards = operation_of("bncl_linear_forward", forward);
    take(state, "clblast");
    world *w = world_make(state, 900, 901, 902);
    const size_t count = w->d->small ? 1 : sizeof calls / sizeof calls[0];
    for (size_t i = 0; i < count; ++i) {
        forwards.only = calls[i];
        faults_try_some(&forwards, w, FAULTS_OPENCL_ONCE);
    }
    if (w->d->small)
        return;
    forwards.only = NULL;
    faults_try_some(&forwards, w, FAULTS_MEMORY_ONCE);
}

/* ---- CLBlast's first use ---- */

/* CLBlast's parameters are set by a process's first plan, so this test is the first: while a call
   fails under that, there is no plan, since products would be other bits with half of them. */
static void first_plan(void **state)
{
    take(state, "clblast");
    device *d = device_of(state);
    fault_layer *layer = faults_layer();
    unsigned long failed = 1;
    for (unsigned long nth = 1; failed > 0; ++nth) {
        bncl_linear *plan = NULL;
        layer->calls = layer->failed = 0;
        layer->nth = nth;
        const bncl_status status = bncl_linear_create(d->context, 6, 5, 4, &plan, &d->err);
        layer->nth = 0;
        failed = layer->failed;
        bncl_linear_destroy(plan);
        if ((status == BNCL_OK) != (failed == 0))
            harness_fail("call %lu, %s: %s", nth, failed > 0 ? layer->first_failed : "no fault",
                         bncl_status_string(status));
    }
}

static void prepare_first(void *of)
{
    prepare(of);
    CLBlastClearCache();
}

static void finish_first(void *of)
{
    (void)of;
    CLBlastClearCache();
}

static void first_use(void **state)
{
    fault_operation forwards = operation_of("bncl_linear_forward", forward);
    forwards.prepare = prepare_first;
    forwards.finish = finish_first;
    take(state, "clblast");
    faults_try_some(&forwards, world_make(state, 6, 5, 4), FAULTS_OPENCL_ONCE);
}

/* ---- plans ---- */

static bncl_status create(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_linear_create(w->context, w->rows, w->in, w->out, &w->made, err);
}

static void destroy_made(void *of)
{
    world *w = of;
    bncl_linear_destroy(w->made);
}

static void prepare_context(void *of)
{
    world *w = of;
    prepare(of);
    device_ok(w->d, bncl_context_create(NULL, &w->context, &w->d->err), "bncl_context_create");
}

static void finish_context(void *of)
{
    world *w = of;
    bncl_context_destroy(w->context);
}

static fault_operation creation(void)
{
    return (fault_operation){.name = "bncl_linear_create",
                             .statuses = FAILS(BUILD) | FAILS(MEMORY) | FAILS(DEVICE_MEMORY) |
                                         FAILS(OPENCL) | FAILS(BLAS),
                             .prepare = prepare_context,
                             .run = create,
                             .lasting = lasting,
                             .discard = destroy_made,
                             .finish = finish_context};
}

static void plans(void **state)
{
    const fault_operation creates = creation();
    take(state, "clblast");
    faults_try(&creates, world_make(state, 6, 5, 4));
}

static void native_plans(void **state)
{
    const fault_operation creates = creation();
    take(state, "cblas");
    faults_try(&creates, world_make(state, 6, 5, 4));
}

/* The workspace is the one buffer that a plan makes. */
static void large_plans(void **state)
{
    fault_operation creates = creation();
    creates.only = "clCreateBuffer";
    take(state, "clblast");
    faults_try_some(&creates, world_make(state, 900, 901, 902), FAULTS_OPENCL_ONCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(first_plan),  HARNESS_TEST(plans),  HARNESS_TEST(native_plans),
        HARNESS_TEST(large_plans), HARNESS_TEST(small),  HARNESS_TEST(empty),
        HARNESS_TEST(first_use),   HARNESS_TEST(native), HARNESS_TEST(no_native_kernel),
        HARNESS_TEST(large),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
