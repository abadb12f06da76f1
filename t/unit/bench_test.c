/* What bncl-bench judges by: its quartiles, its model of bytes, its list of cases, its steps from
   tuning to tuning. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/harness.h"

#include "../bench/bench_cases.h"
#include "../bench/bench_model.h"
#include "../bench/bench_numbers.h"
#include "../bench/bench_statistics.h"
#include "../bench/bench_tuning.h"

/* A device like the one that the model was made on: two units before a cache of 32 MiB. */
static const bench_device_facts facts = {32u << 20, 2};

/* ---- statistics ---- */

static void expect_summary(double *values, size_t count, double low, double median, double high)
{
    const bench_summary s = bench_summary_of(values, count);
    if (fabs(s.low - low) > 1e-12 || fabs(s.median - median) > 1e-12 || fabs(s.high - high) > 1e-12)
        harness_fail("expected %g %g %g, got %g %g %g", low, median, high, s.low, s.median, s.high);
}

/* Of v[0] <= … the p-quantile lies at p·(n-1), as numpy's. */
static void quartiles_lie_between_neighbours(void **state)
{
    (void)state;
    double one[] = {7}, two[] = {3, 1}, four[] = {4, 1, 3, 2}, five[] = {50, 10, 40, 20, 30},
           six[] = {9, 9, 1, 1, 5, 100};
    expect_summary(one, 1, 7, 7, 7);
    expect_summary(two, 2, 1.5, 2, 2.5);
    expect_summary(four, 4, 1.75, 2.5, 3.25);
    expect_summary(five, 5, 20, 30, 40);
    expect_summary(six, 6, 2, 7, 9);
    assert_true(isnan(bench_summary_of(NULL, 0).median));
}

static void a_spread_above_the_share_is_noise(void **state)
{
    (void)state;
    const bench_summary steady = {9.5, 10, 10.5}, loose = {9, 10, 10.6}, none = {NAN, NAN, NAN};
    assert_true(fabs(bench_summary_spread(&steady) - 0.1) < 1e-12);
    assert_false(bench_summary_noisy(&steady, 0.15));
    assert_true(bench_summary_noisy(&loose, 0.15));
    assert_false(bench_summary_noisy(&loose, 0.17));
    assert_true(bench_summary_noisy(&none, 0.15));
}

static void a_sample_has_as_many_calls_as_it_needs(void **state)
{
    (void)state;
    assert_int_equal(bench_calls_for(1e-3, 2e-3, 100), 2);
    assert_int_equal(bench_calls_for(0.9e-3, 2e-3, 100), 3);
    assert_int_equal(bench_calls_for(1.0, 2e-3, 100), 1);
    assert_int_equal(bench_calls_for(1e-9, 2e-3, 100), 100);
    assert_int_equal(bench_calls_for(0.0, 2e-3, 100), 100);
    assert_int_equal(bench_calls_for(NAN, 2e-3, 100), 1);
}

/* ---- the model ---- */

static bench_case case_of(bench_kind kind, bench_direction direction, bncl_layout layout,
                          const char *shape)
{
    bench_case c = {.kind = kind,
                    .direction = direction,
                    .has_layout = bench_kind_is_batch_norm(kind),
                    .layout = layout};
    assert_true(bench_shape_parse(shape, &c.shape));
    return c;
}

typedef struct model_row {
    bench_kind kind;
    bench_direction direction;
    bncl_layout layout;
    const char *shape, *least;
    double tensors; /* bytes, in tensors of x's size */
} model_row;

/* Batch norm: a channel of 64·1024 values of 4 bytes, 256 KiB, stays; of 2²² values, 16 MiB, none
   does, with two units at work. */
static const model_row model_rows[] = {
    {BENCH_BATCH_NORM, BENCH_EVAL, BNCL_LAYOUT_NCL, "64x128x1024", "1R+1W", 2},
    {BENCH_BATCH_NORM, BENCH_EVAL, BNCL_LAYOUT_NCL, "4096x8x1024", "1R+1W", 2},
    {BENCH_BATCH_NORM, BENCH_TRAIN, BNCL_LAYOUT_NCL, "64x128x1024", "1R+1W", 2},
    {BENCH_BATCH_NORM, BENCH_TRAIN, BNCL_LAYOUT_NCL, "4096x8x1024", "1R, 1R+1W", 3},
    {BENCH_BATCH_NORM, BENCH_BACKWARD, BNCL_LAYOUT_NCL, "64x128x1024", "2R+1W", 3},
    {BENCH_BATCH_NORM, BENCH_BACKWARD, BNCL_LAYOUT_NCL, "4096x8x1024", "2R, 2R+1W", 5},
    {BENCH_BATCH_NORM, BENCH_FROZEN, BNCL_LAYOUT_NCL, "4096x8x1024", "1R+1W", 2},
    {BENCH_BATCH_NORM_RELU, BENCH_TRAIN, BNCL_LAYOUT_NCL, "64x128x1024", "1R+1W", 2 + 1 / 32.0},
    {BENCH_BATCH_NORM_RELU, BENCH_EVAL, BNCL_LAYOUT_NCL, "64x128x1024", "1R+1W", 2},
    {BENCH_BATCH_NORM_RELU, BENCH_BACKWARD, BNCL_LAYOUT_NCL, "4096x8x1024", "2R, 2R+1W",
     5 + 2 / 32.0},
    {BENCH_BATCH_NORM_ADD_RELU, BENCH_TRAIN, BNCL_LAYOUT_NCL, "4096x8x1024", "1R, 2R+1W",
     4 + 1 / 32.0},
    {BENCH_BATCH_NORM_ADD_RELU, BENCH_EVAL, BNCL_LAYOUT_NC, "32x256", "2R+1W", 3},
    {BENCH_BATCH_NORM_ADD_RELU, BENCH_BACKWARD, BNCL_LAYOUT_NC, "32x256", "2R+2W", 4 + 1 / 32.0},
    {BENCH_ACTIVATION, BENCH_FORWARD, BNCL_LAYOUT_NC, "32x256", "1R+1W", 2 + 1 / 32.0},
    {BENCH_ADD, BENCH_FORWARD, BNCL_LAYOUT_NC, "32x256", "2R+1W", 3},
    {BENCH_SGD, BENCH_STEP, BNCL_LAYOUT_NC, "1000", "3R+2W", 5},
    {BENCH_CROSS_ENTROPY, BENCH_STEP, BNCL_LAYOUT_NC, "32x10", "1R+1W", 2},
};

static void bytes_are_those_that_must_move(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof model_rows / sizeof model_rows[0]; ++i) {
        const model_row *row = &model_rows[i];
        const bench_case c = case_of(row->kind, row->direction, row->layout, row->shape);
        const bench_model model = bench_model_of(&c, &facts);
        char least[BENCH_NAME_SIZE];
        bench_model_name(&model, least);
        const double expected = row->tensors * 4.0 * (double)bench_case_elements(&c);
        if (strcmp(least, row->least) != 0 || fabs(model.bytes - expected) > 1e-9 * expected)
            harness_fail("row %zu: expected %s, %.0f bytes, got %s, %.0f", i, row->least, expected,
                         least, model.bytes);
        assert_true(model.flops > 0.0);
    }
}

static void narrow_types_move_half(void **state)
{
    (void)state;
    bench_case c = case_of(BENCH_BATCH_NORM, BENCH_EVAL, BNCL_LAYOUT_NC, "64x512");
    const double wide = bench_model_of(&c, &facts).bytes;
    c.dtype = BNCL_BF16;
    assert_true(bench_model_of(&c, &facts).bytes * 2.0 == wide);
    c.dtype = BNCL_F64;
    assert_true(bench_model_of(&c, &facts).bytes == wide * 2.0);
}

static void a_product_is_counted_in_flops(void **state)
{
    (void)state;
    const bench_case forward = case_of(BENCH_LINEAR, BENCH_FORWARD, BNCL_LAYOUT_NC, "2x3x5");
    const bench_case backward = case_of(BENCH_LINEAR, BENCH_BACKWARD, BNCL_LAYOUT_NC, "2x3x5");
    const bench_model one = bench_model_of(&forward, &facts);
    const bench_model two = bench_model_of(&backward, &facts);
    char least[BENCH_NAME_SIZE];
    bench_model_name(&one, least);
    assert_string_equal(least, "-");
    assert_true(one.bytes == 4.0 * (6 + 10 + 15) && one.flops == 2.0 * 30 + 10);
    assert_true(two.bytes == 4.0 * (2 * 6 + 10 + 2 * 15) && two.flops == 4.0 * 30 + 10);
}

/* Where channels lie together, a slab is 256 bytes of each row: 64 channels of f32, 128 of f16. */
static void a_slab_is_what_lies_together(void **state)
{
    (void)state;
    bench_case c = case_of(BENCH_BATCH_NORM, BENCH_TRAIN, BNCL_LAYOUT_NC, "32768x256");
    assert_true(bench_slab_fits(&c, 1, &facts)); /* 2·64·32768·4 = half of the cache */
    assert_false(bench_slab_fits(&c, 2, &facts));
    c = case_of(BENCH_BATCH_NORM, BENCH_TRAIN, BNCL_LAYOUT_NC, "32769x256");
    assert_false(bench_slab_fits(&c, 1, &facts));
    c.dtype = BNCL_F16; /* twice the channels of half the size */
    assert_false(bench_slab_fits(&c, 1, &facts));
    /* Few channels are one slab, however many units there are. */
    c = case_of(BENCH_BATCH_NORM, BENCH_TRAIN, BNCL_LAYOUT_NC, "65536x64");
    assert_true(bench_slab_fits(&c, 1, &facts));
    c = case_of(BENCH_BATCH_NORM, BENCH_TRAIN, BNCL_LAYOUT_NLC, "64x64x1024");
    assert_true(bench_slab_fits(&c, 1, &facts));
    /* A device that tells of no cache has none. */
    assert_false(bench_slab_fits(&c, 1, &(bench_device_facts){0, 2}));
}

/* ---- cases ---- */

static void shapes_are_read(void **state)
{
    (void)state;
    bench_shape shape;
    char name[BENCH_NAME_SIZE];
    static const char *const good[] = {"1", "32x256", "64x128x1024", "2147483647"};
    static const char *const bad[] = {"",
                                      "x",
                                      "3x",
                                      "x3",
                                      "1x2x3x4",
                                      "0",
                                      "3x0",
                                      "-3",
                                      " 3",
                                      "3 ",
                                      "3*4",
                                      "65536x65536",
                                      "1e3",
                                      "3x-1",
                                      "3xx4",
                                      "2147483648",
                                      "99999999999999999999"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; ++i) {
        assert_true(bench_shape_parse(good[i], &shape));
        bench_shape_name(&shape, name);
        assert_string_equal(name, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i)
        if (bench_shape_parse(bad[i], &shape))
            harness_fail("'%s' was taken for a shape", bad[i]);
}

static size_t count_chosen(const bench_choice *choice)
{
    bench_case *cases;
    size_t count;
    assert_true(bench_cases_choose(choice, &cases, &count));
    for (size_t i = 0; i < count; ++i) {
        char name[BENCH_NAME_SIZE];
        bench_case_name(&cases[i], name);
        for (size_t k = 0; k < i; ++k) {
            char other[BENCH_NAME_SIZE];
            bench_case_name(&cases[k], other);
            if (strcmp(name, other) == 0)
                harness_fail("%s is there twice", name);
        }
    }
    free(cases);
    return count;
}

/* 8 shapes of [N,C] in one layout, 9 of [N,C,L] in two: 26 a direction. */
static void cases_are_chosen(void **state)
{
    (void)state;
    bench_shape tiny;
    assert_true(bench_shape_parse("4x3x5", &tiny));
    assert_int_equal(count_chosen(&(bench_choice){.operators = "batch_norm", .dtype = "f32"}),
                     26 * 4);
    assert_int_equal(count_chosen(&(bench_choice){.operators = "batch_norm"}), 26 * 4 * 3);
    assert_int_equal(
        count_chosen(&(bench_choice){
            .operators = "batch_norm", .dtype = "f64", .layout = "NLC", .direction = "eval"}),
        9);
    assert_int_equal(count_chosen(&(bench_choice){.only = "batch_norm/frozen/f32/NC/32x256"}), 1);
    assert_int_equal(count_chosen(&(bench_choice){.only = "batch_norm/*/f32/NC/32x256"}), 4);
    assert_int_equal(count_chosen(&(bench_choice){.only = "no such case"}), 0);
    const size_t quick = count_chosen(&(bench_choice){.quick = true});
    assert_true(quick > 0 && quick < count_chosen(&(bench_choice){.dtype = "f32"}));
    /* A shape of three dims: batch norm in two layouts, with four and twice three directions,
       elementwise with three, linear with two. */
    assert_int_equal(
        count_chosen(&(bench_choice){.dtype = "f32", .shapes = &tiny, .shape_count = 1}),
        2 * 10 + 3 + 2);
}

static void dims_follow_the_layout(void **state)
{
    (void)state;
    size_t dims[BNCL_MAX_RANK];
    const bench_case c = case_of(BENCH_BATCH_NORM, BENCH_EVAL, BNCL_LAYOUT_NLC, "4x3x5");
    assert_int_equal(bench_case_dims(&c, dims), 3);
    assert_true(dims[0] == 4 && dims[1] == 5 && dims[2] == 3);
    assert_int_equal(bench_case_channels(&c), 3);
    assert_int_equal(bench_case_values(&c), 20);
    const bench_case linear = case_of(BENCH_LINEAR, BENCH_FORWARD, BNCL_LAYOUT_NC, "4x3x5");
    assert_int_equal(bench_case_dims(&linear, dims), 2);
    assert_int_equal(bench_case_elements(&linear), 12);
}

/* Of both signs, from 1/2 to 1: no denormals, whose arithmetic is slow. */
static void numbers_are_tame(void **state)
{
    (void)state;
    float *wide = harness_hold(bench_numbers(BNCL_F32, 1000), free);
    uint16_t *half = harness_hold(bench_numbers(BNCL_F16, 1000), free);
    uint16_t *brain = harness_hold(bench_numbers(BNCL_BF16, 1000), free);
    size_t negative = 0;
    for (size_t i = 0; i < 1000; ++i) {
        assert_true(fabsf(wide[i]) >= 0.5f && fabsf(wide[i]) < 1.0f);
        assert_true((half[i] & 0x7c00) == 0x3800 && (brain[i] & 0x7f80) == 0x3f00);
        assert_true((half[i] >> 15 != 0) == (wide[i] < 0.0f));
        negative += wide[i] < 0.0f;
    }
    assert_true(negative > 400 && negative < 600);
}

/* ---- tunings ---- */

static const char library_order[] =
    "vector=16,vectors=4,lane_items=1,lines=32,group=8,block_group=2,whole=4096,direct=0,"
    "stream=64";

static void tunings_are_read_in_any_order(void **state)
{
    (void)state;
    bench_tuning tuning, again;
    char text[BNCL_TUNING_TEXT_SIZE];
    assert_true(bench_tuning_read(library_order, &tuning));
    const unsigned expected[BENCH_FIELDS] = {
        [BENCH_WHOLE] = 4096, [BENCH_DIRECT] = 0,      [BENCH_STREAM] = 64,
        [BENCH_GROUP] = 8,    [BENCH_BLOCK_GROUP] = 2, [BENCH_LINES] = 32,
        [BENCH_VECTOR] = 16,  [BENCH_VECTORS] = 4,     [BENCH_LANE_ITEMS] = 1};
    assert_memory_equal(tuning.values, expected, sizeof expected);
    bench_tuning_write(&tuning, text);
    assert_true(bench_tuning_read(text, &again));
    assert_true(bench_tuning_same(&tuning, &again));
    assert_int_equal(strlen(text), strlen(library_order));
    assert_false(bench_tuning_read("vector=16,vectors=4", &again)); /* not all */
    assert_false(bench_tuning_read("", &again));
}

/* What a field becomes, up or down; UINT_MAX: it ends there. */
static unsigned stepped(int field, unsigned value, bool up)
{
    bench_tuning from, to = {{0}};
    assert_true(bench_tuning_read(library_order, &from));
    from.values[field] = value;
    if (!bench_tuning_step(&from, field, up, &to))
        return UINT_MAX;
    for (int i = 0; i < BENCH_FIELDS; ++i)
        assert_true(i == field || to.values[i] == from.values[i]);
    return to.values[field];
}

static void steps_stay_in_range(void **state)
{
    (void)state;
    assert_int_equal(stepped(BENCH_VECTOR, 8, true), 16);
    assert_int_equal(stepped(BENCH_VECTOR, 16, true), UINT_MAX);
    assert_int_equal(stepped(BENCH_VECTORS, 4, true), UINT_MAX);
    assert_int_equal(stepped(BENCH_GROUP, 2, false), 1);
    assert_int_equal(stepped(BENCH_GROUP, 1, false), UINT_MAX);
    assert_int_equal(stepped(BENCH_WHOLE, 4096, false), 1024);
    assert_int_equal(stepped(BENCH_WHOLE, 2, false), 0);
    assert_int_equal(stepped(BENCH_WHOLE, 0, false), UINT_MAX);
    assert_int_equal(stepped(BENCH_WHOLE, 0, true), 1);
    assert_int_equal(stepped(BENCH_DIRECT, 1u << 19, true), 1u << 20);
    assert_int_equal(stepped(BENCH_DIRECT, 1u << 20, true), UINT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(quartiles_lie_between_neighbours),
        HARNESS_TEST(a_spread_above_the_share_is_noise),
        HARNESS_TEST(a_sample_has_as_many_calls_as_it_needs),
        HARNESS_TEST(bytes_are_those_that_must_move),
        HARNESS_TEST(narrow_types_move_half),
        HARNESS_TEST(a_product_is_counted_in_flops),
        HARNESS_TEST(a_slab_is_what_lies_together),
        HARNESS_TEST(shapes_are_read),
        HARNESS_TEST(cases_are_chosen),
        HARNESS_TEST(dims_follow_the_layout),
        HARNESS_TEST(numbers_are_tame),
        HARNESS_TEST(tunings_are_read_in_any_order),
        HARNESS_TEST(steps_stay_in_range),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
