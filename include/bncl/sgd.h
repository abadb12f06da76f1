/* Stochastic gradient descent, as torch.optim.SGD. */
#ifndef BNCL_SGD_H
#define BNCL_SGD_H

#include <stdbool.h>
#include <stddef.h>

#include <bncl/context.h>
#include <bncl/event.h>
#include <bncl/export.h>
#include <bncl/queue.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

BNCL_BEGIN_DECLS

/* The optimizer and its momentum buffer. One thread and one queue at a time. */
typedef struct bncl_sgd bncl_sgd;

typedef struct bncl_sgd_options {
    double lr;
    double momentum;
    double dampening;
    double weight_decay;
    bool nesterov; /* needs momentum > 0 and dampening = 0 */
} bncl_sgd_options;

/* PyTorch's defaults: lr 0.001, all others 0. */
BNCL_API bncl_sgd_options bncl_sgd_options_default(void);

/* An optimizer for `count` elements. options NULL: the defaults. The caller owns *out.
   Errors: ARGUMENT (as PyTorch: a negative lr, momentum or weight_decay, nesterov without momentum
   or with dampening), NO_COMPILER, BUILD, MEMORY, DEVICE_MEMORY, OPENCL. */
BNCL_API bncl_status bncl_sgd_create(bncl_context *context, size_t count,
                                     const bncl_sgd_options *options, bncl_sgd **out,
                                     bncl_error *err);

/* NULL is fine. */
BNCL_API void bncl_sgd_destroy(bncl_sgd *sgd);

/* Changes the learning rate from the next step on. Errors: ARGUMENT. */
BNCL_API bncl_status bncl_sgd_set_lr(bncl_sgd *sgd, double lr, bncl_error *err);

/* One step on w (in and out) with the gradient dw, both f32 of `count` elements, in PyTorch's
   order:
     g = dw + weight_decay·w;  buf = momentum·buf + (1-dampening)·g  (first step: buf = g)
     w -= lr·(nesterov ? g + momentum·buf : momentum ? buf : g)
   One launch: it happens as a whole or not at all. Enqueues and returns.
   Errors: ARGUMENT, SHAPE, DTYPE, OPENCL. */
BNCL_API bncl_status bncl_sgd_step(bncl_sgd *sgd, bncl_queue *queue, const bncl_tensor *w,
                                   const bncl_tensor *dw, const bncl_sync *sync, bncl_error *err);

BNCL_END_DECLS

#endif
