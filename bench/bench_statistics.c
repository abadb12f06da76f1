/* Quartiles; see bench_statistics.h. */
#include "bench_statistics.h"

#include <math.h>
#include <stdlib.h>

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of sorted values. */
static double quantile(const double *values, size_t count, double p)
{
    const double place = p * (double)(count - 1);
    const size_t below = (size_t)place;
    if (below + 1 >= count)
        return values[count - 1];
    return values[below] + (place - (double)below) * (values[below + 1] - values[below]);
}

bench_summary bench_summary_of(double *values, size_t count)
{
    if (count == 0)
        return (bench_summary){NAN, NAN, NAN};
    qsort(values, count, sizeof *values, by_size);
    return (bench_summary){quantile(values, count, 0.25), quantile(values, count, 0.5),
                           quantile(values, count, 0.75)};
}

double bench_summary_spread(const bench_summary *summary)
{
    return (summary->high - summary->low) / summary->median;
}

bool bench_summary_noisy(const bench_summary *summary, double share)
{
    return !(bench_summary_spread(summary) <= share);
}

size_t bench_calls_for(double seconds, double least, size_t most)
{
    const double calls = ceil(least / seconds);
    if (!(calls > 1.0))
        return 1;
    return calls < (double)most ? (size_t)calls : most;
}
