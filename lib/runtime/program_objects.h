/* Internal to floor 2: what stands behind program.h's handles. */
#ifndef BNCLI_PROGRAM_OBJECTS_H
#define BNCLI_PROGRAM_OBJECTS_H

#include "runtime/cl_call.h"
#include "runtime/program.h"

struct bncli_program {
    cl_program cl;
    cl_device_id device;
};

struct bncli_kernel {
    cl_kernel cl;
    const char *name; /* static: from the kernel table */
};

#endif
