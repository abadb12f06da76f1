/* Linear: three matrix products; the bias goes with them where their commands can take it, else it
   has two kernels. */
#include <bncl/linear.h>

#include <stdbool.h>
#include <stdint.h>

#include <bncl/buffer.h>

#include "base/alloc.h"
#include "base/error.h"
#include "ops/gemm.h"
#include "ops/operand.h"
#include "program/build.h"
#include "program/tuning.h"
#include "runtime/context.h"
#include "runtime/launch.h"
#include "runtime/queue.h"
#include "tensor/size.h"

struct bncl_linear {
    bncl_context *context; /* borrowed */
    size_t rows, in, out;
    bncli_tuning tuning;
    unsigned vector; /* of the bias kernels */
    bncli_kernel *bias_forward, *bias_backward;
    bncli_gemm_plan products;
};

/* The three products of a linear layer, in terms of its rows, inputs and outputs. */
typedef enum linear_product { FORWARD, BACKWARD_WEIGHT, BACKWARD_INPUT, PRODUCTS } linear_product;

static bncli_product product_of(const bncl_linear *plan, linear_product which)
{
    const bncli_product products[PRODUCTS] = {
        [FORWARD] = {plan->rows, plan->out, plan->in, false, true},         /* y = x·Wᵀ */
        [BACKWARD_WEIGHT] = {plan->out, plan->in, plan->rows, true, false}, /* dW = dyᵀ·x */
        [BACKWARD_INPUT] = {plan->rows, plan->in, plan->out, false, false}, /* dx = dy·W */
    };
    return products[which];
}

static bncl_status check_create(bncl_context *context, size_t rows, size_t in, size_t out_features,
                                bncl_linear **out, bncl_error *err)
{
    size_t count;
    if (context == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context or out is NULL");
    if (in == 0 || out_features == 0)
        return bncli_fail(err, BNCL_ERROR_SHAPE,
                          "linear: expected at least 1 input and 1 output feature, got %zu and %zu",
                          in, out_features);
    if (rows > INT32_MAX || in > INT32_MAX || out_features > INT32_MAX ||
        !bncli_size_mul(in, out_features, &count) || count > SIZE_MAX / sizeof(float))
        return bncli_fail(err, BNCL_ERROR_SHAPE, "linear: [%zu, %zu] x [%zu, %zu] is too large",
                          rows, in, out_features, in);
    return BNCL_OK;
}

/* Builds the bias kernels and makes the workspace. */
static bncl_status equip(bncl_linear *plan, bncl_error *err)
{
    bncl_status status = bncli_tuning_of(plan->context, &plan->tuning, err);
    if (status != BNCL_OK)
        return status;
    plan->vector = plan->tuning.vector;
    while (plan->vector > 1 && plan->vector > plan->out)
        plan->vector /= 2;
    const bncli_macro macros[] = {{"VEC", plan->vector}};
    bncli_product products[PRODUCTS];
    for (unsigned i = 0; i < PRODUCTS; ++i)
        products[i] = product_of(plan, (linear_product)i);
    status = bncli_kernel_build(plan->context, "linear_bias_forward", macros, BNCLI_COUNT(macros),
                                &plan->bias_forward, err);
    if (status == BNCL_OK)
        status = bncli_kernel_build(plan->context, "linear_bias_backward", macros,
                                    BNCLI_COUNT(macros), &plan->bias_backward, err);
    if (status == BNCL_OK)
        status = bncli_gemm_plan_make(plan->context, products, PRODUCTS, &plan->products, err);
    return status;
}

bncl_status bncl_linear_create(bncl_context *context, size_t rows, size_t in_features,
                               size_t out_features, bncl_linear **out, bncl_error *err)
{
    bncli_error_clear(err);
    bncl_status status = check_create(context, rows, in_features, out_features, out, err);
    if (status != BNCL_OK)
        return status;
    bncl_linear *plan;
    status = bncli_new(&plan, 1, sizeof *plan, err);
    if (status != BNCL_OK)
        return status;
    plan->context = context;
    plan->rows = rows;
    plan->in = in_features;
    plan->out = out_features;
    status = equip(plan, err);
    if (status != BNCL_OK) {
        bncl_linear_destroy(plan);
        return status;
    }
    *out = plan;
    return BNCL_OK;
}

void bncl_linear_destroy(bncl_linear *plan)
{
    if (plan == NULL)
        return;
    bncli_kernel_destroy(plan->bias_forward);
    bncli_kernel_destroy(plan->bias_backward);
    bncli_gemm_plan_release(&plan->products);
    bncli_free(plan);
}

/* The tensors of a linear layer by their dims: [rows,in], [out,in], [out], [rows,out]. */
typedef enum linear_shape { ROWS_IN, OUT_IN, OUT, ROWS_OUT } linear_shape;

static bncl_status check(const bncl_linear *plan, bncli_operand operand, linear_shape shape,
                         bncl_error *err)
{
    const size_t dims[4][2] = {
        [ROWS_IN] = {plan->rows, plan->in},
        [OUT_IN] = {plan->out, plan->in},
        [OUT] = {plan->out, 0},
        [ROWS_OUT] = {plan->rows, plan->out},
    };
    return bncli_operand_check(plan->context, operand, BNCL_F32, shape == OUT ? 1 : 2, dims[shape],
                               err);
}

static bncl_status multiply(const bncl_linear *plan, bncl_queue *queue, linear_product which,
                            const bncl_tensor *a, const bncl_tensor *b, float beta,
                            const bncl_tensor *c, bncl_error *err)
{
    const bncli_product product = product_of(plan, which);
    return bncli_gemm(&plan->products, queue, &product, a, b, beta, c, err);
}

/* Whether the product's own command sees to the bias, or its gradient. */
static bool is_beside(const bncl_linear *plan, linear_product which)
{
    const bncli_product product = product_of(plan, which);
    return bncli_gemm_takes_beside(&plan->products, &product, plan->rows * plan->out);
}

static bncl_status multiply_beside(const bncl_linear *plan, bncl_queue *queue, linear_product which,
                                   const bncl_tensor *a, const bncl_tensor *b, float beta,
                                   const bncl_tensor *c, bncli_gemm_beside beside,
                                   const bncl_tensor *vector, bncl_error *err)
{
    const bncli_product product = product_of(plan, which);
    return bncli_gemm_run_beside(&plan->products, queue, &product, a, b, beta, c, beside, vector,
                                 err);
}

static bncli_grid bias_grid(const bncl_linear *plan, size_t rows)
{
    size_t blocks = (plan->out + plan->vector - 1) / plan->vector;
    return (bncli_grid){{blocks, rows}, {plan->tuning.group, 1}};
}

static bncl_status check_forward(const bncl_linear *plan, const bncl_queue *queue,
                                 const bncl_tensor *x, const bncl_tensor *weight,
                                 const bncl_tensor *bias, const bncl_tensor *y, bncl_error *err)
{
    if (plan == NULL || x == NULL || weight == NULL || bias == NULL || y == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan or a tensor is NULL");
    bncl_status status = bncli_queue_check(plan->context, queue, err);
    if (status == BNCL_OK)
        status = check(plan, (bncli_operand){x, "x"}, ROWS_IN, err);
    if (status == BNCL_OK)
        status = check(plan, (bncli_operand){weight, "weight"}, OUT_IN, err);
    if (status == BNCL_OK && bncli_present(bias))
        status = check(plan, (bncli_operand){bias, "bias"}, OUT, err);
    if (status == BNCL_OK)
        status = check(plan, (bncli_operand){y, "y"}, ROWS_OUT, err);
    return status;
}

/* The bias's kernel, and then the product, which adds to it. */
static bncl_status multiply_after_bias(const bncl_linear *plan, bncl_queue *queue,
                                       const bncl_tensor *x, const bncl_tensor *weight,
                                       const bncl_tensor *bias, const bncl_tensor *y,
                                       bncl_error *err)
{
    const bncli_grid grid = bias_grid(plan, plan->rows);
    const bncli_argument arguments[] = {bncli_arg_tensor(bias), bncli_arg_tensor(y),
                                        bncli_arg_uint(plan->rows), bncli_arg_uint(plan->out)};
    if (plan->rows == 0)
        return BNCL_OK;
    bncl_status status = bncli_launch(queue, plan->bias_forward, &grid, arguments,
                                      BNCLI_COUNT(arguments), NULL, err);
    return status == BNCL_OK ? multiply(plan, queue, FORWARD, x, weight, 1.0f, y, err) : status;
}

bncl_status bncl_linear_forward(bncl_linear *plan, bncl_queue *queue, const bncl_tensor *x,
                                const bncl_tensor *weight, const bncl_tensor *bias,
                                const bncl_tensor *y, const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    bncl_status status = check_forward(plan, queue, x, weight, bias, y, err);
    if (status == BNCL_OK)
        status = bncli_queue_begin(queue, sync, err);
    if (status != BNCL_OK)
        return status;
    if (!bncli_present(bias))
        status = multiply(plan, queue, FORWARD, x, weight, 0.0f, y, err);
    else if (is_beside(plan, FORWARD))
        status =
            multiply_beside(plan, queue, FORWARD, x, weight, 1.0f, y, BNCLI_GEMM_BIAS, bias, err);
    else
        status = multiply_after_bias(plan, queue, x, weight, bias, y, err);
    return status == BNCL_OK ? bncli_queue_end(queue, sync, err) : status;
}

static bncl_status check_backward(const bncl_linear *plan, const bncl_queue *queue,
                                  const bncl_linear_backward_args *args, bncl_error *err)
{
    if (plan == NULL || args == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan or args is NULL");
    const struct {
        bncli_operand operand;
        linear_shape shape;
        bool optional;
    } rows[] = {
        {{&args->x, "x"}, ROWS_IN, false},           {{&args->weight, "weight"}, OUT_IN, false},
        {{&args->dy, "dy"}, ROWS_OUT, false},        {{&args->dx, "dx"}, ROWS_IN, true},
        {{&args->dweight, "dweight"}, OUT_IN, true}, {{&args->dbias, "dbias"}, OUT, true},
    };
    bncl_status status = bncli_queue_check(plan->context, queue, err);
    for (size_t i = 0; i < BNCLI_COUNT(rows) && status == BNCL_OK; ++i)
        if (!rows[i].optional || bncli_present(rows[i].operand.tensor))
            status = check(plan, rows[i].operand, rows[i].shape, err);
    return status;
}

static bncl_status run_bias_backward(bncl_linear *plan, bncl_queue *queue,
                                     const bncl_linear_backward_args *args, bncl_error *err)
{
    const bncli_grid grid = bias_grid(plan, 1);
    const bncli_argument arguments[] = {bncli_arg_tensor(&args->dy), bncli_arg_tensor(&args->dbias),
                                        bncli_arg_uint(args->accumulate_parameters),
                                        bncli_arg_uint(plan->rows), bncli_arg_uint(plan->out)};
    if (plan->rows == 0 && args->accumulate_parameters)
        return BNCL_OK;
    if (plan->rows == 0)
        return bncl_tensor_fill(queue, &args->dbias, 0.0, NULL, err);
    return bncli_launch(queue, plan->bias_backward, &grid, arguments, BNCLI_COUNT(arguments), NULL,
                        err);
}

/* dweight and dbias, or the one of them that is wanted. */
static bncl_status run_parameters_backward(bncl_linear *plan, bncl_queue *queue,
                                           const bncl_linear_backward_args *args, bncl_error *err)
{
    const bool weight = bncli_present(&args->dweight), bias = bncli_present(&args->dbias);
    const float beta = args->accumulate_parameters ? 1.0f : 0.0f;
    if (weight && bias && is_beside(plan, BACKWARD_WEIGHT))
        return multiply_beside(
            plan, queue, BACKWARD_WEIGHT, &args->dy, &args->x, beta, &args->dweight,
            args->accumulate_parameters ? BNCLI_GEMM_ADDED : BNCLI_GEMM_SUMS, &args->dbias, err);
    bncl_status status = bias ? run_bias_backward(plan, queue, args, err) : BNCL_OK;
    if (status == BNCL_OK && weight)
        status =
            multiply(plan, queue, BACKWARD_WEIGHT, &args->dy, &args->x, beta, &args->dweight, err);
    return status;
}

bncl_status bncl_linear_backward(bncl_linear *plan, bncl_queue *queue,
                                 const bncl_linear_backward_args *args, const bncl_sync *sync,
                                 bncl_error *err)
{
    bncli_error_clear(err);
    bncl_status status = check_backward(plan, queue, args, err);
    if (status == BNCL_OK)
        status = bncli_queue_begin(queue, sync, err);
    if (status == BNCL_OK)
        status = run_parameters_backward(plan, queue, args, err);
    if (status == BNCL_OK && bncli_present(&args->dx))
        status = multiply(plan, queue, BACKWARD_INPUT, &args->dy, &args->weight,
                          args->accumulate_dx ? 1.0f : 0.0f, &args->dx, err);
    return status == BNCL_OK ? bncli_queue_end(queue, sync, err) : status;
}
