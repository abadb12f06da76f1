/* A context: one OpenCL device, what is known of it, and the kernels built for it. */
#ifndef BNCL_CONTEXT_H
#define BNCL_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bncl/export.h>
#include <bncl/status.h>

BNCL_BEGIN_DECLS

typedef struct bncl_context bncl_context;

/* What a device says of itself. Plain text, cut where it does not fit. */
typedef struct bncl_device_info {
    char name[128];
    char platform[128];
    char driver[128];
    char type[16];         /* "cpu", "gpu", "accelerator" or "other" */
    char index[24];        /* "0:1": platform 0, device 1, as bncl_context_create takes it;
                              "" for an adopted context */
    uint64_t memory_bytes; /* global memory */
    uint32_t compute_units;
    bool has_compiler;
    bool same_bits; /* its f32 arithmetic (fma, denormals, infinities) allows bit-identical results;
                       otherwise it is accurate, not bit-identical */
} bncl_device_info;

/* Opens a device. `device` selects it, without regard to case:
     NULL or ""   what the environment variable BNCL_DEVICE says, read the same way; without it the
                  first GPU, else the first accelerator, else the first device of any type
     "cpu" "gpu" "accelerator"   the first device of that type
     "0:1"        device 1 of platform 0, in the ICD loader's order
     other text   the first device whose name, vendor or platform contains it: "pocl", "rusticl"
   Blocks while the driver starts; builds no kernel. The caller owns *out.
   Where the environment variable BNCL_TRACE names a file, every command of the context's queues is
   written there for Chrome's or Perfetto's viewer, with its bytes and times: libbncl(3) tells more.
   Errors: ARGUMENT (out NULL), NO_DEVICE (the text lists the devices there are), IO (that file
   cannot be written), MEMORY, OPENCL. */
BNCL_API bncl_status bncl_context_create(const char *device, bncl_context **out, bncl_error *err);

/* Destroys the context after everything that was made from it. NULL is fine. If CLBlast has
   multiplied matrices for it, CLBlast's program cache, one for the process, is cleared: another
   context's next product builds again.

   Programs that it has compiled are kept in a folder of files, from which later processes load them
   in a tenth of the time: $BNCL_CACHE_DIR, else $XDG_CACHE_HOME/bncl, else ~/.cache/bncl; never
   where the environment has BNCL_CACHE=off. Most drivers give the binaries while the program is
   built; PoCL has to compile for them again, so that there the first process that needs a program
   keeps it here, which blocks for up to half a second a kernel. Whatever becomes of the files, no
   result changes and no call fails. */
BNCL_API void bncl_context_destroy(bncl_context *context);

/* What the context's device says of itself. Does not block. Errors: ARGUMENT. */
BNCL_API bncl_status bncl_context_device(const bncl_context *context, bncl_device_info *out,
                                         bncl_error *err);

/* Lists the devices of all platforms: writes the first `capacity` of them to out (may be NULL when
   capacity is 0) and how many there are to *count. A machine without any gives BNCL_OK and 0.
   Errors: ARGUMENT, MEMORY, OPENCL. */
BNCL_API bncl_status bncl_device_list(bncl_device_info *out, size_t capacity, size_t *count,
                                      bncl_error *err);

BNCL_END_DECLS

#endif
