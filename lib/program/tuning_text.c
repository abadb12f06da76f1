/* Tunings as text: names, places and ranges of the fields. */
#include "program/tuning_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define MOST_KIB (1u << 20) /* of fields that may be 0 as well */

typedef struct field_row {
    const char *name;
    size_t offset;
    unsigned most;
} field_row;

static const field_row fields[] = {
    {"vector", offsetof(bncli_tuning, vector), 16},
    {"vectors", offsetof(bncli_tuning, vectors), 4},
    {"lane_items", offsetof(bncli_tuning, lane_items), 64},
    {"lines", offsetof(bncli_tuning, lines), 1024},
    {"group", offsetof(bncli_tuning, group), 1024},
    {"block_group", offsetof(bncli_tuning, block_group), 1024},
    {"whole", offsetof(bncli_tuning, whole), MOST_KIB},
    {"direct", offsetof(bncli_tuning, direct), MOST_KIB},
    {"stream", offsetof(bncli_tuning, stream), MOST_KIB},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

/* Reads one "name=value" at text; *length is what it took. */
static bool read_field(const char *text, bncli_tuning *tuning, size_t *length)
{
    for (size_t i = 0; i < FIELDS; ++i) {
        size_t name = strlen(fields[i].name);
        if (strncmp(text, fields[i].name, name) != 0 || text[name] != '=')
            continue;
        const char *digits = text + name + 1;
        char *end = NULL;
        const unsigned long value = strtoul(digits, &end, 10);
        const bool counts = value != 0 ? (value & (value - 1)) == 0 : fields[i].most == MOST_KIB;
        if (*digits < '0' || *digits > '9' || !counts || value > fields[i].most ||
            (*end != '\0' && *end != ','))
            return false;
        unsigned number = (unsigned)value;
        memcpy((char *)tuning + fields[i].offset, &number, sizeof number);
        *length = (size_t)(end - text);
        return true;
    }
    return false;
}

bncl_status bncli_tuning_read(const char *name, const char *text, bncli_tuning *tuning,
                              bncl_error *err)
{
    bncli_tuning changed = *tuning;
    while (text != NULL && *text != '\0') {
        size_t length = 0;
        if (!read_field(text, &changed, &length))
            return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                              "%s: expected vector, vectors, lane_items, lines, group or "
                              "block_group = a power of two, at most 16, 4, 64, 1024, 1024, 1024, "
                              "or whole, direct or stream = 0 or a power of two, at most 1048576; "
                              "got '%.100s'",
                              name, text);
        text += length;
        if (*text == ',')
            ++text;
    }
    *tuning = changed;
    return BNCL_OK;
}

void bncli_tuning_write(const bncli_tuning *tuning, char out[BNCL_TUNING_TEXT_SIZE])
{
    size_t used = 0;
    for (size_t i = 0; i < FIELDS; ++i) {
        unsigned number;
        memcpy(&number, (const char *)tuning + fields[i].offset, sizeof number);
        used += (size_t)snprintf(out + used, BNCL_TUNING_TEXT_SIZE - used, "%s%s=%u",
                                 i > 0 ? "," : "", fields[i].name, number);
    }
}
