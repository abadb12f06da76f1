/* A buffer: bytes of device memory. */
#ifndef BNCL_BUFFER_H
#define BNCL_BUFFER_H

#include <stddef.h>

#include <bncl/context.h>
#include <bncl/event.h>
#include <bncl/export.h>
#include <bncl/queue.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

BNCL_BEGIN_DECLS

/* Allocates `bytes` of device memory, readable and writable by kernels; its content is undefined.
   0 bytes give a buffer that holds only empty tensors. The context must outlive it; the caller owns
   *out. On a device that runs native kernels it asks the driver where the memory lies, and blocks
   for a small command on a queue of its own. Errors: ARGUMENT, MEMORY, DEVICE_MEMORY (also: larger
   than the device's largest allocation), OPENCL. */
BNCL_API bncl_status bncl_buffer_create(bncl_context *context, size_t bytes, bncl_buffer **out,
                                        bncl_error *err);

/* Destroys the buffer; commands already enqueued keep its memory until they are done. NULL is
   fine. */
BNCL_API void bncl_buffer_destroy(bncl_buffer *buffer);

/* Its size in bytes; 0 for NULL. */
BNCL_API size_t bncl_buffer_size(const bncl_buffer *buffer);

/* Copies bncl_tensor_count(tensor) elements from host memory into the tensor. Does not block: the
   host memory must stay as it is until the command completes (sync->signal, or
   bncl_queue_finish). Errors: ARGUMENT, SHAPE (the tensor ends beyond its buffer), OPENCL. */
BNCL_API bncl_status bncl_tensor_write(bncl_queue *queue, const bncl_tensor *tensor,
                                       const void *host, const bncl_sync *sync, bncl_error *err);

/* Copies the tensor's elements into host memory and blocks until they are there.
   Errors: as bncl_tensor_write. */
BNCL_API bncl_status bncl_tensor_read(bncl_queue *queue, const bncl_tensor *tensor, void *host,
                                      const bncl_sync *sync, bncl_error *err);

/* Gives host memory to fill a dense tensor in: *host takes its elements, until bncl_tensor_unmap
   hands them to the device. Where the device shares the host's memory that is the tensor's own, and
   nothing is ever copied. What the tensor held is lost, and no command may use it while it is
   mapped. Blocks until the queue's commands before this one have completed: fill tensors on a queue
   of their own while another computes. *host is NULL for an empty tensor.
   Errors: as bncl_tensor_write. */
BNCL_API bncl_status bncl_tensor_map(bncl_queue *queue, const bncl_tensor *tensor, void **host,
                                     const bncl_sync *sync, bncl_error *err);

/* Ends the mapping that gave `host` for this tensor, on the same queue. Does not block: commands of
   other queues wait for sync->signal before they use the tensor. After a failure the tensor is
   mapped still. Errors: as bncl_tensor_write. */
BNCL_API bncl_status bncl_tensor_unmap(bncl_queue *queue, const bncl_tensor *tensor, void *host,
                                       const bncl_sync *sync, bncl_error *err);

/* Copies src to dst on the device: as many elements of the same dtype; shapes may differ. They must
   not overlap. Does not block. Errors: ARGUMENT, SHAPE, DTYPE, OPENCL. */
BNCL_API bncl_status bncl_tensor_copy(bncl_queue *queue, const bncl_tensor *src,
                                      const bncl_tensor *dst, const bncl_sync *sync,
                                      bncl_error *err);

/* Sets every element to `value`, rounded to the tensor's dtype; integers towards zero. Does not
   block. Errors: ARGUMENT, SHAPE, OPENCL. */
BNCL_API bncl_status bncl_tensor_fill(bncl_queue *queue, const bncl_tensor *tensor, double value,
                                      const bncl_sync *sync, bncl_error *err);

BNCL_END_DECLS

#endif
