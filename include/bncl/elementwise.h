/* Operations on tensors of any shape, element by element: activations, the sum of two tensors, and
   copies from any strides to any others. */
#ifndef BNCL_ELEMENTWISE_H
#define BNCL_ELEMENTWISE_H

#include <bncl/activation.h>
#include <bncl/context.h>
#include <bncl/event.h>
#include <bncl/export.h>
#include <bncl/queue.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

BNCL_BEGIN_DECLS

/* The kernels of this header on one context for tensors of one dtype; any number of elements. One
   thread at a time. */
typedef struct bncl_elementwise bncl_elementwise;

/* dtype is f32; f16 or bf16, which are computed with in f32 and rounded once; or f64, where the
   device has it (else UNSUPPORTED). The caller owns *out.
   Errors: ARGUMENT, DTYPE, UNSUPPORTED, NO_COMPILER, BUILD, MEMORY, OPENCL. */
BNCL_API bncl_status bncl_elementwise_create(bncl_context *context, bncl_dtype dtype,
                                             bncl_elementwise **out, bncl_error *err);

/* NULL is fine. */
BNCL_API void bncl_elementwise_destroy(bncl_elementwise *op);

/* y = activation(x): see activation.h. x and y: as many elements, of the operation's dtype; may be
   the same tensor. mask, which may be absent (a NULL buffer) or NULL: BNCL_U8, for n elements
   (n + 7)/8 of them; it gets a bit an element, 1 where the gradient passes (of LEAKY_RELU: as it
   is), element i in bit i%8 of byte i/8, unused bits 0. That is one line of all elements, where the
   mask of batch norm (see bncl_batch_norm_mask_bytes) begins a byte with each of its lines. With
   NONE all bits are 1. Enqueues and returns. Errors: ARGUMENT (an activation that activation.h
   refuses, a mask that shares bytes with x or y), SHAPE, DTYPE, OPENCL. */
BNCL_API bncl_status bncl_activation_forward(bncl_elementwise *op, bncl_queue *queue,
                                             const bncl_activation *activation,
                                             const bncl_tensor *x, const bncl_tensor *y,
                                             const bncl_tensor *mask, const bncl_sync *sync,
                                             bncl_error *err);

/* dx = dy where the mask has a 1; else 0, or dy·negative_slope of LEAKY_RELU. mask is what the
   forward call wrote; dx may be dy. Enqueues and returns. Errors: as bncl_activation_forward. */
BNCL_API bncl_status bncl_activation_backward(bncl_elementwise *op, bncl_queue *queue,
                                              const bncl_activation *activation,
                                              const bncl_tensor *mask, const bncl_tensor *dy,
                                              const bncl_tensor *dx, const bncl_sync *sync,
                                              bncl_error *err);

/* y = max(x, 0), NaN stays NaN: torch.nn.ReLU. x and y: as many elements, of the operation's dtype;
   may be the same tensor. Enqueues and returns. Errors: ARGUMENT, SHAPE, DTYPE, OPENCL. */
BNCL_API bncl_status bncl_relu_forward(bncl_elementwise *op, bncl_queue *queue,
                                       const bncl_tensor *x, const bncl_tensor *y,
                                       const bncl_sync *sync, bncl_error *err);

/* dx = 0 where y <= 0, else dy. y is what the forward call wrote; dx may be dy.
   Enqueues and returns. Errors: as bncl_relu_forward. */
BNCL_API bncl_status bncl_relu_backward(bncl_elementwise *op, bncl_queue *queue,
                                        const bncl_tensor *y, const bncl_tensor *dy,
                                        const bncl_tensor *dx, const bncl_sync *sync,
                                        bncl_error *err);

/* z = a + b; z may be a or b. Enqueues and returns. Errors: as bncl_relu_forward. */
BNCL_API bncl_status bncl_add(bncl_elementwise *op, bncl_queue *queue, const bncl_tensor *a,
                              const bncl_tensor *b, const bncl_tensor *z, const bncl_sync *sync,
                              bncl_error *err);

/* y = x bit for bit, NaNs included: what PyTorch's contiguous() and copy_() are for. x and y: of
   one shape and one dtype, which may be any that the library has and need not be op's; each with
   strides or dense. x may have strides of 0 among others: their dims repeat one element. No two
   elements of y may share a place: each of its strides must clear all that the smaller ones reach.
   y may be x itself, else they must not overlap; two that both have strides in one buffer may
   interleave, and are refused only if they begin in the same place. Reads and writes are of
   neighbours where both tensors have them along the same dim. Enqueues and returns; but an
   operation's first copy of any elements builds the kernel (about a second, the first time a
   context needs it), so that operations which make none do not pay for it. Errors: ARGUMENT, SHAPE,
   DTYPE, UNSUPPORTED (elements of y that share a place), OPENCL; of the first copy also
   BUILD, MEMORY. */
BNCL_API bncl_status bncl_copy(bncl_elementwise *op, bncl_queue *queue, const bncl_tensor *x,
                               const bncl_tensor *y, const bncl_sync *sync, bncl_error *err);

BNCL_END_DECLS

#endif
