/* The OpenCL layer of the fault tests, and what it shares with the program that runs under it. The
   ICD loader puts it between the program and the driver (OPENCL_LAYERS); it counts the calls that
   may fail, makes the nth of them fail, and keeps account of references to OpenCL objects. Knows
   nothing of the library under test. For one thread at a time. */
#ifndef FAULT_LAYER_H
#define FAULT_LAYER_H

#include <stdbool.h>

typedef enum fault_kind {
    FAULT_CONTEXT,
    FAULT_QUEUE,
    FAULT_MEM,
    FAULT_PROGRAM,
    FAULT_KERNEL,
    FAULT_EVENT,
    FAULT_KINDS
} fault_kind;

/* The layer's only state, which the program finds by dlsym("fault_layer_shared"). */
typedef struct fault_layer {
    unsigned long nth;         /* which call fails, counted by `calls`; 0: none */
    bool sticky;               /* and all after it */
    const char *only;          /* calls of another name neither count nor fail; NULL: all do */
    unsigned long calls;       /* that may fail, since the program set this to 0 */
    unsigned long failed;      /* how many were made to fail */
    const char *first_failed;  /* the first one's name; static */
    bool hide_compiler;        /* CL_DEVICE_COMPILER_AVAILABLE says no */
    bool release_is_forgotten; /* clRelease… is not counted: what a leak looks like */
    long alive[FAULT_KINDS];   /* references created and retained, less those released */
} fault_layer;

#define FAULT_LAYER_SYMBOL "fault_layer_shared"

#endif
