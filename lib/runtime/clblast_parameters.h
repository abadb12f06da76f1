/* Internal: what CLBlast's kernels are compiled with. */
#ifndef BNCLI_CLBLAST_PARAMETERS_H
#define BNCLI_CLBLAST_PARAMETERS_H

#include "runtime/context.h"

/* Gives CLBlast parameters that suit the context's device, where its own do not; once a process
   and device. Before anything is asked of CLBlast for the device, since the size of a workspace
   depends on them. If CLBlast takes none of them, it keeps its own. Thread-safe. */
void bncli_clblast_suit(const bncl_context *context);

#endif
