/* Compiling OpenCL C. */
#include "runtime/program.h"

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
