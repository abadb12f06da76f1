/* Double backward's ddy as what it is also: the derivative of y where x, gamma and beta move along
   ddx, ddgamma and ddbeta. Against central differences of the reference's forward pass, which know
   of no derivative. */
#include <math.h>

#include "lib/compare.h"
#include "lib/double_backward_check.h"
#include "lib/harness.h"

static const struct {
    bncl_layout layout;
    size_t samples, channels, positions, width;
    double offset;
} rows[] = {
    {BNCL_LAYOUT_NC, 37, 5, 1, 1, 0.5},    {BNCL_LAYOUT_NCL, 3, 4, 17, 1, -3.0},
    {BNCL_LAYOUT_NLC, 4, 6, 9, 1, 0.0},    {BNCL_LAYOUT_NCHW, 2, 3, 35, 7, 1e2},
    {BNCL_LAYOUT_NHWC, 2, 3, 12, 4, 0.0},  {BNCL_LAYOUT_NC, 1030, 19, 1, 1, 10.0},
    {BNCL_LAYOUT_NCL, 20, 3, 100, 1, 0.0}, {BNCL_LAYOUT_NLC, 1, 6, 9, 1, 0.0},
};
enum { row_count = sizeof rows / sizeof rows[0], small_row_count = 5 };

static batch_norm_case case_of(size_t row)
{
    batch_norm_case c = batch_norm_case_make(rows[row].layout, rows[row].samples,
                                             rows[row].channels, rows[row].positions);
    c.width = rows[row].width;
    c.offset = rows[row].offset;
    return c;
}

/* values + step·tangent; an absent tangent is 0, absent values stay absent. */
static double *moved(const float *values, const float *tangent, size_t count, double step)
{
    if (values == NULL)
        return NULL;
    double *out = harness_widen(values, count);
    for (size_t i = 0; i < count && tangent != NULL; ++i)
        out[i] += step * (double)tangent[i];
    return out;
}

/* y there, and in `scale` the size of what it is computed from. */
static double *y_at(const batch_norm_case *c, bool train, const double_backward_data *data,
                    double step, double *scale)
{
    const reference_shape shape = batch_norm_case_shape(c);
    const size_t total = reference_total(&shape);
    const batch_norm_data *norm = &data->norm;
    const double *x = moved(norm->x, data->ddx, total, step);
    const double *gamma = moved(norm->gamma, data->ddgamma, c->channels, step);
    const double *beta = moved(norm->beta, data->ddbeta, c->channels, step);
    double *mean = moved(norm->running_mean, NULL, c->channels, 0.0);
    double *var = moved(norm->running_var, NULL, c->channels, 0.0);
    double *y = harness_doubles(total);
    if (train)
        reference_statistics(&shape, x, mean, var);
    for (size_t i = 0; i < c->channels; ++i)
        var[i] = reference_invstd(var[i], c->options.eps, train);
    reference_normalize(&shape, x, mean, var, gamma, beta, y);
    for (size_t i = 0; i < c->channels; ++i)
        for (size_t k = 0; k < reference_per_channel(&shape); ++k) {
            const size_t at = reference_channel_index(&shape, i, k);
            const double slope = (gamma != NULL ? fabs(gamma[i]) : 1.0) * var[i];
            scale[at] = fabs(y[at]) + slope * (fabs(x[at]) + fabs(mean[i])) +
                        (beta != NULL ? fabs(beta[i]) : 0.0);
        }
    return y;
}

/* (y(h) - y(-h))/2h. What two steps differ by is three times the shorter one's error, h² and on;
   the doubles that are subtracted have some 16 roundings of 2⁻⁵³ each, and statistics theirs. */
static void differentiate(const batch_norm_case *c, bool train, const double_backward_data *data,
                          double *derivative, double *bound)
{
    const double h = 0x1p-17;
    const size_t total = batch_norm_case_total(c);
    double *scale = harness_doubles(total), *longer = harness_doubles(total);
    for (int k = 2; k > 0; --k) {
        const double *ahead = y_at(c, train, data, k * h, scale);
        const double *back = y_at(c, train, data, -k * h, scale);
        for (size_t i = 0; i < total; ++i)
            (k == 2 ? longer : derivative)[i] = (ahead[i] - back[i]) / (2.0 * k * h);
    }
    for (size_t i = 0; i < total; ++i)
        bound[i] = fabs(longer[i] - derivative[i]) + 0x1p-48 * scale[i] / h;
}

/* Bits 0 to 2: along which of x, gamma and beta. */
static void check(device *d, const batch_norm_case *c, bool train, unsigned along)
{
    const size_t total = batch_norm_case_total(c);
    double_backward_data data = double_backward_data_make(c);
    float **const tangents[] = {&data.ddx, &data.ddgamma, &data.ddbeta};
    for (int i = 0; i < 3; ++i)
        if ((along >> i & 1u) == 0)
            *tangents[i] = NULL;
    double_backward of = double_backward_make(d, c, train, &data);
    of.args.dy = of.args.x;
    of.args.dx = of.args.dgamma = device_absent();
    double_backward_call(d, &of);
    double_backward_read(d, &of, &data);
    double *derivative = harness_doubles(total), *bound = harness_doubles(total);
    differentiate(c, train, &data, derivative, bound);
    const double_backward_expectation e =
        double_backward_expect(c, &data, train ? DOUBLE_BACKWARD_EXACT : DOUBLE_BACKWARD_RUNNING);
    for (size_t i = 0; i < total; ++i) {
        if (!(bound[i] <= 1e-7 * (1.0 + e.magnitudes.ddy[i])))
            harness_fail("differences that are good to %g say nothing", bound[i]);
        bound[i] += e.bounds.ddy[i];
    }
    check_floats(
        harness_text("%s, %s, along %u", batch_norm_case_name(c), train ? "train" : "eval", along),
        data.ddy, derivative, bound, total);
}

static void along_all(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < (d->small ? small_row_count : row_count); ++i)
        for (int train = 0; train < 2; ++train) {
            const batch_norm_case c = case_of(i);
            check(d, &c, train, 7);
            harness_release(NULL);
        }
}

static void along_some(void **state)
{
    device *d = device_of(state);
    for (unsigned run = 0; run < 24; ++run) {
        const batch_norm_case c = case_of(run % 2 ? 1 : 2);
        check(d, &c, run / 2 % 2, run / 4 + 1);
        harness_release(NULL);
    }
}

static void without_parameters(void **state)
{
    device *d = device_of(state);
    for (unsigned run = 0; run < 4; ++run) {
        batch_norm_case c = case_of(run % 2 ? 1 : 2);
        c.no_gamma = c.no_beta = true;
        check(d, &c, run / 2, 1);
        harness_release(NULL);
    }
}

/* Whatever dy holds: no bit of ddy comes of it. */
static void dy_takes_no_part(void **state)
{
    device *d = device_of(state);
    for (unsigned run = 0; run < 4; ++run) {
        const batch_norm_case c = case_of(run % 2 ? 1 : 2);
        const size_t total = batch_norm_case_total(&c);
        double_backward_data data = double_backward_data_make(&c);
        double_backward of = double_backward_make(d, &c, run / 2, &data);
        double_backward_call(d, &of);
        const float *expected = device_floats(d, &of.args.ddy);
        float *nans = harness_floats(total);
        for (size_t i = 0; i < total; ++i)
            nans[i] = i % 2 ? NAN : INFINITY;
        const bncl_tensor others[] = {of.args.x, batch_norm_case_tensor(d, &c, 2, nans)};
        for (int i = 0; i < 2; ++i) {
            of.args.dy = others[i];
            double_backward_call(d, &of);
            check_float_bits(i == 0 ? "x for dy" : "no number for dy",
                             device_floats(d, &of.args.ddy), expected, total);
        }
        harness_release(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(along_all),
        HARNESS_TEST(along_some),
        HARNESS_TEST(without_parameters),
        HARNESS_TEST(dy_takes_no_part),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
