#include "bare.h"

#include <stdio.h>
#include <stdlib.h>

void bare_expect(cl_int code, const char *call)
{
    if (code == CL_SUCCESS)
        return;
    fprintf(stderr, "%s: %d\n", call, (int)code);
    exit(EXIT_FAILURE);
}

cl_device_id bare_device(int argc, char **argv, const char *program, cl_platform_id *platform)
{
    enum { most = 64 };
    cl_platform_id platforms[most];
    cl_device_id devices[most];
    cl_uint count = 0;
    unsigned p = 0, d = 0;
    if (argc != 2 || sscanf(argv[1], "%u:%u", &p, &d) != 2) {
        fprintf(stderr, "Usage: %s PLATFORM:DEVICE\n", program);
        exit(2);
    }
    bare_expect(clGetPlatformIDs(most, platforms, &count), "clGetPlatformIDs");
    bare_expect(p < count && p < most ? CL_SUCCESS : CL_INVALID_PLATFORM, "the platform");
    bare_expect(clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, most, devices, &count),
                "clGetDeviceIDs");
    bare_expect(d < count && d < most ? CL_SUCCESS : CL_INVALID_DEVICE, "the device");
    if (platform != NULL)
        *platform = platforms[p];
    return devices[d];
}
