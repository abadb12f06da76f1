/* Internal: matrix products, behind one home. */
#ifndef BNCLI_GEMM_H
#define BNCLI_GEMM_H

#include "runtime/clblast.h"

/* Makes the workspace that serves each of these products, one at a time; *out is NULL where none is
   needed. Errors: MEMORY, DEVICE_MEMORY, OPENCL, BLAS. */
bncl_status bncli_gemm_workspace_create(bncl_context *context, const bncli_product *products,
                                        size_t count, bncl_buffer **out, bncl_error *err);

/* C = op(A)·op(B) + beta·C; beta is 0 or 1. Any of m, n, k may be 0: a product over k = 0 is zero.
   Enqueues. Errors: MEMORY, DEVICE_MEMORY, OPENCL, BLAS. */
bncl_status bncli_gemm(bncl_queue *queue, const bncli_product *product, const bncl_tensor *a,
                       const bncl_tensor *b, float beta, const bncl_tensor *c,
                       const bncl_buffer *workspace, bncl_error *err);

#endif
