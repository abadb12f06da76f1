/* Buffers: device memory, and tensors checked against it. */
#include "runtime/buffer.h"

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/native.h"
#include "runtime/objects.h"
#include "tensor/tensor.h"

bncl_status bncl_buffer_create(bncl_context *context, size_t bytes, bncl_buffer **out,
                               bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context or out is NULL");
    if (bytes > context->facts.max_allocation)
        return bncli_fail(err, BNCL_ERROR_DEVICE_MEMORY,
                          "expected a buffer of at most %llu bytes, the device's limit, got %zu",
                          (unsigned long long)context->facts.max_allocation, bytes);
    bncl_buffer *buffer;
    bncl_status status = bncli_new(&buffer, 1, sizeof *buffer, err);
    if (status != BNCL_OK)
        return status;
    buffer->context = context;
    buffer->bytes = bytes;
    buffer->number = atomic_fetch_add(&context->buffers, 1u) + 1;
    if (bytes > 0) {
        /* Where native kernels run, the one that locates the memory is the first to need it: PoCL
           aborts then if there is none, unless it was told to allocate here. */
        const cl_mem_flags now = context->facts.runs_native ? CL_MEM_ALLOC_HOST_PTR : 0;
        cl_int code = CL_SUCCESS;
        buffer->cl = clCreateBuffer(context->cl, CL_MEM_READ_WRITE | now, bytes, NULL, &code);
        status = bncli_cl_status(code, "clCreateBuffer", err);
        buffer->whole = buffer->cl;
        if (status == BNCL_OK)
            status = bncli_native_locate(buffer, err);
    }
    if (status != BNCL_OK) {
        bncl_buffer_destroy(buffer);
        return status;
    }
    *out = buffer;
    return BNCL_OK;
}

void bncl_buffer_destroy(bncl_buffer *buffer)
{
    if (buffer == NULL)
        return;
    if (buffer->cl != NULL)
        clReleaseMemObject(buffer->cl);
    bncli_free(buffer);
}

size_t bncl_buffer_size(const bncl_buffer *buffer)
{
    return buffer != NULL ? buffer->bytes : 0;
}

bncl_context *bncli_buffer_context(const bncl_buffer *buffer)
{
    return buffer->context;
}

void bncli_buffer_swap(bncl_buffer *a, bncl_buffer *b)
{
    bncl_buffer old = *a;
    *a = *b;
    *b = old;
}

bncl_status bncli_tensor_check_strided(const bncl_context *context, const bncl_tensor *tensor,
                                       const char *name, bncl_error *err)
{
    if (tensor == NULL || tensor->buffer == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%s is absent", name);
    if (tensor->buffer->context != context)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%s belongs to another context", name);
    if (bncl_dtype_size(tensor->dtype) == 0)
        return bncli_fail(err, BNCL_ERROR_DTYPE, "%s: %d is no dtype", name, (int)tensor->dtype);
    if (tensor->rank < 0 || tensor->rank > BNCL_MAX_RANK)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: expected a rank of 0 to %d, got %d", name,
                          BNCL_MAX_RANK, tensor->rank);
    size_t bytes;
    if (!bncli_tensor_end(tensor, &bytes))
        return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: its size overflows", name);
    if (bytes > tensor->buffer->bytes)
        return bncli_fail(err, BNCL_ERROR_SHAPE,
                          "%s ends beyond its buffer: expected at most %zu bytes, got %zu", name,
                          tensor->buffer->bytes, bytes);
    return BNCL_OK;
}

bncl_status bncli_tensor_check(const bncl_context *context, const bncl_tensor *tensor,
                               const char *name, bncl_error *err)
{
    bncl_status status = bncli_tensor_check_strided(context, tensor, name, err);
    if (status == BNCL_OK && !bncli_tensor_is_dense(tensor))
        return bncli_fail(err, BNCL_ERROR_UNSUPPORTED, "%s: expected a dense tensor, got strides",
                          name);
    return status;
}
