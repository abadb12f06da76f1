/* Fields of tunings; see bench_tuning.h. */
#include "bench_tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ranges are those of bncl/tuning.h. */
static const struct {
    const char *name;
    unsigned least, most, factor;
} rows[BENCH_FIELDS] = {
    [BENCH_WHOLE] = {"whole", 0, 1u << 20, 4},
    [BENCH_DIRECT] = {"direct", 0, 1u << 20, 4},
    [BENCH_STREAM] = {"stream", 0, 1u << 20, 4},
    [BENCH_GROUP] = {"group", 1, 1024, 2},
    [BENCH_BLOCK_GROUP] = {"block_group", 1, 1024, 2},
    [BENCH_LINES] = {"lines", 1, 1024, 2},
    [BENCH_VECTOR] = {"vector", 1, 16, 2},
    [BENCH_VECTORS] = {"vectors", 1, 4, 2},
    [BENCH_LANE_ITEMS] = {"lane_items", 1, 64, 2},
};

const char *bench_tuning_field(int field)
{
    return rows[field].name;
}

/* Where the value of "name=value" begins, among the fields of the text; NULL: nowhere. */
static const char *value_of(const char *text, const char *name)
{
    const size_t length = strlen(name);
    while (strncmp(text, name, length) != 0 || text[length] != '=') {
        text = strchr(text, ',');
        if (text == NULL)
            return NULL;
        ++text;
    }
    return text + length + 1;
}

bool bench_tuning_read(const char *text, bench_tuning *out)
{
    for (int i = 0; i < BENCH_FIELDS; ++i) {
        const char *value = value_of(text, rows[i].name);
        if (value == NULL || *value < '0' || *value > '9')
            return false;
        out->values[i] = (unsigned)strtoul(value, NULL, 10);
    }
    return true;
}

void bench_tuning_write(const bench_tuning *tuning, char out[BNCL_TUNING_TEXT_SIZE])
{
    size_t used = 0;
    for (int i = 0; i < BENCH_FIELDS; ++i)
        used += (size_t)snprintf(out + used, BNCL_TUNING_TEXT_SIZE - used, "%s%s=%u",
                                 i > 0 ? "," : "", rows[i].name, tuning->values[i]);
}

bool bench_tuning_same(const bench_tuning *a, const bench_tuning *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool bench_tuning_step(const bench_tuning *from, int field, bool up, bench_tuning *out)
{
    const unsigned value = from->values[field], factor = rows[field].factor;
    if (value == (up ? rows[field].most : rows[field].least))
        return false;
    unsigned next = up ? (value == 0 ? 1 : value * factor) : value / factor;
    if (next > rows[field].most)
        next = rows[field].most;
    *out = *from;
    out->values[field] = next;
    return true;
}
