/* Draws bars and a roofline, by gnuplot. */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include "bench_measure.h"

/* Draws the rows into the open file, as SVG: GB/s of each beside its limit, and arithmetic against
   bytes under the roof of memory. Errors: IO. */
bncl_status bench_plot(const bench_row *rows, size_t count, int file, bncl_error *err);

#endif
