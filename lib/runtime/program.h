/* Internal: compiling OpenCL C, and the kernels in it. What to compile is floor 3's business. */
#ifndef BNCLI_PROGRAM_H
#define BNCLI_PROGRAM_H

#include <stddef.h>

#include <bncl/context.h>
#include <bncl/status.h>

typedef struct bncli_program bncli_program;
typedef struct bncli_kernel bncli_kernel;

/* Compiles and links the source, given as `count` pieces, for the context's device. `name` is for
   texts. Blocks. Errors: NO_COMPILER, BUILD (the text holds the log's begin), MEMORY, OPENCL. */
bncl_status bncli_program_create(bncl_context *context, const char *name, const char *const *pieces,
                                 size_t count, const char *options, bncli_program **out,
                                 bncl_error *err);

#define BNCLI_IDENTITY_SIZE 4096 /* bytes, of the texts of any driver that is known */

/* Tells the context's device, its driver and its platform, with their versions, from all whose
   binaries could differ: a line each. Errors: OPENCL, ARGUMENT (longer than `size`). */
bncl_status bncli_program_identity(const bncl_context *context, char *out, size_t size,
                                   bncl_error *err);

/* Makes a program of the binary that bncli_program_binary gave for the same source, options and
   identity. The driver trusts the binary, and may crash on any other. Blocks. Errors: BUILD,
   MEMORY, OPENCL (the driver takes it no more). */
bncl_status bncli_program_load(bncl_context *context, const unsigned char *binary, size_t bytes,
                               const char *options, bncli_program **out, bncl_error *err);

/* The program as the driver has compiled it; the caller frees *out with bncli_free. May block for
   as long as compiling did: PoCL compiles every kernel of the program once more, for work-groups
   of any size. Errors: MEMORY, OPENCL, UNSUPPORTED (the driver has none to give). */
bncl_status bncli_program_binary(const bncli_program *program, unsigned char **out, size_t *bytes,
                                 bncl_error *err);

/* NULL is fine. Kernels made from it stay good. */
void bncli_program_destroy(bncli_program *program);

/* Copies the build log, warnings in it, cut to size. */
bncl_status bncli_program_log(const bncli_program *program, char *out, size_t size,
                              bncl_error *err);

/* A kernel object of its own: setting its arguments touches no other. Errors: MEMORY, OPENCL. */
bncl_status bncli_kernel_create(const bncli_program *program, const char *name, bncli_kernel **out,
                                bncl_error *err);

/* NULL is fine. */
void bncli_kernel_destroy(bncli_kernel *kernel);

#endif
