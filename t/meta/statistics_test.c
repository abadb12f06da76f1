/* Batch norm in parts, and recalibration in any order, give the same bits on every device and with
   every tuning. Recorded hashes in t/vectors/statistics_hashes.txt; see
   t/meta/batch_norm_hash_test.c for when they may change, and how they are recorded. */
#include <stdlib.h>

#include "lib/batch_norm_parts.h"
#include "lib/fingerprint.h"
#include "lib/harness.h"
#include "lib/network_feed.h"
#include "lib/recorded_lines.h"
#include "lib/tuning.h"

enum { cases = fingerprint_small_cases, most_parts = 7 };

/* A part of every sort: fingerprint's cases that have samples enough, cut in two, or in many. */
static batch_norm_cut cut_of(const batch_norm_case *c, size_t index)
{
    size_t *samples = harness_memory(most_parts, sizeof *samples);
    const size_t parts = index & 1 ? most_parts : 2;
    size_t left = c->samples;
    for (size_t k = 0; k + 1 < parts; ++k) {
        samples[k] = k == 3 ? 0 : left / 3;
        left -= samples[k];
    }
    samples[parts - 1] = left;
    return (batch_norm_cut){parts, samples};
}

static const char *line_of(device *d, size_t index)
{
    batch_norm_case c = fingerprint_case(index);
    batch_norm_data data = batch_norm_data_make(&c);
    const batch_norm_cut cut = cut_of(&c, index);
    char text[fingerprint_text_size];
    batch_norm_run_parts(d, &c, &cut, &data);
    const batch_norm_fingerprint f = batch_norm_fingerprint_of(&c, &data);
    batch_norm_fingerprint_write(&f, text);
    return harness_text("%s %zux%zux%zu offset %g in %zu: %s\n", bncl_layout_name(c.layout),
                        c.samples, c.channels, c.positions, c.offset, cut.count, text);
}

/* Batch norms alone: products of matrices need not have the same bits everywhere. */
static const network_layer norm_layers[] = {
    {NETWORK_BATCH_NORM, "bn1", .a = 0},
    {NETWORK_RELU, "relu", .a = 1},
    {NETWORK_BATCH_NORM, "bn2", .a = 2},
};
static const network norms = {.name = "norms",
                              .inputs = {{2, {3, 7}, false}},
                              .input_count = 1,
                              .layers = norm_layers,
                              .layer_count = 3};

/* The state that recalibration leaves, its batches in the given order or turned round. */
static const char *recalibrated_line(device *d, bool reversed)
{
    const size_t sizes[] = {5, 2, 40, 1, 9};
    network_graph g = network_graph_make(d, &norms, 1);
    network_feed f = network_feed_make(d, &norms, sizes, sizeof sizes / sizeof *sizes);
    for (size_t i = 0; reversed && i < f.count; ++i)
        f.order[i] = f.count - 1 - i;
    network_feed_recalibrate(&g, &f);
    const network_state state = network_graph_state(&g);
    return harness_text("recalibrated: state=%016llx\n",
                        (unsigned long long)fingerprint(state.bytes, state.count));
}

static void record(device *d, const char *path)
{
    FILE *file = recorded_lines_begin(
        path, "# FNV-1a hashes of batch norm in parts: see t/meta/statistics_test.c");
    for (size_t i = 0; i < cases; ++i)
        fputs(line_of(d, i), file);
    fputs(recalibrated_line(d, false), file);
    recorded_lines_end(file, path);
}

static void same_bits_as_recorded(void **state)
{
    device *d = device_of(state);
    const char *path = getenv("BNCL_TEST_RECORD");
    if (path != NULL && path[0] != '\0')
        record(d, path);
    FILE *file = recorded_lines_open(BNCL_T_DIR "/vectors/statistics_hashes.txt");
    for (size_t i = 0; i < cases; ++i)
        recorded_lines_expect(file, line_of(d, i));
    recorded_lines_expect(file, recalibrated_line(d, false));
    recorded_lines_expect(file, recalibrated_line(d, true));
}

static void every_tuning_gives_the_same_bits(void **state)
{
    device *d = device_of(state);
    for (size_t t = 2; t < 4; ++t) { /* what computes the parts, variants_test tries with all */
        tune(tunings[t]);
        FILE *file = recorded_lines_open(BNCL_T_DIR "/vectors/statistics_hashes.txt");
        for (size_t i = 0; i < (d->small ? 2 : cases); ++i)
            recorded_lines_expect(file, line_of(d, i));
        recorded_lines_expect(file, recalibrated_line(d, false));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(same_bits_as_recorded),
        HARNESS_TEST(every_tuning_gives_the_same_bits),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
