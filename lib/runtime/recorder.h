/* Internal to floor 2: what a queue's commands were, how much they moved and when they ran, told to
   the context's trace and to a profile once they have run.

   A queue has a recorder while somebody asks: else a launch finds NULL there, and no event is made.
   Nothing that fails here makes a call fail: times are then the host's, or a command is not told
   of. */
#ifndef BNCLI_RECORDER_H
#define BNCLI_RECORDER_H

#include "base/trace_file.h"
#include "runtime/command.h"
#include "runtime/objects.h"
#include "runtime/profile.h"

/* A command that is being enqueued. */
typedef struct bncli_recording {
    bncli_recorder *recorder; /* NULL: nobody asks */
    cl_event *wanted;         /* where the caller of the library wants the event; or NULL */
    cl_event own;
    cl_event before; /* of a marker in front of it; NULL: none */
    uint64_t began;  /* nanoseconds */
} bncli_recording;

/* Time on the host, CLOCK_MONOTONIC, in nanoseconds. */
uint64_t bncli_host_time(void);

static inline bncli_recording bncli_recording_begin(const bncl_queue *queue, cl_event *wanted)
{
    bncli_recording recording = {.recorder = queue->recorder, .wanted = wanted};
    if (recording.recorder != NULL)
        recording.began = bncli_host_time();
    return recording;
}

/* What the enqueuing call takes as its event: NULL where nobody wants one. */
static inline cl_event *bncli_recording_event(bncli_recording *recording)
{
    if (recording->wanted != NULL || recording->recorder == NULL)
        return recording->wanted;
    return &recording->own;
}

/* For a command of several, of which the event is only the last one's: marks where they begin. */
void bncli_recording_mark(bncli_recording *recording, bncl_queue *queue);

/* After the enqueuing call, which returned `code`; not where recorder is NULL, so that the facts
   need not be gathered. */
void bncli_recording_end(bncli_recording *recording, cl_int code, const bncli_command_facts *facts);

/* The whole of it for a command whose facts are at hand. */
static inline void bncli_recording_told(bncli_recording *recording, cl_int code,
                                        const bncli_command_facts *facts)
{
    if (recording->recorder != NULL)
        bncli_recording_end(recording, code, facts);
}

/* A recorder for the queue, as its `recorder`: it tells the context's trace, if there is one.
   Errors: MEMORY. */
bncl_status bncli_recorder_create(bncl_queue *queue, bncl_error *err);

/* Tells of the queue's commands that have run: all of them, where the queue was `waited` for. */
void bncli_recorder_collect(bncl_queue *queue, bool waited);

/* The same, and forgets the others. The queue's recorder becomes NULL; that is fine before. */
void bncli_recorder_destroy(bncl_queue *queue, bool waited);

/* Whether a profile is being taken. */
bool bncli_recorder_has_profile(const bncli_recorder *recorder);

/* Has the queue's recorder tell a profile as well, of what is enqueued from now on. A profile needs
   times: where the device gives none, each command is waited for until bncli_recorder_drop_profile.
   Waits for the queue. Errors: OPENCL. */
bncl_status bncli_recorder_set_profile(bncl_queue *queue, bncli_profile *profile, bncl_error *err);

/* Ends that. */
void bncli_recorder_drop_profile(bncl_queue *queue);

#endif
