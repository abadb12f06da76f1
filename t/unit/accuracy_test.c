/* What bench/accuracy judges by: its inputs, its exact results and its errors. */
#include <math.h>

#include "lib/harness.h"

#include "../bench/accuracy_exact.h"

static const bncl_layout layouts[] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC};

/* Standard normal: four moments, to four standard deviations of their estimates. */
static void noise_is_what_it_says(void **state)
{
    (void)state;
    enum { count = 100000 };
    float *noise = harness_floats(count);
    accuracy_noise(1, 2, noise, count);
    double moments[5] = {0};
    for (size_t i = 0; i < count; ++i)
        for (int power = 1; power <= 4; ++power)
            moments[power] += pow((double)noise[i], power) / count;
    assert_true(fabs(moments[1]) < 4.0 / sqrt(count));
    assert_true(fabs(moments[2] - 1.0) < 4.0 * sqrt(2.0 / count));
    assert_true(fabs(moments[3]) < 4.0 * sqrt(15.0 / count));
    assert_true(fabs(moments[4] - 3.0) < 4.0 * sqrt(96.0 / count));
}

/* Pins the stream, so that two machines measure the same: its first numbers, computed from Philox's
   words with sixty digits and rounded once. */
static void noise_is_pinned(void **state)
{
    (void)state;
    float noise[4], fewer[3];
    accuracy_noise(20240229, 12, noise, 4);
    accuracy_noise(20240229, 12, fewer, 3);
    const float expected[4] = {-0x1.d82154p-1f, 0x1.5ede32p-2f, -0x1.010794p+0f, -0x1.555632p-1f};
    for (size_t i = 0; i < 4; ++i)
        if (noise[i] != expected[i])
            harness_fail("number %zu: expected %a, got %a", i, (double)expected[i],
                         (double)noise[i]);
    for (size_t i = 0; i < 3; ++i)
        assert_true(fewer[i] == noise[i]);
}

/* Every value has a place of its own, inside the array; channels have their neighbours. */
static void layouts_place_every_value_once(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; ++k) {
        const accuracy_case c = accuracy_case_of(layouts[k], 7);
        const size_t total = accuracy_case_total(&c), count = accuracy_case_count(&c);
        float *numbers = harness_floats(total), *out = harness_floats(total);
        assert_true(count == 128 && total == count * c.channels);
        for (size_t i = 0; i < total; ++i)
            numbers[i] = (float)i;
        accuracy_case_arrange(&c, 1.0, numbers, out);
        bool *seen = harness_memory(total, sizeof *seen);
        for (size_t i = 0; i < total; ++i) {
            assert_true(out[i] >= 1.0f && out[i] <= (float)total);
            seen[(size_t)out[i] - 1] = true;
        }
        for (size_t i = 0; i < total; ++i)
            assert_true(seen[i]);
        /* Value 1 of channel 0, and value 0 of channel 1, in terms of n = 128. */
        size_t dims[BNCL_MAX_RANK];
        assert_int_equal(accuracy_case_dims(&c, dims), k == 0 ? 2 : 3);
        assert_true(out[k == 1 ? 1 : c.channels] == 2.0f);
        assert_true(out[k == 1 ? c.length : 1] == 129.0f);
    }
}

static void many_values_have_fewer_channels(void **state)
{
    (void)state;
    const accuracy_case few = accuracy_case_of(BNCL_LAYOUT_NCL, 6);
    const accuracy_case many = accuracy_case_of(BNCL_LAYOUT_NCL, 22);
    assert_true(few.channels == 64 && accuracy_case_count(&few) == 64);
    assert_true(many.channels == 4 && accuracy_case_count(&many) == (size_t)1 << 22);
}

/* x = m-2, m, m+2, m: mean m, var 2; at 1e7, too, where f32 has whole numbers only. */
static void exact_results_by_hand(void **state)
{
    (void)state;
    const float noise[4] = {-2.0f, 0.0f, 2.0f, 0.0f}, dy_noise[4] = {0.0f, -3.0f, 3.0f, 1.0f};
    const double offsets[3] = {0.0, 100.0, 1e7};
    for (size_t i = 0; i < 3; ++i) {
        const accuracy_exact e = accuracy_exact_of(4, offsets[i], noise, 1.0, dy_noise);
        const long double invstd = 1.0L / sqrtl(2.0L + (long double)ACCURACY_EPS);
        assert_true(e.pivot + e.shift == (long double)offsets[i]);
        assert_true(e.var == 2.0L);
        assert_true(fabsl(e.invstd - invstd) < 1e-15L);
        assert_true(e.dbeta == 1.0L - 2.0L + 4.0L + 2.0L && e.dbeta_terms == 9.0L);
        assert_true(fabsl(e.dgamma - 6.0L * invstd) < 1e-14L);
        assert_true(fabsl(e.dgamma_terms - 10.0L * invstd) < 1e-14L);
        assert_true(fabsl(e.mean_terms - (i == 0 ? 1.0L : (long double)offsets[i])) < 1e-12L);
    }
}

/* One wrong value of one channel, wherever it is, is the worst error, and relative above 1. */
static void the_worst_error_is_found(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; ++k) {
        const accuracy_case c = accuracy_case_of(layouts[k], 6);
        const size_t total = accuracy_case_total(&c);
        float *noise = harness_floats(total), *x = harness_floats(total);
        float *y = harness_floats(total);
        accuracy_exact *exact = harness_memory(c.channels, sizeof *exact);
        for (size_t i = 0; i < c.channels; ++i)
            exact[i] = (accuracy_exact){.pivot = 8.0L, .shift = (long double)i, .invstd = 2.0L};
        accuracy_noise(3, 4, noise, total);
        accuracy_case_arrange(&c, 8.0, noise, x);
        for (size_t i = 0; i < total; ++i)
            y[i] = (x[i] - 8.0f - (float)(i / c.channel_stride % c.channels)) * 2.0f;
        assert_true(accuracy_error_y(&c, exact, x, y) < 1e-6);
        const size_t places[] = {0, total / 2 + 1, total - 1};
        for (size_t p = 0; p < 3; ++p) {
            const float right = y[places[p]];
            const float magnitude = fmaxf(1.0f, fabsf(right));
            y[places[p]] = right + 0.25f * magnitude;
            assert_true(fabs(accuracy_error_y(&c, exact, x, y) - 0.25) < 1e-5);
            y[places[p]] = NAN;
            assert_true(isinf(accuracy_error_y(&c, exact, x, y)));
            y[places[p]] = right;
        }
    }
}

static void errors_count_in_units(void **state)
{
    (void)state;
    assert_true(accuracy_error_units(3.0L + 0x1p-23L, 3.0L, 2.0L) == 1.0);
    assert_true(accuracy_error_units(-1.0L, 0.0L, 0x1p24L) == 1.0);
    assert_true(isnan(accuracy_error_units((long double)NAN, 0.0L, 1.0L)));
    assert_true(accuracy_worse(1.0, 0.5) == 1.0);
    assert_true(accuracy_worse(1.0, 2.0) == 2.0);
    assert_true(isinf(accuracy_worse(1.0, (double)NAN)));
    assert_true(isinf(accuracy_worse(INFINITY, 1.0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(noise_is_what_it_says),          HARNESS_TEST(noise_is_pinned),
        HARNESS_TEST(layouts_place_every_value_once), HARNESS_TEST(many_values_have_fewer_channels),
        HARNESS_TEST(exact_results_by_hand),          HARNESS_TEST(the_worst_error_is_found),
        HARNESS_TEST(errors_count_in_units),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
