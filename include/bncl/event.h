/* Events order commands between queues; a bncl_sync hands them to a call. */
#ifndef BNCL_EVENT_H
#define BNCL_EVENT_H

#include <stddef.h>

#include <bncl/export.h>
#include <bncl/status.h>

BNCL_BEGIN_DECLS

typedef struct bncl_event bncl_event;

/* What a call waits for and what it signals. Every run call takes a pointer to one, or NULL: wait
   for nothing but what the queue itself orders, signal nothing. The array is read before the call
   returns; the events stay the caller's. */
typedef struct bncl_sync {
    size_t wait_count;
    bncl_event *const *wait;
    bncl_event **signal; /* NULL, or where to put an event that completes with the call's last
                            command. The caller owns it. Not written when the call fails: making the
                            event adds MEMORY to the call's errors. */
} bncl_sync;

/* Blocks until the event has completed. Errors: ARGUMENT, OPENCL (the command had failed). */
BNCL_API bncl_status bncl_event_wait(bncl_event *event, bncl_error *err);

/* NULL is fine. The command the event stood for goes on. */
BNCL_API void bncl_event_destroy(bncl_event *event);

BNCL_END_DECLS

#endif
