/* Who multiplies matrices: CLBlast, which refuses empty ones. */
#include "ops/gemm.h"

#include <bncl/buffer.h>

bncl_status bncli_gemm(bncl_queue *queue, size_t m, size_t n, size_t k, bncli_matrix a,
                       bncli_matrix b, float beta, bncli_matrix c, bncl_error *err)
{
    if (m == 0 || n == 0)
        return BNCL_OK;
    if (k == 0)
        return beta == 0.0f ? bncl_tensor_fill(queue, c.tensor, 0.0, NULL, err) : BNCL_OK;
    return bncli_clblast_sgemm(queue, m, n, k, a, b, beta, c, err);
}
