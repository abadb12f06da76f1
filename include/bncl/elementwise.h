/* Operations on tensors of any shape, element by element: ReLU, and the sum of two tensors. */
#ifndef BNCL_ELEMENTWISE_H
#define BNCL_ELEMENTWISE_H

#include <bncl/context.h>
#include <bncl/event.h>
#include <bncl/export.h>
#include <bncl/queue.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

BNCL_BEGIN_DECLS

/* The kernels of this header on one context; any number of elements. One thread at a time. */
typedef struct bncl_elementwise bncl_elementwise;

/* The caller owns *out. Errors: ARGUMENT, NO_COMPILER, BUILD, MEMORY, OPENCL. */
BNCL_API bncl_status bncl_elementwise_create(bncl_context *context, bncl_elementwise **out,
                                             bncl_error *err);

/* NULL is fine. */
BNCL_API void bncl_elementwise_destroy(bncl_elementwise *op);

/* y = max(x, 0), NaN stays NaN: torch.nn.ReLU. x and y: as many elements, f32; may be the same
   tensor. Enqueues and returns. Errors: ARGUMENT, SHAPE, DTYPE, OPENCL. */
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

BNCL_END_DECLS

#endif
