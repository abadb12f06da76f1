/* A queue runs commands on the context's device, one after another, in the order of the calls. */
#ifndef BNCL_QUEUE_H
#define BNCL_QUEUE_H

#include <bncl/context.h>
#include <bncl/event.h>
#include <bncl/export.h>
#include <bncl/status.h>

BNCL_BEGIN_DECLS

typedef struct bncl_queue bncl_queue;

/* Makes an in-order queue. The context must outlive it. The caller owns *out.
   Errors: ARGUMENT, MEMORY, OPENCL. */
BNCL_API bncl_status bncl_queue_create(bncl_context *context, bncl_queue **out, bncl_error *err);

/* The same of a queue whose commands the device times: for graph_profile.h, and for
   clGetEventProfilingInfo on the events of opencl.h. Noting times costs some drivers time.
   Errors: as bncl_queue_create. */
BNCL_API bncl_status bncl_queue_create_timed(bncl_context *context, bncl_queue **out,
                                             bncl_error *err);

/* Waits for the queue's commands, then destroys it. NULL is fine. */
BNCL_API void bncl_queue_destroy(bncl_queue *queue);

/* Submits what was enqueued to the device; does not wait for it. Errors: ARGUMENT, OPENCL. */
BNCL_API bncl_status bncl_queue_flush(bncl_queue *queue, bncl_error *err);

/* Blocks until every command of the queue has completed. Errors: ARGUMENT, OPENCL. */
BNCL_API bncl_status bncl_queue_finish(bncl_queue *queue, bncl_error *err);

BNCL_END_DECLS

#endif
