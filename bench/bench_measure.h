/* Measuring one case: all who take part, turn by turn in rounds, so that whatever the machine does
   meanwhile befalls them alike. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "bench_contestant.h"
#include "bench_statistics.h"

/* In the order of their turns. */
enum {
    BENCH_AT_EMPTY,
    BENCH_AT_LIMIT,
    BENCH_AT_LIBRARY,
    BENCH_AT_PYTORCH,
    BENCH_AT_ONEDNN,
    BENCH_AT_ONEDNN_GIVEN,
    BENCH_CONTESTANTS
};

/* All of them, in that order. */
extern const bench_contestant *const bench_contestants[BENCH_CONTESTANTS];

/* What was measured of one of them. */
typedef struct bench_timing {
    bool present; /* else it has no such operator, or is not here at all */
    char way[BENCH_WAY_SIZE];
    size_t calls;          /* made in a row for a sample, and waited for once */
    bench_summary seconds; /* of a call among these */
    bench_summary ratio;   /* of that to libbncl's in the same round */
    bench_summary alone;   /* of a single call that is waited for */
} bench_timing;

typedef struct bench_row {
    bench_case c;
    bench_model model;
    size_t launches; /* of a call of libbncl's */
    bool noisy;      /* no result */
    bench_timing timings[BENCH_CONTESTANTS];
} bench_row;

typedef struct bench_field {
    bench_setup setup;
    void *states[BENCH_CONTESTANTS]; /* NULL: not here */
} bench_field;

/* Measures one case, a noisy one up to three times, and fills the row. A peer that fails is told of
   on stderr and takes no further part. UNSUPPORTED where libbncl has no such operator on this
   device; other errors: those of libbncl and of OpenCL. */
bncl_status bench_measure(bench_field *field, const bench_case *c, bench_row *row, bncl_error *err);

#endif
