/* Faults under traces. The whole program is traced: nothing that goes wrong in telling of a command
   makes the command fail. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fault/graph_world.h"
#include "lib/harness.h"
#include "lib/traced.h"

static char trace_path[64];

static int open_traced(void **state)
{
    const char *folder = getenv("TMPDIR");
    snprintf(trace_path, sizeof trace_path, "%.30s/bncl_trace.%ld.json",
             folder != NULL ? folder : "/tmp", (long)getpid());
    setenv("BNCL_TRACE", trace_path, 1);
    return faults_open(state);
}

static int close_traced(void **state)
{
    const int result = device_close(state);
    unlink(trace_path);
    return result;
}

typedef struct world {
    graph_world *w;
    bncl_context *context;
    bncl_queue *queue;
} world;

static void prepare(void *of)
{
    world *t = of;
    t->context = FAULT_SENTINEL;
    t->queue = FAULT_SENTINEL;
    graph_world_prepare(t->w);
}

static void lasting(void *of, fault_record *record)
{
    world *t = of;
    fault_record_bytes(record, "the context", &t->context, sizeof t->context);
    fault_record_bytes(record, "the queue", &t->queue, sizeof t->queue);
    graph_world_lasting(t->w, record);
}

static void finish(void *of)
{
    world *t = of;
    graph_world_destroy_graph(t->w);
}

static world *world_make(void **state)
{
    world *t = harness_memory(1, sizeof *t);
    t->w = graph_world_make(state);
    t->w->warm[0] = t->w->batch;
    return t;
}

/* ---- contexts and queues ---- */

static bncl_status create_context(void *of, bncl_error *err)
{
    world *t = of;
    return bncl_context_create(t->w->d->info.index, &t->context, err);
}

static void destroy_context(void *of)
{
    world *t = of;
    bncl_context_destroy(t->context);
}

static bncl_status create_queue(void *of, bncl_error *err)
{
    world *t = of;
    return bncl_queue_create(t->w->d->context, &t->queue, err);
}

static bncl_status create_timed(void *of, bncl_error *err)
{
    world *t = of;
    return bncl_queue_create_timed(t->w->d->context, &t->queue, err);
}

static void destroy_queue(void *of)
{
    world *t = of;
    bncl_queue_destroy(t->queue);
}

static fault_operation operation_of(const char *name, bncl_status (*run)(void *, bncl_error *))
{
    return (fault_operation){.name = name,
                             .statuses = FAILS(MEMORY) | FAILS(OPENCL),
                             .prepare = prepare,
                             .run = run,
                             .lasting = lasting,
                             .finish = finish};
}

static void contexts_and_queues(void **state)
{
    world *t = world_make(state);
    fault_operation context = operation_of("bncl_context_create, traced", create_context);
    context.statuses |= FAILS(NO_DEVICE);
    context.tolerates = "clGetDeviceInfo clGetPlatformInfo";
    context.discard = destroy_context;
    faults_try(&context, t);
    fault_operation queue = operation_of("bncl_queue_create, traced", create_queue);
    queue.discard = destroy_queue;
    faults_try(&queue, t);
    fault_operation timed = operation_of("bncl_queue_create_timed, traced", create_timed);
    timed.discard = destroy_queue;
    faults_try(&timed, t);
}

/* ---- passes ---- */

static bncl_status step(void *of, bncl_error *err)
{
    world *t = of;
    graph_world *w = t->w;
    bncl_status status = graph_world_forward(w, w->batch, &w->sync, err);
    if (status != BNCL_OK)
        return status;
    bncl_event_destroy(w->event);
    w->event = FAULT_SENTINEL;
    status = graph_world_backward(w, w->batch, NULL, err);
    return status == BNCL_OK ? bncl_queue_finish(w->d->queue, err) : status;
}

static void step_results(void *of, fault_record *record)
{
    world *t = of;
    fault_record_tensor(record, "y", t->w->d, &t->w->output);
    graph_world_record_gradients(t->w, record);
}

/* The outputs but y: of the two calls the first may have worked. */
static void step_lasting(void *of, fault_record *record)
{
    world *t = of;
    bncl_tensor values, gradients;
    device_ok(t->w->d, bncl_graph_parameters(t->w->graph, &values, &gradients, &t->w->d->err),
              "bncl_graph_parameters");
    fault_record_tensor(record, "the parameters", t->w->d, &values);
}

static void a_step(void **state)
{
    world *t = world_make(state);
    fault_operation steps = operation_of("a step, traced", step);
    steps.statuses |= FAILS(DEVICE_MEMORY) | FAILS(BUILD) | FAILS(BLAS);
    steps.lasting = step_lasting;
    steps.results = step_results;
    faults_try_some(&steps, t, FAULTS_OPENCL_ONCE | FAULTS_OPENCL_STICKY | FAULTS_MEMORY_ONCE);
}

/* What was told of through all that is whole. */
static void the_trace_is_whole(void **state)
{
    device *d = device_of(state);
    device_finish(d);
    const traced trace = traced_since(trace_path, 0);
    assert_true(traced_count(&trace, NULL, "kernel") > 1000);
    assert_true(trace.names > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(contexts_and_queues),
        HARNESS_TEST(a_step),
        HARNESS_TEST(the_trace_is_whole),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, open_traced, close_traced);
}
