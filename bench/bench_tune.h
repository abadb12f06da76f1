/* Finding the tuning that is best for a device, and keeping it. */
#ifndef BENCH_TUNE_H
#define BENCH_TUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bench_contestant.h"

/* The cases that are tuned for, as bench_cases_choose gives them; what the choice leaves open is
   batch norm of f32 in a few shapes, training forward, eval and backward. False when memory is
   out. */
bool bench_tune_cases(const bench_choice *choice, bench_case **out, size_t *count);

/* Searches, tells of it on `people`, and keeps what is best, unless the options say otherwise. Sets
   the environment variable BNCL_TUNING, and leaves it so. *noisy: what was found cannot be told
   from noise, and nothing is kept. Errors: UNSUPPORTED (there is no folder to keep it in), and
   those of libbncl. */
bncl_status bench_tune(const bench_setup *setup, const bench_case *cases, size_t count,
                       FILE *people, bool *noisy, bncl_error *err);

#endif
