/* Internal: matrix products, behind one home. */
#ifndef BNCLI_GEMM_H
#define BNCLI_GEMM_H

#include <stdbool.h>

#include <bncl/buffer.h>
#include <bncl/gemm.h>
#include <bncl/queue.h>
#include <bncl/tensor.h>

#include "runtime/device.h"
#include "tensor/product.h"

/* What a product's command does beside the product, with a vector. */
typedef enum bncli_gemm_beside {
    BNCLI_GEMM_BIAS,  /* [n]: each row of C begins as the vector; beta does not matter */
    BNCLI_GEMM_SUMS,  /* [m]: becomes the sums of op(A)'s rows, of a transposed A: see cblas.h */
    BNCLI_GEMM_ADDED, /* likewise, added to what the vector holds */
    BNCLI_GEMM_ALONE  /* nothing */
} bncli_gemm_beside;

/* Someone who multiplies matrices: a row of the table in gemm.c. */
typedef struct bncli_gemm_provider {
    const char *name; /* as BNCL_GEMM takes it */
    /* Why it cannot serve such a device, "needs …"; NULL if it can. */
    const char *(*obstacle)(const bncli_device_facts *facts);
    void (*describe)(char *out, size_t size);
    /* The bytes of workspace that a product needs, none of whose sizes is 0. */
    bncl_status (*workspace_size)(bncl_context *context, const bncli_product *product,
                                  size_t *bytes, bncl_error *err);
    /* Enqueues such a product. */
    bncl_status (*multiply)(bncl_queue *queue, const bncli_product *product, const bncl_tensor *a,
                            const bncl_tensor *b, float beta, const bncl_tensor *c,
                            const bncl_buffer *workspace, bncl_error *err);
    /* Enqueues such a product with something beside it, as one command. NULL: cannot. */
    bncl_status (*multiply_beside)(bncl_queue *queue, const bncli_product *product,
                                   const bncl_tensor *a, const bncl_tensor *b, float beta,
                                   const bncl_tensor *c, bncli_gemm_beside beside,
                                   const bncl_tensor *vector, bncl_error *err);
} bncli_gemm_provider;

/* The provider for a device, by what BNCL_GEMM says. Errors: ARGUMENT (no such name), UNSUPPORTED
   (it cannot serve this device). */
bncl_status bncli_gemm_choose(const bncli_device_facts *facts, const bncli_gemm_provider **out,
                              bncl_error *err);

/* Who multiplies, and the workspace. No two products in flight may share a plan unless their queue
   orders them. All zero: a plan to be made. */
typedef struct bncli_gemm_plan {
    const bncli_gemm_provider *provider;
    bncl_buffer *workspace; /* NULL where none is needed */
} bncli_gemm_plan;

/* Plans these products, to be run one at a time. Errors: ARGUMENT, UNSUPPORTED (BNCL_GEMM), SHAPE
   (too large for the provider), MEMORY, DEVICE_MEMORY, OPENCL, BLAS. */
bncl_status bncli_gemm_plan_make(bncl_context *context, const bncli_product *products, size_t count,
                                 bncli_gemm_plan *out, bncl_error *err);

/* Releases what the plan owns; one of zeros is fine. */
void bncli_gemm_plan_release(bncli_gemm_plan *plan);

/* C = op(A)·op(B) + beta·C, one of the plan's products; beta is 0 or 1. Any of m, n, k may be 0: a
   product over k = 0 is zero. Enqueues. Errors: BUILD, MEMORY, DEVICE_MEMORY, OPENCL, BLAS. */
bncl_status bncli_gemm(const bncli_gemm_plan *plan, bncl_queue *queue, const bncli_product *product,
                       const bncl_tensor *a, const bncl_tensor *b, float beta, const bncl_tensor *c,
                       bncl_error *err);

/* Whether one command can do the product with something beside it, and is better than two: a launch
   costs more than a pass over `elements` by one thread. */
bool bncli_gemm_takes_beside(const bncli_gemm_plan *plan, const bncli_product *product,
                             size_t elements);

/* As bncli_gemm, with something beside it; only where bncli_gemm_takes_beside says so. Errors:
   OPENCL, MEMORY. */
bncl_status bncli_gemm_run_beside(const bncli_gemm_plan *plan, bncl_queue *queue,
                                  const bncli_product *product, const bncl_tensor *a,
                                  const bncl_tensor *b, float beta, const bncl_tensor *c,
                                  bncli_gemm_beside beside, const bncl_tensor *vector,
                                  bncl_error *err);

#endif
