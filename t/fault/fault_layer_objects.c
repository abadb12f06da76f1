/* The layer's calls that make, retain and release objects. A release does not fail here: a driver
   that refuses one keeps the object, and no caller could mend that. */
#include "fault/fault_layer_parts.h"

/* NULL with the code, as a driver refuses. */
static void *refuse(cl_int code, cl_int *code_out)
{
    if (code_out != NULL)
        *code_out = code;
    return NULL;
}

static cl_context CL_API_CALL create_context(
    const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
    void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *data, cl_int *code)
{
    if (fault_layer_hit("clCreateContext"))
        return refuse(CL_OUT_OF_HOST_MEMORY, code);
    cl_context context =
        fault_layer_next->clCreateContext(properties, count, devices, notify, data, code);
    fault_layer_count(FAULT_CONTEXT, context);
    return context;
}

static cl_command_queue CL_API_CALL create_queue(cl_context context, cl_device_id device,
                                                 cl_command_queue_properties properties,
                                                 cl_int *code)
{
    if (fault_layer_hit("clCreateCommandQueue"))
        return refuse(CL_OUT_OF_RESOURCES, code);
    cl_command_queue queue =
        fault_layer_next->clCreateCommandQueue(context, device, properties, code);
    fault_layer_count(FAULT_QUEUE, queue);
    return queue;
}

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t bytes,
                                        void *host, cl_int *code)
{
    if (fault_layer_hit("clCreateBuffer"))
        return refuse(CL_MEM_OBJECT_ALLOCATION_FAILURE, code);
    cl_mem mem = fault_layer_next->clCreateBuffer(context, flags, bytes, host, code);
    fault_layer_count(FAULT_MEM, mem);
    return mem;
}

static cl_program CL_API_CALL create_from_source(cl_context context, cl_uint count,
                                                 const char **strings, const size_t *lengths,
                                                 cl_int *code)
{
    if (fault_layer_hit("clCreateProgramWithSource"))
        return refuse(CL_OUT_OF_HOST_MEMORY, code);
    cl_program program =
        fault_layer_next->clCreateProgramWithSource(context, count, strings, lengths, code);
    fault_layer_count(FAULT_PROGRAM, program);
    return program;
}

static cl_program CL_API_CALL create_from_binary(cl_context context, cl_uint count,
                                                 const cl_device_id *devices, const size_t *lengths,
                                                 const unsigned char **binaries, cl_int *by_device,
                                                 cl_int *code)
{
    if (fault_layer_hit("clCreateProgramWithBinary"))
        return refuse(CL_OUT_OF_RESOURCES, code);
    cl_program program = fault_layer_next->clCreateProgramWithBinary(
        context, count, devices, lengths, binaries, by_device, code);
    fault_layer_count(FAULT_PROGRAM, program);
    return program;
}

static cl_kernel CL_API_CALL create_kernel(cl_program program, const char *name, cl_int *code)
{
    if (fault_layer_hit("clCreateKernel"))
        return refuse(CL_OUT_OF_RESOURCES, code);
    cl_kernel kernel = fault_layer_next->clCreateKernel(program, name, code);
    fault_layer_count(FAULT_KERNEL, kernel);
    return kernel;
}

static cl_int CL_API_CALL retain_context(cl_context context)
{
    if (fault_layer_hit("clRetainContext"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_retained(FAULT_CONTEXT, fault_layer_next->clRetainContext(context));
}

static cl_int CL_API_CALL retain_queue(cl_command_queue queue)
{
    if (fault_layer_hit("clRetainCommandQueue"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_retained(FAULT_QUEUE, fault_layer_next->clRetainCommandQueue(queue));
}

static cl_int CL_API_CALL retain_mem(cl_mem mem)
{
    if (fault_layer_hit("clRetainMemObject"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_retained(FAULT_MEM, fault_layer_next->clRetainMemObject(mem));
}

static cl_int CL_API_CALL retain_event(cl_event event)
{
    if (fault_layer_hit("clRetainEvent"))
        return CL_OUT_OF_RESOURCES;
    return fault_layer_retained(FAULT_EVENT, fault_layer_next->clRetainEvent(event));
}

static cl_int CL_API_CALL release_context(cl_context context)
{
    return fault_layer_released(FAULT_CONTEXT, fault_layer_next->clReleaseContext(context));
}

static cl_int CL_API_CALL release_queue(cl_command_queue queue)
{
    return fault_layer_released(FAULT_QUEUE, fault_layer_next->clReleaseCommandQueue(queue));
}

static cl_int CL_API_CALL release_mem(cl_mem mem)
{
    return fault_layer_released(FAULT_MEM, fault_layer_next->clReleaseMemObject(mem));
}

static cl_int CL_API_CALL release_program(cl_program program)
{
    return fault_layer_released(FAULT_PROGRAM, fault_layer_next->clReleaseProgram(program));
}

static cl_int CL_API_CALL release_kernel(cl_kernel kernel)
{
    return fault_layer_released(FAULT_KERNEL, fault_layer_next->clReleaseKernel(kernel));
}

static cl_int CL_API_CALL release_event(cl_event event)
{
    return fault_layer_released(FAULT_EVENT, fault_layer_next->clReleaseEvent(event));
}

void fault_layer_take_objects(cl_icd_dispatch *dispatch)
{
    dispatch->clCreateContext = create_context;
    dispatch->clCreateCommandQueue = create_queue;
    dispatch->clCreateBuffer = create_buffer;
    dispatch->clCreateProgramWithSource = create_from_source;
    dispatch->clCreateProgramWithBinary = create_from_binary;
    dispatch->clCreateKernel = create_kernel;
    dispatch->clRetainContext = retain_context;
    dispatch->clRetainCommandQueue = retain_queue;
    dispatch->clRetainMemObject = retain_mem;
    dispatch->clRetainEvent = retain_event;
    dispatch->clReleaseContext = release_context;
    dispatch->clReleaseCommandQueue = release_queue;
    dispatch->clReleaseMemObject = release_mem;
    dispatch->clReleaseProgram = release_program;
    dispatch->clReleaseKernel = release_kernel;
    dispatch->clReleaseEvent = release_event;
}
