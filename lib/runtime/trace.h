/* Internal to floor 2: commands as events of the file that BNCL_TRACE names. */
#ifndef BNCLI_TRACE_H
#define BNCLI_TRACE_H

#include <bncl/context.h>

#include "base/trace_file.h"
#include "runtime/command.h"

/* Opens the file for a context on this device; *out stays NULL without BNCL_TRACE. Errors: MEMORY,
   IO. */
bncl_status bncli_trace_open(const bncl_device_info *info, bncli_trace_file **out, bncl_error *err);

/* Names the context's queue number `queue`. */
void bncli_trace_queue(bncli_trace_file *file, unsigned queue);

void bncli_trace_command(bncli_trace_file *file, unsigned queue, const bncli_command *command,
                         const bncli_command_span *span);

#endif
