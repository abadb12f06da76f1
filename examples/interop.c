/* A program that owns its OpenCL context, queue and buffer, and has libbncl work on them: batch
   norm at element offsets into the program's own memory, checked against a plain C loop.
   Usage: interop [PLATFORM], a part of the platform's name; else the first that has a device. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bncl/bncl.h>
#include <bncl/opencl.h>

#define ALLOWED 2e-6
enum { N = 64, C = 24 }; /* the others: elements from the buffer's begin */
enum { X_AT = 40, Y_AT = X_AT + N * C, GAMMA_AT = Y_AT + N * C, TOTAL = GAMMA_AT + C };

static cl_device_id find_device(const char *wanted)
{
    cl_platform_id platforms[16];
    cl_device_id device = NULL;
    cl_uint count = 0;
    char name[256] = "";
    clGetPlatformIDs(16, platforms, &count);
    for (cl_uint i = 0; i < count && i < 16 && device == NULL; ++i)
        if (!clGetPlatformInfo(platforms[i], CL_PLATFORM_NAME, sizeof name, name, NULL) &&
            strstr(name, wanted) != NULL)
            clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, NULL);
    return device;
}

/* The library's part. Its handles retain the program's objects, and release them when destroyed. */
static bncl_status normalize(cl_context cl, cl_device_id device, cl_command_queue cl_queue,
                             cl_mem mem, bncl_error *err)
{
    const size_t dims[] = {N, C}, channels = C;
    bncl_context *context = NULL;
    bncl_queue *queue = NULL;
    bncl_buffer *buffer = NULL;
    bncl_batch_norm *plan = NULL;
    bncl_batch_norm_forward args = {0};
    bncl_status status; /* BNCL_OK is 0: the first failure ends the chain */
    if ((status = bncl_opencl_context(cl, device, &context, err)) ||
        (status = bncl_opencl_queue(context, cl_queue, &queue, err)) ||
        (status = bncl_opencl_buffer(context, mem, &buffer, err)) ||
        (status = bncl_batch_norm_create(context, BNCL_LAYOUT_NC, BNCL_F32, 2, dims, NULL, &plan,
                                         err)) ||
        (status = bncl_tensor_init(&args.x, buffer, X_AT, BNCL_F32, 2, dims, err)) ||
        (status = bncl_tensor_init(&args.y, buffer, Y_AT, BNCL_F32, 2, dims, err)) ||
        (status = bncl_tensor_init(&args.gamma, buffer, GAMMA_AT, BNCL_F32, 1, &channels, err)))
        goto done;
    status = bncl_batch_norm_forward_train(plan, queue, &args, NULL, err); /* enqueues, returns */
done:
    bncl_batch_norm_destroy(plan);
    bncl_buffer_destroy(buffer);
    bncl_queue_destroy(queue);
    bncl_context_destroy(context);
    return status;
}

/* The largest |error| of y, relative where |y| > 1; infinite where y is no number. */
static double worst_error(const float *before, const float *after)
{
    double worst = 0.0;
    for (int c = 0; c < C; ++c) {
        const float *x = before + X_AT + c, *y = after + Y_AT + c;
        double mean = 0.0, var = 0.0;
        for (int n = 0; n < N; ++n)
            mean += (double)x[n * C] / N;
        for (int n = 0; n < N; ++n)
            var += (x[n * C] - mean) * (x[n * C] - mean) / N;
        for (int n = 0; n < N; ++n) {
            double exact = (x[n * C] - mean) / sqrt(var + 1e-5) * before[GAMMA_AT + c];
            double error = fabs(y[n * C] - exact) / fmax(1.0, fabs(exact));
            if (!(error <= worst))
                worst = isnan(error) ? INFINITY : error;
        }
    }
    return worst;
}

/* The program's part. False where something failed: err says what. */
static bool run(cl_device_id device, float *before, float *after, bncl_error *err)
{
    cl_int code;
    cl_command_queue queue = NULL;
    cl_mem mem = NULL;
    bncl_status status = BNCL_OK;
    cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    if (!code)
        queue = clCreateCommandQueue(context, device, 0, &code);
    if (!code)
        mem = clCreateBuffer(context, CL_MEM_COPY_HOST_PTR, TOTAL * 4, before, &code);
    if (!code && !(status = normalize(context, device, queue, mem, err)))
        code = clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, TOTAL * 4, after, 0, NULL, NULL);
    const char *calls[] = {"clCreateContext", "clCreateCommandQueue", "clCreateBuffer",
                           "clEnqueueReadBuffer"};
    if (code) /* each call before the failing one has given something */
        snprintf(err->text, sizeof err->text, "%s: OpenCL error %d",
                 calls[(context != NULL) + (queue != NULL) + (mem != NULL)], (int)code);
    clReleaseMemObject(mem); /* the loader refuses a NULL, no more */
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    return !code && !status;
}

int main(int argc, char **argv)
{
    float before[TOTAL], after[TOTAL];
    bncl_error err = {"no OpenCL device found, or none on such a platform: is a driver installed? "
                      "On Debian, pocl-opencl-icd runs OpenCL on any CPU"};
    cl_device_id device = find_device(argc > 1 ? argv[1] : "");
    bncl_random_uniform(1, 0, -3.0f, 5.0f, before, TOTAL);
    if (device == NULL || !run(device, before, after, &err)) {
        fprintf(stderr, "interop: %s\n", err.text);
        return EXIT_FAILURE;
    }
    double worst = worst_error(before, after);
    printf("largest error against a plain C loop: %g (allowed: %g)\n", worst, ALLOWED);
    return worst <= ALLOWED ? EXIT_SUCCESS : EXIT_FAILURE;
}
