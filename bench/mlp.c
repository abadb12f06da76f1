/* The network of examples/fashion_mlp in libbncl and in PyTorch, turn by turn: a training step and
   a forward pass in eval mode at four batch sizes, and an epoch of as many images as Fashion-MNIST
   has. Prints a table, and writes JSON: a list with an object a case,
     {"name": "mlp_train_32", "noisy": false, "launches": 20,
      "ratio": {"median", "low", "high"}, "libbncl": {…}, "pytorch": {…}}
   ratio is PyTorch's time by libbncl's in the same round, above 1 where libbncl is the faster; the
   others are seconds of a call. Without PyTorch there is no ratio. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "bench_numbers.h"
#include "bench_statistics.h"
#include "bench_threads.h"
#include "fail.h"
#include "launches.h"
#include "mlp_options.h"
#include "mlp_side.h"

#define LEAST_SECONDS 10e-3 /* of a sample */

enum { MOST_CALLS = 512, MOST_TRIES = 3, WARM_UP = 3 };
enum { LIBRARY, PYTORCH, SIDES };

static const mlp_side *const sides[SIDES] = {&mlp_library, &mlp_pytorch};

static const mlp_case cases[] = {
    {"mlp_train_32", MLP_TRAIN, 32},   {"mlp_train_128", MLP_TRAIN, 128},
    {"mlp_train_512", MLP_TRAIN, 512}, {"mlp_train_2048", MLP_TRAIN, 2048},
    {"mlp_eval_32", MLP_EVAL, 32},     {"mlp_eval_128", MLP_EVAL, 128},
    {"mlp_eval_512", MLP_EVAL, 512},   {"mlp_eval_2048", MLP_EVAL, 2048},
    {"mlp_epoch_128", MLP_EPOCH, 128}, /* the example's batch */
};

typedef struct mlp_row {
    size_t calls[SIDES];
    size_t launches; /* of a call of libbncl's */
    bool noisy;
    bench_summary seconds[SIDES], ratio;
} mlp_row;

typedef struct mlp_run {
    mlp_options options;
    mlp_setup setup;
    void *states[SIDES]; /* NULL: not here */
    json_t *results;
    size_t noisy;
} mlp_run;

typedef double samples[SIDES][MLP_MOST_ROUNDS];

static bncl_status prepare(mlp_run *run, int k, const mlp_case *c, mlp_row *row, bncl_error *err)
{
    double seconds = 0.0;
    if (run->states[k] == NULL)
        return BNCL_OK;
    bncl_status status = sides[k]->prepare(run->states[k], c, err);
    const int warm_up = c->kind == MLP_EPOCH ? 1 : WARM_UP;
    for (int i = 0; i < warm_up && status == BNCL_OK; ++i) {
        const size_t before = bench_launches();
        status = sides[k]->run(run->states[k], 1, &seconds, err);
        if (k == LIBRARY)
            row->launches = bench_launches() - before;
    }
    row->calls[k] = bench_calls_for(seconds, LEAST_SECONDS, MOST_CALLS);
    bench_rest(sides[k]->rest);
    return status;
}

/* A sample, after calls that make the caches its own and wake its threads until they have settled;
   none where a call is long. */
static bncl_status take_turn(mlp_run *run, int k, const mlp_row *row, double *sample,
                             bncl_error *err)
{
    const size_t calls = row->calls[k];
    double seconds = 0.0;
    bncl_status status = BNCL_OK;
    for (double spent = 0.0; calls > 1 && spent < BENCH_WARM_UP && status == BNCL_OK;
         spent += seconds)
        status = sides[k]->run(run->states[k], calls, &seconds, err);
    if (status == BNCL_OK)
        status = sides[k]->run(run->states[k], calls, &seconds, err);
    *sample = seconds / (double)calls;
    bench_rest(sides[k]->rest);
    return status;
}

static size_t rounds_of(const mlp_run *run, const mlp_case *c)
{
    const size_t rounds = run->options.rounds;
    return c->kind == MLP_EPOCH ? (rounds + 2) / 3 : rounds;
}

/* Ratios first: summaries sort. */
static void summarize(const mlp_run *run, mlp_row *row, samples seconds, size_t rounds)
{
    static double ratios[MLP_MOST_ROUNDS];
    const double share = run->options.spread;
    row->noisy = false;
    if (run->states[PYTORCH] != NULL) {
        for (size_t i = 0; i < rounds; ++i)
            ratios[i] = seconds[PYTORCH][i] / seconds[LIBRARY][i];
        row->ratio = bench_summary_of(ratios, rounds);
        row->noisy = bench_summary_noisy(&row->ratio, share);
    }
    for (int k = 0; k < SIDES; ++k)
        if (run->states[k] != NULL)
            row->seconds[k] = bench_summary_of(seconds[k], rounds);
    row->noisy = row->noisy || bench_summary_noisy(&row->seconds[LIBRARY], share);
}

/* Who begins alternates. A noisy case is measured up to three times. */
static bncl_status measure(mlp_run *run, const mlp_case *c, mlp_row *row, bncl_error *err)
{
    static samples seconds;
    const size_t rounds = rounds_of(run, c);
    bncl_status status = BNCL_OK;
    *row = (mlp_row){.noisy = true};
    for (int k = 0; k < SIDES && status == BNCL_OK; ++k)
        status = prepare(run, k, c, row, err);
    for (int attempt = 0; attempt < MOST_TRIES && row->noisy && status == BNCL_OK; ++attempt) {
        for (size_t i = 0; i < SIDES * rounds && status == BNCL_OK; ++i) {
            const size_t round = i / SIDES;
            const int k = (int)((round + i) % SIDES);
            if (run->states[k] != NULL)
                status = take_turn(run, k, row, &seconds[k][round], err);
        }
        if (status == BNCL_OK)
            summarize(run, row, seconds, rounds);
    }
    return status;
}

/* ---- results ---- */

static void print_row(const mlp_run *run, const mlp_case *c, const mlp_row *row)
{
    const bool beside = run->states[PYTORCH] != NULL;
    printf("%-16s %9zu %12.1f", c->name, row->launches, 1e6 * row->seconds[LIBRARY].median);
    if (beside)
        printf(" %12.1f %7.3f %7.3f %7.3f", 1e6 * row->seconds[PYTORCH].median, row->ratio.low,
               row->ratio.median, row->ratio.high);
    printf("%s\n", row->noisy ? " ~" : "");
    fflush(stdout);
}

static json_t *json_of_summary(const bench_summary *s)
{
    return json_pack("{s:f, s:f, s:f}", "median", s->median, "low", s->low, "high", s->high);
}

static bncl_status keep_row(mlp_run *run, const mlp_case *c, const mlp_row *row, bncl_error *err)
{
    json_t *one =
        json_pack("{s:s, s:b, s:I, s:o}", "name", c->name, "noisy", (int)row->noisy, "launches",
                  (json_int_t)row->launches, "libbncl", json_of_summary(&row->seconds[LIBRARY]));
    if (one != NULL && run->states[PYTORCH] != NULL) {
        json_object_set_new(one, "pytorch", json_of_summary(&row->seconds[PYTORCH]));
        json_object_set_new(one, "ratio", json_of_summary(&row->ratio));
    }
    if (json_array_append_new(run->results, one) != 0)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    return BNCL_OK;
}

static bncl_status measure_all(mlp_run *run, bncl_error *err)
{
    mlp_row row;
    bncl_status status = BNCL_OK;
    printf("us of a call, medians of %zu rounds (an epoch: %zu); ratio: PyTorch's time by "
           "libbncl's;\n~: noisy, no result\n%-16s %9s %12s %12s %7s %7s %7s\n",
           rounds_of(run, &cases[0]), rounds_of(run, &(mlp_case){.kind = MLP_EPOCH}), "case",
           "launches", "libbncl", "PyTorch", "low", "ratio", "high");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0] && status == BNCL_OK; ++i) {
        if (!mlp_options_want(&run->options, cases[i].name))
            continue;
        status = measure(run, &cases[i], &row, err);
        if (status == BNCL_OK) {
            print_row(run, &cases[i], &row);
            run->noisy += row.noisy;
            status = keep_row(run, &cases[i], &row, err);
        }
    }
    return status;
}

static bncl_status write_json(const mlp_run *run, bncl_error *err)
{
    const char *path = run->options.json;
    if (path == NULL)
        return BNCL_OK;
    if (json_dump_file(run->results, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) != 0)
        return bench_fail(err, BNCL_ERROR_IO, "%s cannot be written", path);
    return BNCL_OK;
}

/* ---- the program ---- */

static bncl_status open_sides(mlp_run *run, bncl_error *err)
{
    char about[MLP_ABOUT_SIZE];
    for (int k = 0; k < SIDES; ++k) {
        if (k == PYTORCH && !run->options.peers)
            continue;
        bncl_status status = sides[k]->open(&run->setup, &run->states[k], about, err);
        if (status == BNCL_ERROR_UNSUPPORTED && k == PYTORCH)
            printf("%s is not here: %s\n", sides[k]->name, err->text);
        else if (status != BNCL_OK)
            return status;
        else
            puts(about);
    }
    return BNCL_OK;
}

static bncl_status run_all(mlp_run *run, bncl_error *err)
{
    bncl_status status;
    run->setup.python = run->options.python;
    run->setup.images = run->options.images;
    run->results = json_array();
    if (run->results == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    if ((status = bncl_context_create(run->options.device, &run->setup.context, err)) ||
        (status = bncl_queue_create(run->setup.context, &run->setup.queue, err)) ||
        (status = open_sides(run, err)) || (status = measure_all(run, err)))
        return status;
    return write_json(run, err);
}

static void close_all(mlp_run *run)
{
    for (int k = 0; k < SIDES; ++k)
        sides[k]->close(run->states[k]);
    bncl_queue_destroy(run->setup.queue);
    bncl_context_destroy(run->setup.context);
    json_decref(run->results);
}

int main(int argc, char **argv)
{
    static mlp_run run;
    bncl_error err = {{0}};
    if (!mlp_options_parse(argc, argv, &run.options))
        return 2;
    if (run.options.help)
        return fputs(mlp_usage, stdout) != EOF && fflush(stdout) == 0 ? 0 : 1;
    bench_let_openmp_sleep();
    signal(SIGPIPE, SIG_IGN);
    const bncl_status status = run_all(&run, &err);
    if (status != BNCL_OK)
        fprintf(stderr, "mlp: %s: %s\n", bncl_status_string(status), err.text);
    close_all(&run);
    if (status != BNCL_OK || fflush(stdout) != 0)
        return 1;
    return run.noisy > 0 ? 3 : 0;
}
