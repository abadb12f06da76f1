/* Draws the errors of y against the offset, by gnuplot. */
#ifndef ACCURACY_PLOT_H
#define ACCURACY_PLOT_H

#include "accuracy_table.h"

/* Draws a table of the worst of all n into the open file, as SVG. Peers without a number have no
   curve. Errors: IO. */
bncl_status accuracy_plot(const accuracy_table *worst, int file, bncl_error *err);

#endif
