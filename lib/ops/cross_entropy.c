/* Softmax cross entropy: a kernel by rows, and one that adds the rows up. */
#include <bncl/cross_entropy.h>

#include <math.h>
#include <stdint.h>

#include <bncl/buffer.h>

#include "base/alloc.h"
#include "base/error.h"
#include "ops/operand.h"
#include "program/build.h"
#include "program/tuning.h"
#include "runtime/context.h"
#include "runtime/launch.h"
#include "runtime/queue.h"
#include "tensor/size.h"

enum { HAS_CORRECT = 1, HAS_DLOGITS = 2 };

struct bncl_cross_entropy {
    bncl_context *context; /* borrowed */
    size_t rows, classes;
    bncli_tuning tuning;
    bncl_buffer *workspace; /* row_loss, row_correct */
    bncl_tensor row_loss, row_correct;
    bncli_kernel *by_row, *mean;
};

static bncl_status create_parts(bncl_cross_entropy *plan, bncl_error *err)
{
    const bncl_dtype dtypes[] = {BNCL_F32, BNCL_I32};
    bncl_tensor *tensors[] = {&plan->row_loss, &plan->row_correct};
    bncl_status status =
        bncl_buffer_create(plan->context, 2 * plan->rows * sizeof(float), &plan->workspace, err);
    for (size_t i = 0; i < 2 && status == BNCL_OK; ++i)
        status = bncl_tensor_init(tensors[i], plan->workspace, i * plan->rows, dtypes[i], 1,
                                  &plan->rows, err);
    if (status == BNCL_OK)
        status = bncli_tuning_of(plan->context, &plan->tuning, err);
    if (status != BNCL_OK)
        return status;
    unsigned vector = plan->tuning.vector;
    while (vector > 1 && vector > plan->classes)
        vector /= 2;
    const bncli_macro macros[] = {{"VEC", vector}};
    status = bncli_kernel_build(plan->context, "cross_entropy_rows", macros, BNCLI_COUNT(macros),
                                &plan->by_row, err);
    if (status == BNCL_OK)
        status = bncli_kernel_build(plan->context, "cross_entropy_mean", NULL, 0, &plan->mean, err);
    return status;
}

bncl_status bncl_cross_entropy_create(bncl_context *context, size_t rows, size_t classes,
                                      bncl_cross_entropy **out, bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context or out is NULL");
    if (classes == 0)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "expected at least 1 class, got 0");
    size_t count;
    if (rows > INT32_MAX || classes > INT32_MAX || !bncli_size_mul(rows, classes, &count))
        return bncli_fail(err, BNCL_ERROR_SHAPE, "logits [%zu, %zu] are too large", rows, classes);
    bncl_cross_entropy *plan;
    bncl_status status = bncli_new(&plan, 1, sizeof *plan, err);
    if (status != BNCL_OK)
        return status;
    plan->context = context;
    plan->rows = rows;
    plan->classes = classes;
    status = create_parts(plan, err);
    if (status != BNCL_OK) {
        bncl_cross_entropy_destroy(plan);
        return status;
    }
    *out = plan;
    return BNCL_OK;
}

void bncl_cross_entropy_destroy(bncl_cross_entropy *plan)
{
    if (plan == NULL)
        return;
    bncli_kernel_destroy(plan->by_row);
    bncli_kernel_destroy(plan->mean);
    bncl_buffer_destroy(plan->workspace);
    bncli_free(plan);
}

static bncl_status check(const bncl_cross_entropy *plan, const bncl_queue *queue,
                         const bncl_cross_entropy_args *args, bncl_error *err)
{
    if (plan == NULL || args == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan or args is NULL");
    const size_t dims[] = {plan->rows, plan->classes};
    const bncli_operand logits = {&args->logits, "logits"}, labels = {&args->labels, "labels"},
                        loss = {&args->loss, "loss"}, correct = {&args->correct, "correct"},
                        dlogits = {&args->dlogits, "dlogits"};
    bncl_status status = bncli_queue_check(plan->context, queue, err);
    if (status == BNCL_OK)
        status = bncli_operand_check(plan->context, logits, BNCL_F32, 2, dims, err);
    if (status == BNCL_OK)
        status = bncli_operand_check(plan->context, labels, BNCL_I32, 1, dims, err);
    if (status == BNCL_OK)
        status = bncli_operand_check_count(plan->context, loss, BNCL_F32, 1, err);
    if (status == BNCL_OK && bncli_present(correct.tensor))
        status = bncli_operand_check_count(plan->context, correct, BNCL_I32, 1, err);
    if (status == BNCL_OK && bncli_present(dlogits.tensor))
        status = bncli_operand_check(plan->context, dlogits, BNCL_F32, 2, dims, err);
    return status;
}

/* The mean over nothing is NaN. */
static bncl_status run_empty(bncl_queue *queue, const bncl_cross_entropy_args *args,
                             const bncl_sync *sync, bncl_error *err)
{
    bncl_status status = bncl_tensor_fill(queue, &args->loss, (double)NAN, NULL, err);
    if (status == BNCL_OK && bncli_present(&args->correct))
        status = bncl_tensor_fill(queue, &args->correct, 0.0, NULL, err);
    return status == BNCL_OK ? bncli_queue_end(queue, sync, err) : status;
}

bncl_status bncl_cross_entropy_run(bncl_cross_entropy *plan, bncl_queue *queue,
                                   const bncl_cross_entropy_args *args, const bncl_sync *sync,
                                   bncl_error *err)
{
    bncli_error_clear(err);
    bncl_status status = check(plan, queue, args, err);
    if (status == BNCL_OK)
        status = bncli_queue_begin(queue, sync, err);
    if (status != BNCL_OK)
        return status;
    if (plan->rows == 0)
        return run_empty(queue, args, sync, err);
    unsigned flags = (bncli_present(&args->correct) ? HAS_CORRECT : 0u) |
                     (bncli_present(&args->dlogits) ? HAS_DLOGITS : 0u);
    const bncli_argument by_row[] = {
        bncli_arg_tensor(&args->logits),   bncli_arg_tensor(&args->labels),
        bncli_arg_tensor(&plan->row_loss), bncli_arg_tensor(&plan->row_correct),
        bncli_arg_tensor(&args->dlogits),  bncli_arg_uint(flags),
        bncli_arg_uint(plan->rows),        bncli_arg_uint(plan->classes)};
    const bncli_argument mean[] = {bncli_arg_tensor(&plan->row_loss),
                                   bncli_arg_tensor(&plan->row_correct),
                                   bncli_arg_tensor(&args->loss),
                                   bncli_arg_tensor(&args->correct),
                                   bncli_arg_uint(flags),
                                   bncli_arg_uint(plan->rows)};
    const bncli_grid rows_grid = {{plan->rows, 1}, {plan->tuning.group, 1}};
    const bncli_grid one = {{1, 1}, {1, 1}};
    status = bncli_launch(queue, plan->by_row, &rows_grid, by_row, BNCLI_COUNT(by_row), NULL, err);
    if (status == BNCL_OK)
        status = bncli_launch(queue, plan->mean, &one, mean, BNCLI_COUNT(mean),
                              bncli_sync_signal(sync), err);
    return status;
}
