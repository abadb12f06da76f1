/* The table; see bench_table.h. */
#include "bench_table.h"

#include <math.h>

double bench_row_rate(const bench_row *row, int contestant)
{
    const bench_timing *timing = &row->timings[contestant];
    return timing->present ? 1e-9 * row->model.bytes / timing->seconds.median : 0.0;
}

double bench_row_speedup(const bench_row *row, int contestant)
{
    const bench_timing *timing = &row->timings[contestant];
    return timing->present ? timing->ratio.median : NAN;
}

double bench_row_fraction(const bench_row *row)
{
    return bench_row_speedup(row, BENCH_AT_LIMIT);
}

void bench_table_heading(FILE *out)
{
    fprintf(out,
            "least: what must be read and written, in tensors of x's size, in how many passes\n"
            "GB/s: bytes of that by the time of a call; linear has GFLOP/s, marked F\n"
            "share: of the limit; alone: us of a call that is waited for, beside an empty "
            "kernel's\n"
            "x: how many times as long as libbncl the other takes; launches: kernels of a call\n"
            "~: noisy, no result\n\n");
    fprintf(out, "%-50s %-10s %9s %7s %7s %6s %8s %8s %7s %8s %6s %8s %6s %-7s %8s %6s\n", "case",
            "least", "us", "GB/s", "limit", "share", "launches", "alone", "empty", "PyTorch", "x",
            "oneDNN", "x", "", "given", "x");
}

/* A number, or "-" for NaN. */
static void print_number(FILE *out, int width, int digits, double value)
{
    if (isnan(value))
        fprintf(out, " %*s", width, "-");
    else
        fprintf(out, " %*.*f", width, digits, value);
}

/* Its rate, and how many times as long it takes. */
static void print_peer(FILE *out, const bench_row *row, int k)
{
    const bench_timing *timing = &row->timings[k];
    const double work = row->model.pass_count > 0 ? row->model.bytes : row->model.flops;
    print_number(out, 8, 1, timing->present ? 1e-9 * work / timing->seconds.median : NAN);
    print_number(out, 6, 2, bench_row_speedup(row, k));
}

void bench_table_row(FILE *out, const bench_row *row)
{
    char name[BENCH_NAME_SIZE], least[BENCH_NAME_SIZE];
    const bench_timing *own = &row->timings[BENCH_AT_LIBRARY];
    const bench_timing *limit = &row->timings[BENCH_AT_LIMIT];
    const bool streams = row->model.pass_count > 0;
    const double work = streams ? row->model.bytes : row->model.flops;
    bench_case_name(&row->c, name);
    bench_model_name(&row->model, least);
    fprintf(out, "%-50s %-10s %9.1f", name, least, 1e6 * own->seconds.median);
    fprintf(out, " %6.1f%c", 1e-9 * work / own->seconds.median, streams ? ' ' : 'F');
    print_number(out, 7, 1, limit->present ? 1e-9 * work / limit->seconds.median : NAN);
    print_number(out, 5, 2, bench_row_fraction(row));
    fprintf(out, "%c %8zu %8.1f", row->noisy ? '~' : ' ', row->launches, 1e6 * own->alone.median);
    print_number(out, 7, 1, 1e6 * row->timings[BENCH_AT_EMPTY].alone.median);
    print_peer(out, row, BENCH_AT_PYTORCH);
    print_peer(out, row, BENCH_AT_ONEDNN);
    fprintf(out, " %-7s", row->timings[BENCH_AT_ONEDNN].way);
    print_peer(out, row, BENCH_AT_ONEDNN_GIVEN);
    fputc('\n', out);
    fflush(out);
}
