/* Compiling OpenCL C, and what comes of it as a binary. */
#include "runtime/program.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/objects.h"
#include "runtime/program_objects.h"

/* Writes "kernel NAME did not compile: LOG" and returns the status. */
static bncl_status build_failure(bncli_program *program, const char *name, cl_int code,
                                 bncl_error *err)
{
    bncl_status status = bncli_cl_status(code, "clBuildProgram", err);
    char log[BNCL_ERROR_TEXT_SIZE * 3 / 4] = "";
    if (status != BNCL_ERROR_BUILD || bncli_program_log(program, log, sizeof log, NULL) != BNCL_OK)
        return status;
    return bncli_fail(err, BNCL_ERROR_BUILD, "kernels of %s did not compile: %s", name, log);
}

bncl_status bncli_program_create(bncl_context *context, const char *name, const char *const *pieces,
                                 size_t count, const char *options, bncli_program **out,
                                 bncl_error *err)
{
    if (!context->info.has_compiler)
        return bncli_fail(err, BNCL_ERROR_NO_COMPILER,
                          "device %s has no OpenCL C compiler, which building %s needs",
                          context->info.name, name);
    bncli_program *program;
    bncl_status status = bncli_new(&program, 1, sizeof *program, err);
    if (status != BNCL_OK)
        return status;
    program->device = context->device;
    cl_int code = CL_SUCCESS;
    /* The API's pieces are not const, but it does not write to them. */
    const char **strings = NULL;
    memcpy(&strings, &pieces, sizeof strings);
    program->cl = clCreateProgramWithSource(context->cl, (cl_uint)count, strings, NULL, &code);
    status = bncli_cl_status(code, "clCreateProgramWithSource", err);
    if (status != BNCL_OK)
        goto fail;
    code = clBuildProgram(program->cl, 1, &context->device, options, NULL, NULL);
    if (code != CL_SUCCESS) {
        status = build_failure(program, name, code, err);
        goto fail;
    }
    *out = program;
    return BNCL_OK;
fail:
    bncli_program_destroy(program);
    return status;
}

/* Appends the answer and a line's end. */
static bncl_status add_line(char *out, size_t size, cl_int code, const char *text, bncl_error *err)
{
    const size_t used = strlen(out);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "asking the device and its platform", err);
    const int length = snprintf(out + used, size - used, "%s\n", text);
    if (length < 0 || (size_t)length >= size - used)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "the device's texts are too long");
    return BNCL_OK;
}

bncl_status bncli_program_identity(const bncl_context *context, char *out, size_t size,
                                   bncl_error *err)
{
    static const cl_device_info of_device[] = {CL_DEVICE_NAME, CL_DEVICE_VENDOR, CL_DEVICE_VERSION,
                                               CL_DRIVER_VERSION};
    static const cl_platform_info of_platform[] = {CL_PLATFORM_NAME, CL_PLATFORM_VERSION};
    char text[1024];
    cl_platform_id platform = NULL;
    bncl_status status = BNCL_OK;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof of_device / sizeof of_device[0] && status == BNCL_OK; ++i)
        status = add_line(out, size,
                          clGetDeviceInfo(context->device, of_device[i], sizeof text, text, NULL),
                          text, err);
    if (status == BNCL_OK)
        status = bncli_cl_status(
            clGetDeviceInfo(context->device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL),
            "clGetDeviceInfo", err);
    for (size_t i = 0; i < sizeof of_platform / sizeof of_platform[0] && status == BNCL_OK; ++i)
        status = add_line(out, size,
                          clGetPlatformInfo(platform, of_platform[i], sizeof text, text, NULL),
                          text, err);
    return status;
}

bncl_status bncli_program_load(bncl_context *context, const unsigned char *binary, size_t bytes,
                               const char *options, bncli_program **out, bncl_error *err)
{
    bncli_program *program;
    bncl_status status = bncli_new(&program, 1, sizeof *program, err);
    if (status != BNCL_OK)
        return status;
    program->device = context->device;
    cl_int taken = CL_SUCCESS, code = CL_SUCCESS;
    program->cl =
        clCreateProgramWithBinary(context->cl, 1, &context->device, &bytes, &binary, &taken, &code);
    if (code == CL_SUCCESS)
        code = taken;
    status = bncli_cl_status(code, "clCreateProgramWithBinary", err);
    if (status == BNCL_OK)
        status =
            bncli_cl_status(clBuildProgram(program->cl, 1, &context->device, options, NULL, NULL),
                            "clBuildProgram", err);
    if (status == BNCL_OK)
        *out = program;
    else
        bncli_program_destroy(program);
    return status;
}

bncl_status bncli_program_binary(const bncli_program *program, unsigned char **out, size_t *bytes,
                                 bncl_error *err)
{
    size_t size = 0;
    cl_uint devices = 0;
    cl_int code =
        clGetProgramInfo(program->cl, CL_PROGRAM_NUM_DEVICES, sizeof devices, &devices, NULL);
    /* Each device has its size and its place: those of an adopted context may be several. */
    if (code == CL_SUCCESS && devices == 1)
        code = clGetProgramInfo(program->cl, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clGetProgramInfo", err);
    if (size == 0)
        return bncli_fail(err, BNCL_ERROR_UNSUPPORTED, "the driver has no binary of the program");
    unsigned char *binary;
    bncl_status status = bncli_new(&binary, size, 1, err);
    if (status != BNCL_OK)
        return status;
    code = clGetProgramInfo(program->cl, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL);
    if (code != CL_SUCCESS) {
        bncli_free(binary);
        return bncli_cl_status(code, "clGetProgramInfo", err);
    }
    *bytes = size;
    *out = binary;
    return BNCL_OK;
}

void bncli_program_destroy(bncli_program *program)
{
    if (program == NULL)
        return;
    if (program->cl != NULL)
        clReleaseProgram(program->cl);
    bncli_free(program);
}

bncl_status bncli_program_log(const bncli_program *program, char *out, size_t size, bncl_error *err)
{
    size_t bytes = 0;
    cl_int code =
        clGetProgramBuildInfo(program->cl, program->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clGetProgramBuildInfo", err);
    char *log;
    bncl_status status = bncli_new(&log, bytes + 1, 1, err);
    if (status != BNCL_OK)
        return status;
    code =
        clGetProgramBuildInfo(program->cl, program->device, CL_PROGRAM_BUILD_LOG, bytes, log, NULL);
    if (code == CL_SUCCESS) {
        size_t length = strlen(log) < size ? strlen(log) : size - 1;
        memcpy(out, log, length);
        out[length] = '\0';
    }
    bncli_free(log);
    return bncli_cl_status(code, "clGetProgramBuildInfo", err);
}

bncl_status bncli_kernel_create(const bncli_program *program, const char *name, bncli_kernel **out,
                                bncl_error *err)
{
    bncli_kernel *kernel;
    bncl_status status = bncli_new(&kernel, 1, sizeof *kernel, err);
    if (status != BNCL_OK)
        return status;
    cl_int code = CL_SUCCESS;
    kernel->cl = clCreateKernel(program->cl, name, &code);
    if (code != CL_SUCCESS) {
        status = bncli_cl_status(code, "clCreateKernel", err);
        bncli_kernel_destroy(kernel);
        return bncli_fail_within(err, status, name);
    }
    kernel->name = name;
    *out = kernel;
    return BNCL_OK;
}

void bncli_kernel_destroy(bncli_kernel *kernel)
{
    if (kernel == NULL)
        return;
    if (kernel->cl != NULL)
        clReleaseKernel(kernel->cl);
    bncli_free(kernel);
}
