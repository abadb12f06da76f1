/* Measuring one case; see bench_measure.h. */
#include "bench_measure.h"

#include <math.h>
#include <stdio.h>

#include "bench_library.h"
#include "bench_numbers.h"
#include "bench_threads.h"
#include "bench_world.h"
#include "fail.h"
#include "launches.h"

#define LEAST_SECONDS 2e-3 /* of a sample: hundreds of times what the clock and a finish cost */

enum { MOST_CALLS = 256, MOST_TRIES = 3, WARM_UP = 2, ALONE = 9 };

const bench_contestant *const bench_contestants[BENCH_CONTESTANTS] = {
    [BENCH_AT_EMPTY] = &bench_empty,     [BENCH_AT_LIMIT] = &bench_limit,
    [BENCH_AT_LIBRARY] = &bench_library, [BENCH_AT_PYTORCH] = &bench_pytorch,
    [BENCH_AT_ONEDNN] = &bench_onednn,   [BENCH_AT_ONEDNN_GIVEN] = &bench_onednn_given,
};

typedef double samples[BENCH_CONTESTANTS][BENCH_MOST_ROUNDS];

/* Nothing here is missing: without these there is no measurement. */
static bool is_own(int k)
{
    return k == BENCH_AT_EMPTY || k == BENCH_AT_LIMIT || k == BENCH_AT_LIBRARY;
}

/* What becomes of a failure: one of the own ends the run; a peer leaves it. */
static bncl_status judge(bench_field *field, int k, bench_row *row, bncl_status status,
                         const bncl_error *reason, bncl_error *err)
{
    row->timings[k].present = false;
    if (is_own(k)) {
        *err = *reason;
        return status;
    }
    fprintf(stderr, "\nbncl-bench: %s is left out from here on: %s\n", bench_contestants[k]->name,
            reason->text);
    bench_contestants[k]->close(field->states[k]);
    field->states[k] = NULL;
    return BNCL_OK;
}

/* Makes the case ready, warms it up, finds out how many calls make a sample. */
static bncl_status prepare(bench_field *field, int k, bench_row *row, bncl_error *err)
{
    const bench_contestant *contestant = bench_contestants[k];
    bench_timing *timing = &row->timings[k];
    double seconds = 0.0;
    bncl_error reason;
    *timing = (bench_timing){.present = field->states[k] != NULL};
    if (!timing->present)
        return BNCL_OK;
    bncl_status status =
        contestant->prepare(field->states[k], &row->c, &row->model, timing->way, &reason);
    if (status == BNCL_ERROR_UNSUPPORTED && k != BENCH_AT_LIBRARY) {
        timing->present = false;
        return BNCL_OK;
    }
    for (int i = 0; i < WARM_UP && status == BNCL_OK; ++i) {
        const size_t before = bench_launches();
        status = contestant->run(field->states[k], 1, &seconds, &reason);
        if (k == BENCH_AT_LIBRARY)
            row->launches = bench_launches() - before;
    }
    timing->calls = bench_calls_for(seconds, LEAST_SECONDS, MOST_CALLS);
    /* A call among others takes less than one that is waited for. */
    if (status == BNCL_OK && timing->calls > 1) {
        status = contestant->run(field->states[k], timing->calls, &seconds, &reason);
        seconds /= (double)timing->calls;
        timing->calls = bench_calls_for(seconds, LEAST_SECONDS, MOST_CALLS);
    }
    bench_rest(contestant->rest);
    return status == BNCL_OK ? BNCL_OK : judge(field, k, row, status, &reason, err);
}

/* Calls that are each waited for, the median of some in a row: how soon the machine wakes a thread
   depends on how long that has slept. */
static bncl_status run_alone(bench_field *field, int k, double *alone, bncl_error *reason)
{
    double seconds[ALONE];
    bncl_status status = BNCL_OK;
    for (int i = 0; i < ALONE && status == BNCL_OK; ++i)
        status = bench_contestants[k]->run(field->states[k], 1, &seconds[i], reason);
    if (status == BNCL_OK)
        *alone = bench_summary_of(seconds, ALONE).median;
    return status;
}

/* One turn: calls that make the caches its own and wake its threads until they have settled, the
   sample, calls by themselves. It ends when its threads are at rest. */
static bncl_status take_turn(bench_field *field, int k, bench_row *row, double *sample,
                             double *alone, bncl_error *err)
{
    const size_t calls = row->timings[k].calls;
    double seconds = 0.0;
    bncl_error reason;
    bncl_status status = BNCL_OK;
    for (double spent = 0.0; spent < BENCH_WARM_UP && status == BNCL_OK; spent += seconds)
        status = bench_contestants[k]->run(field->states[k], calls, &seconds, &reason);
    if (status == BNCL_OK)
        status = bench_contestants[k]->run(field->states[k], calls, &seconds, &reason);
    *sample = *alone = seconds / (double)calls;
    if (status == BNCL_OK && calls > 1)
        status = run_alone(field, k, alone, &reason);
    bench_rest(bench_contestants[k]->rest);
    return status == BNCL_OK ? BNCL_OK : judge(field, k, row, status, &reason, err);
}

/* Ratios first: summaries sort. */
static void summarize(bench_row *row, samples seconds, samples alone, size_t rounds, double share)
{
    static double ratios[BENCH_MOST_ROUNDS];
    row->noisy = false;
    for (int k = 0; k < BENCH_CONTESTANTS; ++k) {
        bench_timing *timing = &row->timings[k];
        if (!timing->present)
            continue;
        for (size_t i = 0; i < rounds; ++i)
            ratios[i] = seconds[k][i] / seconds[BENCH_AT_LIBRARY][i];
        timing->ratio = bench_summary_of(ratios, rounds);
        timing->alone = bench_summary_of(alone[k], rounds);
        if (k != BENCH_AT_EMPTY)
            row->noisy = row->noisy || bench_summary_noisy(&timing->ratio, share);
    }
    for (int k = 0; k < BENCH_CONTESTANTS; ++k)
        if (row->timings[k].present)
            row->timings[k].seconds = bench_summary_of(seconds[k], rounds);
    row->noisy = row->noisy || bench_summary_noisy(&row->timings[BENCH_AT_LIBRARY].seconds, share);
}

/* All rounds. Who begins moves on from round to round. */
static bncl_status run_rounds(bench_field *field, bench_row *row, bncl_error *err)
{
    static samples seconds, alone;
    const size_t rounds = field->setup.options->rounds;
    for (size_t i = 0; i < rounds; ++i)
        for (size_t turn = 0; turn < BENCH_CONTESTANTS; ++turn) {
            const int k = (int)((i + turn) % BENCH_CONTESTANTS);
            bncl_status status = BNCL_OK;
            if (row->timings[k].present)
                status = take_turn(field, k, row, &seconds[k][i], &alone[k][i], err);
            if (status != BNCL_OK)
                return status;
        }
    summarize(row, seconds, alone, rounds, field->setup.options->spread);
    return BNCL_OK;
}

bncl_status bench_measure(bench_field *field, const bench_case *c, bench_row *row, bncl_error *err)
{
    bench_world *world = field->setup.world;
    *row = (bench_row){.c = *c, .model = bench_model_of(c, &world->facts), .noisy = true};
    unsigned wholes = bench_library_wholes(c);
    for (int i = 0; i < row->model.pass_count; ++i)
        wholes |= row->model.passes[i].reads | row->model.passes[i].writes;
    bncl_status status = bench_world_prepare(world, c, wholes, err);
    for (int k = 0; k < BENCH_CONTESTANTS && status == BNCL_OK; ++k)
        status = prepare(field, k, row, err);
    for (int i = 0; i < MOST_TRIES && status == BNCL_OK && row->noisy; ++i)
        status = run_rounds(field, row, err);
    return status;
}
