/* Trying operations with faults: see faults.h. */
#include "fault/faults.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "lib/fingerprint.h"
#include "lib/harness.h"

#define FAULTS_MOST 20000 /* an operation with more calls than that goes round in circles */
#define FAULTS_FEW 4      /* of each kind, where time is short */

char fault_sentinel;
static fault_layer *layer;
static device *opened;

static int no_layer(void)
{
    harness_note("there is no layer %s: built with --disable-shared?", FAULT_LAYER);
    return harness_flag("BNCL_TEST_REQUIRE_DEVICE") ? -1 : 0;
}

int faults_open(void **state)
{
    static device none;
    size_t devices = 0;
    *state = &none;
    if (access(FAULT_LAYER, R_OK) != 0)
        return no_layer();
    setenv("OPENCL_LAYERS", FAULT_LAYER, 1);
    bncl_device_list(NULL, 0, &devices, NULL); /* the loader's first call loads the layer */
    void *library = dlopen(FAULT_LAYER, RTLD_NOW | RTLD_NOLOAD);
    layer = library != NULL ? dlsym(library, FAULT_LAYER_SYMBOL) : NULL;
    if (layer == NULL || layer->calls == 0) {
        print_error("the ICD loader did not take the layer %s\n", FAULT_LAYER);
        return -1;
    }
    const int result = device_open(state);
    opened = *state;
    return result;
}

fault_layer *faults_layer(void)
{
    return layer;
}

void fault_record_bytes(fault_record *record, const char *name, const void *bytes, size_t count)
{
    if (record->count == fault_record_most)
        harness_fail("a record holds at most %d items", fault_record_most);
    record->names[record->count] = name;
    record->hashes[record->count++] = fingerprint(bytes, count);
}

void fault_record_tensor(fault_record *record, const char *name, device *d,
                         const bncl_tensor *tensor)
{
    if (tensor->buffer == NULL)
        return;
    const size_t bytes = bncl_tensor_count(tensor) * bncl_dtype_size(tensor->dtype);
    void *host = malloc(bytes + 1);
    if (host == NULL)
        harness_fail("the test ran out of memory");
    bncl_status status = bncl_tensor_read(d->queue, tensor, host, NULL, &d->err);
    if (status == BNCL_OK)
        fault_record_bytes(record, name, host, bytes);
    free(host);
    device_ok(d, status, "bncl_tensor_read");
}

void fault_record_state(fault_record *record, device *d, bncl_graph *graph)
{
    const size_t count = bncl_graph_state_count(graph);
    for (size_t i = 0; i < count; ++i) {
        bncl_state_entry entry;
        unsigned char host[4096];
        device_ok(d, bncl_graph_state_entry(graph, i, &entry, &d->err), "bncl_graph_state_entry");
        size_t bytes = bncl_dtype_size(entry.dtype);
        for (int k = 0; k < entry.rank; ++k)
            bytes *= entry.dims[k];
        if (bytes > sizeof host)
            harness_fail("%s has %zu bytes", entry.name, bytes);
        device_ok(d, bncl_graph_state_read(graph, d->queue, entry.name, host, bytes, &d->err),
                  entry.name);
        fault_record_bytes(record, "the state dict", host, bytes);
    }
}

/* ---- one try ---- */

typedef struct fault {
    bool memory; /* else OpenCL */
    bool sticky;
    unsigned long nth;
} fault;

static const char *fault_name(const fault *f)
{
    return harness_text("%s %lu%s", f->memory ? "allocation" : "OpenCL call", f->nth,
                        f->sticky ? " and all after it" : "");
}

static void arm(const fault *f, const char *only)
{
    layer->only = only;
    layer->calls = layer->failed = 0;
    layer->first_failed = NULL;
    layer->sticky = f->sticky;
    layer->nth = f->memory ? 0 : f->nth;
    bncli_alloc_fault(f->memory ? f->nth : 0, f->sticky);
}

/* Whether the fault was met. */
static bool disarm(const fault *f)
{
    unsigned long allocations = bncli_alloc_fault(0, 0);
    layer->nth = 0;
    layer->only = NULL;
    return f->memory ? allocations >= f->nth : layer->failed > 0;
}

/* Fails unless both records are the same. */
static void compare_records(const char *when, const fault_record *expected, const fault_record *got)
{
    if (expected->count != got->count)
        harness_fail("%s: %zu items were recorded, then %zu", when, expected->count, got->count);
    for (size_t i = 0; i < got->count; ++i)
        if (expected->hashes[i] != got->hashes[i])
            harness_fail("%s: %s (item %zu) has changed", when, got->names[i], i);
}

typedef struct account {
    long alive[FAULT_KINDS];
} account;

/* A trace keeps the events of what has run until somebody waits. */
static void settle(void)
{
    if (harness_flag("BNCL_TRACE"))
        device_finish(opened);
}

static account alive_now(void)
{
    account now;
    settle();
    memcpy(now.alive, layer->alive, sizeof now.alive);
    return now;
}

/* What a call may keep: buffers, programs and kernels, in objects that its `finish` destroys. */
static bool may_stay(fault_kind kind)
{
    return kind == FAULT_MEM || kind == FAULT_PROGRAM || kind == FAULT_KERNEL;
}

static void compare_alive(const char *when, const account *before, bool but_what_may_stay)
{
    static const char *const names[FAULT_KINDS] = {"contexts", "queues",  "buffers",
                                                   "programs", "kernels", "events"};
    settle();
    for (int i = 0; i < FAULT_KINDS; ++i)
        if (layer->alive[i] != before->alive[i] && !(but_what_may_stay && may_stay((fault_kind)i)))
            harness_fail("%s: %ld %s more than before", when, layer->alive[i] - before->alive[i],
                         names[i]);
}

static void check_failure(const fault_operation *op, const char *when, bncl_status status,
                          const bncl_error *err)
{
    if ((int)status <= BNCL_OK || status >= BNCL_STATUS_COUNT ||
        (op->statuses & FAULT_STATUS(status)) == 0)
        harness_fail("%s: undocumented status %d (%s): %.200s", when, (int)status,
                     bncl_status_string(status), err->text);
    if (err->text[0] == '\0' || memchr(err->text, '\0', sizeof err->text) == NULL)
        harness_fail("%s: %s without a text", when, bncl_status_string(status));
}

static void check_results(const fault_operation *op, void *world, const char *when,
                          const fault_record *expected)
{
    fault_record got = {0};
    if (op->results != NULL)
        op->results(world, &got);
    compare_records(when, expected, &got);
}

static void discard(const fault_operation *op, void *world)
{
    if (op->discard != NULL)
        op->discard(world);
}

/* The call once, without a fault: what it gives, and that it leaves nothing behind. */
static void run_well(const fault_operation *op, void *world, const char *when,
                     const fault_record *expected, const account *alive)
{
    bncl_error err = {"old"};
    bncl_status status = op->run(world, &err);
    if (status != BNCL_OK)
        harness_fail("%s: without a fault: %s: %s", when, bncl_status_string(status), err.text);
    if (err.text[0] != '\0')
        harness_fail("%s: a text after a success: %s", when, err.text);
    check_results(op, world, when, expected);
    discard(op, world);
    compare_alive(when, alive, op->finish != NULL);
}

/* The calls by which a trace is told of commands, markers in front of products among them: one that
   fails costs it times, no more. */
static const char of_traces[] =
    "clRetainEvent clGetEventInfo clGetEventProfilingInfo clEnqueueMarkerWithWaitList "
    "clWaitForEvents";

static bool may_pass(const fault_operation *op)
{
    const char *failed = layer->first_failed;
    if (failed == NULL)
        return false;
    return (op->tolerates != NULL && strstr(op->tolerates, failed) != NULL) ||
           (harness_flag("BNCL_TRACE") && strstr(of_traces, failed) != NULL);
}

/* One prepared call with one fault; whether the fault was met. */
static bool run_with_fault(const fault_operation *op, void *world, const fault *f,
                           const fault_record *expected)
{
    fault_record before = {0}, after = {0};
    op->lasting(world, &before);
    const account alive = alive_now();
    bncl_error err = {{0}};
    arm(f, op->only);
    bncl_status status = op->run(world, &err);
    bool met = disarm(f);
    const char *failed = layer->first_failed != NULL ? layer->first_failed : "";
    const char *when = harness_text("%s, %s failing %s", op->name, fault_name(f), failed);
    if (status == BNCL_OK) {
        if (met && !may_pass(op))
            harness_fail("%s: success all the same", when);
        check_results(op, world, when, expected);
        discard(op, world);
        compare_alive(when, &alive, op->finish != NULL);
        return met;
    }
    if (!met)
        harness_fail("%s: no fault was met, but: %s", when, err.text);
    check_failure(op, when, status, &err);
    op->lasting(world, &after);
    compare_records(when, &before, &after);
    compare_alive(when, &alive, op->finish != NULL);
    run_well(op, world, harness_text("%s, again after %s", op->name, fault_name(f)), expected,
             &alive);
    return true;
}

static bool try_fault(const fault_operation *op, void *world, const fault *f,
                      const fault_record *expected)
{
    const account alive = alive_now();
    op->prepare(world);
    bool met = run_with_fault(op, world, f, expected);
    if (op->finish != NULL) {
        op->finish(world);
        compare_alive(harness_text("%s, %s, finished", op->name, fault_name(f)), &alive, false);
    }
    return met;
}

/* A call in which nothing fails. */
typedef struct good_run {
    fault_record results;
    unsigned long opencl_calls, allocations;
} good_run;

static good_run run_first(const fault_operation *op, void *world)
{
    const fault none = {.nth = 0};
    good_run run = {.opencl_calls = 0};
    bncl_error err = {{0}};
    op->prepare(world);
    arm(&none, op->only);
    bncl_status status = op->run(world, &err);
    run.opencl_calls = layer->calls;
    run.allocations = bncli_alloc_fault(0, 0);
    layer->only = NULL;
    if (status != BNCL_OK)
        harness_fail("%s: %s", op->name, err.text);
    if (op->results != NULL)
        op->results(world, &run.results);
    discard(op, world);
    if (op->finish != NULL)
        op->finish(world);
    return run;
}

/* What was made is destroyed with every OpenCL call failing that may. Reading the results has
   waited for all that was under way. */
static void destroy_under_faults(const fault_operation *op, void *world)
{
    const fault every = {.sticky = true, .nth = 1};
    fault_record results = {0};
    bncl_error err = {{0}};
    op->prepare(world);
    const account alive = alive_now();
    if (op->run(world, &err) != BNCL_OK)
        harness_fail("%s: %s", op->name, err.text);
    if (op->results != NULL)
        op->results(world, &results);
    arm(&every, NULL);
    discard(op, world);
    disarm(&every);
    compare_alive(harness_text("%s, destroyed under faults", op->name), &alive, op->finish != NULL);
    if (op->finish != NULL)
        op->finish(world);
}

/* The number of the fault that was met last: of every one, or where time is short of a few. */
static unsigned long try_each(const fault_operation *op, void *world, fault f, const good_run *good)
{
    const unsigned long calls = f.memory ? good->allocations : good->opencl_calls;
    const unsigned long step = harness_flag("BNCL_TEST_SMALL") ? calls / FAULTS_FEW + 1 : 1;
    unsigned long met = 0;
    while (f.nth < FAULTS_MOST && try_fault(op, world, &f, &good->results)) {
        met = f.nth;
        f.nth += step;
    }
    if (f.nth >= FAULTS_MOST)
        harness_fail("%s makes more calls than %d", op->name, FAULTS_MOST);
    return met;
}

void faults_try_some(const fault_operation *op, void *world, unsigned faults)
{
    const good_run good = run_first(op, world);
    unsigned long met[2] = {0, 0};
    if (harness_flag("BNCL_TEST_SMALL"))
        faults &= FAULTS_OPENCL_ONCE | FAULTS_MEMORY_ONCE;
    for (unsigned kind = 0; kind < 4; ++kind)
        if ((faults & 1u << kind) != 0) {
            const fault f = {.memory = kind >= 2, .sticky = kind % 2 != 0, .nth = 1};
            met[f.memory] = try_each(op, world, f, &good);
        }
    harness_note("%s: %lu OpenCL calls and %lu allocations failed", op->name, met[0], met[1]);
    if (met[0] + met[1] == 0 && !op->may_meet_none)
        harness_fail("%s: there was nothing to fail", op->name);
    destroy_under_faults(op, world);
}

void faults_try(const fault_operation *op, void *world)
{
    faults_try_some(op, world, FAULTS_ALL);
}
