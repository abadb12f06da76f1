/* CLBlast's parameters for processors; see clblast_parameters.h.

   CLBlast 1.5.3 has no tuning for PoCL on today's processors, and what it has for any is for GPUs:
   blocks of many small work-items, and for products that are not large a kernel of its own that
   has smaller ones. On a processor a work-item had better be a block that fills vector registers.
   Measured on PoCL 3.1 with AVX-512, two cores, GFLOP/s of [m,k]x[k,n]: 512x784x512 13.5 with
   CLBlast's, 140 with these; 2048x784x512 16 and 122; 32x784x512 8.7 and 78; 128x512x10 3.2 and
   11; 127x131x129 5.2 and 22. llvmpipe is slower with them, and keeps CLBlast's. */
#include "runtime/clblast_parameters.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <clblast_c.h>

#include "runtime/objects.h"

enum { MOST_DEVICES = 8, MOST_PARAMETERS = 16 };

/* VWM and VWN: elements of a vector; MWG, NWG: a work-group's block, of MDIMC x NDIMC work-items;
   no local memory. All products but those with a vector take this kernel. */
static const struct {
    const char *kernel;
    size_t count;
    const char *names[MOST_PARAMETERS];
    size_t values[MOST_PARAMETERS];
} parameters[] = {
    {"Xgemm",
     16,
     {"GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB", "NDIMC", "NWG", "SA", "SB",
      "STRM", "STRN", "VWM", "VWN"},
     {0, 1, 32, 2, 2, 2, 32, 8, 8, 32, 0, 0, 0, 0, 8, 4}},
    {"GemmRoutine", 1, {"XGEMM_MIN_INDIRECT_SIZE"}, {1}},
};

static CLBlastStatusCode override(cl_device_id device)
{
    CLBlastStatusCode code = CLBlastSuccess;
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0] && code == CLBlastSuccess;
         ++i) {
        const char *names[MOST_PARAMETERS]; /* CLBlast's argument is not const */
        for (size_t k = 0; k < parameters[i].count; ++k)
            names[k] = parameters[i].names[k];
        code = CLBlastOverrideParameters(device, parameters[i].kernel, CLBlastPrecisionSingle,
                                         parameters[i].count, names, parameters[i].values);
    }
    return code;
}

CLBlastStatusCode bncli_clblast_suit(const bncl_context *context)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static cl_device_id suited[MOST_DEVICES];
    static size_t count;
    CLBlastStatusCode code = CLBlastSuccess;
    if (!context->facts.runs_native)
        return code;
    pthread_mutex_lock(&lock);
    bool is_new = count < MOST_DEVICES;
    for (size_t i = 0; i < count; ++i)
        is_new = is_new && suited[i] != context->device;
    if (is_new)
        code = override(context->device);
    if (is_new && code == CLBlastSuccess)
        suited[count++] = context->device;
    pthread_mutex_unlock(&lock);
    return code;
}
