/* The affine map of torch.nn.Linear: y = x·Wᵀ + b. */
#ifndef BNCL_LINEAR_H
#define BNCL_LINEAR_H

#include <stdbool.h>
#include <stddef.h>

#include <bncl/context.h>
#include <bncl/event.h>
#include <bncl/export.h>
#include <bncl/queue.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

BNCL_BEGIN_DECLS

/* A plan for one number of rows, inputs and outputs. One thread and one queue at a time. */
typedef struct bncl_linear bncl_linear;

/* Plans y [rows, out_features] = x [rows, in_features] · Wᵀ + b, with W [out_features, in_features]
   and b [out_features], f32. rows may be 0. The caller owns *out. Matrix products are OpenBLAS's or
   CLBlast's, as gemm.h tells; CLBlast's own kernels build at the first use on a device (seconds).
   Errors: ARGUMENT, SHAPE (no features, too large), UNSUPPORTED (BNCL_GEMM names what cannot serve
   the device), NO_COMPILER, BUILD, MEMORY, DEVICE_MEMORY, OPENCL, BLAS. */
BNCL_API bncl_status bncl_linear_create(bncl_context *context, size_t rows, size_t in_features,
                                        size_t out_features, bncl_linear **out, bncl_error *err);

/* NULL is fine. */
BNCL_API void bncl_linear_destroy(bncl_linear *plan);

/* y = x·Wᵀ + b; bias absent: without b. Enqueues and returns (CLBlast's first use on a device
   blocks while it builds). Errors: ARGUMENT, SHAPE, DTYPE, BUILD (CLBlast's kernels), MEMORY,
   DEVICE_MEMORY, OPENCL, BLAS. */
BNCL_API bncl_status bncl_linear_forward(bncl_linear *plan, bncl_queue *queue, const bncl_tensor *x,
                                         const bncl_tensor *weight, const bncl_tensor *bias,
                                         const bncl_tensor *y, const bncl_sync *sync,
                                         bncl_error *err);

/* What a backward call reads and writes. dx, dweight and dbias may each be absent. */
typedef struct bncl_linear_backward_args {
    bncl_tensor x;              /* in:  [rows, in_features] */
    bncl_tensor weight;         /* in:  [out_features, in_features] */
    bncl_tensor dy;             /* in:  [rows, out_features] */
    bncl_tensor dx;             /* out: dy·W */
    bncl_tensor dweight;        /* out: dyᵀ·x */
    bncl_tensor dbias;          /* out: Σ over rows of dy */
    bool accumulate_dx;         /* adds to dx, instead of overwriting it */
    bool accumulate_parameters; /* adds to dweight and dbias */
} bncl_linear_backward_args;

/* Overwrites its outputs, or adds to them. Enqueues and returns. Errors: as bncl_linear_forward. */
BNCL_API bncl_status bncl_linear_backward(bncl_linear *plan, bncl_queue *queue,
                                          const bncl_linear_backward_args *args,
                                          const bncl_sync *sync, bncl_error *err);

BNCL_END_DECLS

#endif
