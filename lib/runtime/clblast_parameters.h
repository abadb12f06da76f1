/* Internal: what CLBlast's kernels are compiled with. */
#ifndef BNCLI_CLBLAST_PARAMETERS_H
#define BNCLI_CLBLAST_PARAMETERS_H

#include "runtime/cl_call.h" /* OpenCL's version, which clblast_c.h would leave open */
#include "runtime/context.h"

#include <clblast_c.h>

/* Gives CLBlast parameters that suit the context's device, where its own do not; once a process
   and device, since CLBlast keeps them so. Before anything is asked of CLBlast for the device: the
   size of a workspace depends on them. Where it fails the next call tries again, so that no product
   is made with half of them. Thread-safe. */
CLBlastStatusCode bncli_clblast_suit(const bncl_context *context);

#endif
