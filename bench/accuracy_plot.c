/* The picture; see accuracy_plot.h, and accuracy.gp for how it looks. */
#include "accuracy_plot.h"

#include <math.h>

#include "gnuplot.h"

/* "?" is what accuracy.gp takes for a missing value. */
static void write_value(FILE *to, double value)
{
    if (isnan(value))
        fputs(" ?", to);
    else
        fprintf(to, " %.4g", value);
}

/* A layout's part of the data block: lines "offset libbncl peers". */
static void write_part(FILE *to, const accuracy_table *worst, bncl_layout layout)
{
    for (size_t i = 0; i < worst->count; ++i) {
        const accuracy_row *row = &worst->rows[i];
        if (row->layout != layout)
            continue;
        fprintf(to, "%g", row->offset);
        write_value(to, row->y);
        for (int k = 0; k < ACCURACY_PEERS; ++k)
            write_value(to, row->peer_y[k]);
        fputc('\n', to);
    }
}

/* All that accuracy.gp asks for; two empty lines end a part. */
static void write_data(FILE *to, const accuracy_table *worst)
{
    const bncl_layout layouts[] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC};
    fputs("shown = '1", to);
    for (int k = 0; k < ACCURACY_PEERS; ++k)
        if (!isnan(worst->rows[0].peer_y[k]))
            fprintf(to, " %d", k + 2);
    fputs("'\n", to);
    fputs("$worst << END\n", to);
    for (size_t i = 0; i < 3; ++i) {
        write_part(to, worst, layouts[i]);
        fputs(i < 2 ? "\n\n" : "END\n", to);
    }
}

bncl_status accuracy_plot(const accuracy_table *worst, int file, bncl_error *err)
{
    /* "-": first what comes over the pipe. */
    const char *const argv[] = {"gnuplot", "-", BENCH_DIR "/accuracy.gp", NULL};
    bench_child child = {0};
    bncl_status status = bench_gnuplot_start(argv, file, &child, err);
    if (status != BNCL_OK)
        return status;
    write_data(child.to, worst);
    return bench_gnuplot_end(&child, err);
}
