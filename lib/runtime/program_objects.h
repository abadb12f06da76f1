/* Internal to floor 2: what stands behind program.h's handles. */
#ifndef BNCLI_PROGRAM_OBJECTS_H
#define BNCLI_PROGRAM_OBJECTS_H

#include "runtime/cl_call.h"
#include "runtime/launch.h"
#include "runtime/program.h"

struct bncli_program {
    cl_program cl;
    cl_device_id device;
};

/* An argument as it was set: a buffer by its number, since another may come to lie where it lay. */
typedef struct bncli_set_argument {
    bncli_argument_kind kind;
    uint64_t buffer; /* 0: none */
    uint64_t offset;
    uint64_t strides[4];
    uint32_t number;
    double real;
} bncli_set_argument;

#define BNCLI_SET_ARGUMENTS 32 /* more are set each time */

struct bncli_kernel {
    cl_kernel cl;
    const char *name; /* static: from the kernel table */
    bncli_set_argument set[BNCLI_SET_ARGUMENTS];
    size_t set_count; /* those of them that the kernel has */
};

#endif
