/* ReLU and sums. */
#include <bncl/elementwise.h>

#include "base/alloc.h"
#include "base/error.h"
#include "ops/operand.h"
#include "program/build.h"
#include "program/tuning.h"
#include "runtime/context.h"
#include "runtime/launch.h"
#include "runtime/queue.h"

typedef enum elementwise_kernel {
    RELU_FORWARD,
    RELU_BACKWARD,
    ADD_FORWARD,
    KERNELS
} elementwise_kernel;

static const char *const kernel_names[KERNELS] = {"relu_forward", "relu_backward", "add_forward"};

struct bncl_elementwise {
    bncl_context *context; /* borrowed */
    bncli_tuning tuning;
    bncli_kernel *kernels[KERNELS];
};

bncl_status bncl_elementwise_create(bncl_context *context, bncl_elementwise **out, bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context or out is NULL");
    bncl_elementwise *op;
    bncl_status status = bncli_new(&op, 1, sizeof *op, err);
    if (status != BNCL_OK)
        return status;
    op->context = context;
    status = bncli_tuning_of(bncli_context_facts(context), &op->tuning, err);
    const bncli_macro macros[] = {{"VEC", op->tuning.vector}};
    for (int k = 0; k < KERNELS && status == BNCL_OK; ++k)
        status = bncli_kernel_build(context, kernel_names[k], macros, BNCLI_COUNT(macros),
                                    &op->kernels[k], err);
    if (status != BNCL_OK) {
        bncl_elementwise_destroy(op);
        return status;
    }
    *out = op;
    return BNCL_OK;
}

void bncl_elementwise_destroy(bncl_elementwise *op)
{
    if (op == NULL)
        return;
    for (int k = 0; k < KERNELS; ++k)
        bncli_kernel_destroy(op->kernels[k]);
    bncli_free(op);
}

static bncl_status check(const bncl_elementwise *op, const bncl_queue *queue,
                         const bncli_operand *operands, size_t count, bncl_error *err)
{
    if (op == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "op is NULL");
    bncl_status status = bncli_queue_check(op->context, queue, err);
    const size_t elements = bncl_tensor_count(operands[0].tensor);
    for (size_t i = 0; i < count && status == BNCL_OK; ++i)
        status = bncli_operand_check_count(op->context, operands[i], BNCL_F32, elements, err);
    if (status == BNCL_OK && elements > BNCLI_MAX_COUNT)
        status =
            bncli_fail(err, BNCL_ERROR_SHAPE, "expected at most 2^31 elements, got %zu", elements);
    return status;
}

/* Runs a kernel whose arguments are the operands, in order, and their number of elements. */
static bncl_status run(bncl_elementwise *op, elementwise_kernel kernel, bncl_queue *queue,
                       const bncli_operand *operands, size_t count, const bncl_sync *sync,
                       bncl_error *err)
{
    bncli_error_clear(err);
    bncl_status status = check(op, queue, operands, count, err);
    if (status == BNCL_OK)
        status = bncli_queue_begin(queue, sync, err);
    if (status != BNCL_OK)
        return status;
    const size_t elements = bncl_tensor_count(operands[0].tensor);
    if (elements == 0)
        return bncli_queue_end(queue, sync, err);
    bncli_argument arguments[4];
    for (size_t i = 0; i < count; ++i)
        arguments[i] = bncli_arg_tensor(operands[i].tensor);
    arguments[count] = bncli_arg_uint(elements);
    const size_t vectors = (elements + op->tuning.vector - 1) / op->tuning.vector;
    const bncli_grid grid = {{vectors, 1}, {op->tuning.group, 1}};
    return bncli_launch(queue, op->kernels[kernel], &grid, arguments, count + 1,
                        bncli_sync_signal(sync), err);
}

bncl_status bncl_relu_forward(bncl_elementwise *op, bncl_queue *queue, const bncl_tensor *x,
                              const bncl_tensor *y, const bncl_sync *sync, bncl_error *err)
{
    const bncli_operand operands[] = {{x, "x"}, {y, "y"}};
    return run(op, RELU_FORWARD, queue, operands, BNCLI_COUNT(operands), sync, err);
}

bncl_status bncl_relu_backward(bncl_elementwise *op, bncl_queue *queue, const bncl_tensor *y,
                               const bncl_tensor *dy, const bncl_tensor *dx, const bncl_sync *sync,
                               bncl_error *err)
{
    const bncli_operand operands[] = {{y, "y"}, {dy, "dy"}, {dx, "dx"}};
    return run(op, RELU_BACKWARD, queue, operands, BNCLI_COUNT(operands), sync, err);
}

bncl_status bncl_add(bncl_elementwise *op, bncl_queue *queue, const bncl_tensor *a,
                     const bncl_tensor *b, const bncl_tensor *z, const bncl_sync *sync,
                     bncl_error *err)
{
    const bncli_operand operands[] = {{a, "a"}, {b, "b"}, {z, "z"}};
    return run(op, ADD_FORWARD, queue, operands, BNCLI_COUNT(operands), sync, err);
}
