/* Recorders: a queue's commands, from their enqueuing until they are told of. See recorder.h. */
#include "runtime/recorder.h"

#include <stdio.h>
#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/queue.h"
#include "runtime/trace.h"

enum {
    RECORDS = 512,      /* commands under way that are known of; beyond it, half of them are waited
                         for: the device goes on with the others */
    DEVICE_EPOCH = 1000 /* nanoseconds: a device that tells earlier times has no clock, but counts
                           0, 1, 2, 3, as Mesa 22's rusticl does */
};

typedef struct record {
    bncli_command command;
    cl_event event, before; /* owned; NULL: none */
    uint64_t began, returned;
} record;

/* Whose clock times are read from. */
typedef enum clock_owner { CLOCK_UNKNOWN, CLOCK_DEVICE, CLOCK_HOST } clock_owner;

struct bncli_recorder {
    bncl_queue *queue;      /* borrowed, as the next two */
    bncli_trace_file *file; /* NULL: no trace */
    bncli_profile *profile; /* NULL: no profile */
    unsigned number;        /* of the queue in the trace */
    clock_owner clock;
    uint64_t offset; /* host's time less the device's, modulo 2^64; of CLOCK_DEVICE */
    size_t first, count;
    record records[RECORDS]; /* a ring */
};

uint64_t bncli_host_time(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- times ---- */

static bool ask(cl_event event, cl_profiling_info what, uint64_t *out)
{
    cl_ulong time = 0;
    if (clGetEventProfilingInfo(event, what, sizeof time, &time, NULL) != CL_SUCCESS)
        return false;
    *out = time;
    return true;
}

/* When the command ran, by the device's own clock. */
static bool ask_device(const record *r, uint64_t *start, uint64_t *end)
{
    const cl_profiling_info begin =
        r->before != NULL ? CL_PROFILING_COMMAND_END : CL_PROFILING_COMMAND_START;
    return r->event != NULL && ask(r->before != NULL ? r->before : r->event, begin, start) &&
           ask(r->event, CL_PROFILING_COMMAND_END, end) && *end >= *start && *end >= DEVICE_EPOCH;
}

/* Settles the clock by a command of which the device knows when it was queued. */
static void settle_clock(bncli_recorder *recorder, const record *r)
{
    uint64_t start, end, queued;
    recorder->clock = CLOCK_HOST;
    if (ask_device(r, &start, &end) &&
        ask(r->before != NULL ? r->before : r->event, CL_PROFILING_COMMAND_QUEUED, &queued)) {
        recorder->clock = CLOCK_DEVICE;
        recorder->offset = r->began - queued;
    }
}

static bncli_command_span span_of(bncli_recorder *recorder, const record *r)
{
    bncli_command_span span = {.start = r->began, .duration = r->returned - r->began};
    cl_int progress = CL_COMPLETE;
    uint64_t start, end;
    if (r->event != NULL && clGetEventInfo(r->event, CL_EVENT_COMMAND_EXECUTION_STATUS,
                                           sizeof progress, &progress, NULL) == CL_SUCCESS)
        span.failed = progress < 0;
    if (recorder->clock == CLOCK_UNKNOWN && r->event != NULL && !span.failed)
        settle_clock(recorder, r);
    if (recorder->clock == CLOCK_DEVICE && !span.failed && ask_device(r, &start, &end)) {
        span.start = start + recorder->offset;
        span.duration = end - start;
        span.by_device = true;
    }
    return span;
}

/* ---- telling ---- */

static void release(record *r)
{
    if (r->event != NULL)
        clReleaseEvent(r->event);
    if (r->before != NULL)
        clReleaseEvent(r->before);
    r->event = r->before = NULL;
}

/* Tells of the oldest command, and forgets it. */
static void tell_first(bncli_recorder *recorder)
{
    record *r = &recorder->records[recorder->first];
    const bncli_command_span span = span_of(recorder, r);
    if (recorder->file != NULL)
        bncli_trace_command(recorder->file, recorder->number, &r->command, &span);
    if (recorder->profile != NULL)
        bncli_profile_add(recorder->profile, &r->command, &span);
    release(r);
    recorder->first = (recorder->first + 1) % RECORDS;
    --recorder->count;
}

static bool has_run(const record *r)
{
    cl_int progress = CL_COMPLETE;
    if (r->event == NULL)
        return true;
    return clGetEventInfo(r->event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof progress, &progress,
                          NULL) != CL_SUCCESS ||
           progress <= CL_COMPLETE;
}

static void tell_all_that_ran(bncli_recorder *recorder)
{
    while (recorder->count > 0 && has_run(&recorder->records[recorder->first]))
        tell_first(recorder);
}

/* Tells of the oldest commands until `left` are left. They have run, or soon will have: an event
   may learn of that after who waited for its queue (Mesa 22's rusticl), so it is waited for. */
static void tell_down_to(bncli_recorder *recorder, size_t left)
{
    while (recorder->count > left) {
        const record *r = &recorder->records[recorder->first];
        if (!has_run(r))
            clWaitForEvents(1, &r->event);
        tell_first(recorder);
    }
}

void bncli_recorder_collect(bncl_queue *queue, bool waited)
{
    bncli_recorder *recorder = queue->recorder;
    if (recorder == NULL)
        return;
    if (waited)
        tell_down_to(recorder, 0);
    else
        tell_all_that_ran(recorder);
    if (recorder->file != NULL)
        bncli_trace_file_flush(recorder->file);
}

/* ---- recording ---- */

void bncli_recording_mark(bncli_recording *recording, bncl_queue *queue)
{
    if (recording->recorder == NULL || recording->recorder->clock == CLOCK_HOST)
        return;
    if (clEnqueueMarkerWithWaitList(queue->cl, 0, NULL, &recording->before) != CL_SUCCESS)
        recording->before = NULL;
}

static void copy_sizes(size_t to[BNCLI_COMMAND_DIMENSIONS], const size_t *from)
{
    for (int d = 0; d < BNCLI_COMMAND_DIMENSIONS; ++d)
        to[d] = from[d];
}

static void keep_facts(bncli_command *command, const bncl_queue *queue,
                       const bncli_command_facts *facts)
{
    snprintf(command->name, sizeof command->name, "%s", facts->name);
    snprintf(command->layer, sizeof command->layer, "%s", queue->layer != NULL ? queue->layer : "");
    command->pass = queue->layer != NULL ? queue->pass : "";
    command->kind = facts->kind;
    command->bytes = facts->bytes;
    command->has_grid = facts->global != NULL;
    if (command->has_grid) {
        copy_sizes(command->global, facts->global);
        copy_sizes(command->group, facts->group);
    }
}

/* The event is the recorder's own, or one reference more to the caller's. */
static cl_event event_of(const bncli_recording *recording)
{
    if (recording->wanted == NULL)
        return recording->own;
    return clRetainEvent(*recording->wanted) == CL_SUCCESS ? *recording->wanted : NULL;
}

void bncli_recording_end(bncli_recording *recording, cl_int code, const bncli_command_facts *facts)
{
    const uint64_t returned = bncli_host_time();
    bncli_recorder *recorder = recording->recorder;
    if (code != CL_SUCCESS) {
        if (recording->before != NULL)
            clReleaseEvent(recording->before);
        return;
    }
    if (recorder->count == RECORDS)
        tell_down_to(recorder, RECORDS / 2);
    record *r = &recorder->records[(recorder->first + recorder->count++) % RECORDS];
    keep_facts(&r->command, recorder->queue, facts);
    r->event = event_of(recording);
    r->before = recording->before;
    r->began = recording->began;
    r->returned = returned;
    if (recorder->profile != NULL && recorder->clock == CLOCK_HOST && r->event != NULL) {
        clWaitForEvents(1, &r->event);
        r->returned = bncli_host_time();
    }
}

/* ---- recorders ---- */

bncl_status bncli_recorder_create(bncl_queue *queue, bncl_error *err)
{
    bncli_recorder *recorder;
    bncl_status status = bncli_new(&recorder, 1, sizeof *recorder, err);
    if (status != BNCL_OK)
        return status;
    recorder->queue = queue;
    recorder->file = queue->context->trace;
    recorder->clock = queue->timed ? CLOCK_UNKNOWN : CLOCK_HOST;
    recorder->number = atomic_fetch_add(&queue->context->queues, 1u) + 1;
    if (recorder->file != NULL)
        bncli_trace_queue(recorder->file, recorder->number);
    queue->recorder = recorder;
    return BNCL_OK;
}

void bncli_recorder_destroy(bncl_queue *queue, bool waited)
{
    bncli_recorder *recorder = queue->recorder;
    if (recorder == NULL)
        return;
    bncli_recorder_collect(queue, waited);
    if (recorder->profile != NULL)
        recorder->profile->queue = NULL;
    for (; recorder->count > 0; --recorder->count) {
        release(&recorder->records[recorder->first]);
        recorder->first = (recorder->first + 1) % RECORDS;
    }
    queue->recorder = NULL;
    bncli_free(recorder);
}

bool bncli_recorder_has_profile(const bncli_recorder *recorder)
{
    return recorder->profile != NULL;
}

/* Whose clock a profile goes by, asked of a marker, before its first command. */
static cl_int probe_clock(bncl_queue *queue)
{
    record r = {.began = bncli_host_time()};
    cl_int code = clEnqueueMarkerWithWaitList(queue->cl, 0, NULL, &r.event);
    if (code != CL_SUCCESS)
        return code;
    code = clWaitForEvents(1, &r.event);
    if (code == CL_SUCCESS)
        settle_clock(queue->recorder, &r);
    release(&r);
    return code;
}

bncl_status bncli_recorder_set_profile(bncl_queue *queue, bncli_profile *profile, bncl_error *err)
{
    cl_int code = clFinish(queue->cl);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clFinish", err);
    bncli_recorder_collect(queue, true);
    if (queue->recorder->clock == CLOCK_UNKNOWN)
        code = probe_clock(queue);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "asking a marker for its time", err);
    queue->recorder->profile = profile;
    return BNCL_OK;
}

void bncli_recorder_drop_profile(bncl_queue *queue)
{
    queue->recorder->profile = NULL;
}
