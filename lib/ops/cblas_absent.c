/* A libbncl built without OpenBLAS: what stands for ops/cblas.c then. It serves no device. */
#include "ops/cblas.h"

#include <stdio.h>

#include "base/error.h"

const char *bncli_cblas_obstacle(const bncli_device_facts *facts)
{
    (void)facts;
    return "a libbncl built with OpenBLAS";
}

void bncli_cblas_describe(char *out, size_t size)
{
    snprintf(out, size, "no OpenBLAS");
}

static bncl_status absent(bncl_error *err)
{
    return bncli_fail(err, BNCL_ERROR_UNSUPPORTED, "cblas: expected %s",
                      bncli_cblas_obstacle(NULL));
}

bncl_status bncli_cblas_workspace_size(bncl_context *context, const bncli_product *product,
                                       size_t *bytes, bncl_error *err)
{
    (void)context, (void)product, (void)bytes;
    return absent(err);
}

bncl_status bncli_cblas_sgemm(bncl_queue *queue, const bncli_product *product, const bncl_tensor *a,
                              const bncl_tensor *b, float beta, const bncl_tensor *c,
                              const bncl_buffer *workspace, bncl_error *err)
{
    (void)queue, (void)product, (void)a, (void)b, (void)beta, (void)c, (void)workspace;
    return absent(err);
}

bncl_status bncli_cblas_sgemm_beside(bncl_queue *queue, const bncli_product *product,
                                     const bncl_tensor *a, const bncl_tensor *b, float beta,
                                     const bncl_tensor *c, bncli_gemm_beside beside,
                                     const bncl_tensor *vector, bncl_error *err)
{
    (void)queue, (void)product, (void)a, (void)b, (void)beta, (void)c, (void)beside, (void)vector;
    return absent(err);
}
