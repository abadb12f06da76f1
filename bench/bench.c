/* bncl-bench: how fast libbncl's operators are, beside what the device's memory allows and beside
   other libraries. --help tells the options. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bncl/version.h>

#include "bench_files.h"
#include "bench_measure.h"
#include "bench_plot.h"
#include "bench_table.h"
#include "bench_threads.h"
#include "bench_tune.h"
#include "bench_world.h"
#include "fail.h"
#include "gnuplot.h"

enum { EXIT_USAGE = 2, EXIT_NOISY = 3 };

typedef struct program {
    bench_options options;
    bench_world world;
    bench_field field;
    char about[BENCH_CONTESTANTS][BENCH_ABOUT_SIZE];
    bench_case *cases;
    size_t case_count;
    bench_row *rows;
    size_t row_count, noisy;
    FILE *csv, *json, *people; /* NULL: none */
    int plot;                  /* -1: none */
} program;

/* ---- files ---- */

static bncl_status open_file(const char *name, FILE **out, bncl_error *err)
{
    if (name == NULL)
        return BNCL_OK;
    *out = strcmp(name, "-") == 0 ? stdout : fopen(name, "w");
    if (*out == NULL)
        return bench_fail(err, BNCL_ERROR_IO, "%s: %s", name, strerror(errno));
    return BNCL_OK;
}

static bncl_status open_files(program *p, bncl_error *err)
{
    const char *plot = p->options.plot;
    bncl_status status = plot != NULL ? bench_gnuplot_check(err) : BNCL_OK;
    if (status == BNCL_OK && plot != NULL) {
        p->plot = open(plot, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (p->plot < 0)
            return bench_fail(err, BNCL_ERROR_IO, "%s: %s", plot, strerror(errno));
    }
    if (status == BNCL_OK)
        status = open_file(p->options.csv, &p->csv, err);
    if (status == BNCL_OK)
        status = open_file(p->options.json, &p->json, err);
    if (p->csv != stdout && p->json != stdout)
        p->people = stdout;
    return status;
}

static bncl_status close_file(FILE *file, bncl_status status, bncl_error *err)
{
    if (file == NULL || file == stdout)
        return status;
    if (fclose(file) != 0 && status == BNCL_OK)
        return bench_fail(err, BNCL_ERROR_IO, "a file cannot be written: %s", strerror(errno));
    return status;
}

/* ---- who takes part ---- */

static void tell(const program *p, const char *format, const char *a, const char *b)
{
    if (p->people != NULL)
        fprintf(p->people, format, a, b);
}

/* The device; a tuning that is not its kind's is told of. */
static bncl_status open_world(program *p, bncl_error *err)
{
    bncl_tuning_info info;
    bncl_status status = bench_world_open(p->options.device, &p->world, err);
    if (status == BNCL_OK)
        status = bncl_tuning_get(p->world.context, &info, err);
    if (status == BNCL_OK && strcmp(info.origin, "default") != 0)
        tell(p, "tuning (%s): %s\n", info.origin, info.text);
    return status;
}

/* Our own must open; a peer that does not is told of. */
static bncl_status open_contestants(program *p, bncl_error *err)
{
    bncl_status status = open_world(p, err);
    p->field.setup = (bench_setup){&p->options, &p->world};
    for (int k = 0; k < BENCH_CONTESTANTS && status == BNCL_OK; ++k) {
        const bool peer = k > BENCH_AT_LIBRARY;
        bncl_error reason = {{0}};
        if (peer && !p->options.peers)
            continue;
        status =
            bench_contestants[k]->open(&p->field.setup, &p->field.states[k], p->about[k], &reason);
        if (status == BNCL_OK && p->about[k][0] != '\0')
            tell(p, "%s\n%s", p->about[k], "");
        if (status == BNCL_OK)
            continue;
        if (!peer) {
            *err = reason;
            return status;
        }
        if (k != BENCH_AT_ONEDNN_GIVEN)
            tell(p, "%s is not here: %s\n", bench_contestants[k]->name, reason.text);
        p->field.states[k] = NULL;
        status = BNCL_OK;
    }
    return status;
}

/* ---- measuring ---- */

/* On a terminal, which case it is at; "" clears the line. */
static void progress(const program *p, size_t at, const char *name)
{
    if (!isatty(STDERR_FILENO))
        return;
    if (*name == '\0')
        fputs("\r\033[K", stderr);
    else
        fprintf(stderr, "\r\033[K[%zu/%zu] %s ", at + 1, p->case_count, name);
    fflush(stderr);
}

static bncl_status measure_all(program *p, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    p->rows = calloc(p->case_count, sizeof *p->rows);
    if (p->rows == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    if (p->people != NULL)
        bench_table_heading(p->people);
    for (size_t i = 0; i < p->case_count && status == BNCL_OK; ++i) {
        bench_row *row = &p->rows[p->row_count];
        char name[BENCH_NAME_SIZE];
        bench_case_name(&p->cases[i], name);
        progress(p, i, name);
        status = bench_measure(&p->field, &p->cases[i], row, err);
        progress(p, i, "");
        if (status == BNCL_ERROR_UNSUPPORTED) {
            tell(p, "%-50s not on this device: %s\n", name, err->text);
            status = BNCL_OK;
            continue;
        }
        if (status != BNCL_OK)
            break;
        ++p->row_count;
        p->noisy += row->noisy ? 1 : 0;
        if (p->people != NULL)
            bench_table_row(p->people, row);
    }
    return status;
}

static bncl_status report(program *p, bncl_error *err)
{
    const bench_results results = {&p->field, p->about, p->rows, p->row_count};
    if (p->csv != NULL && !bench_write_csv(&results, p->csv))
        return bench_fail(err, BNCL_ERROR_IO, "%s cannot be written", p->options.csv);
    if (p->json != NULL && !bench_write_json(&results, p->json))
        return bench_fail(err, BNCL_ERROR_IO, "%s cannot be written", p->options.json);
    if (p->noisy > 0)
        fprintf(stderr,
                "bncl-bench: %zu of %zu cases are noisy, so no results: quartiles further apart "
                "than %g of the median\n",
                p->noisy, p->row_count, p->options.spread);
    return p->plot >= 0 ? bench_plot(p->rows, p->row_count, p->plot, err) : BNCL_OK;
}

/* ---- beginning and end ---- */

static bncl_status close_all(program *p, bncl_status status, bncl_error *err)
{
    for (int k = 0; k < BENCH_CONTESTANTS; ++k)
        if (p->field.states[k] != NULL)
            bench_contestants[k]->close(p->field.states[k]);
    bench_world_close(&p->world);
    free(p->cases);
    free(p->rows);
    if (p->plot >= 0)
        close(p->plot);
    status = close_file(p->csv, status, err);
    status = close_file(p->json, status, err);
    if (status == BNCL_OK && fflush(stdout) != 0)
        return bench_fail(err, BNCL_ERROR_IO, "standard output: %s", strerror(errno));
    return status;
}

static bool choose_cases(program *p)
{
    const bench_choice *choice = &p->options.choice;
    return p->options.tune ? bench_tune_cases(choice, &p->cases, &p->case_count)
                           : bench_cases_choose(choice, &p->cases, &p->case_count);
}

static void list_cases(const program *p)
{
    for (size_t i = 0; i < p->case_count; ++i) {
        char name[BENCH_NAME_SIZE];
        bench_case_name(&p->cases[i], name);
        puts(name);
    }
}

static bncl_status change_tuning(program *p, bncl_error *err)
{
    const bench_setup setup = {&p->options, &p->world};
    bool noisy = false;
    bncl_status status = bench_world_open(p->options.device, &p->world, err);
    if (status == BNCL_OK && p->options.tune)
        status = bench_tune(&setup, p->cases, p->case_count, stdout, &noisy, err);
    else if (status == BNCL_OK)
        status = bncl_tuning_forget(p->world.context, err);
    p->noisy = noisy ? 1 : 0;
    return status;
}

static bncl_status run(program *p, bncl_error *err)
{
    if (p->options.list) {
        list_cases(p);
        return BNCL_OK;
    }
    if (p->options.tune || p->options.forget_tuning)
        return change_tuning(p, err);
    bncl_status status = open_files(p, err);
    if (status == BNCL_OK)
        status = open_contestants(p, err);
    if (status == BNCL_OK)
        status = measure_all(p, err);
    return status == BNCL_OK ? report(p, err) : status;
}

int main(int argc, char **argv)
{
    static program p = {.plot = -1};
    bncl_error err = {{0}};
    if (!bench_options_parse(argc, argv, &p.options)) {
        fputs("Try --help.\n", stderr);
        return EXIT_USAGE;
    }
    if (p.options.help || p.options.version) {
        if (p.options.help)
            fputs(bench_usage, stdout);
        else
            printf("bncl-bench %s\n", bncl_version());
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    bench_bind_threads();
    signal(SIGPIPE, SIG_IGN); /* a peer that ends is told by the failing write */
    if (!choose_cases(&p)) {
        fputs("bncl-bench: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    if (p.case_count == 0) {
        fputs("bncl-bench: expected a choice that leaves a case, got none; --list shows what there "
              "is\n",
              stderr);
        free(p.cases);
        return EXIT_USAGE;
    }
    bncl_status status = run(&p, &err);
    status = close_all(&p, status, &err);
    if (status != BNCL_OK)
        fprintf(stderr, "bncl-bench: %s: %s\n", bncl_status_string(status), err.text);
    return status != BNCL_OK ? EXIT_FAILURE : p.noisy > 0 ? EXIT_NOISY : EXIT_SUCCESS;
}
