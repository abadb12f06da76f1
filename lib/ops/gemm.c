/* Who multiplies matrices: a table of libraries, best first, which all refuse empty matrices. */
#include "ops/gemm.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "ops/cblas.h"
#include "runtime/clblast.h"
#include "runtime/context.h"

static const char *no_obstacle(const bncli_device_facts *facts)
{
    (void)facts;
    return NULL;
}

/* CLBlast does not tell its version. */
static void describe_clblast(char *out, size_t size)
{
    snprintf(out, size, "CLBlast");
}

static const bncli_gemm_provider providers[] = {
    {"cblas", bncli_cblas_obstacle, bncli_cblas_describe, bncli_cblas_workspace_size,
     bncli_cblas_sgemm, bncli_cblas_sgemm_beside},
    {"clblast", no_obstacle, describe_clblast, bncli_clblast_workspace_size, bncli_clblast_sgemm,
     NULL},
};

enum { PROVIDERS = sizeof providers / sizeof providers[0] };

/* The best one for the device; the last row serves every one. */
static const bncli_gemm_provider *first_without_obstacle(const bncli_device_facts *facts)
{
    size_t i = 0;
    while (i + 1 < PROVIDERS && providers[i].obstacle(facts) != NULL)
        ++i;
    return &providers[i];
}

bncl_status bncli_gemm_choose(const bncli_device_facts *facts, const bncli_gemm_provider **out,
                              bncl_error *err)
{
    const char *wanted = getenv("BNCL_GEMM");
    const bncli_gemm_provider *chosen = first_without_obstacle(facts);
    if (wanted != NULL && wanted[0] != '\0') {
        size_t i = 0;
        while (i < PROVIDERS && strcmp(providers[i].name, wanted) != 0)
            ++i;
        if (i == PROVIDERS)
            return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                              "BNCL_GEMM: expected cblas or clblast, got '%.100s'", wanted);
        const char *obstacle = providers[i].obstacle(facts);
        if (obstacle != NULL)
            return bncli_fail(err, BNCL_ERROR_UNSUPPORTED,
                              "BNCL_GEMM: expected %s, which serves this device, got %s, which "
                              "needs %s",
                              chosen->name, wanted, obstacle);
        chosen = &providers[i];
    }
    *out = chosen;
    return BNCL_OK;
}

bncl_status bncl_gemm_provider(const bncl_context *context, bncl_gemm_info *out, bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context or out is NULL");
    const bncli_gemm_provider *chosen = NULL;
    bncl_status status = bncli_gemm_choose(bncli_context_facts(context), &chosen, err);
    if (status != BNCL_OK)
        return status;
    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "%s", chosen->name);
    chosen->describe(out->library, sizeof out->library);
    return BNCL_OK;
}

static bool is_empty(const bncli_product *product)
{
    return product->m == 0 || product->n == 0 || product->k == 0;
}

bncl_status bncli_gemm_plan_make(bncl_context *context, const bncli_product *products, size_t count,
                                 bncli_gemm_plan *out, bncl_error *err)
{
    bncli_gemm_plan plan = {NULL, NULL};
    bncl_status status = bncli_gemm_choose(bncli_context_facts(context), &plan.provider, err);
    size_t most = 0;
    for (size_t i = 0; i < count && status == BNCL_OK; ++i) {
        size_t bytes = 0;
        if (!is_empty(&products[i]))
            status = plan.provider->workspace_size(context, &products[i], &bytes, err);
        most = bytes > most ? bytes : most;
    }
    if (status == BNCL_OK && most > 0)
        status = bncl_buffer_create(context, most, &plan.workspace, err);
    if (status == BNCL_OK)
        *out = plan;
    return status;
}

void bncli_gemm_plan_release(bncli_gemm_plan *plan)
{
    bncl_buffer_destroy(plan->workspace);
    *plan = (bncli_gemm_plan){NULL, NULL};
}

bncl_status bncli_gemm(const bncli_gemm_plan *plan, bncl_queue *queue, const bncli_product *product,
                       const bncl_tensor *a, const bncl_tensor *b, float beta, const bncl_tensor *c,
                       bncl_error *err)
{
    if (!is_empty(product))
        return plan->provider->multiply(queue, product, a, b, beta, c, plan->workspace, err);
    if (product->m > 0 && product->n > 0 && beta == 0.0f)
        return bncl_tensor_fill(queue, c, 0.0, NULL, err);
    return BNCL_OK;
}

bool bncli_gemm_takes_beside(const bncli_gemm_plan *plan, const bncli_product *product,
                             size_t elements)
{
    enum { most = 1 << 16 }; /* a pass of about 10 us */
    return !is_empty(product) && elements <= most && plan->provider->multiply_beside != NULL;
}

bncl_status bncli_gemm_run_beside(const bncli_gemm_plan *plan, bncl_queue *queue,
                                  const bncli_product *product, const bncl_tensor *a,
                                  const bncl_tensor *b, float beta, const bncl_tensor *c,
                                  bncli_gemm_beside beside, const bncl_tensor *vector,
                                  bncl_error *err)
{
    return plan->provider->multiply_beside(queue, product, a, b, beta, c, beside, vector, err);
}
