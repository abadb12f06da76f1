/* The door for callers who own OpenCL objects. */
#include <bncl/opencl.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/device_query.h"
#include "runtime/native.h"
#include "runtime/objects.h"

/* Whether the device is one of the context's. */
static bncl_status check_device(cl_context cl, cl_device_id device, bncl_error *err)
{
    cl_device_id devices[64];
    size_t bytes = 0;
    cl_int code = clGetContextInfo(cl, CL_CONTEXT_DEVICES, sizeof devices, devices, &bytes);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clGetContextInfo", err);
    for (size_t i = 0; i < bytes / sizeof devices[0]; ++i)
        if (devices[i] == device)
            return BNCL_OK;
    return bncli_fail(err, BNCL_ERROR_ARGUMENT, "the device is not one of the cl_context's");
}

bncl_status bncl_opencl_context(cl_context cl, cl_device_id device, bncl_context **out,
                                bncl_error *err)
{
    bncli_error_clear(err);
    if (cl == NULL || device == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "cl_context, device or out is NULL");
    bncl_device_info info;
    bncl_status status = check_device(cl, device, err);
    if (status == BNCL_OK)
        status = bncli_device_describe(device, &info, err);
    if (status == BNCL_OK)
        status = bncli_cl_status(clRetainContext(cl), "clRetainContext", err);
    if (status != BNCL_OK)
        return status;
    status = bncli_context_wrap(cl, device, &info, out, err);
    if (status != BNCL_OK)
        clReleaseContext(cl);
    return status;
}

bncl_status bncl_opencl_queue(bncl_context *context, cl_command_queue cl, bncl_queue **out,
                              bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL || cl == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context, cl_command_queue or out is NULL");
    cl_context of_context = NULL;
    cl_device_id of_device = NULL;
    cl_int code = clGetCommandQueueInfo(cl, CL_QUEUE_CONTEXT, sizeof of_context, &of_context, NULL);
    if (code == CL_SUCCESS)
        code = clGetCommandQueueInfo(cl, CL_QUEUE_DEVICE, sizeof of_device, &of_device, NULL);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clGetCommandQueueInfo", err);
    if (of_context != context->cl || of_device != context->device)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                          "the cl_command_queue is of another context or device");
    bncl_status status = bncli_cl_status(clRetainCommandQueue(cl), "clRetainCommandQueue", err);
    if (status != BNCL_OK)
        return status;
    status = bncli_queue_wrap(context, cl, out, err);
    if (status != BNCL_OK)
        clReleaseCommandQueue(cl);
    return status;
}

/* Where a sub-buffer lies in its parent, which is what native commands are given. */
static bncl_status find_memory(bncl_buffer *buffer, bncl_error *err)
{
    cl_mem parent = NULL;
    cl_int code =
        clGetMemObjectInfo(buffer->cl, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof parent, &parent, NULL);
    if (code == CL_SUCCESS && parent != NULL)
        code = clGetMemObjectInfo(buffer->cl, CL_MEM_OFFSET, sizeof buffer->origin, &buffer->origin,
                                  NULL);
    buffer->whole = parent != NULL ? parent : buffer->cl;
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clGetMemObjectInfo", err);
    return bncli_native_locate(buffer, err);
}

/* What the cl_mem is: its context, its kind, its size. */
static bncl_status check_mem(const bncl_context *context, cl_mem cl, size_t *bytes, bncl_error *err)
{
    cl_context of_context = NULL;
    cl_mem_object_type type = 0;
    cl_int code = clGetMemObjectInfo(cl, CL_MEM_CONTEXT, sizeof of_context, &of_context, NULL);
    if (code == CL_SUCCESS)
        code = clGetMemObjectInfo(cl, CL_MEM_TYPE, sizeof type, &type, NULL);
    if (code == CL_SUCCESS)
        code = clGetMemObjectInfo(cl, CL_MEM_SIZE, sizeof *bytes, bytes, NULL);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clGetMemObjectInfo", err);
    if (of_context != context->cl)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "the cl_mem is of another context");
    if (type != CL_MEM_OBJECT_BUFFER)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "the cl_mem is not a buffer");
    return BNCL_OK;
}

bncl_status bncl_opencl_buffer(bncl_context *context, cl_mem cl, bncl_buffer **out, bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL || cl == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context, cl_mem or out is NULL");
    size_t bytes = 0;
    bncl_status status = check_mem(context, cl, &bytes, err);
    bncl_buffer *buffer = NULL;
    if (status == BNCL_OK)
        status = bncli_new(&buffer, 1, sizeof *buffer, err);
    if (status != BNCL_OK)
        return status;
    *buffer = (bncl_buffer){.context = context,
                            .cl = cl,
                            .bytes = bytes,
                            .number = atomic_fetch_add(&context->buffers, 1u) + 1};
    status = find_memory(buffer, err);
    if (status == BNCL_OK)
        status = bncli_cl_status(clRetainMemObject(cl), "clRetainMemObject", err);
    if (status == BNCL_OK)
        *out = buffer;
    else
        bncli_free(buffer);
    return status;
}

bncl_status bncl_opencl_event(cl_event cl, bncl_event **out, bncl_error *err)
{
    bncli_error_clear(err);
    if (cl == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "cl_event or out is NULL");
    bncl_event *event;
    bncl_status status = bncli_new(&event, 1, sizeof *event, err);
    if (status != BNCL_OK)
        return status;
    status = bncli_cl_status(clRetainEvent(cl), "clRetainEvent", err);
    event->cl = cl;
    return bncli_event_deliver(event, out, status);
}

cl_context bncl_opencl_get_context(const bncl_context *context)
{
    return context != NULL ? context->cl : NULL;
}

cl_device_id bncl_opencl_get_device(const bncl_context *context)
{
    return context != NULL ? context->device : NULL;
}

cl_command_queue bncl_opencl_get_queue(const bncl_queue *queue)
{
    return queue != NULL ? queue->cl : NULL;
}

cl_mem bncl_opencl_get_mem(const bncl_buffer *buffer)
{
    return buffer != NULL ? buffer->cl : NULL;
}

cl_event bncl_opencl_get_event(const bncl_event *event)
{
    return event != NULL ? event->cl : NULL;
}
