/* Whether command buffers (cl_khr_command_buffer) would make a step of many small launches faster
   on the device PLATFORM:DEVICE, in the loader's order: enqueues launches one by one and waits, and
   enqueues a command buffer that holds the same ones and waits, turn by turn. Says "CALL: code" on
   failure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bare.h"
#include "bench_statistics.h"

#include <CL/cl_ext.h>

#ifdef cl_khr_command_buffer
enum { LAUNCHES = 20, ITEMS = 8192, GROUP = 64, ROUNDS = 201, WARM_UP = 20 };

typedef struct world {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    cl_program program;
    cl_kernel kernel;
    cl_mem memory;
    cl_command_buffer_khr buffer;
    clCreateCommandBufferKHR_fn create;
    clCommandNDRangeKernelKHR_fn launch;
    clFinalizeCommandBufferKHR_fn finalize;
    clEnqueueCommandBufferKHR_fn enqueue;
    clReleaseCommandBufferKHR_fn release;
} world;

static bool has_command_buffers(cl_device_id device)
{
    size_t bytes = 0;
    bare_expect(clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, 0, NULL, &bytes), "clGetDeviceInfo");
    char *names = malloc(bytes + 1);
    bare_expect(names != NULL ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY, "malloc");
    bare_expect(clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, bytes, names, NULL),
                "clGetDeviceInfo");
    names[bytes] = '\0';
    const bool has = strstr(names, "cl_khr_command_buffer") != NULL;
    free(names);
    return has;
}

/* ISO C has no conversion of data pointers to functions; POSIX promises that their bytes are. */
static void find_function(cl_platform_id platform, const char *name, void *function)
{
    void *address = clGetExtensionFunctionAddressForPlatform(platform, name);
    bare_expect(address != NULL ? CL_SUCCESS : CL_INVALID_OPERATION, name);
    memcpy(function, &address, sizeof address);
}

static void find_functions(cl_platform_id platform, world *w)
{
    find_function(platform, "clCreateCommandBufferKHR", &w->create);
    find_function(platform, "clCommandNDRangeKernelKHR", &w->launch);
    find_function(platform, "clFinalizeCommandBufferKHR", &w->finalize);
    find_function(platform, "clEnqueueCommandBufferKHR", &w->enqueue);
    find_function(platform, "clReleaseCommandBufferKHR", &w->release);
}

static void make_kernel(world *w)
{
    const char *source = "__kernel void more(__global float *a) { a[get_global_id(0)] += 1.0f; }\n";
    cl_int code;
    w->context = clCreateContext(NULL, 1, &w->device, NULL, NULL, &code);
    bare_expect(code, "clCreateContext");
    w->queue = clCreateCommandQueue(w->context, w->device, 0, &code);
    bare_expect(code, "clCreateCommandQueue");
    w->program = clCreateProgramWithSource(w->context, 1, &source, NULL, &code);
    bare_expect(code, "clCreateProgramWithSource");
    bare_expect(clBuildProgram(w->program, 1, &w->device, "-cl-std=CL1.2", NULL, NULL),
                "clBuildProgram");
    w->kernel = clCreateKernel(w->program, "more", &code);
    bare_expect(code, "clCreateKernel");
    w->memory = clCreateBuffer(w->context, CL_MEM_READ_WRITE, ITEMS * sizeof(float), NULL, &code);
    bare_expect(code, "clCreateBuffer");
    bare_expect(clSetKernelArg(w->kernel, 0, sizeof w->memory, &w->memory), "clSetKernelArg");
}

static void record(world *w)
{
    const size_t items = ITEMS, group = GROUP;
    cl_int code;
    w->buffer = w->create(1, &w->queue, NULL, &code);
    bare_expect(code, "clCreateCommandBufferKHR");
    for (int i = 0; i < LAUNCHES; ++i)
        bare_expect(w->launch(w->buffer, NULL, NULL, w->kernel, 1, NULL, &items, &group, 0, NULL,
                              NULL, NULL),
                    "clCommandNDRangeKernelKHR");
    bare_expect(w->finalize(w->buffer), "clFinalizeCommandBufferKHR");
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double time_launches(const world *w)
{
    const size_t items = ITEMS, group = GROUP;
    const double begin = seconds();
    for (int i = 0; i < LAUNCHES; ++i)
        bare_expect(
            clEnqueueNDRangeKernel(w->queue, w->kernel, 1, NULL, &items, &group, 0, NULL, NULL),
            "clEnqueueNDRangeKernel");
    bare_expect(clFinish(w->queue), "clFinish");
    return seconds() - begin;
}

static double time_buffer(const world *w)
{
    const double begin = seconds();
    bare_expect(w->enqueue(0, NULL, w->buffer, 0, NULL, NULL), "clEnqueueCommandBufferKHR");
    bare_expect(clFinish(w->queue), "clFinish");
    return seconds() - begin;
}

/* Rounds before the first that counts warm both up. */
static void compare(const world *w)
{
    static double launches[ROUNDS], buffer[ROUNDS], ratio[ROUNDS];
    for (int i = -WARM_UP; i < ROUNDS; ++i) {
        const double one_by_one = time_launches(w), together = time_buffer(w);
        if (i < 0)
            continue;
        launches[i] = one_by_one;
        buffer[i] = together;
        ratio[i] = one_by_one / together;
    }
    const bench_summary r = bench_summary_of(ratio, ROUNDS);
    printf("%d launches of %d work-items: %.1f us one by one, %.1f us as a command buffer, which "
           "is %.2f (%.2f to %.2f) times as fast\n",
           LAUNCHES, ITEMS, 1e6 * bench_summary_of(launches, ROUNDS).median,
           1e6 * bench_summary_of(buffer, ROUNDS).median, r.median, r.low, r.high);
}

static void release(world *w)
{
    w->release(w->buffer);
    clReleaseMemObject(w->memory);
    clReleaseKernel(w->kernel);
    clReleaseProgram(w->program);
    clReleaseCommandQueue(w->queue);
    clReleaseContext(w->context);
}

static void run(cl_platform_id platform, cl_device_id device)
{
    world w = {.device = device};
    if (!has_command_buffers(device)) {
        puts("the device has no command buffers");
        return;
    }
    find_functions(platform, &w);
    make_kernel(&w);
    record(&w);
    compare(&w);
    release(&w);
}
#else
static void run(cl_platform_id platform, cl_device_id device)
{
    (void)platform;
    (void)device;
    puts("built without command buffers: CL/cl_ext.h does not know them");
}
#endif

int main(int argc, char **argv)
{
    cl_platform_id platform;
    const cl_device_id device = bare_device(argc, argv, "command_buffer", &platform);
    run(platform, device);
    return EXIT_SUCCESS;
}
