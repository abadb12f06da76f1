/* What is measured: libbncl's batch norm on one device. */
#ifndef ACCURACY_LIBRARY_H
#define ACCURACY_LIBRARY_H

#include <stdint.h>

#include <bncl/context.h>
#include <bncl/status.h>

#include "accuracy_case.h"

typedef struct accuracy_library accuracy_library;

/* What a training step gives: y as the case has it; of each channel the mean, as f32 has it, the
   running variance of momentum 1, which is the unbiased one, dgamma and dbeta. Owned by the library
   object, until its next call. */
typedef struct accuracy_results {
    const float *y, *mean, *unbiased_var, *dgamma, *dbeta;
} accuracy_results;

/* Opens the device (see bncl_context_create). The caller owns *out. */
bncl_status accuracy_library_open(const char *device, accuracy_library **out, bncl_error *err);

/* NULL is fine. */
void accuracy_library_close(accuracy_library *library);

bncl_status accuracy_library_device(const accuracy_library *library, bncl_device_info *out,
                                    bncl_error *err);

/* Makes plan and buffers of a case, which the calls below run. */
bncl_status accuracy_library_plan(accuracy_library *library, const accuracy_case *c,
                                  bncl_error *err);

/* Forward and backward in training mode, gamma = 1 and beta = 0. Blocks. */
bncl_status accuracy_library_run(accuracy_library *library, const float *x, const float *dy,
                                 accuracy_results *out, bncl_error *err);

/* Forward of channels that hold one value each, with beta [channels]: the same fields but for
   dgamma and dbeta, which are NULL. */
bncl_status accuracy_library_run_constant(accuracy_library *library, const float *x,
                                          const float *beta, accuracy_results *out,
                                          bncl_error *err);

/* A digest of all bits that the runs so far have given, in their order, but for signs of zeros. */
uint64_t accuracy_library_digest(const accuracy_library *library);

#endif
