/* Internal: the one CLBlast call. When to make it is ops/gemm.c's business. */
#ifndef BNCLI_CLBLAST_H
#define BNCLI_CLBLAST_H

#include <stdbool.h>
#include <stddef.h>

#include <bncl/queue.h>
#include <bncl/tensor.h>

/* A row-major matrix inside a tensor's buffer; op(A) is A or its transpose. */
typedef struct bncli_matrix {
    const bncl_tensor *tensor;
    size_t row_length; /* elements from one row to the next */
    bool transposed;
} bncli_matrix;

/* C = op(A)·op(B) + beta·C with op(A) [m,k], op(B) [k,n], C [m,n], all of m, n, k at least 1.
   Enqueues; the first use on a device blocks while CLBlast compiles. Errors: BLAS, OPENCL. */
bncl_status bncli_clblast_sgemm(bncl_queue *queue, size_t m, size_t n, size_t k, bncli_matrix a,
                                bncli_matrix b, float beta, bncli_matrix c, bncl_error *err);

#endif
