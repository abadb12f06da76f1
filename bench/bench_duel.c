/* Two tunings, turn by turn; see bench_duel.h. */
#include "bench_duel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_library.h"
#include "bench_numbers.h"
#include "bench_world.h"
#include "fail.h"

#define LEAST_SECONDS 2e-3 /* of a sample: hundreds of times what the clock and a finish cost */

enum { MOST_CALLS = 256, WARM_UP = 3 };
enum { BEST, CHALLENGER, SIDES };

/* What a case takes: calls of a sample, rounds, and how many times as fast the challenger was. */
typedef struct meeting {
    size_t calls, rounds;
    double ratios[BENCH_MOST_ROUNDS];
    int at_fault; /* whose the failure is */
} meeting;

bncl_status bench_duel_open(const bench_setup *setup, const bench_case *cases, size_t count,
                            bench_duel *out, bncl_error *err)
{
    char about[BENCH_ABOUT_SIZE];
    *out = (bench_duel){.setup = *setup, .cases = cases, .count = count};
    bncl_status status = BNCL_OK;
    for (int side = 0; side < SIDES && status == BNCL_OK; ++side)
        status = bench_library.open(&out->setup, &out->states[side], about, err);
    return status;
}

void bench_duel_close(bench_duel *duel)
{
    for (int side = 0; side < SIDES; ++side)
        bench_library.close(duel->states[side]);
}

/* Whether the tensors of one case are those of the other. */
static bool share_tensors(const bench_case *a, const bench_case *b)
{
    return a->kind == b->kind && a->dtype == b->dtype && a->layout == b->layout &&
           a->shape.rank == b->shape.rank &&
           memcmp(a->shape.dims, b->shape.dims, sizeof a->shape.dims) == 0 &&
           bench_library_wholes(a) == bench_library_wholes(b);
}

/* On a terminal, what it is at; a NULL clears the line. */
static void progress(const char *name, size_t at, size_t count)
{
    if (!isatty(STDERR_FILENO))
        return;
    fputs("\r\033[K", stderr);
    if (name != NULL)
        fprintf(stderr, "%s [%zu/%zu] ", name, at + 1, count);
    fflush(stderr);
}

/* Plans the case with the tuning, and warms it up; the shortest run tells the calls of a sample. */
static bncl_status prepare(bench_duel *duel, int side, const bench_tuning *tuning,
                           const bench_case *c, size_t *calls, bncl_error *err)
{
    const bench_model model = bench_model_of(c, &duel->setup.world->facts);
    char text[BNCL_TUNING_TEXT_SIZE], way[BENCH_WAY_SIZE];
    double shortest = INFINITY, seconds;
    bench_tuning_write(tuning, text);
    if (setenv("BNCL_TUNING", text, 1) != 0)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    bncl_status status = bench_library.prepare(duel->states[side], c, &model, way, err);
    for (int i = 0; i < WARM_UP && status == BNCL_OK; ++i) {
        status = bench_library.run(duel->states[side], 1, &seconds, err);
        shortest = fmin(shortest, seconds);
    }
    *calls = bench_calls_for(shortest, LEAST_SECONDS, MOST_CALLS);
    return status;
}

/* The rounds of a case that is ready. Who begins changes from round to round. */
static bncl_status run_rounds(bench_duel *duel, meeting *m, bncl_error *err)
{
    double seconds[SIDES];
    for (size_t i = 0; i < m->rounds; ++i) {
        for (size_t turn = 0; turn < SIDES; ++turn) {
            m->at_fault = (int)((i + turn) % SIDES);
            bncl_status status =
                bench_library.run(duel->states[m->at_fault], m->calls, &seconds[m->at_fault], err);
            if (status != BNCL_OK)
                return status;
        }
        m->ratios[i] = seconds[BEST] / seconds[CHALLENGER];
    }
    return BNCL_OK;
}

static bncl_status meet(bench_duel *duel, size_t at, const bench_tuning *const sides[SIDES],
                        meeting *m, bncl_error *err)
{
    const bench_case *c = &duel->cases[at];
    size_t calls[SIDES] = {0};
    bncl_status status = BNCL_OK;
    m->at_fault = BEST;
    if (at == 0 || !share_tensors(c, &duel->cases[at - 1]))
        status = bench_world_prepare(duel->setup.world, c, bench_library_wholes(c), err);
    for (int side = 0; side < SIDES && status == BNCL_OK; ++side) {
        m->at_fault = side;
        status = prepare(duel, side, sides[side], c, &calls[side], err);
    }
    m->calls = calls[BEST];
    return status == BNCL_OK ? run_rounds(duel, m, err) : status;
}

/* Adds a case to the means, which are of logarithms until all are in. */
static void add(bench_summary *all, const bench_summary *one, double share)
{
    all->low += share * log(one->low);
    all->median += share * log(one->median);
    all->high += share * log(one->high);
}

bncl_status bench_duel_run(bench_duel *duel, const bench_tuning *best,
                           const bench_tuning *challenger, size_t rounds, const char *name,
                           bench_gain *out, bncl_error *err)
{
    static meeting m;
    const bench_tuning *const sides[SIDES] = {best, challenger};
    bench_summary all = {0.0, 0.0, 0.0};
    m.rounds = rounds;
    out->ran = true;
    for (size_t at = 0; at < duel->count; ++at) {
        bncl_error reason;
        progress(name, at, duel->count);
        bncl_status status = meet(duel, at, sides, &m, &reason);
        progress(NULL, 0, 0);
        if (status != BNCL_OK && m.at_fault == CHALLENGER) {
            out->ran = false;
            out->reason = reason;
            return BNCL_OK;
        }
        if (status != BNCL_OK) {
            *err = reason;
            return status;
        }
        const bench_summary one = bench_summary_of(m.ratios, rounds);
        add(&all, &one, 1.0 / (double)duel->count);
        if (out->each != NULL)
            out->each[at] = one.median;
    }
    out->all = (bench_summary){exp(all.low), exp(all.median), exp(all.high)};
    return BNCL_OK;
}
