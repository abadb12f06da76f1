/* For callers who own OpenCL objects: hand theirs in, take ours out. The only public header that
   includes CL/cl.h. Every object is retained while the library uses it and released after, so that
   the caller keeps and releases its own reference. */
#ifndef BNCL_OPENCL_H
#define BNCL_OPENCL_H

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>

#include <bncl/buffer.h>
#include <bncl/context.h>
#include <bncl/event.h>
#include <bncl/export.h>
#include <bncl/queue.h>
#include <bncl/status.h>

BNCL_BEGIN_DECLS

/* Adopts a cl_context and one of its devices. BNCL_TRACE is read as by bncl_context_create. The
   caller owns *out. Errors: ARGUMENT (also: the device is not of the context), IO (BNCL_TRACE),
   MEMORY, OPENCL. */
BNCL_API bncl_status bncl_opencl_context(cl_context cl, cl_device_id device, bncl_context **out,
                                         bncl_error *err);

/* Adopts a queue, in-order or out-of-order, of the context's cl_context and device. On an
   out-of-order queue barriers keep the library's calls in order among themselves, and behind what
   the caller had enqueued; what the caller enqueues afterwards must wait for sync->signal. Traces
   and profiles have the device's times of a queue with CL_QUEUE_PROFILING_ENABLE, else the host's.
   Errors: ARGUMENT (also: of another context or device), MEMORY, OPENCL. */
BNCL_API bncl_status bncl_opencl_queue(bncl_context *context, cl_command_queue cl, bncl_queue **out,
                                       bncl_error *err);

/* Adopts a cl_mem buffer, or sub-buffer, of the context's cl_context. Blocks as bncl_buffer_create
   may. Calls tell tensors of different buffers apart without looking at their cl_mems: of a cl_mem
   adopted twice, or sub-buffers that overlap, they refuse no overlap.
   Errors: ARGUMENT (also: not a buffer, of another context), MEMORY, DEVICE_MEMORY, OPENCL. */
BNCL_API bncl_status bncl_opencl_buffer(bncl_context *context, cl_mem cl, bncl_buffer **out,
                                        bncl_error *err);

/* Adopts an event, to be waited for. Errors: ARGUMENT, MEMORY, OPENCL. */
BNCL_API bncl_status bncl_opencl_event(cl_event cl, bncl_event **out, bncl_error *err);

/* The objects behind the library's own, borrowed; NULL for NULL. A buffer of 0 bytes has no cl_mem.
   The cl_mem of a graph's tensor may change with every call on the graph: do not keep it. */
BNCL_API cl_context bncl_opencl_get_context(const bncl_context *context);
BNCL_API cl_device_id bncl_opencl_get_device(const bncl_context *context);
BNCL_API cl_command_queue bncl_opencl_get_queue(const bncl_queue *queue);
BNCL_API cl_mem bncl_opencl_get_mem(const bncl_buffer *buffer);
BNCL_API cl_event bncl_opencl_get_event(const bncl_event *event);

BNCL_END_DECLS

#endif
