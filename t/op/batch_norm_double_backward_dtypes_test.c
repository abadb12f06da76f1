/* Batch norm's double backward of f16, bf16 and f64 values. What is narrow is only stored so: its
   results are those of the same numbers in f32, which lie within f32's bounds, rounded once. */
#include <math.h>

#include "lib/compare.h"
#include "lib/double_backward_check.h"
#include "lib/harness.h"
#include "lib/narrow.h"
#include "lib/tolerance.h"

static const struct {
    bncl_dtype dtype;
    const narrow_format *format;
} narrows[] = {{BNCL_F16, &narrow_f16}, {BNCL_BF16, &narrow_bf16}};

typedef struct case_row {
    bncl_layout layout;
    size_t samples, channels, positions, width, padding;
    double offset, eps;
    float scale; /* of the results: into f16's subnormals, and beyond its largest number */
} case_row;

/* Whole and broken vectors, leaves and tiles. */
static const case_row rows[] = {
    {BNCL_LAYOUT_NC, 37, 5, 1, 1, 0, 0.5, 1e-5, 1.0f},
    {BNCL_LAYOUT_NCL, 3, 4, 17, 1, 3, -3.0, 1e-5, 3e4f},
    {BNCL_LAYOUT_NLC, 4, 6, 9, 1, 2, 0.0, 1e-3, 1e-5f},
    {BNCL_LAYOUT_NCHW, 2, 3, 35, 7, 0, 3.0, 0.0, 1.0f},
    {BNCL_LAYOUT_NHWC, 2, 3, 12, 4, 0, 3.0, 1e-5, 1.0f},
    {BNCL_LAYOUT_NC, 1030, 67, 1, 1, 5, 3.0, 1e-5, 1.0f},
    {BNCL_LAYOUT_NCL, 20, 7, 100, 1, 0, 10.0, 1e-5, 3e4f},
    {BNCL_LAYOUT_NCL, 5, 3, 64, 1, 2, 3.0, 1e-5, 1e-5f},
    {BNCL_LAYOUT_NLC, 30, 33, 70, 1, 0, 3.0, 1e-5, 1.0f},
    {BNCL_LAYOUT_NC, 64, 128, 1, 1, 0, 3.0, 1e-5, 1e-5f},
    {BNCL_LAYOUT_NCL, 2, 3, 1025, 1, 0, 3.0, 0.0, 1.0f},
};
enum { row_count = sizeof rows / sizeof rows[0], small_row_count = 4 };

static size_t rows_of(const device *d)
{
    return d->small ? small_row_count : row_count;
}

static batch_norm_case case_of(const case_row *row, bncl_dtype dtype)
{
    batch_norm_case c =
        batch_norm_case_make(row->layout, row->samples, row->channels, row->positions);
    c.dtype = dtype;
    c.width = row->width;
    c.padding = row->padding;
    c.offset = row->offset;
    c.options.eps = row->eps;
    return c;
}

/* dx and ddy are linear in gamma, ddgamma and ddbeta together. */
static double_backward_data data_of(const batch_norm_case *c, float scale)
{
    double_backward_data data = double_backward_data_make(c);
    for (size_t i = 0; i < c->channels; ++i) {
        data.norm.gamma[i] *= scale;
        data.ddgamma[i] *= scale;
        data.ddbeta[i] *= scale;
    }
    return data;
}

static void expect_rounded(const char *what, const narrow_format *format, const float *got,
                           const float *wide, size_t count)
{
    float *rounded = harness_floats(count);
    for (size_t i = 0; i < count; ++i)
        rounded[i] = (float)narrow_round(format, wide[i]);
    check_float_bits(harness_text("%s of %s", what, format->name), got, rounded, count);
}

/* The same case in f32, which the reference is asked about. */
static double_backward_data widely(device *d, batch_norm_case c, bool train,
                                   const double_backward_data *data)
{
    double_backward_data wide = *data;
    c.dtype = BNCL_F32;
    wide.norm.num_batches_tracked = 0;
    double_backward_run(d, &c, train, &wide);
    double_backward_check(&c, train, &wide);
    return wide;
}

static void narrow_results_are_rounded_once(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < rows_of(d); ++i)
        for (int run = 0; run < 4; ++run) {
            const bool train = run & 1;
            const batch_norm_case c = case_of(&rows[i], narrows[run / 2].dtype);
            const narrow_format *format = narrows[run / 2].format;
            const size_t total = batch_norm_case_total(&c);
            double_backward_data got = data_of(&c, rows[i].scale);
            const double_backward_data wide = widely(d, c, train, &got);
            double_backward_run(d, &c, train, &got);
            expect_rounded("dx", format, got.dx, wide.dx, total);
            expect_rounded("ddy", format, got.ddy, wide.ddy, total);
            check_float_bits(batch_norm_case_name(&c), got.dgamma, wide.dgamma, c.channels);
            harness_release(NULL);
        }
}

static void expect_sum(const char *what, const narrow_format *format, const float *got,
                       const float *before, const float *added, size_t count)
{
    float *sum = harness_floats(count);
    for (size_t i = 0; i < count; ++i)
        sum[i] = before[i] + added[i];
    expect_rounded(what, format, got, sum, count);
}

/* What is added is not rounded to the narrow type first: the sum is, once. */
static void narrow_sums_are_rounded_once(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < small_row_count; ++i)
        for (int run = 0; run < 4; ++run) {
            const bool train = run & 1;
            const batch_norm_case c = case_of(&rows[i], narrows[run / 2].dtype);
            const narrow_format *format = narrows[run / 2].format;
            const size_t total = batch_norm_case_total(&c);
            double_backward_data got = data_of(&c, 1.0f);
            const double_backward_data wide = widely(d, c, train, &got);
            double_backward of = double_backward_make(d, &c, train, &got);
            of.args.dx = batch_norm_case_tensor(d, &c, 4, got.norm.x);
            of.args.ddy = batch_norm_case_tensor(d, &c, 5, got.norm.dy);
            of.args.dgamma = batch_norm_case_vector(d, &c, got.ddbeta);
            of.args.accumulate_dx = of.args.accumulate_ddy = of.args.accumulate_parameters = true;
            double_backward_call(d, &of);
            double_backward_read(d, &of, &got);
            expect_sum("dx added", format, got.dx, got.norm.x, wide.dx, total);
            expect_sum("ddy added", format, got.ddy, got.norm.dy, wide.ddy, total);
            for (size_t k = 0; k < c.channels; ++k)
                assert_true(got.dgamma[k] == got.ddbeta[k] + wide.dgamma[k]);
            harness_release(NULL);
        }
}

/* dx where x was and ddy where ddx was: nothing is read after it was written. */
static void narrow_results_in_place(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < small_row_count; ++i)
        for (int run = 0; run < 4; ++run) {
            const batch_norm_case c = case_of(&rows[i], narrows[run / 2].dtype);
            const size_t total = batch_norm_case_total(&c);
            double_backward_data apart = data_of(&c, 1.0f), there = apart;
            double_backward of = double_backward_make(d, &c, run & 1, &apart);
            double_backward_call(d, &of);
            double_backward_read(d, &of, &apart);
            of.args.dx = of.args.x;
            of.args.ddy = of.args.ddx;
            double_backward_call(d, &of);
            double_backward_read(d, &of, &there);
            check_float_bits("dx in x's place", there.dx, apart.dx, total);
            check_float_bits("ddy in ddx's place", there.ddy, apart.ddy, total);
            check_float_bits("dgamma", there.dgamma, apart.dgamma, c.channels);
            harness_release(NULL);
        }
}

/* An infinity or a NaN among narrow numbers, and a channel without any. */
static void narrow_special_values(void **state)
{
    device *d = device_of(state);
    const float specials[] = {NAN, INFINITY, -INFINITY};
    for (int run = 0; run < 6; ++run) {
        const batch_norm_case c = case_of(&rows[0], narrows[run % 2].dtype);
        double_backward_data data = data_of(&c, 1.0f);
        data.ddx[2] = specials[run / 2]; /* of channel 2 of 5 */
        double_backward_run(d, &c, true, &data);
        assert_false(isfinite(data.dx[2]) || isfinite(data.ddy[2]) || isfinite(data.dgamma[2]));
        assert_true(isfinite(data.dx[1]) && isfinite(data.ddy[1]) && isfinite(data.dgamma[1]));
        harness_release(NULL);
    }
}

static double *doubles(device *d, const bncl_tensor *tensor)
{
    double *values = harness_doubles(bncl_tensor_count(tensor));
    assert_int_equal(tensor->dtype, BNCL_F64);
    device_read(d, tensor, values);
    return values;
}

/* f32's bounds in f64's unit; and as much again for the reference, whose mean and invstd are
   doubles as well. */
static double *in_f64(const double *bounds, size_t count)
{
    double *out = harness_doubles(count);
    for (size_t i = 0; i < count; ++i)
        out[i] = 2.0 * 0x1p-29 * bounds[i];
    return out;
}

static void add(double *sum, const float *more, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        sum[i] += (double)more[i];
}

/* With `added` the results are added to x, dy and ddbeta: a rounding more, of a sum that the bound
   of its one part says little about. */
static void check_f64(device *d, const batch_norm_case *c, bool train, bool added)
{
    const size_t total = batch_norm_case_total(c);
    double_backward_data data = double_backward_data_make(c);
    double_backward of = double_backward_make(d, c, train, &data);
    if (added) {
        of.args.dx = batch_norm_case_tensor(d, c, 4, data.norm.x);
        of.args.ddy = batch_norm_case_tensor(d, c, 5, data.norm.dy);
        of.args.dgamma = batch_norm_case_vector(d, c, data.ddbeta);
        of.args.accumulate_dx = of.args.accumulate_ddy = of.args.accumulate_parameters = true;
    }
    double_backward_call(d, &of);
    const double_backward_expectation e =
        double_backward_expect(c, &data, train ? DOUBLE_BACKWARD_EXACT : DOUBLE_BACKWARD_RUNNING);
    const struct {
        const char *name;
        const bncl_tensor *got;
        double *expected;
        const double *bound;
        const float *before;
        size_t count;
    } results[] = {
        {"dx", &of.args.dx, e.results.dx, e.bounds.dx, data.norm.x, total},
        {"ddy", &of.args.ddy, e.results.ddy, e.bounds.ddy, data.norm.dy, total},
        {"dgamma", &of.args.dgamma, e.results.dgamma, e.bounds.dgamma, data.ddbeta, c->channels},
    };
    for (int i = 0; i < 3; ++i) {
        double *bound = in_f64(results[i].bound, results[i].count);
        if (added)
            add(results[i].expected, results[i].before, results[i].count);
        for (size_t k = 0; added && k < results[i].count; ++k)
            bound[k] += 0x1p-52 * fabs(results[i].expected[k]);
        check_doubles(harness_text("%s of %s", results[i].name, batch_norm_case_name(c)),
                      doubles(d, results[i].got), results[i].expected, bound, results[i].count);
    }
}

static void f64_is_double(void **state)
{
    device *d = device_of(state);
    if (!batch_norm_has_f64(d))
        skip();
    for (size_t i = 0; i < rows_of(d); ++i)
        for (int run = 0; run < 4; ++run) {
            const batch_norm_case c = case_of(&rows[i], BNCL_F64);
            check_f64(d, &c, run & 1, run & 2);
            harness_release(NULL);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(narrow_results_are_rounded_once),
        HARNESS_TEST(narrow_sums_are_rounded_once),
        HARNESS_TEST(narrow_results_in_place),
        HARNESS_TEST(narrow_special_values),
        HARNESS_TEST(f64_is_double),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
