/* Two tunings set against each other: both run each case turn by turn, so that whatever the machine
   does meanwhile befalls them alike. */
#ifndef BENCH_DUEL_H
#define BENCH_DUEL_H

#include <stdbool.h>

#include "bench_contestant.h"
#include "bench_statistics.h"
#include "bench_tuning.h"

typedef struct bench_duel {
    bench_setup setup;
    const bench_case *cases; /* borrowed */
    size_t count;
    void *states[2]; /* of bench_library: each has its plan of the present case */
} bench_duel;

/* How many times as fast the challenger is: above 1, it wins. */
typedef struct bench_gain {
    bool ran; /* else the challenger cannot run, and `reason` says why */
    bncl_error reason;
    bench_summary all; /* geometric means over the cases of their quartiles over rounds, so that
                          what disturbs a round of one case disturbs nothing else */
    double *each;      /* of each case: the median. The caller's; NULL: not wanted */
} bench_gain;

/* Opens the setup's library twice; all of it stays borrowed, but for the states. */
bncl_status bench_duel_open(const bench_setup *setup, const bench_case *cases, size_t count,
                            bench_duel *out, bncl_error *err);

/* What was never opened, all zeros, is fine. */
void bench_duel_close(bench_duel *duel);

/* Runs all cases that many rounds. Sets the environment variable BNCL_TUNING. `name` is what a
   terminal shows meanwhile. Errors: those of libbncl with the best tuning. */
bncl_status bench_duel_run(bench_duel *duel, const bench_tuning *best,
                           const bench_tuning *challenger, size_t rounds, const char *name,
                           bench_gain *out, bncl_error *err);

#endif
