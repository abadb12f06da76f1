/* Internal: matrix products by OpenBLAS, on the threads of the host. When they are asked for is
   ops/gemm.c's business. Built without OpenBLAS, cblas_absent.c stands for cblas.c. */
#ifndef BNCLI_CBLAS_H
#define BNCLI_CBLAS_H

#include <stddef.h>

#include <bncl/queue.h>
#include <bncl/tensor.h>

#include "ops/gemm.h"
#include "runtime/device.h"
#include "tensor/product.h"

/* Why it cannot serve such a device, for a text; NULL if it can. */
const char *bncli_cblas_obstacle(const bncli_device_facts *facts);

/* Writes "OpenBLAS 0.3.21 (native kernel)", cut to size. */
void bncli_cblas_describe(char *out, size_t size);

/* The workspace of a product, none; and whether its sizes are such as CBLAS takes, which counts in
   int. Errors: SHAPE. */
bncl_status bncli_cblas_workspace_size(bncl_context *context, const bncli_product *product,
                                       size_t *bytes, bncl_error *err);

/* Runs the product, none of whose sizes is 0, on three f32 tensors; beta is 0 or 1. Enqueues.
   Errors: MEMORY, OPENCL. */
bncl_status bncli_cblas_sgemm(bncl_queue *queue, const bncli_product *product, const bncl_tensor *a,
                              const bncl_tensor *b, float beta, const bncl_tensor *c,
                              const bncl_buffer *workspace, bncl_error *err);

/* The same with something beside it. Sums are those of kernels/linear_bias.cl, bit for bit: rows
   add in order within leaves of 32, leaves in order as sums of two floats. Errors: MEMORY,
   OPENCL. */
bncl_status bncli_cblas_sgemm_beside(bncl_queue *queue, const bncli_product *product,
                                     const bncl_tensor *a, const bncl_tensor *b, float beta,
                                     const bncl_tensor *c, bncli_gemm_beside beside,
                                     const bncl_tensor *vector, bncl_error *err);

#endif
