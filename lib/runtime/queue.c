/* Queues, and how a call begins and ends on one. */
#include "runtime/queue.h"

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/objects.h"
#include "runtime/recorder.h"

bncl_status bncli_queue_wrap(bncl_context *context, cl_command_queue cl, bncl_queue **out,
                             bncl_error *err)
{
    cl_command_queue_properties properties = 0;
    cl_int code =
        clGetCommandQueueInfo(cl, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clGetCommandQueueInfo", err);
    bncl_queue *queue;
    bncl_status status = bncli_new(&queue, 1, sizeof *queue, err);
    if (status != BNCL_OK)
        return status;
    queue->context = context;
    queue->cl = cl;
    queue->out_of_order = (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
    queue->timed = (properties & CL_QUEUE_PROFILING_ENABLE) != 0;
    if (context->trace != NULL)
        status = bncli_recorder_create(queue, err);
    if (status == BNCL_OK)
        *out = queue;
    else
        bncli_free(queue);
    return status;
}

static bncl_status create(bncl_context *context, bool timed, bncl_queue **out, bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context or out is NULL");
    const cl_command_queue_properties properties =
        timed || context->trace != NULL ? CL_QUEUE_PROFILING_ENABLE : 0;
    cl_int code = CL_SUCCESS;
    cl_command_queue cl = clCreateCommandQueue(context->cl, context->device, properties, &code);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clCreateCommandQueue", err);
    bncl_status status = bncli_queue_wrap(context, cl, out, err);
    if (status != BNCL_OK)
        clReleaseCommandQueue(cl);
    return status;
}

bncl_status bncl_queue_create(bncl_context *context, bncl_queue **out, bncl_error *err)
{
    return create(context, false, out, err);
}

bncl_status bncl_queue_create_timed(bncl_context *context, bncl_queue **out, bncl_error *err)
{
    return create(context, true, out, err);
}

void bncl_queue_destroy(bncl_queue *queue)
{
    if (queue == NULL)
        return;
    const cl_int code = clFinish(queue->cl);
    bncli_recorder_destroy(queue, code == CL_SUCCESS);
    clReleaseCommandQueue(queue->cl);
    bncli_free(queue);
}

bncl_status bncl_queue_flush(bncl_queue *queue, bncl_error *err)
{
    bncli_error_clear(err);
    if (queue == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "queue is NULL");
    return bncli_cl_status(clFlush(queue->cl), "clFlush", err);
}

bncl_status bncl_queue_finish(bncl_queue *queue, bncl_error *err)
{
    bncli_error_clear(err);
    if (queue == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "queue is NULL");
    const cl_int code = clFinish(queue->cl);
    bncli_recorder_collect(queue, code == CL_SUCCESS);
    return bncli_cl_status(code, "clFinish", err);
}

bncl_context *bncli_queue_context(const bncl_queue *queue)
{
    return queue->context;
}

void bncli_queue_label(bncl_queue *queue, const char *layer, const char *pass)
{
    queue->layer = layer;
    queue->pass = pass;
}

/* An event of another queue may never come while that queue is not flushed: rusticl then waits for
   ever. Only an event that is still queued is asked for its queue: an event may outlive that, and
   then names a queue that is no more. (A queue's end flushes it.) */
static cl_int flush_other(const bncl_queue *queue, const bncl_event *event)
{
    cl_int progress = CL_COMPLETE;
    cl_command_queue other = NULL;
    cl_int code = clGetEventInfo(event->cl, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof progress,
                                 &progress, NULL);
    if (code != CL_SUCCESS || progress != CL_QUEUED)
        return code;
    code = clGetEventInfo(event->cl, CL_EVENT_COMMAND_QUEUE, sizeof other, &other, NULL);
    if (code != CL_SUCCESS || other == NULL || other == queue->cl)
        return code;
    return clFlush(other);
}

/* Hands the events to OpenCL in pieces that fit on the stack. */
static bncl_status wait_for(bncl_queue *queue, const bncl_sync *sync, bncl_error *err)
{
    enum { piece = 32 };
    cl_event events[piece];
    for (size_t done = 0; done < sync->wait_count;) {
        cl_uint count = 0;
        while (count < piece && done < sync->wait_count) {
            const bncl_event *event = sync->wait[done];
            if (event == NULL)
                return bncli_fail(err, BNCL_ERROR_ARGUMENT, "event %zu of the wait list is NULL",
                                  done);
            cl_int code = flush_other(queue, event);
            if (code != CL_SUCCESS)
                return bncli_cl_status(code, "flushing the queue of an event", err);
            events[count++] = event->cl;
            ++done;
        }
        cl_int code = clEnqueueBarrierWithWaitList(queue->cl, count, events, NULL);
        if (code != CL_SUCCESS)
            return bncli_cl_status(code, "clEnqueueBarrierWithWaitList", err);
    }
    return BNCL_OK;
}

bncl_status bncli_queue_begin(bncl_queue *queue, const bncl_sync *sync, bncl_error *err)
{
    if (queue->out_of_order) {
        cl_int code = clEnqueueBarrierWithWaitList(queue->cl, 0, NULL, NULL);
        if (code != CL_SUCCESS)
            return bncli_cl_status(code, "clEnqueueBarrierWithWaitList", err);
    }
    if (sync == NULL || sync->wait_count == 0)
        return BNCL_OK;
    if (sync->wait == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "sync->wait is NULL, its count %zu",
                          sync->wait_count);
    return wait_for(queue, sync, err);
}

bncl_status bncli_queue_end(bncl_queue *queue, const bncl_sync *sync, bncl_error *err)
{
    bncl_event **wanted = bncli_sync_signal(sync);
    if (wanted == NULL)
        return BNCL_OK;
    bncl_event *event;
    bncl_status status = bncli_event_prepare(wanted, &event, err);
    if (status != BNCL_OK)
        return status;
    cl_int code = clEnqueueMarkerWithWaitList(queue->cl, 0, NULL, &event->cl);
    status = bncli_cl_status(code, "clEnqueueMarkerWithWaitList", err);
    return bncli_event_deliver(event, wanted, status);
}
