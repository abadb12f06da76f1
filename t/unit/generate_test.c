/* The generators: the same numbers for a seed, distributions that are what they say, and sums that
   are exact in any order. */
#include <math.h>

#include "lib/compare.h"
#include "lib/generate.h"
#include "lib/harness.h"

static void a_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    generator a = generator_seed(1);
    generator b = generator_seed(1);
    generator other = generator_seed(2);
    bool differs = false;
    for (int i = 0; i < 100; ++i) {
        uint64_t word = generator_word(&a);
        assert_true(word == generator_word(&b));
        differs = differs || word != generator_word(&other);
    }
    assert_true(differs);
}

/* Pins the stream: recorded hashes of outputs depend on it. */
static void the_stream_is_pinned(void **state)
{
    (void)state;
    generator g = generator_seed(0);
    assert_true(generator_word(&g) == UINT64_C(0x6c0a4f11286402c2));
    assert_true(generator_word(&g) == UINT64_C(0x3b18253faec24cd4));
}

static void normal_has_its_moments(void **state)
{
    (void)state;
    enum { count = 100000 };
    generator g = generator_seed(3);
    float *x = harness_floats(count);
    generate_normal(&g, 5.0, 2.0, x, count);
    double mean = 0.0;
    double var = 0.0;
    for (size_t i = 0; i < count; ++i)
        mean += (double)x[i] / count;
    for (size_t i = 0; i < count; ++i)
        var += ((double)x[i] - mean) * ((double)x[i] - mean) / count;
    assert_true(fabs(mean - 5.0) < 4.0 * 2.0 / sqrt(count));
    assert_true(fabs(var - 4.0) < 4.0 * 4.0 * sqrt(2.0 / count));
}

static void ranges_are_kept_and_reached(void **state)
{
    (void)state;
    generator g = generator_seed(4);
    float whole[1000];
    int32_t labels[1000];
    float real[1000];
    int seen[5] = {0};
    generate_integers(&g, -2, 2, whole, 1000);
    generate_labels(&g, 3, labels, 1000);
    generate_uniform(&g, -1.0, 3.0, real, 1000);
    for (size_t i = 0; i < 1000; ++i) {
        assert_true(whole[i] >= -2.0f && whole[i] <= 2.0f && rintf(whole[i]) == whole[i]);
        ++seen[(int)whole[i] + 2];
        assert_true(labels[i] >= 0 && labels[i] < 3);
        assert_true(real[i] >= -1.0f && real[i] <= 3.0f);
    }
    for (size_t i = 0; i < 5; ++i)
        assert_true(seen[i] > 100);
}

/* Forwards, backwards and in strides, f32 sums agree bit for bit. */
static void exact_sums_are_exact(void **state)
{
    (void)state;
    enum { count = 4999, stride = 101 };
    generator g = generator_seed(5);
    float *x = harness_floats(count);
    double squares = generate_exact_sums(&g, 2.5, x, count);
    float forwards = 0.0f;
    float backwards = 0.0f;
    float strided = 0.0f;
    float square_sum = 0.0f;
    for (size_t i = 0; i < count; ++i) {
        forwards += x[i];
        backwards += x[count - 1 - i];
        strided += x[i * stride % count];
        square_sum += (x[i] - 2.5f) * (x[i] - 2.5f);
    }
    assert_true(forwards == 2.5f * count && backwards == forwards && strided == forwards);
    assert_true((double)square_sum == squares && squares > 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(a_seed_gives_the_same_numbers), HARNESS_TEST(the_stream_is_pinned),
        HARNESS_TEST(normal_has_its_moments),        HARNESS_TEST(ranges_are_kept_and_reached),
        HARNESS_TEST(exact_sums_are_exact),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
