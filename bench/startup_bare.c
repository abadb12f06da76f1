/* What any OpenCL program pays before its first result: it builds one empty kernel from source,
   runs it on the device PLATFORM:DEVICE, in the loader's order, and writes a line. bench/startup
   measures the time until then, and sets startup_library's beside it. Says "CALL: code" on
   failure. */
#include <stdio.h>
#include <stdlib.h>

#include "bare.h"

static void run_empty_kernel(cl_device_id device)
{
    const char *source = "__kernel void empty(void) {}\n";
    const size_t one = 1;
    cl_int code;
    cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    bare_expect(code, "clCreateContext");
    cl_command_queue queue = clCreateCommandQueue(context, device, 0, &code);
    bare_expect(code, "clCreateCommandQueue");
    cl_program program = clCreateProgramWithSource(context, 1, &source, NULL, &code);
    bare_expect(code, "clCreateProgramWithSource");
    bare_expect(clBuildProgram(program, 1, &device, "-cl-std=CL1.2", NULL, NULL), "clBuildProgram");
    cl_kernel kernel = clCreateKernel(program, "empty", &code);
    bare_expect(code, "clCreateKernel");
    bare_expect(clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &one, &one, 0, NULL, NULL),
                "clEnqueueNDRangeKernel");
    bare_expect(clFinish(queue), "clFinish");
    puts("done");
    fflush(stdout);
    clReleaseKernel(kernel);
    clReleaseProgram(program);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
}

int main(int argc, char **argv)
{
    run_empty_kernel(bare_device(argc, argv, "startup_bare", NULL));
    return EXIT_SUCCESS;
}
