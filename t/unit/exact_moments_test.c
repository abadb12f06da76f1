/* Exact moments: results that are known exactly, in every order of the batches, at the ends of
   f32's range, and beside long double. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/exact_moments.h"
#include "lib/generate.h"
#include "lib/harness.h"

typedef struct batch {
    uint32_t count;
    float hi, lo, m2;
} batch;

typedef struct result {
    float mean, variance;
} result;

static result result_of(const batch *batches, size_t count)
{
    bncli_exact_moments moments = {.count = 0};
    result r;
    for (size_t i = 0; i < count; ++i)
        bncli_exact_moments_add(&moments, batches[i].count, batches[i].hi, batches[i].lo,
                                batches[i].m2);
    bncli_exact_moments_result(&moments, &r.mean, &r.variance);
    return r;
}

static void expect(const char *what, result got, float mean, float variance)
{
    const bool same_mean = isnan(mean) ? isnan(got.mean) : got.mean == mean;
    if (!same_mean || !(isnan(variance) ? isnan(got.variance) : got.variance == variance))
        harness_fail("%s: expected %a and %a, got %a and %a", what, (double)mean, (double)variance,
                     (double)got.mean, (double)got.variance);
}

#define RESULT(...)                                                                                \
    result_of((const batch[]){__VA_ARGS__}, sizeof((const batch[]){__VA_ARGS__}) / sizeof(batch))

/* From the definition: values 1 and 3; 1, 3 and 5, 7, 9; with low parts; about a mean below 0. */
static void small_numbers(void **state)
{
    (void)state;
    expect("one batch", RESULT({2, 2.0f, 0.0f, 2.0f}), 2.0f, 2.0f);
    expect("two batches", RESULT({2, 2.0f, 0.0f, 2.0f}, {3, 7.0f, 0.0f, 8.0f}), 5.0f, 10.0f);
    expect("an empty one", RESULT({2, 2.0f, 0.0f, 2.0f}, {0, 9.0f, 9.0f, 9.0f}), 2.0f, 2.0f);
    expect("below 0", RESULT({2, -2.0f, 0.0f, 2.0f}, {3, -7.0f, 0.0f, 8.0f}), -5.0f, 10.0f);
    expect("both sides", RESULT({1, -1.0f, 0.0f, 0.0f}, {1, 1.0f, 0.0f, 0.0f}), 0.0f, 2.0f);
    expect("constant", RESULT({7, 0.1f, 0.0f, 0.0f}, {9, 0.1f, 0.0f, 0.0f}), 0.1f, 0.0f);
    expect("zeros", RESULT({2, 0.0f, 0.0f, 0.0f}), 0.0f, 0.0f);
    expect("low parts", RESULT({1, 1.0f, 0x1p-25f, 0.0f}, {1, 1.0f, -0x1p-25f, 0.0f}), 1.0f,
           0x1p-49f);
}

/* To nearest, ties to even, down to the least number that there is. */
static void rounding(void **state)
{
    (void)state;
    const float third = 1.0f / 3.0f;
    expect("a third", RESULT({1, 1.0f, 0.0f, 0.0f}, {2, 0.0f, 0.0f, 0.0f}), third, third);
    expect("a tie, down", RESULT({2, 1.0f, 0x1p-24f, 0.0f}), 1.0f, 0.0f);
    expect("a tie, up", RESULT({2, 1.0f + 0x1p-23f, 0x1p-24f, 0.0f}), 1.0f + 0x1p-22f, 0.0f);
    expect("above a tie", RESULT({1, 1.0f, 0x1p-24f, 0.0f}, {1, 1.0f, 0x1.000002p-24f, 0.0f}),
           1.0f + 0x1p-23f, 0x1p-95f);
    expect("below a tie", RESULT({1, 1.0f, 0x1p-24f, 0.0f}, {1, 1.0f, 0x1.fffffep-25f, 0.0f}), 1.0f,
           0x1p-97f);
    expect("up to a power of two", RESULT({2, 0x1.fffffep0f, 0x1p-24f, 0.0f}), 2.0f, 0.0f);
    expect("subnormal", RESULT({3, 0x1p-149f, 0.0f, 0x1p-148f}), 0x1p-149f, 0x1p-149f);
    expect("half of the least", RESULT({1, 0x1p-149f, 0.0f, 0.0f}, {1, 0.0f, 0.0f, 0.0f}), 0.0f,
           0.0f);
    assert_false(signbit(RESULT({1, -0x1p-149f, 0.0f, 0.0f}, {1, 0.0f, 0.0f, 0.0f}).mean));
    assert_false(signbit(RESULT({2, -0.0f, -0.0f, 0.0f}).mean));
    expect("more than half", RESULT({2, 0x1p-149f, 0.0f, 0.0f}, {1, 0.0f, 0.0f, 0.0f}), 0x1p-149f,
           0.0f);
    expect("a subnormal that becomes normal",
           RESULT({1, 0x1p-126f, 0.0f, 0.0f}, {1, 0x1.fffffcp-127f, 0.0f, 0.0f}), 0x1p-126f, 0.0f);
}

/* A tie in all bits that a quotient has, and a remainder beyond them: of the mean, where it takes
   more than 2³² values; of the variance, from its division by n, and from that by n - 1. */
static void remainders(void **state)
{
    (void)state;
    const float least = 0x1p-149f;
    expect("half of the least",
           RESULT({0x7FFFFFFF, 0.0f, 0.0f, 0.0f}, {0x7FFFFFFF, least, 0.0f, 0.0f},
                  {0x40000002, 0.0f, 0.0f, 0.0f}, {0x40000002, least, 0.0f, 0.0f}),
           0.0f, 0.0f);
    expect("hardly more",
           RESULT({0x7FFFFFFF, 0.0f, 0.0f, 0.0f}, {0x7FFFFFFF, least, 0.0f, 0.0f},
                  {0x40000000, 0.0f, 0.0f, 0.0f}, {0x40000002, least, 0.0f, 0.0f}),
           least, 0.0f);
    expect("half, of the variance", RESULT({3, 0.0f, 0.0f, least}), 0.0f, 0.0f);
    expect("more, by n", RESULT({2, 0.0f, 0.0f, least}, {1, least, 0.0f, 0.0f}), 0.0f, least);
    expect("more, by n - 1", RESULT({3, 0.0f, 0.0f, 4.0f * least}, {6, least, 0.0f, 0.0f}), least,
           least);
}

/* Cancellation that no floating point would survive, and the ends of the range. */
static void ranges(void **state)
{
    (void)state;
    const float most = FLT_MAX;
    expect("huge ones that cancel",
           RESULT({1, most, 0.0f, 0.0f}, {1, -most, 0.0f, 0.0f}, {1, 0x1p-149f, 0.0f, 0.0f},
                  {1, 0x1p-148f, 0.0f, 0.0f}),
           0x1p-149f, INFINITY);
    expect("the largest", RESULT({0x7FFFFFFF, most, 0.0f, most}, {0x7FFFFFFF, most, 0.0f, 0.0f}),
           most, 0x1.fffffep95f);
    expect("far from 0", RESULT({2, 0x1p100f, 0.0f, 8.0f}, {2, 0x1p100f, 0x1p-20f, 1.0f}), 0x1p100f,
           3.0f);
    expect("large counts", RESULT({0x7FFFFFFF, 1.0f, 0.0f, 0.0f}, {1, 1.0f, 0.0f, 0x1p31f}), 1.0f,
           1.0f);
}

static void specials(void **state)
{
    (void)state;
    const batch one = {2, 1.0f, 0.0f, 2.0f};
    const float inf = INFINITY;
    expect("inf", RESULT(one, {2, inf, 0.0f, NAN}, one), inf, NAN);
    expect("-inf", RESULT({2, -inf, NAN, NAN}, one), -inf, NAN);
    expect("both", RESULT({2, -inf, 0.0f, NAN}, {2, inf, 0.0f, NAN}), NAN, NAN);
    expect("NaN", RESULT(one, {2, NAN, 0.0f, NAN}), NAN, NAN);
    expect("an M2 that overflowed", RESULT(one, {2, 1.0f, 0.0f, inf}), 1.0f, inf);
    expect("a NaN of M2 alone", RESULT(one, {2, 1.0f, 0.0f, NAN}), 1.0f, NAN);
    expect("of no values", RESULT(one, {0, NAN, inf, NAN}), 1.0f, 2.0f);
}

static void swap(batch *a, batch *b)
{
    const batch t = *a;
    *a = *b;
    *b = t;
}

/* Heap's algorithm: every order of the first `count`. */
static void permute(batch *batches, size_t count, size_t all, const result *expected)
{
    if (count <= 1) {
        const result got = result_of(batches, all);
        if (memcmp(&got, expected, sizeof got) != 0)
            harness_fail("another order: %a and %a", (double)got.mean, (double)got.variance);
        return;
    }
    for (size_t i = 0; i < count; ++i) {
        permute(batches, count - 1, all, expected);
        swap(&batches[count % 2 == 0 ? i : 0], &batches[count - 1]);
    }
}

static batch random_batch(generator *g, double spread)
{
    const double scale = exp2(spread * (generator_unit(g) - 0.5));
    batch b = {1 + (uint32_t)(generator_word(g) % 5000), 0.0f, 0.0f, 0.0f};
    b.hi = (float)(generator_normal(g) * scale);
    b.lo = b.hi * (float)((generator_unit(g) - 0.5) * 0x1p-25);
    b.m2 = (float)(generator_unit(g) * scale * scale * b.count);
    return b;
}

static void every_order_gives_the_same_bits(void **state)
{
    (void)state;
    generator g = generator_seed(7);
    for (int round = 0; round < 40; ++round) {
        batch batches[6];
        for (int i = 0; i < 6; ++i)
            batches[i] = random_batch(&g, round % 2 ? 4.0 : 120.0);
        const result expected = result_of(batches, 6);
        permute(batches, round < 4 ? 6 : 4, 6, &expected);
    }
    enum { many = 500 };
    batch batches[many];
    for (int i = 0; i < many; ++i)
        batches[i] = random_batch(&g, 60.0);
    const result expected = result_of(batches, many);
    for (int round = 0; round < 20; ++round) {
        for (size_t i = many; i > 1; --i)
            swap(&batches[i - 1], &batches[generator_word(&g) % i]);
        permute(batches, 1, many, &expected);
    }
}

/* Within half an ulp, and what long double loses, of Σn·m/N and its like in long double. */
static void beside_long_double(void **state)
{
    (void)state;
    generator g = generator_seed(11);
    for (int round = 0; round < 300; ++round) {
        batch batches[9];
        const size_t count = 1 + (size_t)(round % 9);
        long double n = 0.0L, sum = 0.0L, m2 = 0.0L;
        for (size_t i = 0; i < count; ++i) {
            batches[i] = random_batch(&g, 6.0);
            batches[i].count += 1;
            n += batches[i].count;
            sum += batches[i].count * ((long double)batches[i].hi + batches[i].lo);
        }
        for (size_t i = 0; i < count; ++i) {
            const long double d = (long double)batches[i].hi + batches[i].lo - sum / n;
            m2 += batches[i].m2 + batches[i].count * d * d;
        }
        const result got = result_of(batches, count);
        const long double mean = sum / n, variance = m2 / (n - 1.0L);
        if (!(fabsl(got.mean - mean) <= 0x1.0001p-24L * fabsl(mean) + 0x1p-55L) ||
            !(fabsl(got.variance - variance) <= 0x1.0001p-24L * variance))
            harness_fail("round %d: expected %La and %La, got %a and %a", round, mean, variance,
                         (double)got.mean, (double)got.variance);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(small_numbers),      HARNESS_TEST(rounding),
        HARNESS_TEST(remainders),         HARNESS_TEST(ranges),
        HARNESS_TEST(specials),           HARNESS_TEST(every_order_gives_the_same_bits),
        HARNESS_TEST(beside_long_double),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
