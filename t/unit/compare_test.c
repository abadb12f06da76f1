/* The comparator and the tolerances: that they pass what they should and, above all, fail what they
   should. */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/harness.h"
#include "lib/tolerance.h"

static void equal_and_at_the_bound_pass(void **state)
{
    (void)state;
    const float got[] = {1.0f, -2.0f, 0.0f};
    const double expected[] = {1.0, -2.5, -0.0};
    const double bound[] = {0.0, 0.5, 0.0};
    assert_true(compare_floats(got, expected, bound, 3).ok);
    assert_true(compare_floats(got, expected, bound, 0).ok);
}

static void beyond_the_bound_fails(void **state)
{
    (void)state;
    const double got[] = {1.0, 1.0};
    const double expected[] = {1.0, 1.5};
    const double bound[] = {1.0, nextafter(0.5, 0.0)};
    compare_report report = compare_doubles(got, expected, bound, 2);
    assert_false(report.ok);
    assert_int_equal(report.index, 1);
    assert_true(report.got == 1.0 && report.expected == 1.5);
    assert_true(report.error == 0.5 && report.bound == bound[1]);
}

/* error > bound would let all of these pass. */
static void nan_anywhere_fails(void **state)
{
    (void)state;
    const double one = 1.0;
    const double none = NAN;
    const double wide = INFINITY;
    assert_false(compare_doubles(&none, &one, &wide, 1).ok);
    assert_false(compare_doubles(&one, &none, &wide, 1).ok);
    assert_false(compare_doubles(&none, &none, &wide, 1).ok);
    assert_false(compare_doubles(&one, &one, &none, 1).ok);
    assert_false(compare_doubles(&wide, &wide, &one, 1).ok);
}

static void reports_the_worst(void **state)
{
    (void)state;
    const double expected[] = {0.0, 0.0, 0.0, 0.0};
    const double got[] = {1.0, 3.0, 8.0, 0.5};
    const double bound[] = {1.0, 1.0, 4.0, 1.0};
    compare_report report = compare_doubles(got, expected, bound, 4);
    assert_false(report.ok);
    assert_int_equal(report.index, 1); /* 3 bounds away, [2] only 2 */

    const double holed[] = {1.0, 3.0, NAN, NAN};
    report = compare_doubles(holed, expected, bound, 4);
    assert_int_equal(report.index, 2); /* the first NaN, worse than any number */

    const double passing[] = {0.1, 0.9, 1.0, 0.2};
    report = compare_doubles(passing, expected, bound, 4);
    assert_true(report.ok);
    assert_int_equal(report.index, 1);
}

static void specials_must_be_the_same(void **state)
{
    (void)state;
    const double bound[] = {1.0, 1.0, 1.0, 1.0};
    const double expected[] = {NAN, INFINITY, -INFINITY, 2.0};
    const float same[] = {NAN, INFINITY, -INFINITY, 2.5f};
    assert_true(compare_floats_or_special(same, expected, bound, 4).ok);
    for (size_t i = 0; i < 4; ++i) {
        float wrong[4];
        memcpy(wrong, same, sizeof wrong);
        wrong[i] = i == 3 ? NAN : 1.0f;
        compare_report report = compare_floats_or_special(wrong, expected, bound, 4);
        assert_false(report.ok);
        assert_int_equal(report.index, i);
    }
    const float opposite = -INFINITY;
    assert_false(compare_floats_or_special(&opposite, &expected[1], bound, 1).ok);
}

static void bits_are_bits(void **state)
{
    (void)state;
    const uint32_t nans[] = {0x3f800000u, 0x7fc00000u, 0x7fc00001u};
    const uint32_t others[] = {0x3f800000u, 0x7fc00000u, 0x7fc00002u};
    float a[3];
    float b[3];
    memcpy(a, nans, sizeof a);
    memcpy(b, others, sizeof b);
    assert_int_equal(compare_bits(a, a, sizeof *a, 3), 3);
    assert_int_equal(compare_bits(a, b, sizeof *a, 2), 2);
    assert_int_equal(compare_bits(a, b, sizeof *a, 3), 2);
    const float zero = 0.0f;
    const float negative = -0.0f;
    assert_int_equal(compare_bits(&zero, &negative, sizeof zero, 1), 0);
}

static void gamma_grows_with_length(void **state)
{
    (void)state;
    double u = tolerance_unit();
    assert_true(u == 0x1p-24 && 1.0f + (float)u == 1.0f && 1.0f + (float)(1.5 * u) > 1.0f);
    assert_true(tolerance_gamma(0.0) == 0.0);
    assert_true(tolerance_gamma(1.0) >= u && tolerance_gamma(1.0) <= 1.0000001 * u);
    assert_true(tolerance_gamma(100.0) > tolerance_gamma(99.0));
    assert_true(tolerance_gamma(0x1p23) == 1.0);
    assert_true(isinf(tolerance_gamma(0x1p24)));
    assert_true(tolerance_sum_any_order(10, 3.0) == 3.0 * tolerance_gamma(10.0));
}

static void promises_are_as_promised(void **state)
{
    (void)state;
    assert_true(tolerance_batch_norm_y(0.0, 1.0, 0.0) == 2e-6);
    assert_true(tolerance_batch_norm_y(-3.0, 1.0, -3.0) == 2e-6 * 3.0);
    assert_true(tolerance_batch_norm_var(5.0) == 2e-6 * 5.0);
    assert_true(tolerance_batch_norm_sum(2.0) == 16.0 * 0x1p-24);
    assert_true(tolerance_running(0.0, 1.0, 7.0, 1.0) == 3.0 * 0x1p-24);
    assert_true(isnan(tolerance_batch_norm_sum(NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(equal_and_at_the_bound_pass), HARNESS_TEST(beyond_the_bound_fails),
        HARNESS_TEST(nan_anywhere_fails),          HARNESS_TEST(reports_the_worst),
        HARNESS_TEST(specials_must_be_the_same),   HARNESS_TEST(bits_are_bits),
        HARNESS_TEST(gamma_grows_with_length),     HARNESS_TEST(promises_are_as_promised),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
