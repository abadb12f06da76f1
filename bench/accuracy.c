/* How far batch norm's results are from exact ones: libbncl's, PyTorch's and oneDNN's, over
   layouts, numbers of values and means. --help tells the options, doc/numerics.md the promises. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bncl/bncl.h>

#include "accuracy_exact.h"
#include "accuracy_library.h"
#include "accuracy_options.h"
#include "accuracy_plot.h"
#include "accuracy_table.h"
#include "fail.h"
#include "gnuplot.h"

enum { EXIT_USAGE = 2, MOST_OFFSETS = 9, LAYOUTS = 3 };

#define SEED 20240229
#define DY_OFFSET 1.0 /* dy's mean: a sum that does not vanish */

/* What is measured. */
typedef struct grid {
    double offsets[MOST_OFFSETS];
    size_t offset_count;
    unsigned first, last, step; /* log2 of n */
} grid;

static const grid full_grid = {{0, 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7}, 9, 6, 22, 1};
static const grid quick_grid = {{0, 1e2, 1e4, 1e6, 1e7}, 5, 6, 12, 6};
static const bncl_layout layouts[LAYOUTS] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC};

typedef struct sweep {
    accuracy_options options;
    const grid *grid;
    accuracy_library *library;
    void *peers[ACCURACY_PEERS]; /* NULL: not there */
    accuracy_table table, worst;
    FILE *csv;
    int plot; /* -1: none */
    /* Of the present n. */
    float *noise, *dy_noise;             /* [channels][n] */
    float *x, *dy, *y;                   /* as the case has it; y: a peer's */
    accuracy_exact *exact[MOST_OFFSETS]; /* [channels] */
} sweep;

static void free_data(sweep *s)
{
    float **arrays[] = {&s->noise, &s->dy_noise, &s->x, &s->dy, &s->y};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; ++i) {
        free(*arrays[i]);
        *arrays[i] = NULL;
    }
    for (size_t i = 0; i < MOST_OFFSETS; ++i) {
        free(s->exact[i]);
        s->exact[i] = NULL;
    }
}

/* The inputs of n = 2^log2_count, and what should come out. */
static bncl_status make_data(sweep *s, unsigned log2_count, bncl_error *err)
{
    const accuracy_case c = accuracy_case_of(BNCL_LAYOUT_NC, log2_count);
    const size_t total = accuracy_case_total(&c), count = accuracy_case_count(&c);
    float **arrays[] = {&s->noise, &s->dy_noise, &s->x, &s->dy, &s->y};
    bool made = true;
    free_data(s);
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; ++i)
        made = (*arrays[i] = calloc(total, sizeof(float))) != NULL && made;
    for (size_t i = 0; i < s->grid->offset_count; ++i)
        made = (s->exact[i] = calloc(c.channels, sizeof **s->exact)) != NULL && made;
    if (!made)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    accuracy_noise(SEED, 2 * log2_count, s->noise, total);
    accuracy_noise(SEED, 2 * log2_count + 1, s->dy_noise, total);
    for (size_t i = 0; i < s->grid->offset_count; ++i)
        for (size_t k = 0; k < c.channels; ++k)
            s->exact[i][k] = accuracy_exact_of(count, s->grid->offsets[i], s->noise + k * count,
                                               DY_OFFSET, s->dy_noise + k * count);
    return BNCL_OK;
}

/* A peer that fails is told of, and has an empty column from then on. */
static void drop_peer(sweep *s, int i, const bncl_error *err)
{
    const accuracy_peer *peer = s->table.peers[i];
    fflush(stdout);
    fprintf(stderr, "accuracy: %s is left out from here on: %s\n", peer->name, err->text);
    peer->close(s->peers[i]);
    s->peers[i] = NULL;
}

/* The peer's worst error of y, of the best of its ways; NaN without it. */
static double measure_peer(sweep *s, int i, const accuracy_case *c, const accuracy_exact *exact)
{
    const accuracy_peer *peer = s->table.peers[i];
    double best = NAN;
    for (size_t way = 0; way < peer->ways && s->peers[i] != NULL; ++way) {
        bncl_error err;
        if (peer->run(s->peers[i], c, way, s->x, s->y, &err) != BNCL_OK) {
            drop_peer(s, i, &err);
            return NAN;
        }
        double error = accuracy_error_y(c, exact, s->x, s->y);
        if (!(best <= error))
            best = error;
    }
    return best;
}

static void measure_channels(const accuracy_case *c, const accuracy_exact *exact,
                             const accuracy_results *got, accuracy_row *row)
{
    const long double n = (long double)accuracy_case_count(c);
    for (size_t i = 0; i < c->channels; ++i) {
        const accuracy_exact *e = &exact[i];
        const long double var = got->unbiased_var[i] * (n - 1.0L) / n;
        row->mean = accuracy_worse(
            row->mean, accuracy_error_units(got->mean[i], e->pivot + e->shift, e->mean_terms));
        row->var = accuracy_worse(row->var, accuracy_error_units(var, e->var, e->var));
        row->dgamma = accuracy_worse(
            row->dgamma, accuracy_error_units(got->dgamma[i], e->dgamma, e->dgamma_terms));
        row->dbeta = accuracy_worse(row->dbeta,
                                    accuracy_error_units(got->dbeta[i], e->dbeta, e->dbeta_terms));
    }
}

/* Channels that hold one value each, near the offset: y must be beta, and var 0. Overwrites x. */
static bncl_status measure_constant(sweep *s, const accuracy_case *c, double offset,
                                    accuracy_row *row, bncl_error *err)
{
    float beta[64];
    accuracy_results got;
    for (size_t k = 0; k < c->channels; ++k) {
        beta[k] = 0.3f * (float)(k + 1);
        for (size_t i = 0; i < c->samples; ++i)
            for (size_t l = 0; l < c->length; ++l)
                s->x[i * c->sample_stride + k * c->channel_stride + l * c->position_stride] =
                    accuracy_value(offset, 0.1f * (float)(k + 1));
    }
    bncl_status status = accuracy_library_run_constant(s->library, s->x, beta, &got, err);
    if (status != BNCL_OK)
        return status;
    const size_t total = accuracy_case_total(c);
    for (size_t i = 0; i < total; ++i) {
        const float expected = beta[i / c->channel_stride % c->channels];
        row->constant = accuracy_worse(row->constant, fabs((double)got.y[i] - (double)expected));
    }
    for (size_t k = 0; k < c->channels; ++k)
        row->constant = accuracy_worse(row->constant, fabs((double)got.unbiased_var[k]));
    return BNCL_OK;
}

static bncl_status measure(sweep *s, const accuracy_case *c, size_t at, bncl_error *err)
{
    const double offset = s->grid->offsets[at];
    accuracy_row row = {.layout = c->layout,
                        .count = accuracy_case_count(c),
                        .channels = c->channels,
                        .offset = offset};
    accuracy_results got;
    accuracy_case_arrange(c, offset, s->noise, s->x);
    bncl_status status = accuracy_library_run(s->library, s->x, s->dy, &got, err);
    if (status != BNCL_OK)
        return status;
    row.y = accuracy_error_y(c, s->exact[at], s->x, got.y);
    measure_channels(c, s->exact[at], &got, &row);
    for (int i = 0; i < ACCURACY_PEERS; ++i)
        row.peer_y[i] = measure_peer(s, i, c, s->exact[at]);
    status = measure_constant(s, c, offset, &row, err);
    if (status != BNCL_OK)
        return status;
    accuracy_print_row(&row);
    if (!accuracy_table_add(&s->table, &row))
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    return BNCL_OK;
}

static bncl_status measure_all(sweep *s, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    accuracy_print_heading(&s->table);
    for (unsigned n = s->grid->first; n <= s->grid->last && status == BNCL_OK; n += s->grid->step) {
        status = make_data(s, n, err);
        for (int i = 0; i < LAYOUTS && status == BNCL_OK; ++i) {
            const accuracy_case c = accuracy_case_of(layouts[i], n);
            accuracy_case_arrange(&c, DY_OFFSET, s->dy_noise, s->dy);
            status = accuracy_library_plan(s->library, &c, err);
            for (size_t k = 0; k < s->grid->offset_count && status == BNCL_OK; ++k)
                status = measure(s, &c, k, err);
        }
    }
    return status;
}

/* ---- beginning and end ---- */

static bncl_status open_files(sweep *s, bncl_error *err)
{
    bncl_status status = s->options.plot != NULL ? bench_gnuplot_check(err) : BNCL_OK;
    if (status != BNCL_OK)
        return status;
    if (s->options.plot != NULL)
        s->plot = open(s->options.plot, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (s->options.plot != NULL && s->plot < 0)
        return bench_fail(err, BNCL_ERROR_IO, "%s: %s", s->options.plot, strerror(errno));
    if (s->options.csv != NULL)
        s->csv = fopen(s->options.csv, "w");
    if (s->options.csv != NULL && s->csv == NULL)
        return bench_fail(err, BNCL_ERROR_IO, "%s: %s", s->options.csv, strerror(errno));
    return BNCL_OK;
}

/* Opens the device and the peers, and says what they are. */
static bncl_status open_libraries(sweep *s, bncl_error *err)
{
    bncl_device_info info;
    bncl_status status = accuracy_library_open(s->options.device, &s->library, err);
    if (status == BNCL_OK)
        status = accuracy_library_device(s->library, &info, err);
    if (status != BNCL_OK)
        return status;
    printf("libbncl %s on %s (%s)\n", bncl_version(), info.name, info.platform);
    for (int i = 0; i < ACCURACY_PEERS && !s->options.alone; ++i) {
        const accuracy_peer *peer = s->table.peers[i];
        char about[ACCURACY_ABOUT_SIZE];
        bncl_error reason;
        if (peer->open(&s->options, &s->peers[i], about, &reason) == BNCL_OK)
            printf("%s\n", about);
        else
            printf("%s is not here: %s\n", peer->name, reason.text);
    }
    printf("x: mean `offset', deviation 1, f32; error of y: the worst |y - exact| / max(1, "
           "|exact|)\n\n");
    fflush(stdout);
    return BNCL_OK;
}

/* The worst of all n, the verdict, the files. *broken: promises broken. */
static bncl_status report(sweep *s, size_t *broken, bncl_error *err)
{
    if (!accuracy_table_worst(&s->table, &s->worst))
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    printf("\nThe worst of all n:\n");
    for (size_t i = 0; i < s->worst.count; ++i)
        accuracy_print_row(&s->worst.rows[i]);
    *broken = accuracy_judge(&s->table);
    printf("\nA digest of libbncl's bits: %016" PRIx64 ".\n"
           "It is the same on every device that `bncl devices' calls bit-identical.\n",
           accuracy_library_digest(s->library));
    if (s->csv != NULL && !accuracy_write_csv(&s->table, s->csv))
        return bench_fail(err, BNCL_ERROR_IO, "%s: %s", s->options.csv, strerror(errno));
    return s->plot >= 0 ? accuracy_plot(&s->worst, s->plot, err) : BNCL_OK;
}

static void close_all(sweep *s)
{
    free_data(s);
    for (int i = 0; i < ACCURACY_PEERS; ++i)
        if (s->peers[i] != NULL)
            s->table.peers[i]->close(s->peers[i]);
    accuracy_library_close(s->library);
    accuracy_table_free(&s->table);
    accuracy_table_free(&s->worst);
    if (s->csv != NULL)
        fclose(s->csv);
    if (s->plot >= 0)
        close(s->plot);
}

int main(int argc, char **argv)
{
    sweep s = {.table.peers = {&accuracy_pytorch, &accuracy_onednn}, .plot = -1};
    bncl_error err = {{0}};
    size_t broken = 0;
    if (!accuracy_options_parse(argc, argv, &s.options)) {
        fputs("Try --help.\n", stderr);
        return EXIT_USAGE;
    }
    if (s.options.help) {
        fputs(accuracy_usage, stdout);
        return EXIT_SUCCESS;
    }
    signal(SIGPIPE, SIG_IGN); /* a peer that ends is told by the failing write */
    s.grid = s.options.quick ? &quick_grid : &full_grid;
    bncl_status status = open_files(&s, &err);
    if (status == BNCL_OK)
        status = open_libraries(&s, &err);
    if (status == BNCL_OK)
        status = measure_all(&s, &err);
    if (status == BNCL_OK)
        status = report(&s, &broken, &err);
    close_all(&s);
    if (status == BNCL_OK && fflush(stdout) != 0)
        status = bench_fail(&err, BNCL_ERROR_IO, "standard output: %s", strerror(errno));
    if (status != BNCL_OK)
        fprintf(stderr, "accuracy: %s: %s\n", bncl_status_string(status), err.text);
    return status == BNCL_OK && broken == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
