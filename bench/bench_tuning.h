/* Tunings as lists of fields, and the steps from one to the next. Knows no device. */
#ifndef BENCH_TUNING_H
#define BENCH_TUNING_H

#include <stdbool.h>

#include <bncl/tuning.h>

/* In the order in which they are tried: what costs least to try comes first. Thresholds need
   little that is new, work-groups a new kernel of some drivers, what follows new programs. */
enum {
    BENCH_WHOLE,
    BENCH_DIRECT,
    BENCH_STREAM,
    BENCH_GROUP,
    BENCH_BLOCK_GROUP,
    BENCH_LINES,
    BENCH_VECTOR,
    BENCH_VECTORS,
    BENCH_LANE_ITEMS,
    BENCH_FIELDS
};

typedef struct bench_tuning {
    unsigned values[BENCH_FIELDS];
} bench_tuning;

/* "whole", …: the names of bncl/tuning.h. Static. */
const char *bench_tuning_field(int field);

/* Reads a list of all fields, as bncl_tuning_get gives it. */
bool bench_tuning_read(const char *text, bench_tuning *out);

/* Writes all fields, as BNCL_TUNING takes them. */
void bench_tuning_write(const bench_tuning *tuning, char out[BNCL_TUNING_TEXT_SIZE]);

bool bench_tuning_same(const bench_tuning *a, const bench_tuning *b);

/* The tuning with one field a step up or down: to twice or half, of the thresholds to four times or
   a quarter, which below 1 is 0, and from 0 to 1. False: the field ends there. */
bool bench_tuning_step(const bench_tuning *from, int field, bool up, bench_tuning *out);

#endif
