/* The pictures; see bench_plot.h, and bench_plot.gp for how they look. */
#include "bench_plot.h"

#include "bench_table.h"
#include "bench_texts.h"
#include "gnuplot.h"

/* Who has a bar, in the order of bench_plot.gp. */
static const int drawn[] = {BENCH_AT_LIBRARY, BENCH_AT_PYTORCH, BENCH_AT_ONEDNN,
                            BENCH_AT_ONEDNN_GIVEN};
enum { DRAWN = sizeof drawn / sizeof drawn[0] };

/* "NAME LIMIT RATE RATE RATE RATE INTENSITY GFLOPS NOISY"; "?" for what there is none of. */
static void write_row(FILE *to, const bench_row *row)
{
    char name[BENCH_NAME_SIZE];
    bench_case_name(&row->c, name);
    fprintf(to, "%s", name);
    const double limit = bench_row_rate(row, BENCH_AT_LIMIT);
    if (limit > 0.0)
        fprintf(to, " %.4g", limit);
    else
        fputs(" ?", to);
    for (int i = 0; i < DRAWN; ++i) {
        const double rate = bench_row_rate(row, drawn[i]);
        if (rate > 0.0)
            fprintf(to, " %.4g", rate);
        else
            fputs(" ?", to);
    }
    fprintf(to, " %.4g %.4g %d\n", row->model.flops / row->model.bytes,
            1e-9 * row->model.flops / row->timings[BENCH_AT_LIBRARY].seconds.median,
            row->noisy ? 1 : 0);
}

static bool is_shown(const bench_row *rows, size_t count, int contestant)
{
    for (size_t i = 0; i < count; ++i)
        if (rows[i].timings[contestant].present)
            return true;
    return false;
}

bncl_status bench_plot(const bench_row *rows, size_t count, int file, bncl_error *err)
{
    /* "-": what comes over the pipe, first the data, then the script. */
    const char *const argv[] = {"gnuplot", "-", NULL};
    bench_child child = {0};
    double roof = 0.0;
    bncl_status status = bench_gnuplot_start(argv, file, &child, err);
    if (status != BNCL_OK)
        return status;
    for (size_t i = 0; i < count; ++i)
        if (bench_row_rate(&rows[i], BENCH_AT_LIMIT) > roof)
            roof = bench_row_rate(&rows[i], BENCH_AT_LIMIT);
    fprintf(child.to, "count = %zu\nroof = %.4g\nshown = '", count, roof);
    for (int k = 0; k < DRAWN; ++k)
        if (is_shown(rows, count, drawn[k]))
            fprintf(child.to, " %d", k + 1);
    fputs("'\n$cases << END\n", child.to);
    for (size_t i = 0; i < count; ++i)
        write_row(child.to, &rows[i]);
    fputs("END\n", child.to);
    fputs(bench_plot_text, child.to);
    return bench_gnuplot_end(&child, err);
}
