/* Coordinate descent over the fields of a tuning; see bench_tune.h. */
#include "bench_tune.h"

#include <stdlib.h>
#include <string.h>

#include "bench_duel.h"
#include "bench_numbers.h"
#include "bench_world.h"
#include "fail.h"

/* Where it stops to look for more: programs of a tuning that is new take seconds to compile. */
#define MOST_SECONDS 150.0

/* What a challenger must gain, and what it must promise at first sight, in few rounds. */
#define LEAST_GAIN 1.03
#define LEAST_PROMISE 0.98

enum { MOST_TRIED = 128, LOOK_ROUNDS = 3, SWEEPS = 2 };

/* One launch and many, channels last and not, within a first cache and beyond the last. */
static const bench_shape shapes[] = {
    {2, {32, 256}, true},
    {2, {4096, 1024}, false},
    {3, {32, 128, 100}, true},
    {3, {64, 128, 1024}, false},
};

typedef struct search {
    bench_duel duel;
    FILE *people;
    size_t rounds;
    double begin; /* bench_now() then */
    bool cut_short;
    bench_tuning best;
    bench_tuning tried[MOST_TRIED];
    size_t tried_count;
} search;

/* ---- what it is tuned for ---- */

bool bench_tune_cases(const bench_choice *choice, bench_case **out, size_t *count)
{
    bench_choice all = *choice;
    if (all.operators == NULL) {
        all.operators = bench_kind_name(BENCH_BATCH_NORM);
        if (all.shape_count == 0) {
            all.shapes = shapes;
            all.shape_count = sizeof shapes / sizeof shapes[0];
        }
    }
    if (all.dtype == NULL)
        all.dtype = bncl_dtype_name(BNCL_F32);
    if (!bench_cases_choose(&all, out, count))
        return false;
    size_t left = 0; /* frozen backward is a step of eval's kind: only where it is asked for */
    for (size_t i = 0; i < *count; ++i)
        if (all.direction != NULL || (*out)[i].direction != BENCH_FROZEN)
            (*out)[left++] = (*out)[i];
    *count = left;
    return true;
}

/* ---- one try ---- */

/* What the device makes of a tuning: some of it may be more than it can. */
static bncl_status put_in_force(const bench_world *world, bench_tuning *tuning, bncl_error *err)
{
    char text[BNCL_TUNING_TEXT_SIZE];
    bncl_tuning_info info;
    bench_tuning_write(tuning, text);
    if (setenv("BNCL_TUNING", text, 1) != 0)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    bncl_status status = bncl_tuning_get(world->context, &info, err);
    if (status == BNCL_OK && !bench_tuning_read(info.text, tuning))
        return bench_fail(err, BNCL_ERROR_FORMAT, "no tuning: '%s'", info.text);
    return status;
}

static bool was_tried(const search *s, const bench_tuning *tuning)
{
    for (size_t i = 0; i < s->tried_count; ++i)
        if (bench_tuning_same(&s->tried[i], tuning))
            return true;
    return s->tried_count == MOST_TRIED;
}

/* More than noise: also where its rounds went worst, it gained. */
static bool is_better(const bench_summary *gain)
{
    return gain->median > LEAST_GAIN && gain->low > 1.0;
}

/* Sets the challenger against the best, after a short look that most of them do not outlive. */
static bncl_status judge(search *s, const bench_tuning *challenger, const char *name, bool *taken,
                         bncl_error *err)
{
    bench_gain gain = {.each = NULL};
    const size_t look = s->rounds < LOOK_ROUNDS ? s->rounds : LOOK_ROUNDS;
    *taken = false;
    s->tried[s->tried_count++] = *challenger;
    bncl_status status = bench_duel_run(&s->duel, &s->best, challenger, look, name, &gain, err);
    if (status == BNCL_OK && gain.ran && gain.all.median > LEAST_PROMISE)
        status = bench_duel_run(&s->duel, &s->best, challenger, s->rounds, name, &gain, err);
    if (status != BNCL_OK)
        return status;
    if (!gain.ran) {
        fprintf(s->people, "  %-20s does not run: %s\n", name, gain.reason.text);
        return BNCL_OK;
    }
    *taken = is_better(&gain.all);
    fprintf(s->people, "  %-20s %6.3f x (%.3f to %.3f)%s\n", name, gain.all.median, gain.all.low,
            gain.all.high, *taken ? ", taken" : "");
    fflush(s->people);
    return BNCL_OK;
}

/* Steps along one field as long as that gains. */
static bncl_status follow(search *s, int field, bool up, bool *moved, bncl_error *err)
{
    bool taken = true;
    bncl_status status = BNCL_OK;
    while (taken && status == BNCL_OK) {
        bench_tuning challenger;
        char name[32];
        if (!bench_tuning_step(&s->best, field, up, &challenger))
            break;
        status = put_in_force(s->duel.setup.world, &challenger, err);
        if (status != BNCL_OK || was_tried(s, &challenger))
            break;
        s->cut_short = s->cut_short || bench_now() - s->begin > MOST_SECONDS;
        if (s->cut_short)
            break;
        snprintf(name, sizeof name, "%s=%u", bench_tuning_field(field), challenger.values[field]);
        status = judge(s, &challenger, name, &taken, err);
        if (status == BNCL_OK && taken) {
            s->best = challenger;
            *moved = true;
        }
    }
    return status;
}

static bncl_status descend(search *s, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    bool moved = true;
    for (int sweep = 0; sweep < SWEEPS && moved && status == BNCL_OK; ++sweep) {
        moved = false;
        for (int field = 0; field < BENCH_FIELDS && status == BNCL_OK; ++field) {
            bool down = false;
            status = follow(s, field, false, &down, err);
            if (status == BNCL_OK && !down)
                status = follow(s, field, true, &moved, err);
            moved = moved || down;
        }
    }
    if (s->cut_short)
        fprintf(s->people, "  %.0f s are over: the rest is not tried\n", MOST_SECONDS);
    return status;
}

/* ---- the result ---- */

/* Once more against where it began: a chance that was taken for a gain does not come twice. */
static bncl_status confirm(search *s, const bench_tuning *first, bool *noisy, bncl_error *err)
{
    const double share = s->duel.setup.options->spread;
    bench_gain gain = {.each = calloc(s->duel.count, sizeof(double))};
    if (gain.each == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    bncl_status status = bench_duel_run(&s->duel, first, &s->best, s->rounds, "all", &gain, err);
    if (status == BNCL_OK && !gain.ran) {
        *err = gain.reason;
        status = BNCL_ERROR_OPENCL;
    }
    for (size_t i = 0; i < s->duel.count && status == BNCL_OK; ++i) {
        char name[BENCH_NAME_SIZE];
        bench_case_name(&s->duel.cases[i], name);
        fprintf(s->people, "  %-50s %6.3f x\n", name, gain.each[i]);
    }
    free(gain.each);
    if (status != BNCL_OK)
        return status;
    *noisy = bench_summary_noisy(&gain.all, share);
    fprintf(s->people, "gain: %.3f x, quartiles %.3f to %.3f\n", gain.all.median, gain.all.low,
            gain.all.high);
    if (!is_better(&gain.all)) {
        fputs("which is none: back to where it began\n", s->people);
        s->best = *first;
    }
    return BNCL_OK;
}

/* The environment as it was; NULL: the variable was not set. */
static void put_back(const char *name, const char *value)
{
    if (value != NULL)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

/* Searches with BNCL_CACHE=off: of programs that are only tried, none is to be kept. */
static bncl_status search_all(search *s, bool *noisy, bncl_error *err)
{
    const char *cache = getenv("BNCL_CACHE");
    char *before = cache != NULL ? strdup(cache) : NULL;
    const bench_tuning first = s->best;
    if ((cache != NULL && before == NULL) || setenv("BNCL_CACHE", "off", 1) != 0) {
        free(before);
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    }
    s->begin = bench_now();
    s->tried[s->tried_count++] = first;
    bncl_status status = descend(s, err);
    if (status == BNCL_OK && !bench_tuning_same(&s->best, &first))
        status = confirm(s, &first, noisy, err);
    put_back("BNCL_CACHE", before);
    free(before);
    return status;
}

static bncl_status keep(const search *s, const char *text, bool noisy, bncl_error *err)
{
    const bench_options *options = s->duel.setup.options;
    fprintf(s->people, "BNCL_TUNING=%s\n", text);
    if (noisy || options->dry_run) {
        fprintf(s->people, "not kept: %s\n", noisy ? "noisy, no result" : "--dry-run");
        return BNCL_OK;
    }
    bncl_status status = bncl_tuning_keep(s->duel.setup.world->context, text, err);
    if (status == BNCL_OK)
        fputs("kept for this device, until its driver or libbncl has another version\n", s->people);
    return status;
}

bncl_status bench_tune(const bench_setup *setup, const bench_case *cases, size_t count,
                       FILE *people, bool *noisy, bncl_error *err)
{
    static search s;
    char text[BNCL_TUNING_TEXT_SIZE];
    bncl_tuning_info info;
    s = (search){.people = people, .rounds = setup->options->rounds};
    bncl_status status = bncl_tuning_get(setup->world->context, &info, err);
    if (status != BNCL_OK)
        return status;
    if (!info.can_keep && !setup->options->dry_run)
        return bench_fail(err, BNCL_ERROR_UNSUPPORTED,
                          "there is no folder to keep a tuning in, by BNCL_CACHE and "
                          "BNCL_CACHE_DIR; --dry-run searches all the same");
    if (!bench_tuning_read(info.text, &s.best))
        return bench_fail(err, BNCL_ERROR_FORMAT, "no tuning: '%s'", info.text);
    fprintf(people,
            "tuning libbncl %s on %s (%s), cases: %zu\n"
            "from %s (%s)\n",
            bncl_version(), setup->world->info.name, setup->world->info.platform, count, info.text,
            info.origin);
    status = bench_duel_open(setup, cases, count, &s.duel, err);
    if (status == BNCL_OK)
        status = search_all(&s, noisy, err);
    if (status == BNCL_OK) {
        bench_tuning_write(&s.best, text);
        status = keep(&s, text, *noisy, err);
    }
    bench_duel_close(&s.duel);
    return status;
}
