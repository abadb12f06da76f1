/* gnuplot as a child process that draws into a file. */
#ifndef BENCH_GNUPLOT_H
#define BENCH_GNUPLOT_H

#include "child.h"

/* Whether there is a gnuplot; UNSUPPORTED, with what to install, where there is none. */
bncl_status bench_gnuplot_check(bncl_error *err);

/* Starts argv, a gnuplot, with its standard output in `file`, a descriptor, which it empties. */
bncl_status bench_gnuplot_start(const char *const *argv, int file, bench_child *out,
                                bncl_error *err);

/* Ends what it is told, and waits for the picture. */
bncl_status bench_gnuplot_end(bench_child *child, bncl_error *err);

#endif
