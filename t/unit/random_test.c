/* Random numbers: Philox4x32-10 against its published values and against a second implementation;
   uniform numbers and permutations. */
#include <math.h>
#include <string.h>

#include <bncl/random.h>

#include "lib/compare.h"
#include "lib/harness.h"

/* ---- a second Philox, of any counter and key, to see the published values with: the library's API
   reaches only counters whose last word is 0 ---- */

typedef struct philox_state {
    uint32_t counter[4];
    uint32_t key[2];
} philox_state;

static void multiply(uint32_t a, uint32_t b, uint32_t *high, uint32_t *low)
{
    /* by halves, without 64-bit products */
    const uint32_t a0 = a & 0xffff, a1 = a >> 16, b0 = b & 0xffff, b1 = b >> 16;
    const uint32_t middle = (a0 * b0 >> 16) + (a1 * b0 & 0xffff) + (a0 * b1 & 0xffff);
    *low = a * b;
    *high = a1 * b1 + (a1 * b0 >> 16) + (a0 * b1 >> 16) + (middle >> 16);
}

static void philox_round(philox_state *s)
{
    uint32_t high0, low0, high1, low1;
    multiply(s->counter[0], 0xD2511F53u, &high0, &low0);
    multiply(s->counter[2], 0xCD9E8D57u, &high1, &low1);
    s->counter[0] = high1 ^ s->counter[1] ^ s->key[0];
    s->counter[1] = low1;
    s->counter[2] = high0 ^ s->counter[3] ^ s->key[1];
    s->counter[3] = low0;
}

static void philox_run(philox_state *s)
{
    for (int round = 0; round < 10; ++round) {
        philox_round(s);
        s->key[0] += 0x9E3779B9u;
        s->key[1] += 0xBB67AE85u;
    }
}

/* The known answers of the authors' library (Random123), for philox4x32 with 10 rounds. */
static void second_philox_is_philox(void **state)
{
    (void)state;
    static const struct {
        philox_state in;
        uint32_t out[4];
    } rows[] = {
        {{{0, 0, 0, 0}, {0, 0}}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        philox_state s = rows[i].in;
        philox_run(&s);
        assert_memory_equal(s.counter, rows[i].out, sizeof s.counter);
    }
}

static uint32_t second_word(uint64_t seed, uint32_t stream, uint64_t index)
{
    const uint64_t block = index >> 2;
    philox_state s = {{(uint32_t)block, (uint32_t)(block >> 32), stream, 0},
                      {(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox_run(&s);
    return s.counter[index & 3];
}

/* Of counter and key 0, published; all others from a third implementation, in Python. */
static void known_words(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed;
        uint32_t stream;
        uint64_t index;
        uint32_t word;
    } rows[] = {
        {0, 0, 0, 0x6627e8d5},
        {0, 0, 1, 0xe169c58d},
        {0, 0, 2, 0xbc57ac4c},
        {0, 0, 3, 0x9b00dbd8},
        {UINT64_MAX, UINT32_MAX, UINT64_MAX, 0xa9402a01},
        {UINT64_C(0x299f31d0a4093822), 0x13198a2e, UINT64_C(0x168c234c90fdaa22), 0xd142cd03},
        {1, 0, 0, 0xe3e80670},
        {0, 1, 0, 0x844515e1},
        {UINT64_C(1) << 32, 0, 0, 0xfdde3e0b},
        {0, 0, UINT64_C(1) << 34, 0x6ad0c5ec},
        {42, 7, 1000003, 0xd752beba},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        const uint32_t word = bncl_random_word(rows[i].seed, rows[i].stream, rows[i].index);
        if (word != rows[i].word)
            harness_fail("row %zu: expected %08x, got %08x", i, (unsigned)rows[i].word,
                         (unsigned)word);
    }
}

static void words_of_the_second_philox(void **state)
{
    (void)state;
    uint64_t seed = 1, index = 0;
    for (uint32_t i = 0; i < 20000; ++i) {
        const uint32_t stream = i * 2654435761u;
        const uint32_t word = bncl_random_word(seed, stream, index);
        if (word != second_word(seed, stream, index))
            harness_fail("seed %llx stream %x index %llx: got %08x", (unsigned long long)seed,
                         (unsigned)stream, (unsigned long long)index, (unsigned)word);
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        index = i % 2 == 0 ? seed >> (i % 61) : index + 1;
    }
}

/* ---- uniform ---- */

static void uniform_known_values(void **state)
{
    (void)state;
    static const float expected[] = {0x1.d5973p-3f,  -0x1.f0a138p-3f, -0x1.6ffb6p-3f,
                                     0x1.499a28p-1f, 0x1.5e6c1p-4f,   0x1.19ca7p-1f};
    float got[6];
    bncl_random_uniform(3, 5, -0.25f, 0.75f, got, 6);
    check_float_bits("uniform", got, expected, 6);
    bncl_random_uniform(3, 5, -0.25f, 0.75f, NULL, 0);
}

/* What is drawn does not depend on how much is drawn. */
static void uniform_prefixes_agree(void **state)
{
    (void)state;
    float all[67], some[67];
    bncl_random_uniform(9, 2, 0.0f, 1.0f, all, 67);
    for (size_t count = 0; count <= 67; ++count) {
        memset(some, 0x5a, sizeof some);
        bncl_random_uniform(9, 2, 0.0f, 1.0f, some, count);
        check_float_bits("prefix", some, all, count);
        for (size_t i = count * sizeof(float); i < sizeof some; ++i)
            assert_true(((unsigned char *)some)[i] == 0x5a);
    }
}

/* Moments k = 1 … 4 of numbers in [0,1), 1/(k+1) each, within five deviations; and all in range. */
static void check_moments(uint64_t seed, uint32_t stream, float low, float high)
{
    enum { count = 100000 };
    float *values = harness_floats(count);
    bncl_random_uniform(seed, stream, low, high, values, count);
    for (int k = 1; k <= 4; ++k) {
        double sum = 0.0;
        for (size_t i = 0; i < count; ++i) {
            if (!(values[i] >= low && values[i] < high))
                harness_fail("[%zu] is %.9g, not in [%g,%g)", i, (double)values[i], (double)low,
                             (double)high);
            sum += pow(((double)values[i] - (double)low) / ((double)high - (double)low), k);
        }
        const double mean = 1.0 / (k + 1), var = 1.0 / (2 * k + 1) - mean * mean;
        if (!(fabs(sum / count - mean) <= 5.0 * sqrt(var / count)))
            harness_fail("moment %d of seed %llu stream %u: %g", k, (unsigned long long)seed,
                         (unsigned)stream, sum / count);
    }
}

static void uniform_is_uniform(void **state)
{
    (void)state;
    check_moments(0, 0, 0.0f, 1.0f);
    check_moments(1, 0, -1.0f, 1.0f);
    check_moments(UINT64_MAX, UINT32_MAX, -0.0357f, 0.0357f);
    check_moments(5, 3, 1000.0f, 1001.0f);
}

/* A range of one float above another: its end is never reached, though rounding leads there. */
static void uniform_never_gives_its_end(void **state)
{
    (void)state;
    float values[1000];
    const float high = nextafterf(1.0f, 2.0f);
    bncl_random_uniform(1, 1, 1.0f, high, values, 1000);
    check_all_equal("values", values, 1.0f, 1000);
}

/* Streams, seeds and neighbours are not correlated: |r| within five deviations of 1/√n. */
static void streams_are_independent(void **state)
{
    (void)state;
    enum { count = 50000 };
    float *a = harness_floats(count + 1);
    const struct {
        uint64_t seed;
        uint32_t stream;
        size_t begin;
    } others[] = {{7, 1, 0}, {8, 0, 0}, {7, 0, 1}, {7 + (UINT64_C(1) << 32), 0, 0}};
    bncl_random_uniform(7, 0, -1.0f, 1.0f, a, count + 1);
    for (size_t k = 0; k < sizeof others / sizeof others[0]; ++k) {
        float *b = harness_floats(count + 1);
        double sum = 0.0;
        bncl_random_uniform(others[k].seed, others[k].stream, -1.0f, 1.0f, b, count + 1);
        for (size_t i = 0; i < count; ++i)
            sum += 3.0 * (double)a[i] * (double)b[i + others[k].begin];
        if (!(fabs(sum / count) <= 5.0 / sqrt(count)))
            harness_fail("correlation %g with row %zu", sum / count, k);
    }
}

/* ---- permutations ---- */

static void permutations_of_every_length(void **state)
{
    (void)state;
    for (uint32_t count = 0; count < 300; ++count) {
        uint32_t out[301] = {0};
        bool seen[301] = {false};
        out[count] = 0xabcdef;
        bncl_random_permutation(count, 3, out, count);
        for (uint32_t i = 0; i < count; ++i) {
            assert_true(out[i] < count && !seen[out[i]]);
            seen[out[i]] = true;
        }
        assert_true(out[count] == 0xabcdef);
    }
    bncl_random_permutation(1, 1, NULL, 0);
}

static void permutation_known_values(void **state)
{
    (void)state;
    static const uint32_t first[] = {1, 7, 9, 8, 4, 6, 5, 0, 3, 2};
    static const uint32_t second[] = {8, 5, 1, 2, 7, 4, 6, 0, 9, 3};
    uint32_t got[10];
    bncl_random_permutation(1, 0, got, 10);
    assert_memory_equal(got, first, sizeof got);
    bncl_random_permutation(7, 3, got, 10);
    assert_memory_equal(got, second, sizeof got);
}

/* All 24 orders of 4 come equally often: chi-squared of 23 degrees of freedom, whose deviation is
   √46, within five of them. */
static void permutations_are_uniform(void **state)
{
    (void)state;
    enum { draws = 48000 };
    int counts[256] = {0};
    double chi = 0.0;
    for (uint64_t seed = 0; seed < draws; ++seed) {
        uint32_t p[4];
        bncl_random_permutation(seed, 0, p, 4);
        ++counts[p[0] << 6 | p[1] << 4 | p[2] << 2 | p[3]];
    }
    const double expected = draws / 24.0;
    size_t orders = 0;
    for (size_t i = 0; i < 256; ++i)
        if (counts[i] > 0) {
            chi += pow(counts[i] - expected, 2.0) / expected;
            ++orders;
        }
    assert_true(orders == 24);
    if (!(chi < 23.0 + 5.0 * sqrt(46.0)))
        harness_fail("chi-squared %g of 23", chi);
}

/* Each of 50 numbers comes to each of 50 places about equally often. */
static void places_are_uniform(void **state)
{
    (void)state;
    enum { length = 50, draws = 20000 };
    int *counts = harness_memory(length * length, sizeof *counts);
    double chi = 0.0;
    for (uint32_t stream = 0; stream < draws; ++stream) {
        uint32_t p[length];
        bncl_random_permutation(11, stream, p, length);
        for (size_t i = 0; i < length; ++i)
            ++counts[i * length + p[i]];
    }
    const double expected = (double)draws / length, freedom = (length - 1.0) * (length - 1.0);
    for (size_t i = 0; i < length * length; ++i)
        chi += pow(counts[i] - expected, 2.0) / expected;
    if (!(fabs(chi - freedom) < 5.0 * sqrt(2.0 * freedom)))
        harness_fail("chi-squared %g of %g", chi, freedom);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(second_philox_is_philox),      HARNESS_TEST(known_words),
        HARNESS_TEST(words_of_the_second_philox),   HARNESS_TEST(uniform_known_values),
        HARNESS_TEST(uniform_prefixes_agree),       HARNESS_TEST(uniform_is_uniform),
        HARNESS_TEST(uniform_never_gives_its_end),  HARNESS_TEST(streams_are_independent),
        HARNESS_TEST(permutations_of_every_length), HARNESS_TEST(permutation_known_values),
        HARNESS_TEST(permutations_are_uniform),     HARNESS_TEST(places_are_uniform),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
