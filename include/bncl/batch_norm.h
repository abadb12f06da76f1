/* Batch normalization, as torch.nn.BatchNorm1d: forward and backward, with the batch's own
   statistics or with running ones; and with what often follows it, the sum with another tensor and
   an activation, in the same pass over memory.

   Per channel, over the n values that share it (n = N, N·L or N·H·W):
     mean = Σx/n    var = Σ(x-mean)²/n    invstd = 1/√(var+eps)    y = (x-mean)·invstd·gamma + beta
     running_mean = (1-momentum)·running_mean + momentum·mean
     running_var  = (1-momentum)·running_var  + momentum·var·n/(n-1)
   Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015, with PyTorch's conventions.

   The same input gives the same bits on every device with IEEE f32 arithmetic (see
   bncl_device_info.same_bits), whatever its work-group sizes. A zero is always +0, but for an f16
   result that underflows; of y with a residual or an activation, and of dresidual, a zero has the
   sign that these give it. */
#ifndef BNCL_BATCH_NORM_H
#define BNCL_BATCH_NORM_H

#include <stdbool.h>
#include <stdint.h>

#include <bncl/activation.h>
#include <bncl/context.h>
#include <bncl/event.h>
#include <bncl/export.h>
#include <bncl/queue.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

BNCL_BEGIN_DECLS

/* A plan: batch norm of one shape on one device. It chooses kernels and owns their workspace, so
   that running it allocates nothing. One plan, one thread and one queue at a time. */
typedef struct bncl_batch_norm bncl_batch_norm;

typedef struct bncl_batch_norm_options {
    double eps;      /* added to var under the root; not validated (negative may give NaN) */
    double momentum; /* the weight of the NEW value; any number */
    bool cumulative; /* PyTorch's momentum=None: the weight is 1/num_batches_tracked instead */
    bncl_activation activation; /* of y; see bncl_batch_norm_mask_bytes */
} bncl_batch_norm_options;

/* PyTorch's defaults: eps 1e-5, momentum 0.1, not cumulative, no activation. */
BNCL_API bncl_batch_norm_options bncl_batch_norm_options_default(void);

/* Plans batch norm for inputs of `rank` dims in the given layout: [N,C], [N,C,L], [N,L,C],
   [N,C,H,W] or [N,H,W,C]. dtype is that of x, y and their gradients: f32; f16 or bf16, which are
   read and rounded once, while all between is f32, as are parameters and statistics; or f64, with
   parameters and statistics of f64, where the device has it (else UNSUPPORTED). N, L, H, W may be
   0; n = N·L or N·H·W must be below 2³¹. options NULL: the defaults. Builds kernels the first time
   a context needs them (about a second); then quick. The caller owns *out.
   Builds the kernels of training and of evaluation through running statistics. What other calls
   need besides (backward through running statistics, or to the residual but not to x, statistics in
   parts, double backward) is built at the first of them, which may then also fail with NO_COMPILER,
   BUILD or MEMORY, changes nothing in that case, and may be called again.
   Errors: ARGUMENT; SHAPE ("expected 2D or 3D input (got 4D input)", C = 0, a size too large);
   DTYPE; UNSUPPORTED; NO_COMPILER; BUILD; MEMORY; DEVICE_MEMORY; OPENCL. */
BNCL_API bncl_status bncl_batch_norm_create(bncl_context *context, bncl_layout layout,
                                            bncl_dtype dtype, int rank, const size_t *dims,
                                            const bncl_batch_norm_options *options,
                                            bncl_batch_norm **out, bncl_error *err);

/* NULL is fine. */
BNCL_API void bncl_batch_norm_destroy(bncl_batch_norm *plan);

/* Bytes of the mask of a plan with an activation, one bit an element: 1 where the gradient passes
   the activation (of LEAKY_RELU: passes as it is). Forward writes it, and it is all that backward
   must know of y. As a tensor it is BNCL_U8 of rank 1.

   Each line of memory begins a byte: a line is a row of channels with NC, NLC and NHWC, and with
   NCL and NCHW a channel's L or H·W values in a sample (where that is one value, a row of channels
   again). Element i of a line is bit i%8, of value 1 << i%8, of the line's byte i/8; unused bits of
   its last byte are 0. Lines follow each other in the order of a dense x, whatever x's strides are,
   (length + 7)/8 bytes each. So the mask, too, is the same bits on every device.

   0 for NULL, and for a plan without an activation. Does not block. */
BNCL_API size_t bncl_batch_norm_mask_bytes(const bncl_batch_norm *plan);

/* What a forward call reads and writes. x, y and residual have the plan's shape and dtype; all
   others but the mask are [C], f32 (f64 with x of f64). Tensors with a NULL buffer are absent.

   x, y and residual may have strides, each its own: padding between rows or samples, a slice of the
   channels. The fastest dim must be dense, and dims before the channel's must lie evenly, as in one
   dim of them all; of others bncl_copy (elementwise.h) makes such tensors. y may be x itself (in
   place), which a later backward call then lacks, or residual; else they must not overlap.

   Of the tensors of [C] an output may be the same tensor as an input, next_mean as running_mean or
   gamma: channel by channel, what is read is read before anything is written. Such that overlap
   otherwise, a channel of one upon another channel of the other, must not be given: that is not
   looked for, and the results are undefined. So it is with backward's. */
typedef struct bncl_batch_norm_forward {
    bncl_tensor x;            /* in */
    bncl_tensor y;            /* out */
    bncl_tensor residual;     /* in: added before the activation; absent: nothing is */
    bncl_tensor mask;         /* out, of a plan with an activation: for backward; may be absent */
    bncl_tensor gamma;        /* in; absent: 1 */
    bncl_tensor beta;         /* in; absent: 0 */
    bncl_tensor running_mean; /* in (eval), in and out (train); absent: not tracked */
    bncl_tensor running_var;  /* as running_mean; eval takes both or neither, train either alone */
    bncl_tensor next_mean;    /* out (train): where the new running_mean goes; absent: in place */
    bncl_tensor next_var;     /* likewise */
    bncl_tensor save_mean;    /* out, with batch statistics: mean, rounded to f32; for backward */
    bncl_tensor save_mean_lo; /* out, with batch statistics: mean - save_mean: together they
                                 carry the mean well beyond f32 */
    bncl_tensor save_invstd;  /* out, with batch statistics: invstd. The three save_ tensors: all or
                                 none */
    int64_t *num_batches_tracked; /* in and out (train), host memory: incremented when the call
                                     succeeds; may be NULL unless options.cumulative and
                                     running statistics are present */
} bncl_batch_norm_forward;

/* y = activation(batch norm + residual), with the bits that batch norm, bncl_add and
   bncl_activation_forward give one after another: with f16 and bf16 the norm is rounded to them
   before the residual is added, and the sum before the activation. The activation and the residual
   change nothing else.

   Normalizes with the batch's statistics and updates the running ones, if present. Enqueues and
   returns. A failed call leaves running statistics and num_batches_tracked as they were. An empty
   batch leaves the statistics, but counts. A channel of one value repeated gives y = beta exactly;
   one NaN or infinity makes its channel's y NaN and touches no other. Σ(x-mean)² of a channel
   must lie within f32's range: above it var is infinite and y = beta, and where sums of the values
   themselves overflow (|x| beyond 1e34) y may be NaN; with eps = 0 deviations below 1e-19 lose
   accuracy.
   Errors: ARGUMENT; SHAPE ("Expected more than 1 value per channel when training", "running_mean
   should contain 5 elements not 4", a tensor beyond its buffer); DTYPE; UNSUPPORTED (strides that
   walk unevenly, or over places of other elements); OPENCL. */
BNCL_API bncl_status bncl_batch_norm_forward_train(bncl_batch_norm *plan, bncl_queue *queue,
                                                   const bncl_batch_norm_forward *args,
                                                   const bncl_sync *sync, bncl_error *err);

/* Normalizes with the running statistics; without any (both absent) with the batch's own, as
   PyTorch does with track_running_stats=False. Changes no statistics. Enqueues and returns.
   Errors: as bncl_batch_norm_forward_train. */
BNCL_API bncl_status bncl_batch_norm_forward_eval(bncl_batch_norm *plan, bncl_queue *queue,
                                                  const bncl_batch_norm_forward *args,
                                                  const bncl_sync *sync, bncl_error *err);

/* What a backward call reads and writes. dx, dresidual, dgamma and dbeta may each be absent. x, dy,
   dx and dresidual have the plan's shape and dtype and may have strides as in a forward call; all
   others but the mask are [C], f32 (f64 with x of f64). dx and dresidual may each be the same
   tensor as dy or x, but must not overlap each other. */
typedef struct bncl_batch_norm_backward {
    bncl_tensor x;            /* in: the forward call's */
    bncl_tensor dy;           /* in */
    bncl_tensor mask;         /* in, of a plan with an activation: what the forward call wrote */
    bncl_tensor gamma;        /* in; absent: 1 */
    bncl_tensor running_mean; /* in (eval) */
    bncl_tensor running_var;  /* in (eval) */
    bncl_tensor save_mean;    /* in, with batch statistics: what the forward call wrote */
    bncl_tensor save_mean_lo;
    bncl_tensor save_invstd;
    bncl_tensor dx;             /* out */
    bncl_tensor dresidual;      /* out: the gradient of what was added */
    bncl_tensor dgamma;         /* out */
    bncl_tensor dbeta;          /* out */
    bool accumulate_dx;         /* adds to dx, instead of overwriting it */
    bool accumulate_dresidual;  /* adds to dresidual */
    bool accumulate_parameters; /* adds to dgamma and dbeta */
} bncl_batch_norm_backward;

/* The gradient through batch statistics: with x̂ = (x-mean)·invstd and g = dy, or with an
   activation g = what bncl_activation_backward makes of dy and the mask,
     dbeta = Σg    dgamma = Σg·x̂    dx = gamma·invstd·(g - dbeta/n - x̂·dgamma/n)    dresidual = g
   with the bits of the two calls one after the other. Overwrites its outputs, or adds to them.
   Enqueues and returns. Errors: ARGUMENT (a mask that lacks, or is too many, or shares bytes with
   another tensor, too), SHAPE, DTYPE, UNSUPPORTED (strides), OPENCL. */
BNCL_API bncl_status bncl_batch_norm_backward_train(bncl_batch_norm *plan, bncl_queue *queue,
                                                    const bncl_batch_norm_backward *args,
                                                    const bncl_sync *sync, bncl_error *err);

/* The gradient through running statistics, which do not depend on x: dx = g·gamma·invstd with
   invstd from running_var; dgamma, dbeta and dresidual as above. Without running statistics (both
   absent) the same as bncl_batch_norm_backward_train. Errors: as there. */
BNCL_API bncl_status bncl_batch_norm_backward_eval(bncl_batch_norm *plan, bncl_queue *queue,
                                                   const bncl_batch_norm_backward *args,
                                                   const bncl_sync *sync, bncl_error *err);

/* What a double backward call reads and writes: a backward call's operands, the gradients that
   arrive at its results dx, dgamma and dbeta, and the gradients that go on to its operands. Each of
   the arriving ones may be absent, which stands for zeros, and each of the outputs. x, dy, ddx, dx
   and ddy have the plan's shape and dtype, and may have strides as in a forward call; all others
   are [C], f32 (f64 with x of f64). dx and ddy may each be the same tensor as x, dy or ddx, but
   must not overlap each other. */
typedef struct bncl_batch_norm_double_backward {
    bncl_tensor x;            /* in: the forward call's */
    bncl_tensor dy;           /* in: the backward call's */
    bncl_tensor gamma;        /* in; absent: 1 */
    bncl_tensor running_mean; /* in (eval) */
    bncl_tensor running_var;  /* in (eval) */
    bncl_tensor save_mean;    /* in, with batch statistics: what the forward call wrote */
    bncl_tensor save_mean_lo;
    bncl_tensor save_invstd;
    bncl_tensor ddx;            /* in: the gradient with respect to the backward call's dx */
    bncl_tensor ddgamma;        /* in: to its dgamma */
    bncl_tensor ddbeta;         /* in: to its dbeta */
    bncl_tensor dx;             /* out: the gradient with respect to x */
    bncl_tensor ddy;            /* out: to dy */
    bncl_tensor dgamma;         /* out: to gamma. (beta takes no part in a backward call.) */
    bool accumulate_dx;         /* adds to dx, instead of overwriting it */
    bool accumulate_ddy;        /* adds to ddy */
    bool accumulate_parameters; /* adds to dgamma */
} bncl_batch_norm_double_backward;

/* The gradient of a backward call through batch statistics, for gradient penalties and other second
   derivatives: what PyTorch's batchnorm_double_backward computes. With x̂ = (x-mean)·invstd and,
   for any v of x's shape, P(v) = v - Σv/n - x̂·Σ(v·x̂)/n, that call's results are
     dbeta = Σdy    dgamma = Σdy·x̂    dx = gamma·invstd·P(dy)
   and S = Σ(ddx·dx) + Σ(ddgamma·dgamma) + Σ(ddbeta·dbeta) has the derivatives
     to gamma:  invstd·Q,  Q = Σ(ddx·P(dy)) = Σ(ddx·dy) - Σddx·Σdy/n - Σ(ddx·x̂)·Σ(dy·x̂)/n
     to dy:     gamma·invstd·P(ddx) + ddgamma·x̂ + ddbeta
     to x:      invstd·(ddgamma·P(dy)
                        - gamma·invstd/n·(Σ(dy·x̂)·P(ddx) + Σ(ddx·x̂)·P(dy) + Q·x̂))
   Source: S differentiated by hand, with ∂invstd/∂xᵢ = -invstd²·x̂ᵢ/n and, where v does not
   depend on x, ∂Σ(v·x̂)/∂xᵢ = invstd·P(v)ᵢ. Of the statistics as given, |error| is within 30
   roundings of dx, 17 of ddy and 20 of dgamma, with every term of the formulas taken positive and
   whatever n is; f16 and bf16 have one more, their own, at the store.

   ddy is also y's forward-mode derivative, a Jacobian-vector product: dx, dgamma and dbeta are dy's
   products with the transposed Jacobians of y, so that what goes on to dy is
     ∂y/∂x·ddx + ∂y/∂gamma·ddgamma + ∂y/∂beta·ddbeta
   which torch.autograd.forward_ad gives y for tangents ddx, ddgamma and ddbeta of x, gamma and beta
   (absent ones are zeros). dy takes no part in it: where there is none, x will do. The tangent of
   what was added as a residual adds to it.

   Overwrites its outputs, or adds to them; an empty batch has a dgamma of zeros. Enqueues and
   returns; but a plan's first double backward call, through either function, builds the kernels
   (about a second, the first time a context needs them) and the workspace of both, so that plans
   which make none do not pay for them. Errors: ARGUMENT (dx and ddy that share elements, too),
   SHAPE, DTYPE, UNSUPPORTED (strides; a plan with an activation, which has no double backward: run
   the activation as an operation of its own), MEMORY, OPENCL; of the first call also NO_COMPILER,
   BUILD, DEVICE_MEMORY. */
BNCL_API bncl_status bncl_batch_norm_double_backward_train(
    bncl_batch_norm *plan, bncl_queue *queue, const bncl_batch_norm_double_backward *args,
    const bncl_sync *sync, bncl_error *err);

/* The gradient of a backward call through running statistics, which do not depend on x: with invstd
   from running_var
     to gamma: invstd·Σ(ddx·dy)    to dy: gamma·invstd·ddx + ddgamma·x̂ + ddbeta
     to x: ddgamma·invstd·dy
   Without running statistics (both absent) the same as bncl_batch_norm_double_backward_train. All
   else, and the errors: as there. */
BNCL_API bncl_status bncl_batch_norm_double_backward_eval(
    bncl_batch_norm *plan, bncl_queue *queue, const bncl_batch_norm_double_backward *args,
    const bncl_sync *sync, bncl_error *err);

BNCL_END_DECLS

#endif
