/* Faults under profiles of a graph's steps, by the device's times and by the host's. */
#include "fault/graph_world.h"
#include "lib/harness.h"

/* The OpenCL calls that tell of commands: times are the host's, where one of these fails. */
#define TELLING "clRetainEvent clGetEventInfo clGetEventProfilingInfo"

typedef struct world {
    graph_world *w;
    bncl_queue *queue; /* the device's own, while another one is profiled in its place */
    bool timed;
    bncl_graph_profile *made;
} world;

/* A new queue, whose clock is not known yet. */
static void prepare(void *of)
{
    world *t = of;
    device *d = t->w->d;
    t->made = FAULT_SENTINEL;
    t->queue = d->queue;
    device_ok(d,
              t->timed ? bncl_queue_create_timed(d->context, &d->queue, &d->err)
                       : bncl_queue_create(d->context, &d->queue, &d->err),
              "a queue");
    graph_world_prepare(t->w);
}

static void finish(void *of)
{
    world *t = of;
    device *d = t->w->d;
    graph_world_destroy_graph(t->w);
    bncl_queue_destroy(d->queue);
    d->queue = t->queue;
}

static void lasting(void *of, fault_record *record)
{
    world *t = of;
    fault_record_bytes(record, "the profile", &t->made, sizeof t->made);
    graph_world_lasting(t->w, record);
}

static fault_operation operation_of(const char *name, bncl_status (*run)(void *, bncl_error *))
{
    return (fault_operation){.name = name,
                             .statuses = FAILS(MEMORY) | FAILS(OPENCL),
                             .prepare = prepare,
                             .run = run,
                             .lasting = lasting,
                             .finish = finish,
                             .tolerates = TELLING};
}

static bncl_status begin(void *of, bncl_error *err)
{
    world *t = of;
    return bncl_graph_profile_begin(t->w->graph, t->w->d->queue, &t->made, err);
}

static void destroy_made(void *of)
{
    world *t = of;
    bncl_graph_profile_destroy(t->made);
}

/* It works. */
static void began(void *of, fault_record *record)
{
    world *t = of;
    bncl_graph_profile_sums sums;
    device *d = t->w->d;
    device_ok(d, graph_world_forward(t->w, t->w->batch, NULL, &d->err), "bncl_graph_forward");
    device_ok(d, bncl_graph_profile_end(t->made, 1, &d->err), "bncl_graph_profile_end");
    device_ok(d, bncl_graph_profile_total(t->made, &sums, &d->err), "bncl_graph_profile_total");
    fault_record_bytes(record, "the launches", &sums.launches, sizeof sums.launches);
    fault_record_bytes(record, "the bytes", &sums.bytes, sizeof sums.bytes);
}

/* A whole profile. What could not be ended has no rows, and is given up. */
static bncl_status take(void *of, bncl_error *err)
{
    world *t = of;
    device *d = t->w->d;
    bncl_graph_profile *profile = NULL;
    bncl_status status = bncl_graph_profile_begin(t->w->graph, d->queue, &profile, err);
    if (status == BNCL_OK)
        status = graph_world_forward(t->w, t->w->batch, NULL, err);
    if (status == BNCL_OK)
        status = bncl_graph_profile_end(profile, 1, err);
    if (status != BNCL_OK) {
        assert_int_equal(bncl_graph_profile_count(profile), 0);
        bncl_graph_profile_destroy(profile);
        return status;
    }
    t->made = profile;
    return BNCL_OK;
}

static void taken(void *of, fault_record *record)
{
    world *t = of;
    device *d = t->w->d;
    for (size_t i = 0; i < bncl_graph_profile_count(t->made); ++i) {
        bncl_graph_profile_entry row;
        device_ok(d, bncl_graph_profile_row(t->made, i, &row, &d->err), "row");
        fault_record_bytes(record, "a row's count", &row.count, sizeof row.count);
        fault_record_bytes(record, "a row's bytes", &row.bytes, sizeof row.bytes);
    }
}

/* That the call changes no parameter is for the graph's own test to see. */
static void take_lasting(void *of, fault_record *record)
{
    world *t = of;
    fault_record_bytes(record, "the profile", &t->made, sizeof t->made);
}

static void try_both(void **state, bool timed)
{
    world *t = harness_memory(1, sizeof *t);
    t->w = graph_world_make(state);
    t->w->warm[0] = t->w->batch;
    t->timed = timed;
    fault_operation beginning = operation_of("bncl_graph_profile_begin", begin);
    beginning.results = began;
    beginning.discard = destroy_made;
    faults_try(&beginning, t);
    fault_operation taking = operation_of("a profile", take);
    taking.statuses |= FAILS(DEVICE_MEMORY) | FAILS(BUILD) | FAILS(BLAS);
    taking.lasting = take_lasting;
    taking.results = taken;
    taking.discard = destroy_made;
    if (!timed) /* then each command is waited for, and a wait that fails ends early */
        taking.tolerates = TELLING " clWaitForEvents";
    faults_try(&taking, t);
}

static void timed_by_the_device(void **state)
{
    try_both(state, true);
}

static void timed_by_the_host(void **state)
{
    try_both(state, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(timed_by_the_device),
        HARNESS_TEST(timed_by_the_host),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
