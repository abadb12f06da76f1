/* Internal: the CLBlast calls. When to make it is ops/gemm.c's business. */
#ifndef BNCLI_CLBLAST_H
#define BNCLI_CLBLAST_H

#include <stddef.h>

#include <bncl/buffer.h>
#include <bncl/queue.h>
#include <bncl/tensor.h>

#include "tensor/product.h"

/* The bytes of workspace that CLBlast needs at most for this product on this device, wherever in
   their buffers the matrices lie; m, n, k at least 1. Errors: MEMORY, DEVICE_MEMORY, OPENCL,
   BLAS. */
bncl_status bncli_clblast_workspace_size(bncl_context *context, const bncli_product *product,
                                         size_t *bytes, bncl_error *err);

/* Runs the product on three f32 tensors; workspace (NULL for none) has the size told above, and no
   two products in flight may share it unless the queue orders them. Enqueues; the first use on a
   device blocks while CLBlast compiles. Errors: MEMORY, DEVICE_MEMORY, OPENCL, BLAS. */
bncl_status bncli_clblast_sgemm(bncl_queue *queue, const bncli_product *product,
                                const bncl_tensor *a, const bncl_tensor *b, float beta,
                                const bncl_tensor *c, const bncl_buffer *workspace,
                                bncl_error *err);

/* Lets CLBlast forget its programs if this context has used any: they hold on to the cl_context.
   Programs of other contexts go as well, and are built again at their next product. */
void bncli_clblast_forget(const bncl_context *context);

#endif
