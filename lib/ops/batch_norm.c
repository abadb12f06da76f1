/* Batch norm plans: their making and their end. */
#include "ops/batch_norm.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "ops/activation.h"
#include "ops/operand.h"
#include "tensor/dtype.h"
#include "tensor/size.h"

bncl_batch_norm_options bncl_batch_norm_options_default(void)
{
    return (bncl_batch_norm_options){.eps = 1e-5, .momentum = 0.1, .cumulative = false};
}

/* partial [4][tiles][channels], then coefficients [5][channels]. */
static bncl_status create_workspace(bncl_batch_norm *plan, bncl_error *err)
{
    const size_t partial_dims[] = {4, plan->tiles, plan->geometry.channels};
    const size_t coefficient_dims[] = {5, plan->geometry.channels};
    size_t partial, floats, bytes;
    if (!bncli_size_product(3, partial_dims, &partial) ||
        !bncli_size_add(partial, 5 * plan->geometry.channels, &floats) ||
        !bncli_size_mul(floats, bncl_dtype_size(plan->accumulator), &bytes))
        return bncli_fail(err, BNCL_ERROR_SHAPE, "the workspace's size overflows");
    bncl_status status = bncl_buffer_create(plan->context, bytes, &plan->workspace, err);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&plan->partial, plan->workspace, 0, plan->accumulator, 3,
                                  partial_dims, err);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&plan->coefficients, plan->workspace, partial, plan->accumulator,
                                  2, coefficient_dims, err);
    return status;
}

static bncl_status check_create(bncl_context *context, bncl_dtype dtype, const size_t *dims,
                                const bncl_batch_norm_options *options, bncl_batch_norm **out,
                                bncl_error *err)
{
    if (context == NULL || dims == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context, dims or out is NULL");
    bncl_status status = bncli_values_check(context, dtype, "batch norm", err);
    return status == BNCL_OK && options != NULL ? bncli_activation_check(&options->activation, err)
                                                : status;
}

/* Lines of a mask are the elementwise kernels' lines: see kernels/lines.cl. */
static size_t mask_bytes(const bncl_batch_norm *plan)
{
    const bncli_geometry *g = &plan->geometry;
    if (!bncli_batch_norm_is_active(plan))
        return 0;
    return g->inner == 1 ? g->outer * bncli_mask_line_bytes(g->channels)
                         : g->outer * g->channels * bncli_mask_line_bytes(g->inner);
}

bncl_status bncl_batch_norm_create(bncl_context *context, bncl_layout layout, bncl_dtype dtype,
                                   int rank, const size_t *dims,
                                   const bncl_batch_norm_options *options, bncl_batch_norm **out,
                                   bncl_error *err)
{
    bncli_error_clear(err);
    bncl_status status = check_create(context, dtype, dims, options, out, err);
    bncli_geometry geometry;
    if (status == BNCL_OK)
        status = bncli_geometry_of(layout, rank, dims, &geometry, err);
    if (status != BNCL_OK)
        return status;
    bncl_batch_norm *plan;
    status = bncli_new(&plan, 1, sizeof *plan, err);
    if (status != BNCL_OK)
        return status;
    plan->context = context;
    plan->options = options != NULL ? *options : bncl_batch_norm_options_default();
    plan->layout = layout;
    plan->dtype = dtype;
    plan->accumulator = bncli_dtype_facts_of(dtype)->accumulator;
    plan->rank = rank;
    memcpy(plan->dims, dims, (size_t)rank * sizeof *dims);
    plan->geometry = geometry;
    plan->tiles = (geometry.count + BNCLI_TILE - 1) / BNCLI_TILE;
    plan->mask_bytes = mask_bytes(plan);
    status = bncli_batch_norm_choose(plan, err);
    if (status == BNCL_OK)
        status = create_workspace(plan, err);
    if (status != BNCL_OK) {
        bncl_batch_norm_destroy(plan);
        return status;
    }
    *out = plan;
    return BNCL_OK;
}

void bncl_batch_norm_destroy(bncl_batch_norm *plan)
{
    if (plan == NULL)
        return;
    for (int step = 0; step < BNCLI_BATCH_NORM_STEPS; ++step)
        bncli_kernel_destroy(plan->kernels[step]);
    bncl_buffer_destroy(plan->nodes);
    bncl_buffer_destroy(plan->double_workspace);
    bncl_buffer_destroy(plan->workspace);
    bncli_free(plan);
}

size_t bncl_batch_norm_mask_bytes(const bncl_batch_norm *plan)
{
    return plan != NULL ? plan->mask_bytes : 0;
}

bncli_argument bncli_batch_norm_low(const bncl_batch_norm *plan)
{
    return bncli_batch_norm_real(plan, bncli_activation_low(&plan->options.activation));
}

bncli_argument bncli_batch_norm_real(const bncl_batch_norm *plan, double value)
{
    return plan->accumulator == BNCL_F64 ? bncli_arg_double(value) : bncli_arg_float(value);
}

bncli_argument bncli_batch_norm_arg(const bncl_batch_norm *plan, const bncl_tensor *tensor)
{
    bncli_strides strides = {0, 0};
    if (!bncli_present(tensor))
        return bncli_arg_strided(tensor, 0, 0);
    if (bncli_geometry_strides(plan->layout, &plan->geometry, tensor, "", &strides, NULL) !=
        BNCL_OK)
        return bncli_arg_strided(tensor, 0, 0); /* not after the check */
    return bncli_arg_strided(tensor, strides.outer, strides.channel);
}

size_t bncli_batch_norm_tile_arguments(const bncl_batch_norm *plan, bncli_argument *out)
{
    const bncli_geometry *g = &plan->geometry;
    size_t count = 0;
    out[count++] = bncli_arg_uint(g->channels);
    if (g->inner != 1)
        out[count++] = bncli_arg_uint(g->inner);
    out[count++] = bncli_arg_uint(g->count);
    out[count++] = bncli_arg_uint(plan->tiles);
    return count;
}

bncl_status bncli_batch_norm_step_run(bncl_batch_norm *plan, bncli_batch_norm_step step,
                                      bncl_queue *queue, const bncli_argument *arguments,
                                      size_t count, bncl_event **signal, bncl_error *err)
{
    bncl_status status = bncli_batch_norm_need(plan, step, err);
    if (status != BNCL_OK)
        return status;
    return bncli_launch(queue, plan->kernels[step], &plan->grids[step], arguments, count, signal,
                        err);
}

bncl_status bncli_batch_norm_use_running(bncl_batch_norm *plan, bncl_queue *queue,
                                         const bncl_tensor *running_mean,
                                         const bncl_tensor *running_var, const bncl_tensor *gamma,
                                         const bncl_tensor *beta, bncl_error *err)
{
    unsigned flags = (gamma->buffer != NULL ? BNCLI_HAS_GAMMA : 0u) |
                     (beta->buffer != NULL ? BNCLI_HAS_BETA : 0u);
    const bncli_argument arguments[] = {
        bncli_arg_tensor(running_mean),
        bncli_arg_tensor(running_var),
        bncli_arg_tensor(gamma),
        bncli_arg_tensor(beta),
        bncli_arg_tensor(&plan->coefficients),
        bncli_arg_uint(flags),
        bncli_arg_uint(plan->geometry.channels),
        bncli_batch_norm_real(plan, plan->options.eps),
    };
    return bncli_batch_norm_step_run(plan, BNCLI_RUNNING_COEFFICIENTS, queue, arguments,
                                     BNCLI_COUNT(arguments), NULL, err);
}
