/* Tensors as values: their making and their element count. */
#include <bncl/tensor.h>

#include <string.h>

#include "base/error.h"
#include "tensor/size.h"

bncl_status bncl_tensor_init(bncl_tensor *out, bncl_buffer *buffer, size_t offset, bncl_dtype dtype,
                             int rank, const size_t *dims, bncl_error *err)
{
    bncli_error_clear(err);
    if (out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "out is NULL");
    if (rank < 0 || rank > BNCL_MAX_RANK)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "expected a rank of 0 to %d, got %d",
                          BNCL_MAX_RANK, rank);
    if (dims == NULL && rank > 0)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "dims is NULL");
    size_t size = bncl_dtype_size(dtype);
    if (size == 0)
        return bncli_fail(err, BNCL_ERROR_DTYPE, "%d is no dtype", (int)dtype);
    size_t count, end, bytes;
    if (!bncli_size_product(rank, dims, &count) || !bncli_size_add(offset, count, &end) ||
        !bncli_size_mul(end, size, &bytes))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "the tensor's size overflows");
    bncl_tensor tensor = {.buffer = buffer, .offset = offset, .dtype = dtype, .rank = rank};
    if (rank > 0)
        memcpy(tensor.dims, dims, (size_t)rank * sizeof *dims);
    *out = tensor;
    return BNCL_OK;
}

size_t bncl_tensor_count(const bncl_tensor *tensor)
{
    size_t count = 0;
    if (tensor == NULL || tensor->rank < 0 || tensor->rank > BNCL_MAX_RANK ||
        !bncli_size_product(tensor->rank, tensor->dims, &count))
        return 0;
    return count;
}
