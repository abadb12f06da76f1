/* Softmax cross entropy from logits and class indices: torch.nn.CrossEntropyLoss with its defaults
   (mean over the batch), without ignore_index. */
#ifndef BNCL_CROSS_ENTROPY_H
#define BNCL_CROSS_ENTROPY_H

#include <stddef.h>

#include <bncl/context.h>
#include <bncl/event.h>
#include <bncl/export.h>
#include <bncl/queue.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

BNCL_BEGIN_DECLS

/* A plan for logits of one shape. One thread and one queue at a time. */
typedef struct bncl_cross_entropy bncl_cross_entropy;

/* Plans the loss of logits [rows, classes] against labels [rows] (i32). rows may be 0: the loss is
   then NaN, as PyTorch's. The caller owns *out.
   Errors: ARGUMENT, SHAPE (no class, too large), NO_COMPILER, BUILD, MEMORY,
   DEVICE_MEMORY, OPENCL. */
BNCL_API bncl_status bncl_cross_entropy_create(bncl_context *context, size_t rows, size_t classes,
                                               bncl_cross_entropy **out, bncl_error *err);

/* NULL is fine. */
BNCL_API void bncl_cross_entropy_destroy(bncl_cross_entropy *plan);

typedef struct bncl_cross_entropy_args {
    bncl_tensor logits; /* in:  f32 [rows, classes] */
    bncl_tensor labels; /* in:  i32 [rows], each in 0 … classes-1; another one gives a NaN loss and
                                 a zero gradient in its row */
    bncl_tensor loss;   /* out: f32, one element: mean of -log softmax(logits)[label] */
    bncl_tensor correct; /* out: i32, one element: rows whose largest logit (the first of equals) is
                                 the label's; may be absent */
    bncl_tensor dlogits; /* out: f32 [rows, classes]: (softmax - one-hot)/rows; may be absent */
} bncl_cross_entropy_args;

/* Enqueues and returns. Errors: ARGUMENT, SHAPE, DTYPE, OPENCL. */
BNCL_API bncl_status bncl_cross_entropy_run(bncl_cross_entropy *plan, bncl_queue *queue,
                                            const bncl_cross_entropy_args *args,
                                            const bncl_sync *sync, bncl_error *err);

BNCL_END_DECLS

#endif
