/* Internal: kernels ready to run, built once a context for each set of macros. */
#ifndef BNCLI_BUILD_H
#define BNCLI_BUILD_H

#include <stddef.h>

#include <bncl/context.h>
#include <bncl/status.h>

#include "runtime/program.h"

/* A -D of the build: NAME=value. */
typedef struct bncli_macro {
    const char *name; /* static */
    unsigned value;
} bncli_macro;

/* Makes a kernel object of the named kernel, in a program built with the macros; the program is
   shared by the whole context and built at the first request (blocks). The caller destroys the
   kernel. Safe from several threads. Errors: NO_COMPILER, BUILD, MEMORY, OPENCL, IO (see
   bncli_source_text). */
bncl_status bncli_kernel_build(bncl_context *context, const char *kernel, const bncli_macro *macros,
                               size_t count, bncli_kernel **out, bncl_error *err);

#endif
