/* Checks of operators' tensors. */
#include "ops/operand.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "runtime/buffer.h"
#include "runtime/context.h"
#include "runtime/queue.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"
#include "tensor/walk.h"

bncl_status bncli_queue_check(const bncl_context *context, const bncl_queue *queue, bncl_error *err)
{
    if (queue == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "queue is NULL");
    if (bncli_queue_context(queue) != context)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "queue belongs to another context");
    return BNCL_OK;
}

bncl_status bncli_values_check(const bncl_context *context, bncl_dtype dtype, const char *what,
                               bncl_error *err)
{
    const bncli_dtype_facts *facts = bncli_dtype_facts_of(dtype);
    if (facts == NULL || !facts->in_kernels)
        return bncli_fail(err, BNCL_ERROR_DTYPE, "%s: expected f32, f16, bf16 or f64, got %s", what,
                          bncl_dtype_name(dtype));
    if (facts->needs_fp64 && !bncli_context_facts(context)->has_fp64)
        return bncli_fail(err, BNCL_ERROR_UNSUPPORTED,
                          "%s: %s needs a device with double precision, this one has none", what,
                          facts->name);
    return BNCL_OK;
}

void bncli_shape_text(int rank, const size_t *dims, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "[");
    for (int i = 0; i < rank && used < size; ++i)
        used += (size_t)snprintf(out + used, size - used, "%s%zu", i > 0 ? ", " : "", dims[i]);
    if (used < size)
        snprintf(out + used, size - used, "]");
}

static bncl_status check_dtype(bncli_operand operand, bncl_dtype dtype, bncl_error *err)
{
    if (operand.tensor->dtype != dtype)
        return bncli_fail(err, BNCL_ERROR_DTYPE, "%s: expected %s, got %s", operand.name,
                          bncl_dtype_name(dtype), bncl_dtype_name(operand.tensor->dtype));
    return BNCL_OK;
}

static bncl_status check_dims(bncli_operand operand, int rank, const size_t *dims, bncl_error *err)
{
    const bncl_tensor *tensor = operand.tensor;
    if (tensor->rank == rank &&
        (rank == 0 || memcmp(tensor->dims, dims, (size_t)rank * sizeof *dims) == 0))
        return BNCL_OK;
    char expected[128], got[128];
    bncli_shape_text(rank, dims, expected, sizeof expected);
    bncli_shape_text(tensor->rank, tensor->dims, got, sizeof got);
    return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: expected %s, got %s", operand.name, expected,
                      got);
}

bncl_status bncli_operand_check(const bncl_context *context, bncli_operand operand,
                                bncl_dtype dtype, int rank, const size_t *dims, bncl_error *err)
{
    bncl_status status = bncli_tensor_check(context, operand.tensor, operand.name, err);
    if (status == BNCL_OK)
        status = check_dtype(operand, dtype, err);
    return status == BNCL_OK ? check_dims(operand, rank, dims, err) : status;
}

bncl_status bncli_operand_check_strided(const bncl_context *context, bncli_operand operand,
                                        bncl_dtype dtype, int rank, const size_t *dims,
                                        bncl_error *err)
{
    bncl_status status = bncli_tensor_check_strided(context, operand.tensor, operand.name, err);
    if (status == BNCL_OK)
        status = check_dtype(operand, dtype, err);
    return status == BNCL_OK ? check_dims(operand, rank, dims, err) : status;
}

static bool is_same_place(const bncl_tensor *a, const bncl_tensor *b)
{
    return a->offset == b->offset &&
           (bncli_tensor_is_dense(a) ? bncli_tensor_is_dense(b)
                                     : memcmp(a->strides, b->strides, sizeof a->strides) == 0);
}

/* Whether a tensor has elements among those of a dense one of its dtype. */
static bool meets(const bncl_tensor *tensor, const bncl_tensor *dense)
{
    const size_t end = dense->offset + bncl_tensor_count(dense), first = tensor->offset;
    if (!bncli_tensor_is_dense(dense) || bncl_tensor_count(tensor) == 0 || end <= first)
        return false;
    bncli_walk walk;
    bncli_walk_of(tensor, tensor, &walk);
    return bncli_walk_meets(&walk, dense->offset > first ? dense->offset - first : 0, end - first);
}

bncl_status bncli_operand_check_in_place(bncli_operand out, bncli_operand in, bncl_error *err)
{
    const bncl_tensor *a = out.tensor, *b = in.tensor;
    if (a->buffer != b->buffer || is_same_place(a, b) || (!meets(a, b) && !meets(b, a)))
        return BNCL_OK;
    return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                      "%s overlaps %s: expected the same elements or none in common", out.name,
                      in.name);
}

bncl_status bncli_operand_check_apart(bncli_operand a, bncli_operand b, bncl_error *err)
{
    if (a.tensor->buffer == b.tensor->buffer && is_same_place(a.tensor, b.tensor) &&
        bncl_tensor_count(a.tensor) > 0)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%s overlaps %s: expected none in common",
                          a.name, b.name);
    return bncli_operand_check_in_place(a, b, err);
}

bncl_status bncli_operand_check_bytes_apart(bncli_operand a, bncli_operand b, bncl_error *err)
{
    const bncl_tensor *s = a.tensor, *t = b.tensor;
    const size_t s_size = bncl_dtype_size(s->dtype), t_size = bncl_dtype_size(t->dtype);
    if (s->buffer != t->buffer || !bncli_tensor_is_dense(s) || !bncli_tensor_is_dense(t) ||
        (s->offset + bncl_tensor_count(s)) * s_size <= t->offset * t_size ||
        (t->offset + bncl_tensor_count(t)) * t_size <= s->offset * s_size)
        return BNCL_OK;
    return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%s overlaps %s: expected none in common", a.name,
                      b.name);
}

bncl_status bncli_operand_check_count(const bncl_context *context, bncli_operand operand,
                                      bncl_dtype dtype, size_t count, bncl_error *err)
{
    bncl_status status = bncli_tensor_check(context, operand.tensor, operand.name, err);
    if (status == BNCL_OK)
        status = check_dtype(operand, dtype, err);
    if (status != BNCL_OK)
        return status;
    if (bncl_tensor_count(operand.tensor) != count)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: expected %zu elements, got %zu", operand.name,
                          count, bncl_tensor_count(operand.tensor));
    return BNCL_OK;
}
