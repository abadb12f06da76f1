/* What batch norm calls refuse, in PyTorch's order and words. */
#include "ops/batch_norm.h"

#include "base/error.h"
#include "ops/operand.h"
#include "runtime/buffer.h"

/* A tensor of one value per channel. */
static bncl_status check_vector(const bncl_batch_norm *plan, const bncl_tensor *tensor,
                                const char *name, bncl_error *err)
{
    bncl_status status = bncli_tensor_check(plan->context, tensor, name, err);
    if (status != BNCL_OK)
        return status;
    if (tensor->dtype != plan->accumulator)
        return bncli_fail(err, BNCL_ERROR_DTYPE, "%s: expected %s, got %s", name,
                          bncl_dtype_name(plan->accumulator), bncl_dtype_name(tensor->dtype));
    size_t count = bncl_tensor_count(tensor);
    if (count == plan->geometry.channels && tensor->rank != 1)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: expected 1 dim, got %d", name, tensor->rank);
    if (count != plan->geometry.channels)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "%s should contain %zu elements not %zu", name,
                          plan->geometry.channels, count);
    return BNCL_OK;
}

/* Those that are there; they share no byte with the mask, if that is there. */
static bncl_status check_vectors(const bncl_batch_norm *plan, const bncl_tensor *mask,
                                 const bncli_operand *vectors, size_t count, bncl_error *err)
{
    const bncli_operand bits = {mask, "mask"};
    bncl_status status = BNCL_OK;
    for (size_t i = 0; i < count && status == BNCL_OK; ++i) {
        if (!bncli_present(vectors[i].tensor))
            continue;
        status = check_vector(plan, vectors[i].tensor, vectors[i].name, err);
        if (status == BNCL_OK && bncli_present(mask))
            status = bncli_operand_check_bytes_apart(bits, vectors[i], err);
    }
    return status;
}

/* The running statistics that evaluation goes by; in PyTorch's words. */
static bncl_status check_defined(const bncli_operand *running, bncl_error *err)
{
    for (size_t i = 0; i < 2; ++i)
        if (!bncli_present(running[i].tensor))
            return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%s must be defined in evaluation mode",
                              running[i].name);
    return BNCL_OK;
}

/* New running statistics come of old ones. */
static bncl_status check_next(const bncli_operand *next, const bncli_operand *running,
                              bncl_error *err)
{
    for (size_t i = 0; i < 2; ++i)
        if (bncli_present(next[i].tensor) && !bncli_present(running[i].tensor))
            return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%s is present, %s absent", next[i].name,
                              running[i].name);
    return BNCL_OK;
}

/* All of them, or none. */
static bncl_status check_together(const bncli_operand *operands, size_t count, bncl_error *err)
{
    for (size_t i = 1; i < count; ++i)
        if (bncli_present(operands[i].tensor) != bncli_present(operands[0].tensor))
            return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                              "expected %s and %s both present or both absent, got one",
                              operands[0].name, operands[i].name);
    return BNCL_OK;
}

bncl_status bncli_batch_norm_check_inputs(const bncl_batch_norm *plan,
                                          const bncli_operand *operands, size_t count,
                                          bncl_error *err)
{
    bncl_status status = BNCL_OK;
    bncli_strides strides;
    for (size_t i = 0; i < count && status == BNCL_OK; ++i) {
        status = bncli_operand_check_strided(plan->context, operands[i], plan->dtype, plan->rank,
                                             plan->dims, err);
        if (status == BNCL_OK)
            status = bncli_geometry_strides(plan->layout, &plan->geometry, operands[i].tensor,
                                            operands[i].name, &strides, err);
    }
    return status;
}

/* Outputs of elementwise steps may take the place of an input. */
static bncl_status check_in_place(bncli_operand out, const bncli_operand *inputs, size_t count,
                                  bncl_error *err)
{
    bncl_status status = BNCL_OK;
    for (size_t i = 0; i < count && status == BNCL_OK; ++i)
        status = bncli_operand_check_in_place(out, inputs[i], err);
    return status;
}

static bncl_status check_more_than_one(const bncl_batch_norm *plan, bncl_error *err)
{
    if (plan->geometry.count != 1)
        return BNCL_OK;
    char shape[128];
    bncli_shape_text(plan->rank, plan->dims, shape, sizeof shape);
    return bncli_fail(err, BNCL_ERROR_SHAPE,
                      "Expected more than 1 value per channel when training, got input size %s",
                      shape);
}

/* The mask of a plan with an activation: apart from `others`, all of the plan's shape, those that
   are there. */
static bncl_status check_mask(const bncl_batch_norm *plan, const bncl_tensor *mask,
                              const bncli_operand *others, size_t count, bncl_error *err)
{
    const bncli_operand operand = {mask, "mask"};
    if (!bncli_batch_norm_is_active(plan))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                          "mask: expected none with a plan that has no activation, got one");
    bncl_status status =
        bncli_operand_check(plan->context, operand, BNCL_U8, 1, &plan->mask_bytes, err);
    for (size_t i = 0; i < count && status == BNCL_OK; ++i)
        if (bncli_present(others[i].tensor))
            status = bncli_operand_check_bytes_apart(operand, others[i], err);
    return status;
}

/* x, y, residual and mask. */
static bncl_status check_forward_inputs(const bncl_batch_norm *plan,
                                        const bncl_batch_norm_forward *args, bncl_error *err)
{
    const bncli_operand inputs[] = {
        {&args->x, "x"}, {&args->y, "y"}, {&args->residual, "residual"}};
    const bool residual = bncli_present(&args->residual);
    bncl_status status = bncli_batch_norm_check_inputs(plan, inputs, residual ? 3 : 2, err);
    if (status == BNCL_OK)
        status = check_in_place(inputs[1], inputs, 1, err);
    if (status == BNCL_OK && residual)
        status = check_in_place(inputs[1], inputs + 2, 1, err);
    if (status == BNCL_OK && bncli_present(&args->mask))
        status = check_mask(plan, &args->mask, inputs, BNCLI_COUNT(inputs), err);
    return status;
}

bncl_status bncli_batch_norm_check_forward(const bncl_batch_norm *plan, const bncl_queue *queue,
                                           const bncl_batch_norm_forward *args,
                                           bncli_statistics statistics, bncl_error *err)
{
    const bncli_operand running[] = {{&args->running_mean, "running_mean"},
                                     {&args->running_var, "running_var"}};
    const bncli_operand affine[] = {{&args->gamma, "weight"}, {&args->beta, "bias"}};
    const bncli_operand next[] = {{&args->next_mean, "next_mean"}, {&args->next_var, "next_var"}};
    const bncli_operand save[] = {{&args->save_mean, "save_mean"},
                                  {&args->save_mean_lo, "save_mean_lo"},
                                  {&args->save_invstd, "save_invstd"}};
    bncl_status status = bncli_queue_check(plan->context, queue, err);
    if (status == BNCL_OK)
        status = check_forward_inputs(plan, args, err);
    if (status == BNCL_OK && statistics == BNCLI_BATCH_STATISTICS)
        status = check_more_than_one(plan, err);
    if (status == BNCL_OK && statistics == BNCLI_RUNNING_STATISTICS)
        status = check_defined(running, err);
    if (status == BNCL_OK)
        status = check_vectors(plan, &args->mask, running, 2, err);
    if (status == BNCL_OK)
        status = check_vectors(plan, &args->mask, affine, 2, err);
    if (status == BNCL_OK)
        status = check_next(next, running, err);
    if (status == BNCL_OK)
        status = check_vectors(plan, &args->mask, next, 2, err);
    if (status == BNCL_OK)
        status = check_together(save, 3, err);
    if (status == BNCL_OK)
        status = check_vectors(plan, &args->mask, save, 3, err);
    return status;
}

/* Each of two outputs: the place of an input or apart from it, and both apart from each other. */
static bncl_status check_outputs(const bncli_operand *inputs, size_t count,
                                 const bncli_operand outputs[2], bncl_error *err)
{
    bncl_status status = BNCL_OK;
    for (int i = 0; i < 2 && status == BNCL_OK; ++i)
        if (bncli_present(outputs[i].tensor))
            status = check_in_place(outputs[i], inputs, count, err);
    if (status == BNCL_OK && bncli_present(outputs[0].tensor) && bncli_present(outputs[1].tensor))
        status = bncli_operand_check_apart(outputs[0], outputs[1], err);
    return status;
}

/* x, dy, dx, dresidual and mask. */
static bncl_status check_backward_inputs(const bncl_batch_norm *plan,
                                         const bncl_batch_norm_backward *args, bncl_error *err)
{
    const bncli_operand all[] = {
        {&args->x, "x"}, {&args->dy, "dy"}, {&args->dx, "dx"}, {&args->dresidual, "dresidual"}};
    bncl_status status = bncli_batch_norm_check_inputs(plan, all, 2, err);
    for (int i = 2; i < 4 && status == BNCL_OK; ++i)
        if (bncli_present(all[i].tensor))
            status = bncli_batch_norm_check_inputs(plan, &all[i], 1, err);
    if (status == BNCL_OK)
        status = check_outputs(all, 2, all + 2, err);
    if (status == BNCL_OK && (bncli_batch_norm_is_active(plan) || bncli_present(&args->mask)))
        status = check_mask(plan, &args->mask, all, BNCLI_COUNT(all), err);
    return status;
}

bncl_status bncli_batch_norm_check_backward(const bncl_batch_norm *plan, const bncl_queue *queue,
                                            const bncl_batch_norm_backward *args,
                                            bncli_statistics statistics, bncl_error *err)
{
    const bncli_operand vectors[] = {
        {&args->gamma, "weight"}, {&args->dgamma, "dgamma"}, {&args->dbeta, "dbeta"}};
    const bncli_operand running[] = {{&args->running_mean, "running_mean"},
                                     {&args->running_var, "running_var"}};
    const bncli_operand save[] = {{&args->save_mean, "save_mean"},
                                  {&args->save_mean_lo, "save_mean_lo"},
                                  {&args->save_invstd, "save_invstd"}};
    bncl_status status = bncli_queue_check(plan->context, queue, err);
    if (status == BNCL_OK)
        status = check_backward_inputs(plan, args, err);
    if (status == BNCL_OK)
        status = check_vectors(plan, &args->mask, vectors, 3, err);
    const bool batch = statistics != BNCLI_RUNNING_STATISTICS;
    const bncli_operand *needed = batch ? save : running;
    const size_t count = batch ? 3 : 2;
    for (size_t i = 0; i < count && status == BNCL_OK; ++i)
        status = check_vector(plan, needed[i].tensor, needed[i].name, err);
    return status == BNCL_OK ? check_vectors(plan, &args->mask, needed, count, err) : status;
}

/* The tensors of the plan's shape that are there. */
static bncl_status check_double_inputs(const bncl_batch_norm *plan,
                                       const bncl_batch_norm_double_backward *args, bncl_error *err)
{
    const bncli_operand inputs[] = {{&args->x, "x"}, {&args->dy, "dy"}, {&args->ddx, "ddx"}};
    const bncli_operand outputs[] = {{&args->dx, "dx"}, {&args->ddy, "ddy"}};
    const size_t count = bncli_present(&args->ddx) ? 3 : 2;
    bncl_status status = bncli_batch_norm_check_inputs(plan, inputs, count, err);
    for (int i = 0; i < 2 && status == BNCL_OK; ++i)
        if (bncli_present(outputs[i].tensor))
            status = bncli_batch_norm_check_inputs(plan, &outputs[i], 1, err);
    return status == BNCL_OK ? check_outputs(inputs, count, outputs, err) : status;
}

bncl_status bncli_batch_norm_check_double_backward(const bncl_batch_norm *plan,
                                                   const bncl_queue *queue,
                                                   const bncl_batch_norm_double_backward *args,
                                                   bncli_statistics statistics, bncl_error *err)
{
    const bncli_operand vectors[] = {{&args->gamma, "weight"},
                                     {&args->ddgamma, "ddgamma"},
                                     {&args->ddbeta, "ddbeta"},
                                     {&args->dgamma, "dgamma"}};
    const bncli_operand running[] = {{&args->running_mean, "running_mean"},
                                     {&args->running_var, "running_var"}};
    const bncli_operand save[] = {{&args->save_mean, "save_mean"},
                                  {&args->save_mean_lo, "save_mean_lo"},
                                  {&args->save_invstd, "save_invstd"}};
    const bncl_tensor no_mask = {0};
    bncl_status status = bncli_queue_check(plan->context, queue, err);
    if (status == BNCL_OK && bncli_batch_norm_is_active(plan))
        status = bncli_fail(err, BNCL_ERROR_UNSUPPORTED,
                            "double backward: expected a plan without an activation, got one with; "
                            "run the activation as an operation of its own");
    if (status == BNCL_OK)
        status = check_double_inputs(plan, args, err);
    if (status == BNCL_OK)
        status = check_vectors(plan, &no_mask, vectors, BNCLI_COUNT(vectors), err);
    const bool batch = statistics != BNCLI_RUNNING_STATISTICS;
    const bncli_operand *needed = batch ? save : running;
    for (size_t i = 0; i < (batch ? 3u : 2u) && status == BNCL_OK; ++i)
        status = check_vector(plan, needed[i].tensor, needed[i].name, err);
    return status;
}
