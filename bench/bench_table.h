/* What was measured, for people: a table on standard output. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdio.h>

#include "bench_measure.h"

void bench_table_heading(FILE *out);
void bench_table_row(FILE *out, const bench_row *row);

/* Median GB/s of the model's bytes; 0 for one that is not there. */
double bench_row_rate(const bench_row *row, int contestant);

/* libbncl's fraction of the limit, the median of the rounds' ratios; NaN where memory is none. */
double bench_row_fraction(const bench_row *row);

/* How many times as long as libbncl a contestant takes, likewise; NaN for one that is not there. */
double bench_row_speedup(const bench_row *row, int contestant);

#endif
