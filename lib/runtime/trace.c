/* Commands as trace events. Numbers are printed as whole ones: a locale's decimal comma would break
   the file. */
#include "runtime/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json_text.h"

bncl_status bncli_trace_open(const bncl_device_info *info, bncli_trace_file **out, bncl_error *err)
{
    const char *name = getenv("BNCL_TRACE");
    char label[sizeof info->name + sizeof info->platform + 64];
    if (name == NULL || name[0] == '\0')
        return BNCL_OK;
    snprintf(label, sizeof label, "%s (%s), process %ld", info->name, info->platform,
             (long)getpid());
    return bncli_trace_file_open(name, label, out, err);
}

void bncli_trace_queue(bncli_trace_file *file, unsigned queue)
{
    char event[BNCLI_TRACE_EVENT_SIZE];
    snprintf(event, sizeof event,
             "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":%llu,\"tid\":%u,"
             "\"args\":{\"name\":\"queue %u\"}}",
             bncli_trace_file_number(file), queue, queue);
    bncli_trace_file_add(file, event);
}

/* Writes thousandths as a number with three decimals. */
static size_t print_thousandths(char *out, size_t size, uint64_t thousandths)
{
    return (size_t)snprintf(out, size, "%" PRIu64 ".%03" PRIu64, thousandths / 1000,
                            thousandths % 1000);
}

/* ",KEY":[a,b,c] */
static size_t print_sizes(char *out, size_t size, const char *key,
                          const size_t sizes[BNCLI_COMMAND_DIMENSIONS])
{
    return (size_t)snprintf(out, size, ",\"%s\":[%zu,%zu,%zu]", key, sizes[0], sizes[1], sizes[2]);
}

/* What a viewer shows of an event that is clicked on. */
static void print_arguments(char *out, size_t size, const bncli_command *command,
                            const bncli_command_span *span)
{
    char layer[BNCLI_COMMAND_TEXT + 64];
    size_t used = (size_t)snprintf(out, size, "\"bytes\":%" PRIu64, command->bytes);
    if (span->duration > 0 && command->bytes <= UINT64_MAX / 1000) {
        used += (size_t)snprintf(out + used, size - used, ",\"GB/s\":");
        used += print_thousandths(out + used, size - used, command->bytes * 1000 / span->duration);
    }
    if (command->has_grid) {
        used += print_sizes(out + used, size - used, "grid", command->global);
        used += print_sizes(out + used, size - used, "group", command->group);
    }
    if (command->layer[0] != '\0') {
        bncli_json_text(command->layer, layer, sizeof layer);
        used += (size_t)snprintf(out + used, size - used, ",\"layer\":%s,\"pass\":\"%s\"", layer,
                                 command->pass);
    }
    snprintf(out + used, size - used, ",\"clock\":\"%s\"%s", span->by_device ? "device" : "host",
             span->failed ? ",\"failed\":true" : "");
}

void bncli_trace_command(bncli_trace_file *file, unsigned queue, const bncli_command *command,
                         const bncli_command_span *span)
{
    static const char *const categories[] = {[BNCLI_COMMAND_KERNEL] = "kernel",
                                             [BNCLI_COMMAND_PRODUCT] = "product",
                                             [BNCLI_COMMAND_TRANSFER] = "transfer"};
    char event[BNCLI_TRACE_EVENT_SIZE], name[BNCLI_COMMAND_TEXT + 64], arguments[512];
    char start[32], duration[32];
    bncli_json_text(command->name, name, sizeof name);
    print_arguments(arguments, sizeof arguments, command, span);
    print_thousandths(start, sizeof start, span->start);
    print_thousandths(duration, sizeof duration, span->duration);
    snprintf(event, sizeof event,
             "{\"name\":%s,\"cat\":\"%s\",\"ph\":\"X\",\"pid\":%llu,\"tid\":%u,\"ts\":%s,"
             "\"dur\":%s,\"args\":{%s}}",
             name, categories[command->kind], bncli_trace_file_number(file), queue, start, duration,
             arguments);
    bncli_trace_file_add(file, event);
}
