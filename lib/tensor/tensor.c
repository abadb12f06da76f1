/* Tensors as values: their making and their element count. */
#include "tensor/tensor.h"

#include "base/error.h"
#include "tensor/size.h"

/* All strides 0 say dense, whatever the dims are. */
static bool has_strides(const bncl_tensor *tensor)
{
    for (int i = 0; i < tensor->rank; ++i)
        if (tensor->strides[i] != 0)
            return true;
    return false;
}

bool bncli_tensor_is_dense(const bncl_tensor *tensor)
{
    size_t expected = 1;
    if (!has_strides(tensor) || bncl_tensor_count(tensor) == 0)
        return true;
    for (int i = tensor->rank; i-- > 0; expected *= tensor->dims[i])
        if (tensor->dims[i] != 1 && tensor->strides[i] != expected)
            return false;
    return true;
}

void bncli_tensor_strides(const bncl_tensor *tensor, size_t *out)
{
    const bool given = has_strides(tensor);
    size_t dense = 1;
    for (int i = tensor->rank; i-- > 0; dense *= tensor->dims[i])
        out[i] = given ? tensor->strides[i] : dense;
}

bool bncli_tensor_end(const bncl_tensor *tensor, size_t *bytes)
{
    size_t count, extent = 0, step;
    if (!bncli_size_product(tensor->rank, tensor->dims, &count))
        return false;
    if (!has_strides(tensor))
        extent = count;
    else if (count > 0) {
        extent = 1;
        for (int i = 0; i < tensor->rank; ++i)
            if (!bncli_size_mul(tensor->dims[i] - 1, tensor->strides[i], &step) ||
                !bncli_size_add(extent, step, &extent))
                return false;
    }
    return bncli_size_add(tensor->offset, extent, &extent) &&
           bncli_size_mul(extent, bncl_dtype_size(tensor->dtype), bytes);
}

/* strides NULL: dense. */
static bncl_status init(bncl_tensor *out, bncl_buffer *buffer, size_t offset, bncl_dtype dtype,
                        int rank, const size_t *dims, const size_t *strides, bncl_error *err)
{
    bncli_error_clear(err);
    if (out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "out is NULL");
    if (rank < 0 || rank > BNCL_MAX_RANK)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "expected a rank of 0 to %d, got %d",
                          BNCL_MAX_RANK, rank);
    if (dims == NULL && rank > 0)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "dims is NULL");
    if (bncl_dtype_size(dtype) == 0)
        return bncli_fail(err, BNCL_ERROR_DTYPE, "%d is no dtype", (int)dtype);
    bncl_tensor tensor = {.buffer = buffer, .offset = offset, .dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; ++i) {
        tensor.dims[i] = dims[i];
        tensor.strides[i] = strides != NULL ? strides[i] : 0;
    }
    size_t bytes;
    if (!bncli_tensor_end(&tensor, &bytes))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "the tensor's size overflows");
    *out = tensor;
    return BNCL_OK;
}

bncl_status bncl_tensor_init(bncl_tensor *out, bncl_buffer *buffer, size_t offset, bncl_dtype dtype,
                             int rank, const size_t *dims, bncl_error *err)
{
    return init(out, buffer, offset, dtype, rank, dims, NULL, err);
}

bncl_status bncl_tensor_init_strided(bncl_tensor *out, bncl_buffer *buffer, size_t offset,
                                     bncl_dtype dtype, int rank, const size_t *dims,
                                     const size_t *strides, bncl_error *err)
{
    if (strides == NULL && rank > 0) {
        bncli_error_clear(err);
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "strides is NULL");
    }
    return init(out, buffer, offset, dtype, rank, dims, strides, err);
}

size_t bncl_tensor_count(const bncl_tensor *tensor)
{
    size_t count = 0;
    if (tensor == NULL || tensor->rank < 0 || tensor->rank > BNCL_MAX_RANK ||
        !bncli_size_product(tensor->rank, tensor->dims, &count))
        return 0;
    return count;
}

size_t bncli_tensor_bytes(const bncl_tensor *tensor)
{
    return bncl_tensor_count(tensor) * bncl_dtype_size(tensor->dtype);
}
