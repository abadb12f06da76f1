/* Tuned parameters per device class. */
#include "program/tuning.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Where a work-item is a loop body with vector registers of its own (PoCL): wide vectors, few
   items. Where it is one lane of many (GPUs, llvmpipe): no vectors, many items. */
static const bncli_tuning wide_tuning = {.vector = 16,
                                         .vectors = 4,
                                         .lane_items = 1,
                                         .lines = 32,
                                         .group = 8,
                                         .block_group = 1,
                                         .whole = 4096,
                                         .direct = 1024};
static const bncli_tuning lane_tuning = {.vector = 1,
                                         .vectors = 1,
                                         .lane_items = 64,
                                         .lines = 8,
                                         .group = 64,
                                         .block_group = 64,
                                         .whole = 16,
                                         .direct = 256};

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
};

/* Reads one "name=value" at text; *length is what it took. */
static bool read_field(const char *text, bncli_tuning *tuning, size_t *length)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; ++i) {
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

static bncl_status read_environment(bncli_tuning *tuning, bncl_error *err)
{
    const char *all = getenv("BNCL_TUNING");
    for (const char *text = all; text != NULL && *text != '\0';) {
        size_t length = 0;
        if (!read_field(text, tuning, &length))
            return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                              "BNCL_TUNING: expected vector, vectors, lane_items, lines, group or "
                              "block_group = a power of two, at most 16, 4, 64, 1024, 1024, 1024, "
                              "or whole or direct = 0 or a power of two, at most 1048576; "
                              "got '%.100s'",
                              text);
        text += length;
        if (*text == ',')
            ++text;
    }
    return BNCL_OK;
}

/* Halves a power of two until it is at most `most`. */
static void cut(unsigned *value, size_t most)
{
    while (*value > 1 && *value > most)
        *value /= 2;
}

bncl_status bncli_tuning_of(const bncli_device_facts *facts, bncli_tuning *out, bncl_error *err)
{
    enum { lanes = 64, tile_bytes = 2 * lanes * sizeof(double) }; /* of a tile, at most */
    bncli_tuning tuning = facts->native_vector > 1 ? wide_tuning : lane_tuning;
    bncl_status status = read_environment(&tuning, err);
    if (status != BNCL_OK)
        return status;
    cut(&tuning.group, facts->max_work_group);
    cut(&tuning.block_group, facts->max_work_group);
    cut(&tuning.lane_items, facts->max_work_group);
    for (int d = 0; d < 2; ++d) {
        cut(&tuning.group, facts->max_items[d]);
        cut(&tuning.block_group, facts->max_items[d]);
        cut(&tuning.lane_items, facts->max_items[d]);
    }
    if (tuning.lane_items > 1)
        cut(&tuning.group, facts->local_bytes / tile_bytes * tuning.lane_items);
    while (tuning.vector > lanes / tuning.lane_items)
        tuning.vector /= 2;
    *out = tuning;
    return BNCL_OK;
}
