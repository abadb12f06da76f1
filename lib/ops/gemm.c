/* Who multiplies matrices: CLBlast, which refuses empty ones. */
#include "ops/gemm.h"

#include <bncl/buffer.h>

static bool is_empty(const bncli_product *product)
{
    return product->m == 0 || product->n == 0 || product->k == 0;
}

bncl_status bncli_gemm_workspace_create(bncl_context *context, const bncli_product *products,
                                        size_t count, bncl_buffer **out, bncl_error *err)
{
    size_t most = 0;
    for (size_t i = 0; i < count; ++i) {
        size_t bytes = 0;
        bncl_status status = BNCL_OK;
        if (!is_empty(&products[i]))
            status = bncli_clblast_workspace_size(context, &products[i], &bytes, err);
        if (status != BNCL_OK)
            return status;
        most = bytes > most ? bytes : most;
    }
    if (most > 0)
        return bncl_buffer_create(context, most, out, err);
    *out = NULL;
    return BNCL_OK;
}

bncl_status bncli_gemm(bncl_queue *queue, const bncli_product *product, const bncl_tensor *a,
                       const bncl_tensor *b, float beta, const bncl_tensor *c,
                       const bncl_buffer *workspace, bncl_error *err)
{
    if (!is_empty(product))
        return bncli_clblast_sgemm(queue, product, a, b, beta, c, workspace, err);
    if (product->m > 0 && product->n > 0 && beta == 0.0f)
        return bncl_tensor_fill(queue, c, 0.0, NULL, err);
    return BNCL_OK;
}
