/* Internal: C functions of the host as commands of a queue, on devices that run them
   (bncli_device_facts.runs_native). What such a function computes is for the floors above. */
#ifndef BNCLI_NATIVE_H
#define BNCLI_NATIVE_H

#include <stddef.h>

#include <bncl/buffer.h>
#include <bncl/queue.h>
#include <bncl/tensor.h>

enum {
    BNCLI_NATIVE_TENSORS = 4,   /* that one command is given, at most */
    BNCLI_NATIVE_ARGUMENTS = 64 /* bytes, at most */
};

/* Runs on a thread of the driver's: it must not call OpenCL nor this library, print, or fail.
   `arguments` is a copy of the caller's; first[i] is where the i-th tensor's first element lies. */
typedef void bncli_native_function(const void *arguments, void *const *first);

/* Enqueues the function as the queue's next command, `name` in traces (a product of matrices), on
   tensors with at least one element, which may share buffers. Counts and sizes are at most those
   above. Errors: OPENCL, MEMORY. */
bncl_status bncli_native_run(bncl_queue *queue, const char *name, bncli_native_function *function,
                             const void *arguments, size_t bytes, const bncl_tensor *const *tensors,
                             size_t count, bncl_error *err);

/* Finds out where native commands will see a new or adopted buffer, for the calls above: blocks for
   a command. Where no native kernels run it does nothing. Errors: MEMORY, DEVICE_MEMORY, OPENCL. */
bncl_status bncli_native_locate(bncl_buffer *buffer, bncl_error *err);

#endif
