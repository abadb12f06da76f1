/* Tensors to and from the host, and on the device: the calls of buffer.h that enqueue. */
#include "base/error.h"
#include "runtime/buffer.h"
#include "runtime/objects.h"
#include "runtime/queue.h"
#include "runtime/recorder.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

#include <stdint.h>

static size_t byte_offset(const bncl_tensor *tensor)
{
    return tensor->offset * bncl_dtype_size(tensor->dtype);
}

/* What every call of this file checks and does first. */
static bncl_status begin(bncl_queue *queue, const bncl_tensor *tensor, const char *name,
                         const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    if (queue == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "queue is NULL");
    bncl_status status = bncli_tensor_check(queue->context, tensor, name, err);
    if (status == BNCL_OK)
        status = bncli_queue_begin(queue, sync, err);
    return status;
}

/* Enqueues one transfer of a tensor that is not empty, and delivers its event. */
typedef cl_int enqueue_function(bncl_queue *queue, const bncl_tensor *tensor, const void *operand,
                                cl_event *event);

static void tell(bncli_recording *recording, cl_int code, const char *name, size_t bytes)
{
    const bncli_command_facts facts = {
        .name = name, .kind = BNCLI_COMMAND_TRANSFER, .bytes = bytes};
    bncli_recording_told(recording, code, &facts);
}

typedef struct transfer {
    enqueue_function *enqueue;
    const char *call; /* OpenCL's, for texts */
    const char *name; /* in traces */
    unsigned sides;   /* how many tensors of the size it touches */
} transfer;

static bncl_status enqueue(const transfer *what, bncl_queue *queue, const bncl_tensor *tensor,
                           const void *operand, const bncl_sync *sync, bncl_error *err)
{
    if (bncl_tensor_count(tensor) == 0)
        return bncli_queue_end(queue, sync, err);
    bncl_event **wanted = bncli_sync_signal(sync);
    bncl_event *event;
    bncl_status status = bncli_event_prepare(wanted, &event, err);
    if (status != BNCL_OK)
        return status;
    bncli_recording recording = bncli_recording_begin(queue, event != NULL ? &event->cl : NULL);
    cl_int code = what->enqueue(queue, tensor, operand, bncli_recording_event(&recording));
    tell(&recording, code, what->name, what->sides * bncli_tensor_bytes(tensor));
    return bncli_event_deliver(event, wanted, bncli_cl_status(code, what->call, err));
}

/* A whole call whose operand is memory of the host's. */
static bncl_status enqueue_of_host(const transfer *what, bncl_queue *queue,
                                   const bncl_tensor *tensor, const void *host,
                                   const bncl_sync *sync, bncl_error *err)
{
    bncl_status status = begin(queue, tensor, "tensor", sync, err);
    if (status != BNCL_OK)
        return status;
    if (host == NULL && bncl_tensor_count(tensor) > 0)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "host is NULL");
    return enqueue(what, queue, tensor, host, sync, err);
}

static cl_int enqueue_write(bncl_queue *queue, const bncl_tensor *tensor, const void *host,
                            cl_event *event)
{
    return clEnqueueWriteBuffer(queue->cl, tensor->buffer->cl, CL_FALSE, byte_offset(tensor),
                                bncli_tensor_bytes(tensor), host, 0, NULL, event);
}

bncl_status bncl_tensor_write(bncl_queue *queue, const bncl_tensor *tensor, const void *host,
                              const bncl_sync *sync, bncl_error *err)
{
    static const transfer write = {enqueue_write, "clEnqueueWriteBuffer", "write", 1};
    return enqueue_of_host(&write, queue, tensor, host, sync, err);
}

bncl_status bncli_tensor_upload(bncl_queue *queue, const bncl_tensor *tensor, const void *host,
                                bncl_error *err)
{
    bncl_status status = begin(queue, tensor, "tensor", NULL, err);
    if (status != BNCL_OK || bncl_tensor_count(tensor) == 0)
        return status;
    bncli_recording recording = bncli_recording_begin(queue, NULL);
    cl_int code = clEnqueueWriteBuffer(queue->cl, tensor->buffer->cl, CL_TRUE, byte_offset(tensor),
                                       bncli_tensor_bytes(tensor), host, 0, NULL,
                                       bncli_recording_event(&recording));
    tell(&recording, code, "write", bncli_tensor_bytes(tensor));
    bncli_recorder_collect(queue, code == CL_SUCCESS);
    return bncli_cl_status(code, "clEnqueueWriteBuffer", err);
}

bncl_status bncl_tensor_read(bncl_queue *queue, const bncl_tensor *tensor, void *host,
                             const bncl_sync *sync, bncl_error *err)
{
    bncl_status status = begin(queue, tensor, "tensor", sync, err);
    if (status != BNCL_OK)
        return status;
    if (bncl_tensor_count(tensor) > 0) {
        if (host == NULL)
            return bncli_fail(err, BNCL_ERROR_ARGUMENT, "host is NULL");
        bncli_recording recording = bncli_recording_begin(queue, NULL);
        cl_int code = clEnqueueReadBuffer(queue->cl, tensor->buffer->cl, CL_TRUE,
                                          byte_offset(tensor), bncli_tensor_bytes(tensor), host, 0,
                                          NULL, bncli_recording_event(&recording));
        tell(&recording, code, "read", bncli_tensor_bytes(tensor));
        bncli_recorder_collect(queue, code == CL_SUCCESS);
        if (code != CL_SUCCESS)
            return bncli_cl_status(code, "clEnqueueReadBuffer", err);
    }
    return bncli_queue_end(queue, sync, err);
}

bncl_status bncl_tensor_map(bncl_queue *queue, const bncl_tensor *tensor, void **host,
                            const bncl_sync *sync, bncl_error *err)
{
    bncl_status status = begin(queue, tensor, "tensor", sync, err);
    if (status != BNCL_OK)
        return status;
    if (host == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "host is NULL");
    void *mapped = NULL;
    if (bncl_tensor_count(tensor) > 0) {
        cl_int code = CL_SUCCESS;
        bncli_recording recording = bncli_recording_begin(queue, NULL);
        mapped = clEnqueueMapBuffer(queue->cl, tensor->buffer->cl, CL_TRUE,
                                    CL_MAP_WRITE_INVALIDATE_REGION, byte_offset(tensor),
                                    bncli_tensor_bytes(tensor), 0, NULL,
                                    bncli_recording_event(&recording), &code);
        tell(&recording, code, "map", 0);
        if (code != CL_SUCCESS)
            return bncli_cl_status(code, "clEnqueueMapBuffer", err);
    }
    status = bncli_queue_end(queue, sync, err);
    if (status == BNCL_OK)
        *host = mapped;
    else if (mapped != NULL)
        clEnqueueUnmapMemObject(queue->cl, tensor->buffer->cl, mapped, 0, NULL, NULL);
    return status;
}

static cl_int enqueue_unmap(bncl_queue *queue, const bncl_tensor *tensor, const void *host,
                            cl_event *event)
{
    return clEnqueueUnmapMemObject(queue->cl, tensor->buffer->cl, (void *)host, 0, NULL, event);
}

bncl_status bncl_tensor_unmap(bncl_queue *queue, const bncl_tensor *tensor, void *host,
                              const bncl_sync *sync, bncl_error *err)
{
    static const transfer unmap = {enqueue_unmap, "clEnqueueUnmapMemObject", "unmap", 1};
    return enqueue_of_host(&unmap, queue, tensor, host, sync, err);
}

static cl_int enqueue_copy(bncl_queue *queue, const bncl_tensor *dst, const void *operand,
                           cl_event *event)
{
    const bncl_tensor *src = operand;
    return clEnqueueCopyBuffer(queue->cl, src->buffer->cl, dst->buffer->cl, byte_offset(src),
                               byte_offset(dst), bncli_tensor_bytes(dst), 0, NULL, event);
}

bncl_status bncl_tensor_copy(bncl_queue *queue, const bncl_tensor *src, const bncl_tensor *dst,
                             const bncl_sync *sync, bncl_error *err)
{
    bncl_status status = begin(queue, src, "src", sync, err);
    if (status == BNCL_OK)
        status = bncli_tensor_check(queue->context, dst, "dst", err);
    if (status != BNCL_OK)
        return status;
    if (src->dtype != dst->dtype)
        return bncli_fail(err, BNCL_ERROR_DTYPE, "dst: expected %s as src, got %s",
                          bncl_dtype_name(src->dtype), bncl_dtype_name(dst->dtype));
    if (bncl_tensor_count(src) != bncl_tensor_count(dst))
        return bncli_fail(err, BNCL_ERROR_SHAPE, "dst: expected %zu elements as src, got %zu",
                          bncl_tensor_count(src), bncl_tensor_count(dst));
    static const transfer copy = {enqueue_copy, "clEnqueueCopyBuffer", "copy", 2};
    return enqueue(&copy, queue, dst, src, sync, err);
}

static cl_int enqueue_fill(bncl_queue *queue, const bncl_tensor *tensor, const void *pattern,
                           cl_event *event)
{
    return clEnqueueFillBuffer(queue->cl, tensor->buffer->cl, pattern,
                               bncl_dtype_size(tensor->dtype), byte_offset(tensor),
                               bncli_tensor_bytes(tensor), 0, NULL, event);
}

bncl_status bncl_tensor_fill(bncl_queue *queue, const bncl_tensor *tensor, double value,
                             const bncl_sync *sync, bncl_error *err)
{
    bncl_status status = begin(queue, tensor, "tensor", sync, err);
    if (status != BNCL_OK)
        return status;
    const bncli_dtype_facts *facts = bncli_dtype_facts_of(tensor->dtype);
    if (facts->end != 0.0 && !(value >= facts->begin && value < facts->end))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%g does not fit %s", value, facts->name);
    unsigned char pattern[sizeof(double)];
    facts->encode(value, pattern);
    static const transfer fill = {enqueue_fill, "clEnqueueFillBuffer", "fill", 1};
    return enqueue(&fill, queue, tensor, pattern, sync, err);
}
