/* Internal: matrix products, behind one function. */
#ifndef BNCLI_GEMM_H
#define BNCLI_GEMM_H

#include "runtime/clblast.h"

/* C = op(A)·op(B) + beta·C, row-major; op(A) is [m,k], op(B) [k,n], C [m,n]; beta is 0 or 1. Any of
   m, n, k may be 0: a product over k = 0 is zero. Enqueues. Errors: BLAS, OPENCL. */
bncl_status bncli_gemm(bncl_queue *queue, size_t m, size_t n, size_t k, bncli_matrix a,
                       bncli_matrix b, float beta, bncli_matrix c, bncl_error *err);

#endif
