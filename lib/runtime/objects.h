/* Internal to floor 2: what stands behind the opaque handles. Upper floors never include it. */
#ifndef BNCLI_OBJECTS_H
#define BNCLI_OBJECTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <bncl/buffer.h>
#include <bncl/queue.h>

#include "base/trace_file.h"
#include "runtime/cl_call.h"
#include "runtime/context.h"
#include "runtime/device.h"

typedef struct bncli_recorder bncli_recorder;

struct bncl_context {
    cl_context cl;
    cl_device_id device;
    bncl_device_info info;
    bncli_device_facts facts;
    pthread_mutex_t lock; /* guards `attached` */
    bool lock_exists;
    struct {
        void *object; /* NULL: none yet */
        void (*destroy)(void *);
    } attached[BNCLI_ATTACHMENTS];
    atomic_bool used_clblast; /* whose program cache then holds on to cl */
    bncli_trace_file *trace;  /* NULL: none was asked for */
    atomic_uint queues;       /* made so far: a trace numbers them */
    atomic_ullong buffers;    /* likewise: a kernel knows its arguments by their numbers */
};

struct bncl_queue {
    bncl_context *context; /* borrowed */
    cl_command_queue cl;
    bool out_of_order;
    bool timed;               /* the device notes when its commands run */
    const char *layer, *pass; /* of the graph that is enqueuing; borrowed; NULL: none */
    bncli_recorder *recorder; /* NULL: nobody asks what it runs */
};

struct bncl_buffer {
    bncl_context *context; /* borrowed */
    cl_mem cl;             /* NULL when bytes is 0 */
    size_t bytes;
    cl_mem whole;    /* the buffer that cl is a part of, else cl itself; borrowed */
    size_t origin;   /* bytes from its begin to cl's */
    void *located;   /* where native commands see whole; NULL on devices without such commands */
    uint64_t number; /* among its context's, from 1 on */
};

struct bncl_event {
    cl_event cl;
};

/* Takes over one reference to each handle and describes the device. On failure the handles stay the
   caller's. Errors: MEMORY, OPENCL. */
bncl_status bncli_context_wrap(cl_context cl, cl_device_id device, const bncl_device_info *info,
                               bncl_context **out, bncl_error *err);

/* Takes over the reference. Errors: MEMORY, OPENCL. */
bncl_status bncli_queue_wrap(bncl_context *context, cl_command_queue cl, bncl_queue **out,
                             bncl_error *err);

/* An event to be filled by the command that is enqueued next; NULL when `wanted` is NULL. Making it
   first means that nothing can fail once the command is on its way. Errors: MEMORY. */
bncl_status bncli_event_prepare(bncl_event **wanted, bncl_event **out, bncl_error *err);

/* Hands a prepared event to the caller when its command was enqueued (BNCL_OK), else frees it.
   Returns status. */
bncl_status bncli_event_deliver(bncl_event *prepared, bncl_event **wanted, bncl_status status);

#endif
