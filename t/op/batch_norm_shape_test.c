/* Batch norm, forward and backward, train and eval, over shapes that cross every border of the
   trees: leaves of 32 rows, 64 lanes, tiles of 1024 values, vectors and groups of channels. */
#include "lib/batch_norm_check.h"
#include "lib/harness.h"

/* What a device that checks every access gets through in time. A tile of NCL takes 1024 steps,
   however little of it there is. */
static bool too_long(const device *d, const batch_norm_case *c)
{
    size_t per_channel = c->samples * c->positions;
    size_t steps = per_channel * c->channels;
    if (c->layout == BNCL_LAYOUT_NCL && c->positions > 1)
        steps = (per_channel + 1023) / 1024 * 1024 * c->channels;
    return d->small && steps > (c->channels <= 3 ? 3100 : 500);
}

static void run_case(device *d, const batch_norm_case *c)
{
    if (too_long(d, c))
        return;
    batch_norm_data data = batch_norm_data_make(c);
    batch_norm_run_train(d, c, &data);
    batch_norm_check_train(c, &data);
    assert_true(data.num_batches_tracked == 1);

    data = batch_norm_data_make(c);
    batch_norm_run_eval(d, c, &data);
    batch_norm_check_eval(c, &data);
    assert_true(data.num_batches_tracked == 0);
    harness_release(NULL);
}

static void two_dimensions(void **state)
{
    device *d = device_of(state);
    const size_t samples[] = {2, 31, 32, 33, 63, 64, 65, 1023, 1024, 1025, 2049, 5000};
    const size_t channels[] = {1, 3, 15, 16, 17, 63, 64, 65, 100};
    for (size_t n = 0; n < sizeof samples / sizeof *samples; ++n) {
        for (size_t c = 0; c < sizeof channels / sizeof *channels; ++c) {
            batch_norm_case bn = batch_norm_case_make(BNCL_LAYOUT_NC, samples[n], channels[c], 1);
            run_case(d, &bn);
        }
    }
}

/* Samples and positions. */
static const size_t runs[][2] = {
    {2, 1},    {1, 2},    {1, 7},    {3, 7},    {33, 7},   {9, 64},
    {16, 64},  {5, 65},   {700, 7},  {10, 100}, {1, 1023}, {1, 1024},
    {1, 1025}, {3, 1023}, {2, 1024}, {3, 1025}, {2, 513},  {1, 5000},
};

static void three_dimensions(device *d, bncl_layout layout, const size_t *channels, size_t count)
{
    for (size_t r = 0; r < sizeof runs / sizeof *runs; ++r) {
        for (size_t c = 0; c < count; ++c) {
            batch_norm_case bn = batch_norm_case_make(layout, runs[r][0], channels[c], runs[r][1]);
            run_case(d, &bn);
        }
    }
}

static void channels_second(void **state)
{
    const size_t channels[] = {1, 3, 17, 64, 65};
    three_dimensions(device_of(state), BNCL_LAYOUT_NCL, channels, 5);
}

static void channels_last(void **state)
{
    const size_t channels[] = {1, 3, 16, 17, 65, 100};
    three_dimensions(device_of(state), BNCL_LAYOUT_NLC, channels, 6);
}

/* Many tiles: the tree above them. */
static void many_tiles(void **state)
{
    device *d = device_of(state);
    const size_t tiles[] = {3, 5, 7, 8, 13};
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; ++i) {
        batch_norm_case rows = batch_norm_case_make(BNCL_LAYOUT_NC, 1024 * tiles[i] - 3, 3, 1);
        batch_norm_case lanes = batch_norm_case_make(BNCL_LAYOUT_NCL, 2, 2, 512 * tiles[i] + 1);
        run_case(d, &rows);
        run_case(d, &lanes);
    }
}

/* A thousand tiles of a channel, the last one of three values. */
static void a_million_values(void **state)
{
    device *d = device_of(state);
    for (int layout = 0; layout < 2; ++layout) {
        batch_norm_case c = layout == 0 ? batch_norm_case_make(BNCL_LAYOUT_NC, 1048579, 1, 1)
                                        : batch_norm_case_make(BNCL_LAYOUT_NCL, 1, 1, 1048579);
        c.offset = 1e5;
        run_case(d, &c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(two_dimensions), HARNESS_TEST(channels_second),  HARNESS_TEST(channels_last),
        HARNESS_TEST(many_tiles),     HARNESS_TEST(a_million_values),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
