/* Activations, sums and copies. */
#include <bncl/elementwise.h>

#include "base/alloc.h"
#include "base/error.h"
#include "ops/activation.h"
#include "ops/operand.h"
#include "program/build.h"
#include "program/tuning.h"
#include "runtime/buffer.h"
#include "runtime/context.h"
#include "runtime/launch.h"
#include "runtime/queue.h"
#include "tensor/dtype.h"
#include "tensor/walk.h"

typedef enum elementwise_kernel {
    RELU_FORWARD,
    RELU_BACKWARD,
    ADD_FORWARD,
    ACTIVATION_FORWARD,
    ACTIVATION_BACKWARD,
    COPY,
    KERNELS
} elementwise_kernel;

/* A kernel, and the narrowest vectors it is built with: a work-item of those that have a mask takes
   8 elements at least, for which vectors of one would read memory with gaps. */
static const struct {
    const char *name;
    unsigned least;
} kernel_rows[KERNELS] = {
    [RELU_FORWARD] = {"relu_forward", 1},
    [RELU_BACKWARD] = {"relu_backward", 1},
    [ADD_FORWARD] = {"add_forward", 1},
    [ACTIVATION_FORWARD] = {"activation_forward", 4},
    [ACTIVATION_BACKWARD] = {"activation_backward", 4},
    [COPY] = {"copy_strided", 1},
};

struct bncl_elementwise {
    bncl_context *context; /* borrowed */
    bncl_dtype dtype;
    bncli_tuning tuning;
    bncli_kernel *kernels[KERNELS];
};

/* Elements of a kernel's vector. */
static unsigned vector_of(const bncl_elementwise *op, elementwise_kernel kernel)
{
    const unsigned least = kernel_rows[kernel].least;
    return op->tuning.vector > least ? op->tuning.vector : least;
}

/* Builds the kernel, if the operation has not got it yet. */
static bncl_status build(bncl_elementwise *op, elementwise_kernel kernel, bncl_error *err)
{
    if (op->kernels[kernel] != NULL)
        return BNCL_OK;
    const char *dtype = bncli_dtype_facts_of(op->dtype)->macro;
    bncli_macro macros[] = {{"VEC", vector_of(op, kernel)}, {dtype, 1}};
    size_t count = dtype != NULL ? 2 : 1;
    if (kernel == COPY) { /* which looks at no value: one program for all dtypes */
        macros[1] = (bncli_macro){"VECTORS", op->tuning.vectors};
        count = 2;
    }
    return bncli_kernel_build(op->context, kernel_rows[kernel].name, macros, count,
                              &op->kernels[kernel], err);
}

bncl_status bncl_elementwise_create(bncl_context *context, bncl_dtype dtype, bncl_elementwise **out,
                                    bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context or out is NULL");
    bncl_status status = bncli_values_check(context, dtype, "elementwise", err);
    if (status != BNCL_OK)
        return status;
    bncl_elementwise *op;
    status = bncli_new(&op, 1, sizeof *op, err);
    if (status != BNCL_OK)
        return status;
    op->context = context;
    op->dtype = dtype;
    status = bncli_tuning_of(context, &op->tuning, err);
    /* All but that of bncl_copy, which few programs call. */
    for (int k = 0; k < COPY && status == BNCL_OK; ++k)
        status = build(op, (elementwise_kernel)k, err);
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

static bncl_status check_count(size_t elements, bncl_error *err)
{
    if (elements > BNCLI_MAX_COUNT)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "expected at most 2^31 elements, got %zu",
                          elements);
    return BNCL_OK;
}

static bncl_status check(const bncl_elementwise *op, const bncl_queue *queue,
                         const bncli_operand *operands, size_t count, bncl_error *err)
{
    if (op == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "op is NULL");
    bncl_status status = bncli_queue_check(op->context, queue, err);
    const size_t elements = bncl_tensor_count(operands[0].tensor);
    for (size_t i = 0; i < count && status == BNCL_OK; ++i)
        status = bncli_operand_check_count(op->context, operands[i], op->dtype, elements, err);
    return status == BNCL_OK ? check_count(elements, err) : status;
}

/* Runs a kernel over `elements` elements, of which each work-item takes `share`; signals at once
   where there are none. */
static bncl_status launch(bncl_elementwise *op, elementwise_kernel kernel, bncl_queue *queue,
                          size_t elements, size_t share, const bncli_argument *arguments,
                          size_t count, const bncl_sync *sync, bncl_error *err)
{
    bncl_status status = bncli_queue_begin(queue, sync, err);
    if (status != BNCL_OK)
        return status;
    if (elements == 0)
        return bncli_queue_end(queue, sync, err);
    const bncli_grid grid = {{(elements + share - 1) / share, 1}, {op->tuning.group, 1}};
    return bncli_launch(queue, op->kernels[kernel], &grid, arguments, count,
                        bncli_sync_signal(sync), err);
}

/* Runs a kernel whose arguments are the operands, in order, and their number of elements. */
static bncl_status run(bncl_elementwise *op, elementwise_kernel kernel, bncl_queue *queue,
                       const bncli_operand *operands, size_t count, const bncl_sync *sync,
                       bncl_error *err)
{
    bncli_error_clear(err);
    bncl_status status = check(op, queue, operands, count, err);
    if (status != BNCL_OK)
        return status;
    const size_t elements = bncl_tensor_count(operands[0].tensor);
    bncli_argument arguments[4];
    for (size_t i = 0; i < count; ++i)
        arguments[i] = bncli_arg_tensor(operands[i].tensor);
    arguments[count] = bncli_arg_uint(elements);
    return launch(op, kernel, queue, elements, vector_of(op, kernel), arguments, count + 1, sync,
                  err);
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

static bncl_status check_copy(const bncl_elementwise *op, const bncl_queue *queue, bncli_operand x,
                              bncli_operand y, bncl_error *err)
{
    if (op == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "op is NULL");
    bncl_status status = bncli_queue_check(op->context, queue, err);
    if (status == BNCL_OK)
        status = bncli_tensor_check_strided(op->context, x.tensor, x.name, err);
    if (status == BNCL_OK)
        status = bncli_operand_check_strided(op->context, y, x.tensor->dtype, x.tensor->rank,
                                             x.tensor->dims, err);
    return status == BNCL_OK ? check_count(bncl_tensor_count(x.tensor), err) : status;
}

/* That no element is written twice, nor read where another is written. */
static bncl_status check_walk(const bncli_walk *walk, bncli_operand x, bncli_operand y,
                              bncl_error *err)
{
    if (!bncli_walk_is_injective(walk))
        return bncli_fail(err, BNCL_ERROR_UNSUPPORTED, "%s: its elements overlap", y.name);
    const bool same_begin =
        x.tensor->buffer == y.tensor->buffer && x.tensor->offset == y.tensor->offset;
    if (same_begin && !bncli_walk_stays(walk))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                          "%s overlaps %s: expected the same elements or none in common", y.name,
                          x.name);
    return bncli_operand_check_in_place(y, x, err);
}

bncl_status bncl_copy(bncl_elementwise *op, bncl_queue *queue, const bncl_tensor *x,
                      const bncl_tensor *y, const bncl_sync *sync, bncl_error *err)
{
    const bncli_operand from = {x, "x"}, to = {y, "y"};
    bncli_walk walk = {0};
    bncli_error_clear(err);
    bncl_status status = check_copy(op, queue, from, to, err);
    if (status != BNCL_OK)
        return status;
    const size_t elements = bncl_tensor_count(x);
    if (elements > 0) {
        bncli_walk_of(x, y, &walk);
        status = check_walk(&walk, from, to, err);
        if (status == BNCL_OK)
            status = build(op, COPY, err);
    }
    if (status != BNCL_OK)
        return status;
    const bncli_argument arguments[] = {
        bncli_arg_walked(x, walk.from),
        bncli_arg_walked(y, walk.to),
        bncli_arg_uint(walk.dims[0]),
        bncli_arg_uint(walk.dims[1]),
        bncli_arg_uint(walk.dims[2]),
        bncli_arg_uint(walk.dims[3]),
        bncli_arg_uint(bncl_dtype_size(x->dtype)),
        bncli_arg_uint(elements),
    };
    return launch(op, COPY, queue, elements, (size_t)vector_of(op, COPY) * op->tuning.vectors,
                  arguments, BNCLI_COUNT(arguments), sync, err);
}

/* Activation, two operands of the op's dtype, and the mask, where one is given. */
static bncl_status check_activation(const bncl_elementwise *op, const bncl_queue *queue,
                                    const bncl_activation *activation,
                                    const bncli_operand operands[2], const bncl_tensor *mask,
                                    bncl_error *err)
{
    if (activation == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "activation is NULL");
    bncl_status status = check(op, queue, operands, 2, err);
    if (status == BNCL_OK)
        status = bncli_activation_check(activation, err);
    if (status != BNCL_OK || mask == NULL)
        return status;
    const bncli_operand bits = {mask, "mask"};
    const size_t bytes = bncli_mask_line_bytes(bncl_tensor_count(operands[0].tensor));
    status = bncli_operand_check_count(op->context, bits, BNCL_U8, bytes, err);
    for (int i = 0; i < 2 && status == BNCL_OK; ++i)
        status = bncli_operand_check_bytes_apart(bits, operands[i], err);
    return status;
}

static bncli_argument real(const bncl_elementwise *op, double value)
{
    return op->dtype == BNCL_F64 ? bncli_arg_double(value) : bncli_arg_float(value);
}

/* Elements of a work-item that has a mask: see kernels/elementwise_activation.cl. */
static size_t mask_share(const bncl_elementwise *op, elementwise_kernel kernel)
{
    const unsigned vector = vector_of(op, kernel);
    return vector > 8 ? vector : 8;
}

bncl_status bncl_activation_forward(bncl_elementwise *op, bncl_queue *queue,
                                    const bncl_activation *activation, const bncl_tensor *x,
                                    const bncl_tensor *y, const bncl_tensor *mask,
                                    const bncl_sync *sync, bncl_error *err)
{
    const bncli_operand operands[] = {{x, "x"}, {y, "y"}};
    const bncl_tensor absent = {0};
    const bool has_mask = mask != NULL && bncli_present(mask);
    bncli_error_clear(err);
    bncl_status status =
        check_activation(op, queue, activation, operands, has_mask ? mask : NULL, err);
    if (status != BNCL_OK)
        return status;
    const size_t elements = bncl_tensor_count(x);
    const bncli_argument arguments[] = {
        bncli_arg_tensor(x),
        bncli_arg_tensor(y),
        bncli_arg_tensor(has_mask ? mask : &absent),
        bncli_arg_uint(has_mask),
        bncli_arg_uint(elements),
        bncli_arg_uint((size_t)activation->kind),
        real(op, bncli_activation_low(activation)),
        real(op, activation->max),
    };
    return launch(op, ACTIVATION_FORWARD, queue, elements, mask_share(op, ACTIVATION_FORWARD),
                  arguments, BNCLI_COUNT(arguments), sync, err);
}

bncl_status bncl_activation_backward(bncl_elementwise *op, bncl_queue *queue,
                                     const bncl_activation *activation, const bncl_tensor *mask,
                                     const bncl_tensor *dy, const bncl_tensor *dx,
                                     const bncl_sync *sync, bncl_error *err)
{
    const bncli_operand operands[] = {{dy, "dy"}, {dx, "dx"}};
    const bncl_tensor absent = {0};
    bncli_error_clear(err);
    bncl_status status =
        check_activation(op, queue, activation, operands, mask != NULL ? mask : &absent, err);
    if (status != BNCL_OK)
        return status;
    const size_t elements = bncl_tensor_count(dy);
    const bncli_argument arguments[] = {
        bncli_arg_tensor(mask),
        bncli_arg_tensor(dy),
        bncli_arg_tensor(dx),
        bncli_arg_uint(elements),
        bncli_arg_uint((size_t)activation->kind),
        real(op, bncli_activation_low(activation)),
    };
    return launch(op, ACTIVATION_BACKWARD, queue, elements, mask_share(op, ACTIVATION_BACKWARD),
                  arguments, BNCLI_COUNT(arguments), sync, err);
}
