/* Profiles of a graph's steps: what the runtime has added up, for reading. */
#include <bncl/graph_profile.h>

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "graph/graph.h"
#include "ops/operand.h"
#include "runtime/profile.h"

struct bncl_graph_profile {
    bncli_profile *rows;
    bool ended;
    size_t steps;
};

bncl_status bncl_graph_profile_begin(bncl_graph *graph, bncl_queue *queue, bncl_graph_profile **out,
                                     bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph or out is NULL");
    bncl_status status = bncli_queue_check(graph->context, queue, err);
    if (status == BNCL_OK)
        status = bncli_graph_require(graph, true, "bncl_graph_profile_begin", err);
    bncl_graph_profile *profile = NULL;
    if (status == BNCL_OK)
        status = bncli_new(&profile, 1, sizeof *profile, err);
    if (status == BNCL_OK)
        status = bncli_profile_begin(queue, &profile->rows, err);
    if (status != BNCL_OK) {
        bncl_graph_profile_destroy(profile);
        return status;
    }
    *out = profile;
    return BNCL_OK;
}

bncl_status bncl_graph_profile_end(bncl_graph_profile *profile, size_t steps, bncl_error *err)
{
    bncli_error_clear(err);
    if (profile == NULL || steps == 0)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "profile is NULL or steps 0");
    bncl_status status = bncli_profile_end(profile->rows, err);
    if (status != BNCL_OK)
        return status;
    profile->steps = steps;
    profile->ended = true;
    return BNCL_OK;
}

void bncl_graph_profile_destroy(bncl_graph_profile *profile)
{
    if (profile == NULL)
        return;
    bncli_profile_destroy(profile->rows);
    bncli_free(profile);
}

size_t bncl_graph_profile_count(const bncl_graph_profile *profile)
{
    return profile != NULL && profile->ended ? profile->rows->count : 0;
}

static bncl_status check(const bncl_graph_profile *profile, const void *out, const char *name,
                         bncl_error *err)
{
    bncli_error_clear(err);
    if (profile == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "profile or %s is NULL", name);
    if (!profile->ended)
        return bncli_fail(err, BNCL_ERROR_STATE,
                          "the profile is being taken: call bncl_graph_profile_end first");
    return BNCL_OK;
}

static bncl_graph_profile_entry entry_of(const bncl_graph_profile *profile, size_t index)
{
    const bncli_profile_row *row = &profile->rows->rows[index];
    return (bncl_graph_profile_entry){.name = row->command.name,
                                      .layer = row->command.layer,
                                      .pass = row->command.pass,
                                      .is_launch = row->command.kind != BNCLI_COMMAND_TRANSFER,
                                      .count = row->count,
                                      .seconds = 1e-9 * (double)row->nanoseconds,
                                      .bytes = row->bytes};
}

bncl_status bncl_graph_profile_row(const bncl_graph_profile *profile, size_t index,
                                   bncl_graph_profile_entry *out, bncl_error *err)
{
    bncl_status status = check(profile, out, "out", err);
    if (status != BNCL_OK)
        return status;
    if (index >= profile->rows->count)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "expected an index below %zu, got %zu",
                          profile->rows->count, index);
    *out = entry_of(profile, index);
    return BNCL_OK;
}

static bncl_graph_profile_sums sum(const bncl_graph_profile *profile)
{
    bncl_graph_profile_sums sums = {.steps = profile->steps,
                                    .elapsed = 1e-9 * (double)profile->rows->elapsed,
                                    .by_device = profile->rows->by_device};
    for (size_t i = 0; i < profile->rows->count; ++i) {
        const bncl_graph_profile_entry entry = entry_of(profile, i);
        *(entry.is_launch ? &sums.launches : &sums.transfers) += entry.count;
        sums.seconds += entry.seconds;
        sums.bytes += entry.bytes;
    }
    return sums;
}

bncl_status bncl_graph_profile_total(const bncl_graph_profile *profile,
                                     bncl_graph_profile_sums *out, bncl_error *err)
{
    bncl_status status = check(profile, out, "out", err);
    if (status == BNCL_OK)
        *out = sum(profile);
    return status;
}

/* ---- the table ---- */

/* What is 0 over 0 here is 0: nothing ran, or in no time that the clock tells. */
static double ratio(double a, double b)
{
    return b > 0.0 ? a / b : 0.0;
}

static void print_row(FILE *file, const bncl_graph_profile_entry *entry,
                      const bncl_graph_profile_sums *sums)
{
    const double steps = (double)sums->steps, count = (double)entry->count;
    fprintf(file, "%-12s %-9s %-32s %7.4g %9.4f %10.2f %10.4f %8.2f %6.1f\n", entry->layer,
            entry->pass, entry->name, count / steps, 1e3 * entry->seconds / steps,
            1e6 * ratio(entry->seconds, count), 1e-6 * (double)entry->bytes / steps,
            1e-9 * ratio((double)entry->bytes, entry->seconds),
            100.0 * ratio(entry->seconds, sums->seconds));
}

static void print_sums(FILE *file, const bncl_graph_profile_sums *sums)
{
    const double steps = (double)sums->steps;
    fprintf(file,
            "a step: %.4g launches, %.4g transfers, %.4f ms of %.4f ms elapsed, %.4f MB, "
            "%.2f GB/s (%zu %s; times are %s)\n",
            (double)sums->launches / steps, (double)sums->transfers / steps,
            1e3 * sums->seconds / steps, 1e3 * sums->elapsed / steps,
            1e-6 * (double)sums->bytes / steps, 1e-9 * ratio((double)sums->bytes, sums->seconds),
            sums->steps, sums->steps == 1 ? "step" : "steps",
            sums->by_device ? "the device's" : "the host's, each command waited for");
}

bncl_status bncl_graph_profile_print(const bncl_graph_profile *profile, FILE *file, bncl_error *err)
{
    bncl_status status = check(profile, file, "file", err);
    if (status != BNCL_OK)
        return status;
    const bncl_graph_profile_sums sums = sum(profile);
    errno = 0;
    fprintf(file, "%-12s %-9s %-32s %7s %9s %10s %10s %8s %6s\n", "layer", "pass", "command",
            "a step", "ms a step", "us each", "MB a step", "GB/s", "% time");
    for (size_t i = 0; i < profile->rows->count; ++i) {
        const bncl_graph_profile_entry entry = entry_of(profile, i);
        print_row(file, &entry, &sums);
    }
    print_sums(file, &sums);
    if (fflush(file) == 0 && !ferror(file))
        return BNCL_OK;
    return bncli_fail(err, BNCL_ERROR_IO, "cannot write the profile: %s",
                      strerror(errno != 0 ? errno : EIO));
}
