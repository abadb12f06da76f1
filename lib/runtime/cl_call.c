/* OpenCL error codes become statuses here, and nowhere else. */
#include "runtime/cl_call.h"

#include "base/error.h"

#define PLATFORM_NOT_FOUND_KHR (-1001)

typedef struct error_row {
    cl_int code;
    bncl_status status;
    const char *name;
} error_row;

#define ROW(code, status)                                                                          \
    {                                                                                              \
        code, status, #code                                                                        \
    }

/* The codes with a meaning of their own, then those that are the library's or the
   driver's fault. */
static const error_row rows[] = {
    ROW(CL_DEVICE_NOT_FOUND, BNCL_ERROR_NO_DEVICE),
    {PLATFORM_NOT_FOUND_KHR, BNCL_ERROR_NO_DEVICE, "CL_PLATFORM_NOT_FOUND_KHR"},
    ROW(CL_DEVICE_NOT_AVAILABLE, BNCL_ERROR_NO_DEVICE),
    ROW(CL_COMPILER_NOT_AVAILABLE, BNCL_ERROR_NO_COMPILER),
    ROW(CL_MEM_OBJECT_ALLOCATION_FAILURE, BNCL_ERROR_DEVICE_MEMORY),
    ROW(CL_OUT_OF_HOST_MEMORY, BNCL_ERROR_MEMORY),
    ROW(CL_INVALID_BUFFER_SIZE, BNCL_ERROR_DEVICE_MEMORY),
    ROW(CL_BUILD_PROGRAM_FAILURE, BNCL_ERROR_BUILD),
    ROW(CL_COMPILE_PROGRAM_FAILURE, BNCL_ERROR_BUILD),
    ROW(CL_LINK_PROGRAM_FAILURE, BNCL_ERROR_BUILD),
    ROW(CL_OUT_OF_RESOURCES, BNCL_ERROR_OPENCL),
    ROW(CL_PROFILING_INFO_NOT_AVAILABLE, BNCL_ERROR_OPENCL),
    ROW(CL_MEM_COPY_OVERLAP, BNCL_ERROR_OPENCL),
    ROW(CL_MAP_FAILURE, BNCL_ERROR_OPENCL),
    ROW(CL_MISALIGNED_SUB_BUFFER_OFFSET, BNCL_ERROR_OPENCL),
    ROW(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_VALUE, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_DEVICE_TYPE, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_PLATFORM, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_DEVICE, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_CONTEXT, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_QUEUE_PROPERTIES, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_COMMAND_QUEUE, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_HOST_PTR, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_MEM_OBJECT, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_BINARY, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_BUILD_OPTIONS, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_PROGRAM, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_PROGRAM_EXECUTABLE, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_KERNEL_NAME, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_KERNEL_DEFINITION, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_KERNEL, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_ARG_INDEX, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_ARG_VALUE, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_ARG_SIZE, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_KERNEL_ARGS, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_WORK_DIMENSION, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_WORK_GROUP_SIZE, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_WORK_ITEM_SIZE, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_GLOBAL_OFFSET, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_EVENT_WAIT_LIST, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_EVENT, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_OPERATION, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_GLOBAL_WORK_SIZE, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_PROPERTY, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_COMPILER_OPTIONS, BNCL_ERROR_OPENCL),
    ROW(CL_INVALID_LINKER_OPTIONS, BNCL_ERROR_OPENCL),
};

static const error_row *row_of(cl_int code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i)
        if (rows[i].code == code)
            return &rows[i];
    return NULL;
}

const char *bncli_cl_error_name(cl_int code)
{
    const error_row *row = row_of(code);
    return row != NULL ? row->name : "unknown OpenCL error";
}

bncl_status bncli_cl_status(cl_int code, const char *call, bncl_error *err)
{
    if (code == CL_SUCCESS)
        return BNCL_OK;
    const error_row *row = row_of(code);
    return bncli_fail(err, row != NULL ? row->status : BNCL_ERROR_OPENCL, "%s failed: %s (%d)",
                      call, bncli_cl_error_name(code), (int)code);
}
