/* Batch norm of f16, bf16 and f64 values. What is narrow is only stored so: its results are those
   of the same numbers in f32, rounded once. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "lib/batch_norm_check.h"
#include "lib/compare.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/narrow.h"

static const struct {
    bncl_dtype dtype;
    const narrow_format *format;
} narrows[] = {{BNCL_F16, &narrow_f16}, {BNCL_BF16, &narrow_bf16}};

typedef struct shape_row {
    bncl_layout layout;
    size_t samples, channels, positions, width, padding;
} shape_row;

/* Whole and broken vectors, leaves and tiles. */
static const shape_row shapes[] = {
    {BNCL_LAYOUT_NC, 37, 5, 1, 1, 0},    {BNCL_LAYOUT_NCL, 3, 4, 17, 1, 0},
    {BNCL_LAYOUT_NLC, 4, 6, 9, 1, 3},    {BNCL_LAYOUT_NCHW, 2, 3, 35, 7, 0},
    {BNCL_LAYOUT_NHWC, 2, 3, 12, 4, 0},  {BNCL_LAYOUT_NC, 1030, 67, 1, 1, 5},
    {BNCL_LAYOUT_NCL, 20, 7, 100, 1, 0}, {BNCL_LAYOUT_NCL, 5, 3, 64, 1, 2},
    {BNCL_LAYOUT_NLC, 30, 33, 70, 1, 0}, {BNCL_LAYOUT_NC, 64, 128, 1, 1, 0},
    {BNCL_LAYOUT_NCL, 2, 3, 1025, 1, 0},
};
enum { shape_count = sizeof shapes / sizeof shapes[0], small_shape_count = 3 };

static batch_norm_case case_of(const shape_row *row, bncl_dtype dtype)
{
    batch_norm_case c =
        batch_norm_case_make(row->layout, row->samples, row->channels, row->positions);
    c.width = row->width;
    c.padding = row->padding;
    c.dtype = dtype;
    c.offset = 3.0;
    return c;
}

static float *rounded(const narrow_format *format, const float *values, size_t count)
{
    float *out = harness_floats(count);
    for (size_t i = 0; i < count; ++i)
        out[i] = (float)narrow_round(format, values[i]);
    return out;
}

static void expect_rounded(const batch_norm_case *c, const narrow_format *format,
                           const batch_norm_data *got, const batch_norm_data *wide)
{
    const char *name = batch_norm_case_name(c);
    const size_t total = batch_norm_case_total(c);
    check_float_bits(name, got->y, rounded(format, wide->y, total), total);
    check_float_bits(name, got->dx, rounded(format, wide->dx, total), total);
    check_float_bits(name, got->dgamma, wide->dgamma, c->channels);
    check_float_bits(name, got->dbeta, wide->dbeta, c->channels);
    check_float_bits(name, got->new_running_mean, wide->new_running_mean, c->channels);
    check_float_bits(name, got->new_running_var, wide->new_running_var, c->channels);
}

static void narrow_values_are_rounded_once(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < (d->small ? small_shape_count : shape_count); ++i)
        for (int k = 0; k < 2; ++k)
            for (int train = 0; train < 2; ++train) {
                void (*run)(device *, const batch_norm_case *, batch_norm_data *) =
                    train ? batch_norm_run_train : batch_norm_run_eval;
                batch_norm_case c = case_of(&shapes[i], narrows[k].dtype);
                batch_norm_data got = batch_norm_data_make(&c), wide = got;
                run(d, &c, &got);
                c.dtype = BNCL_F32;
                wide.num_batches_tracked = 0;
                run(d, &c, &wide);
                (train ? batch_norm_check_train : batch_norm_check_eval)(&c, &wide);
                expect_rounded(&c, narrows[k].format, &got, &wide);
                harness_release(NULL);
            }
}

/* What eval makes of x with these gammas, one a channel, and else neutral numbers, so that
   y = x·gamma. */
static uint16_t *scaled(device *d, bncl_dtype dtype, const uint16_t *x, const float *gammas,
                        size_t count, size_t channels)
{
    const size_t dims[] = {count, channels};
    bncl_batch_norm_options options = bncl_batch_norm_options_default();
    bncl_batch_norm *plan = NULL;
    options.eps = 0.0;
    float *zeros = harness_floats(channels), *ones = harness_floats(channels);
    for (size_t c = 0; c < channels; ++c)
        ones[c] = 1.0f;
    const bncl_batch_norm_forward args = {.x = device_tensor(d, dtype, 2, dims, x),
                                          .y = device_tensor(d, dtype, 2, dims, NULL),
                                          .gamma = device_vector(d, channels, gammas),
                                          .running_mean = device_vector(d, channels, zeros),
                                          .running_var = device_vector(d, channels, ones)};
    device_ok(d,
              bncl_batch_norm_create(d->context, BNCL_LAYOUT_NC, dtype, 2, dims, &options, &plan,
                                     &d->err),
              "bncl_batch_norm_create");
    const bncl_status status = bncl_batch_norm_forward_eval(plan, d->queue, &args, NULL, &d->err);
    bncl_batch_norm_destroy(plan);
    device_ok(d, status, "bncl_batch_norm_forward_eval");
    uint16_t *y = harness_memory(count * channels, sizeof *y);
    device_read(d, &args.y, y);
    return y;
}

static bool is_nan(const narrow_format *format, uint16_t bits)
{
    return isnan(narrow_decode(format, bits));
}

/* Every number there is, as it is and scaled so that it must be rounded, also into the subnormals
   and to infinity: read exactly, written to nearest even; a zero as +0. A device that flushes f32's
   subnormals need not keep what bf16 has of them. */
static void all_numbers(void **state)
{
    static const float gammas[] = {1.0f, 1.0009765f, 0.33333334f, 3.0517578e-5f, 1.7e-6f,
                                   5e4f, -1.0f,      3e38f,       1e-37f};
    enum { channels = sizeof gammas / sizeof gammas[0] };
    device *d = device_of(state);
    const size_t step = d->small ? 37 : 1, count = (0x10000 + step - 1) / step;
    for (int k = 0; k < 2; ++k) {
        const narrow_format *format = narrows[k].format;
        uint16_t *x = harness_memory(count * channels, sizeof *x);
        for (size_t i = 0; i < count * channels; ++i)
            x[i] = (uint16_t)(i / channels * step);
        const uint16_t *y = scaled(d, narrows[k].dtype, x, gammas, count, channels);
        for (size_t i = 0; i < count * channels; ++i) {
            const float value = (float)narrow_decode(format, x[i]);
            const float exact = fmaf(value, gammas[i % channels], 0.0f);
            const bool flushed = !d->info.same_bits && value != 0.0f &&
                                 (fabsf(exact) < FLT_MIN || fabsf(value) < FLT_MIN);
            const uint16_t expected = exact == 0.0f ? 0 : narrow_encode(format, exact);
            if (flushed || (is_nan(format, expected) && is_nan(format, y[i])))
                continue;
            if (y[i] != expected)
                harness_fail("%s %04x times %g: expected %04x, got %04x", format->name, x[i],
                             (double)gammas[i % channels], expected, y[i]);
        }
        harness_release(NULL);
    }
}

/* Within f32's bounds, through the same checks as f32. */
static void f64_in_all_forms(void **state)
{
    device *d = device_of(state);
    if (!batch_norm_has_f64(d))
        skip();
    for (size_t i = 0; i < (d->small ? small_shape_count : shape_count); ++i) {
        batch_norm_case c = case_of(&shapes[i], BNCL_F64);
        batch_norm_data data = batch_norm_data_make(&c);
        batch_norm_run_train(d, &c, &data);
        batch_norm_check_train(&c, &data);
        data = batch_norm_data_make(&c);
        batch_norm_run_eval(d, &c, &data);
        batch_norm_check_eval(&c, &data);
        harness_release(NULL);
    }
}

/* Σ values/n, with the rounding errors of the sum added up beside it (Neumaier 1974). */
static double exact_mean(const double *values, size_t n)
{
    double sum = 0.0, lost = 0.0;
    for (size_t i = 0; i < n; ++i) {
        const double next = sum + values[i];
        const bool larger = fabs(sum) >= fabs(values[i]);
        lost += larger ? (sum - next) + values[i] : (values[i] - next) + sum;
        sum = next;
    }
    return (sum + lost) / (double)n;
}

/* y of one channel within some units of 2⁻⁵³, in double alone: long double is no wider everywhere,
   nor under valgrind. The values lie so near to `offset` that their differences from it are
   exact. */
static void normalize(const double *x, double offset, size_t n, double eps, double *y)
{
    double *squares = harness_doubles(n);
    for (size_t i = 0; i < n; ++i)
        y[i] = x[i] - offset;
    const double mean = exact_mean(y, n);
    for (size_t i = 0; i < n; ++i)
        squares[i] = (y[i] - mean) * (y[i] - mean);
    const double deviation = sqrt(exact_mean(squares, n) + eps);
    for (size_t i = 0; i < n; ++i)
        y[i] = (y[i] - mean) / deviation;
}

/* As good as f64 should be: what f32 is promised, in units of f64. */
static void f64_is_double(void **state)
{
    device *d = device_of(state);
    const double offsets[] = {0.0, 1e2, -1e4};
    const size_t n = d->small ? 70 : 3000;
    if (!batch_norm_has_f64(d))
        skip();
    for (int form = 0; form < 2; ++form)
        for (size_t o = 0; o < 3; ++o) {
            const size_t dims[] = {form == 0 ? n : 1, 1, n};
            const int rank = form == 0 ? 2 : 3;
            generator g = generator_seed(o + 1);
            float *normal = harness_floats(n);
            double *x = harness_doubles(n), *expected = harness_doubles(n);
            double *got = harness_doubles(n);
            generate_normal(&g, 0.0, 1.0, normal, n);
            for (size_t i = 0; i < n; ++i)
                x[i] = offsets[o] + (double)normal[i] / 3.0;
            normalize(x, offsets[o], n, 1e-5, expected);
            bncl_batch_norm *plan = NULL;
            const bncl_batch_norm_forward args = {.x = device_tensor(d, BNCL_F64, rank, dims, x),
                                                  .y =
                                                      device_tensor(d, BNCL_F64, rank, dims, NULL)};
            device_ok(d,
                      bncl_batch_norm_create(d->context,
                                             form == 0 ? BNCL_LAYOUT_NC : BNCL_LAYOUT_NCL, BNCL_F64,
                                             rank, dims, NULL, &plan, &d->err),
                      "bncl_batch_norm_create");
            const bncl_status status =
                bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err);
            bncl_batch_norm_destroy(plan);
            device_ok(d, status, "bncl_batch_norm_forward_train");
            device_read(d, &args.y, got);
            for (size_t i = 0; i < n; ++i) {
                const double bound = 2e-6 * 0x1p-29 * fmax(1.0, fabs(expected[i]));
                if (!(fabs(got[i] - expected[i]) <= bound))
                    harness_fail("offset %g: y[%zu] is %.17g, expected %.17g", offsets[o], i,
                                 got[i], expected[i]);
            }
            harness_release(NULL);
        }
}

/* Mixed forms that PyTorch does not take either, each by its name. */
static void other_mixtures_are_refused(void **state)
{
    device *d = device_of(state);
    const bncl_dtype dtypes[] = {BNCL_F16, BNCL_BF16, BNCL_F32};
    for (int i = 0; i < 3; ++i) {
        batch_norm_case c = case_of(&shapes[0], dtypes[i]);
        batch_norm_data data = batch_norm_data_make(&c);
        bncl_batch_norm *plan = batch_norm_plan(d, &c);
        const bncl_batch_norm_forward good = batch_norm_forward_tensors(d, &c, &data);
        bncl_batch_norm_forward args = good;
        args.y.dtype = i == 0 ? BNCL_BF16 : BNCL_F16;
        device_refused(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err),
                       BNCL_ERROR_DTYPE, i == 0 ? "y: expected f16, got bf16" : "y: expected ");
        args = good;
        args.gamma.dtype = BNCL_F16;
        device_refused(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err),
                       BNCL_ERROR_DTYPE, "weight: expected f32, got f16");
        args = good;
        args.save_mean.dtype = BNCL_BF16;
        device_refused(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err),
                       BNCL_ERROR_DTYPE, "save_mean: expected f32, got bf16");
        device_untouched(d, "y", &good.y);
    }
    const size_t dims[] = {4, 2};
    bncl_batch_norm *plan = NULL;
    device_refused(
        d,
        bncl_batch_norm_create(d->context, BNCL_LAYOUT_NC, BNCL_I32, 2, dims, NULL, &plan, &d->err),
        BNCL_ERROR_DTYPE, "expected f32, f16, bf16 or f64, got i32");
    assert_null(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(narrow_values_are_rounded_once),
        HARNESS_TEST(all_numbers),
        HARNESS_TEST(f64_in_all_forms),
        HARNESS_TEST(f64_is_double),
        HARNESS_TEST(other_mixtures_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
