/* What benchmarks that speak OpenCL without libbncl share. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#define CL_TARGET_OPENCL_VERSION 120
#define CL_ENABLE_BETA_EXTENSIONS
#include <CL/cl.h>

/* Ends the process with "CALL: code" unless the code is CL_SUCCESS. */
void bare_expect(cl_int code, const char *call);

/* The device PLATFORM:DEVICE, in the loader's order, that the command line names as its only
   argument, and, unless that is NULL, its platform. Ends the process with status 2 and the usage
   where it names none, with 1 where there is no such device. */
cl_device_id bare_device(int argc, char **argv, const char *program, cl_platform_id *platform);

#endif
