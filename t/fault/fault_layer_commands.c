/* The layer's calls that build, set arguments, enqueue and wait. One that is made to fail has done
   nothing: neither enqueued nor waited. */
#include <stddef.h>

#include "fault/fault_layer_parts.h"

static cl_int CL_API_CALL build_program(cl_program program, cl_uint count,
                                        const cl_device_id *devices, const char *options,
                                        void(CL_CALLBACK *notify)(cl_program, void *), void *data)
{
    if (fault_layer_hit("clBuildProgram"))
        return CL_BUILD_PROGRAM_FAILURE;
    return fault_layer_next->clBuildProgram(program, count, devices, options, notify, data);
}

static cl_int CL_API_CALL set_argument(cl_kernel kernel, cl_uint index, size_t size,
                                       const void *value)
{
    if (fault_layer_hit("clSetKernelArg"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_next->clSetKernelArg(kernel, index, size, value);
}

static cl_int CL_API_CALL enqueue_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                         const size_t *offset, const size_t *global,
                                         const size_t *local, cl_uint count, const cl_event *wait,
                                         cl_event *event)
{
    if (fault_layer_hit("clEnqueueNDRangeKernel"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_count_event(fault_layer_next->clEnqueueNDRangeKernel(queue, kernel, dims,
                                                                            offset, global, local,
                                                                            count, wait, event),
                                   event);
}

static cl_int CL_API_CALL enqueue_native(cl_command_queue queue,
                                         void(CL_CALLBACK *function)(void *), void *arguments,
                                         size_t bytes, cl_uint mem_count, const cl_mem *mems,
                                         const void **places, cl_uint count, const cl_event *wait,
                                         cl_event *event)
{
    if (fault_layer_hit("clEnqueueNativeKernel"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_count_event(
        fault_layer_next->clEnqueueNativeKernel(queue, function, arguments, bytes, mem_count, mems,
                                                places, count, wait, event),
        event);
}

static cl_int CL_API_CALL enqueue_read(cl_command_queue queue, cl_mem mem, cl_bool blocking,
                                       size_t offset, size_t bytes, void *host, cl_uint count,
                                       const cl_event *wait, cl_event *event)
{
    if (fault_layer_hit("clEnqueueReadBuffer"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_count_event(fault_layer_next->clEnqueueReadBuffer(queue, mem, blocking,
                                                                         offset, bytes, host, count,
                                                                         wait, event),
                                   event);
}

static cl_int CL_API_CALL enqueue_write(cl_command_queue queue, cl_mem mem, cl_bool blocking,
                                        size_t offset, size_t bytes, const void *host,
                                        cl_uint count, const cl_event *wait, cl_event *event)
{
    if (fault_layer_hit("clEnqueueWriteBuffer"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_count_event(fault_layer_next->clEnqueueWriteBuffer(queue, mem, blocking,
                                                                          offset, bytes, host,
                                                                          count, wait, event),
                                   event);
}

static void *CL_API_CALL enqueue_map(cl_command_queue queue, cl_mem mem, cl_bool blocking,
                                     cl_map_flags flags, size_t offset, size_t bytes, cl_uint count,
                                     const cl_event *wait, cl_event *event, cl_int *code)
{
    if (fault_layer_hit("clEnqueueMapBuffer")) {
        *code = CL_MAP_FAILURE;
        return NULL;
    }
    void *mapped = fault_layer_next->clEnqueueMapBuffer(queue, mem, blocking, flags, offset, bytes,
                                                        count, wait, event, code);
    fault_layer_count_event(*code, event);
    return mapped;
}

static cl_int CL_API_CALL enqueue_unmap(cl_command_queue queue, cl_mem mem, void *mapped,
                                        cl_uint count, const cl_event *wait, cl_event *event)
{
    if (fault_layer_hit("clEnqueueUnmapMemObject"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_count_event(
        fault_layer_next->clEnqueueUnmapMemObject(queue, mem, mapped, count, wait, event), event);
}

static cl_int CL_API_CALL enqueue_copy(cl_command_queue queue, cl_mem src, cl_mem dst,
                                       size_t src_offset, size_t dst_offset, size_t bytes,
                                       cl_uint count, const cl_event *wait, cl_event *event)
{
    if (fault_layer_hit("clEnqueueCopyBuffer"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_count_event(fault_layer_next->clEnqueueCopyBuffer(queue, src, dst,
                                                                         src_offset, dst_offset,
                                                                         bytes, count, wait, event),
                                   event);
}

static cl_int CL_API_CALL enqueue_fill(cl_command_queue queue, cl_mem mem, const void *pattern,
                                       size_t size, size_t offset, size_t bytes, cl_uint count,
                                       const cl_event *wait, cl_event *event)
{
    if (fault_layer_hit("clEnqueueFillBuffer"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_count_event(fault_layer_next->clEnqueueFillBuffer(queue, mem, pattern, size,
                                                                         offset, bytes, count, wait,
                                                                         event),
                                   event);
}

static cl_int CL_API_CALL enqueue_marker(cl_command_queue queue, cl_uint count,
                                         const cl_event *wait, cl_event *event)
{
    if (fault_layer_hit("clEnqueueMarkerWithWaitList"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_count_event(
        fault_layer_next->clEnqueueMarkerWithWaitList(queue, count, wait, event), event);
}

static cl_int CL_API_CALL enqueue_barrier(cl_command_queue queue, cl_uint count,
                                          const cl_event *wait, cl_event *event)
{
    if (fault_layer_hit("clEnqueueBarrierWithWaitList"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_count_event(
        fault_layer_next->clEnqueueBarrierWithWaitList(queue, count, wait, event), event);
}

static cl_int CL_API_CALL flush(cl_command_queue queue)
{
    if (fault_layer_hit("clFlush"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_next->clFlush(queue);
}

static cl_int CL_API_CALL finish(cl_command_queue queue)
{
    if (fault_layer_hit("clFinish"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_next->clFinish(queue);
}

static cl_int CL_API_CALL wait_for_events(cl_uint count, const cl_event *events)
{
    if (fault_layer_hit("clWaitForEvents"))
        return CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
    return fault_layer_next->clWaitForEvents(count, events);
}

void fault_layer_take_commands(cl_icd_dispatch *dispatch)
{
    dispatch->clBuildProgram = build_program;
    dispatch->clSetKernelArg = set_argument;
    dispatch->clEnqueueNDRangeKernel = enqueue_kernel;
    dispatch->clEnqueueNativeKernel = enqueue_native;
    dispatch->clEnqueueReadBuffer = enqueue_read;
    dispatch->clEnqueueWriteBuffer = enqueue_write;
    dispatch->clEnqueueMapBuffer = enqueue_map;
    dispatch->clEnqueueUnmapMemObject = enqueue_unmap;
    dispatch->clEnqueueCopyBuffer = enqueue_copy;
    dispatch->clEnqueueFillBuffer = enqueue_fill;
    dispatch->clEnqueueMarkerWithWaitList = enqueue_marker;
    dispatch->clEnqueueBarrierWithWaitList = enqueue_barrier;
    dispatch->clFlush = flush;
    dispatch->clFinish = finish;
    dispatch->clWaitForEvents = wait_for_events;
}
