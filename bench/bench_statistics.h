/* What a list of measured times says: median, quartiles, and whether to believe it. */
#ifndef BENCH_STATISTICS_H
#define BENCH_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

/* The quartiles of a list, the second of which is its median. */
typedef struct bench_summary {
    double low, median, high;
} bench_summary;

/* With linear interpolation between neighbours: of v[0] <= … <= v[n-1], the p-quantile lies at
   index p·(n-1). Sorts the values. All NaN of none. */
bench_summary bench_summary_of(double *values, size_t count);

/* (high - low)/median. */
double bench_summary_spread(const bench_summary *summary);

/* Whether the spread is above the share. A NaN is noisy. */
bool bench_summary_noisy(const bench_summary *summary, double share);

/* How many calls make a sample of at least `least` seconds, if one takes `seconds`: 1 to most. */
size_t bench_calls_for(double seconds, double least, size_t most);

#endif
