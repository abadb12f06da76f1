/* What any OpenCL program pays before its first result: it builds one empty kernel from source,
   runs it on the device PLATFORM:DEVICE, in the loader's order, and writes a line. bench/startup
   measures the time until then, and sets startup_library's beside it. Says "CALL: code" on
   failure. */
#include <stdio.h>
#include <stdlib.h>

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

static void expect(cl_int code, const char *call)
{
    if (code == CL_SUCCESS)
        return;
    fprintf(stderr, "startup_bare: %s: %d\n", call, (int)code);
    exit(EXIT_FAILURE);
}

static cl_device_id find_device(unsigned platform, unsigned device)
{
    enum { most = 64 };
    cl_platform_id platforms[most];
    cl_device_id devices[most];
    cl_uint count = 0;
    expect(clGetPlatformIDs(most, platforms, &count), "clGetPlatformIDs");
    expect(platform < count ? CL_SUCCESS : CL_INVALID_PLATFORM, "the platform");
    expect(clGetDeviceIDs(platforms[platform], CL_DEVICE_TYPE_ALL, most, devices, &count),
           "clGetDeviceIDs");
    expect(device < count ? CL_SUCCESS : CL_INVALID_DEVICE, "the device");
    return devices[device];
}

static void run_empty_kernel(cl_device_id device)
{
    const char *source = "__kernel void empty(void) {}\n";
    const size_t one = 1;
    cl_int code;
    cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    expect(code, "clCreateContext");
    cl_command_queue queue = clCreateCommandQueue(context, device, 0, &code);
    expect(code, "clCreateCommandQueue");
    cl_program program = clCreateProgramWithSource(context, 1, &source, NULL, &code);
    expect(code, "clCreateProgramWithSource");
    expect(clBuildProgram(program, 1, &device, "-cl-std=CL1.2", NULL, NULL), "clBuildProgram");
    cl_kernel kernel = clCreateKernel(program, "empty", &code);
    expect(code, "clCreateKernel");
    expect(clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &one, &one, 0, NULL, NULL),
           "clEnqueueNDRangeKernel");
    expect(clFinish(queue), "clFinish");
    puts("done");
    fflush(stdout);
    clReleaseKernel(kernel);
    clReleaseProgram(program);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
}

int main(int argc, char **argv)
{
    unsigned platform = 0, device = 0;
    if (argc != 2 || sscanf(argv[1], "%u:%u", &platform, &device) != 2) {
        fputs("Usage: startup_bare PLATFORM:DEVICE\n", stderr);
        return 2;
    }
    run_empty_kernel(find_device(platform, device));
    return EXIT_SUCCESS;
}
