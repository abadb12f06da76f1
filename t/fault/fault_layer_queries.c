/* The layer's calls that ask: platforms, devices and what objects say of themselves. */
#include <stddef.h>

#include "fault/fault_layer_parts.h"

static cl_int CL_API_CALL get_platforms(cl_uint capacity, cl_platform_id *out, cl_uint *count)
{
    if (fault_layer_hit("clGetPlatformIDs"))
        return CL_OUT_OF_HOST_MEMORY;
    return fault_layer_next->clGetPlatformIDs(capacity, out, count);
}

static cl_int CL_API_CALL get_platform_info(cl_platform_id platform, cl_platform_info what,
                                            size_t size, void *out, size_t *needed)
{
    if (fault_layer_hit("clGetPlatformInfo"))
        return CL_OUT_OF_HOST_MEMORY;
    return fault_layer_next->clGetPlatformInfo(platform, what, size, out, needed);
}

static cl_int CL_API_CALL get_devices(cl_platform_id platform, cl_device_type type,
                                      cl_uint capacity, cl_device_id *out, cl_uint *count)
{
    if (fault_layer_hit("clGetDeviceIDs"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_next->clGetDeviceIDs(platform, type, capacity, out, count);
}

static cl_int CL_API_CALL get_device_info(cl_device_id device, cl_device_info what, size_t size,
                                          void *out, size_t *needed)
{
    if (fault_layer_hit("clGetDeviceInfo"))
        return CL_OUT_OF_RESOURCES;
    cl_int code = fault_layer_next->clGetDeviceInfo(device, what, size, out, needed);
    if (code == CL_SUCCESS && what == CL_DEVICE_COMPILER_AVAILABLE && out != NULL &&
        fault_layer_shared.hide_compiler)
        *(cl_bool *)out = CL_FALSE;
    return code;
}

static cl_int CL_API_CALL get_context_info(cl_context context, cl_context_info what, size_t size,
                                           void *out, size_t *needed)
{
    if (fault_layer_hit("clGetContextInfo"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_next->clGetContextInfo(context, what, size, out, needed);
}

static cl_int CL_API_CALL get_queue_info(cl_command_queue queue, cl_command_queue_info what,
                                         size_t size, void *out, size_t *needed)
{
    if (fault_layer_hit("clGetCommandQueueInfo"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_next->clGetCommandQueueInfo(queue, what, size, out, needed);
}

static cl_int CL_API_CALL get_mem_info(cl_mem mem, cl_mem_info what, size_t size, void *out,
                                       size_t *needed)
{
    if (fault_layer_hit("clGetMemObjectInfo"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_next->clGetMemObjectInfo(mem, what, size, out, needed);
}

static cl_int CL_API_CALL get_event_info(cl_event event, cl_event_info what, size_t size, void *out,
                                         size_t *needed)
{
    if (fault_layer_hit("clGetEventInfo"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_next->clGetEventInfo(event, what, size, out, needed);
}

static cl_int CL_API_CALL get_profiling_info(cl_event event, cl_profiling_info what, size_t size,
                                             void *out, size_t *needed)
{
    if (fault_layer_hit("clGetEventProfilingInfo"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_next->clGetEventProfilingInfo(event, what, size, out, needed);
}

static cl_int CL_API_CALL get_program_info(cl_program program, cl_program_info what, size_t size,
                                           void *out, size_t *needed)
{
    if (fault_layer_hit("clGetProgramInfo"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_next->clGetProgramInfo(program, what, size, out, needed);
}

static cl_int CL_API_CALL get_build_info(cl_program program, cl_device_id device,
                                         cl_program_build_info what, size_t size, void *out,
                                         size_t *needed)
{
    if (fault_layer_hit("clGetProgramBuildInfo"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_next->clGetProgramBuildInfo(program, device, what, size, out, needed);
}

static cl_int CL_API_CALL get_group_info(cl_kernel kernel, cl_device_id device,
                                         cl_kernel_work_group_info what, size_t size, void *out,
                                         size_t *needed)
{
    if (fault_layer_hit("clGetKernelWorkGroupInfo"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_next->clGetKernelWorkGroupInfo(kernel, device, what, size, out, needed);
}

void fault_layer_take_queries(cl_icd_dispatch *dispatch)
{
    dispatch->clGetPlatformIDs = get_platforms;
    dispatch->clGetPlatformInfo = get_platform_info;
    dispatch->clGetDeviceIDs = get_devices;
    dispatch->clGetDeviceInfo = get_device_info;
    dispatch->clGetContextInfo = get_context_info;
    dispatch->clGetCommandQueueInfo = get_queue_info;
    dispatch->clGetMemObjectInfo = get_mem_info;
    dispatch->clGetEventInfo = get_event_info;
    dispatch->clGetEventProfilingInfo = get_profiling_info;
    dispatch->clGetProgramInfo = get_program_info;
    dispatch->clGetProgramBuildInfo = get_build_info;
    dispatch->clGetKernelWorkGroupInfo = get_group_info;
}
