/* The least that an operator must do: the passes over memory, the bytes, the arithmetic. What is
   measured is set against this, and the device's limit is timed by kernels that do the same passes
   and nothing else. Knows no device but by two numbers. */
#ifndef BENCH_MODEL_H
#define BENCH_MODEL_H

#include <stdint.h>

#include "bench_cases.h"

/* Tensors as large as x, as bits: what a pass reads and writes. */
enum {
    BENCH_X = 1,
    BENCH_DY = 2,
    BENCH_RESIDUAL = 4,
    BENCH_Y = 8, /* or dx, where that is what comes out */
    BENCH_DRESIDUAL = 16,
    BENCH_WHOLES = 5
};

typedef struct bench_pass {
    unsigned reads, writes;
} bench_pass;

enum { BENCH_MOST_PASSES = 2 };

typedef struct bench_model {
    bench_pass passes[BENCH_MOST_PASSES];
    int pass_count; /* 0: memory is not what limits it */
    double bytes;   /* of whole tensors and masks; what a channel has one of is left out */
    double flops;   /* of the formulas, not of the kernels */
} bench_model;

/* What of the device the model needs. */
typedef struct bench_device_facts {
    uint64_t cache_bytes;   /* of its largest cache, 16 MiB a compute unit at most: others have
                               their share of a server's */
    uint32_t compute_units; /* that work on channels of their own */
} bench_device_facts;

/* Whether `tensors` times the slab that a compute unit works on stay in the cache between two
   passes, with as many units at work as there are slabs: in half of it, since what is written goes
   through it, too. A slab is what lies together of a channel's n values: with [N,C,L] the channel's
   own; else, since a line of memory holds several channels, that of 256 bytes of each row. */
bool bench_slab_fits(const bench_case *c, int tensors, const bench_device_facts *facts);

bench_model bench_model_of(const bench_case *c, const bench_device_facts *facts);

/* The number of bits that are set. */
int bench_count_wholes(unsigned wholes);

/* "1R+1W", "1R, 1R+1W": the passes; "-" without. */
void bench_model_name(const bench_model *model, char out[BENCH_NAME_SIZE]);

#endif
