/* Batch norm at its edges: empty batches, constant channels, NaN and infinity, one value per
   channel in evaluation. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "lib/batch_norm_check.h"
#include "lib/compare.h"
#include "lib/generate.h"
#include "lib/harness.h"

static const bncl_layout layouts[] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC};

static batch_norm_case case_of(bncl_layout layout, size_t n, size_t channels)
{
    if (layout == BNCL_LAYOUT_NC)
        return batch_norm_case_make(layout, n, channels, 1);
    return batch_norm_case_make(layout, n / 5, channels, 5);
}

/* N = 0 and L = 0: y empty, statistics as they were, the batch counted, dgamma = dbeta = 0. With
   margins and with buffers of no byte at all. */
static void empty_batches(void **state)
{
    device *d = device_of(state);
    const size_t shapes[][2] = {{0, 1}, {0, 5}, {2, 0}, {0, 0}};
    for (unsigned run = 0; run < 24; ++run) {
        const size_t *shape = shapes[run / 6];
        bncl_layout layout = layouts[run % 3];
        if (layout == BNCL_LAYOUT_NC && run / 6 != 0)
            continue;
        batch_norm_case c = batch_norm_case_make(layout, shape[0], 4, shape[1]);
        d->before = d->after = run / 3 % 2 != 0 ? 0 : 5;
        batch_norm_data data = batch_norm_data_make(&c);
        bncl_batch_norm *plan = batch_norm_plan(d, &c);
        bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &data);
        args.save_mean = args.save_mean_lo = args.save_invstd = device_absent();
        device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err), "train");
        assert_true(data.num_batches_tracked == 1);
        device_ok(d, bncl_batch_norm_forward_eval(plan, d->queue, &args, NULL, &d->err), "eval");
        assert_true(data.num_batches_tracked == 1);
        batch_norm_read_forward(d, &args, &data);
        check_float_bits("running_mean", data.new_running_mean, data.running_mean, 4);
        check_float_bits("running_var", data.new_running_var, data.running_var, 4);
        harness_release(NULL);
    }
}

static void empty_gradients(void **state)
{
    device *d = device_of(state);
    for (unsigned run = 0; run < 6; ++run) {
        batch_norm_case c = batch_norm_case_make(layouts[run % 3], 0, 4, 1);
        batch_norm_data data = batch_norm_data_make(&c);
        if (run < 3)
            batch_norm_run_train(d, &c, &data);
        else
            batch_norm_run_eval(d, &c, &data);
        check_all_equal("dgamma", data.dgamma, 0.0f, 4);
        check_all_equal("dbeta", data.dbeta, 0.0f, 4);
        harness_release(NULL);
    }
}

/* With eps above 0 or equal to it: y = beta to the last bit, whatever the value and n. */
static void constant_channels(void **state)
{
    device *d = device_of(state);
    const float values[] = {0.0f, 0.3f, -1e-30f, 1e7f, -16777215.0f, 0x1.fffffep+100f};
    const double eps[] = {1e-5, 0.0};
    for (unsigned run = 0; run < 12; ++run) {
        batch_norm_case c = case_of(layouts[run % 3], d->small || run < 6 ? 35 : 3335, 6);
        c.options.eps = eps[run / 3 % 2];
        batch_norm_data data = batch_norm_data_make(&c);
        reference_shape shape = batch_norm_case_shape(&c);
        size_t n = reference_per_channel(&shape);
        for (size_t channel = 0; channel < 6; ++channel)
            for (size_t k = 0; k < n; ++k)
                data.x[reference_channel_index(&shape, channel, k)] = values[channel];
        batch_norm_run_train(d, &c, &data);
        for (size_t channel = 0; channel < 6; ++channel)
            for (size_t k = 0; k < n; ++k)
                if (data.y[reference_channel_index(&shape, channel, k)] != data.beta[channel])
                    harness_fail("%s: y is not beta in channel %zu", batch_norm_case_name(&c),
                                 channel);
        check_float_bits("save_mean", data.save_mean, values, 6);
        check_all_equal("save_mean_lo", data.save_mean_lo, 0.0f, 6);
        check_all_equal("dgamma", data.dgamma, 0.0f, 6);
        if (c.options.eps == 0.0) {
            check_all_equal("save_invstd", data.save_invstd, 0.0f, 6);
            check_all_equal("dx", data.dx, 0.0f, batch_norm_case_total(&c));
        }
        harness_release(NULL);
    }
}

/* The constant channel of running statistics: running_var = 0 and eps = 0 divide by zero, as in
   PyTorch. */
static void eval_of_zero_variance(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = case_of(BNCL_LAYOUT_NC, 3, 2);
    c.options.eps = 0.0;
    c.no_gamma = c.no_beta = true;
    batch_norm_data data = batch_norm_data_make(&c);
    const float x[] = {1.0f, 5.0f, 2.0f, 5.0f, 0.0f, 5.0f};
    memcpy(data.x, x, sizeof x);
    for (size_t channel = 0; channel < 2; ++channel) {
        data.running_mean[channel] = channel == 0 ? 1.0f : 5.0f;
        data.running_var[channel] = 0.0f;
    }
    batch_norm_run_eval(d, &c, &data);
    assert_true(isnan(data.y[0]) && data.y[2] == INFINITY && data.y[4] == -INFINITY);
    assert_true(isnan(data.y[1]) && isnan(data.y[3]) && isnan(data.y[5]));
}

/* A negative eps beyond var gives NaN, one within it is used as it is. */
static void negative_eps(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = case_of(BNCL_LAYOUT_NCL, 50, 3);
    c.options.eps = -100.0;
    batch_norm_data data = batch_norm_data_make(&c);
    batch_norm_run_train(d, &c, &data);
    check_all_nan("y", data.y, batch_norm_case_total(&c));

    c.options.eps = -0.125;
    c.deviation = 2.0;
    data = batch_norm_data_make(&c);
    batch_norm_run_eval(d, &c, &data);
    batch_norm_check_eval(&c, &data);
}

/* One special value in channel 1 of x, at a place in the n values of the channel. */
typedef struct special {
    float value;
    size_t place; /* in percent of n */
} special;

static void spoil(const batch_norm_case *c, batch_norm_data *data, special s)
{
    reference_shape shape = batch_norm_case_shape(c);
    size_t k = s.place * (reference_per_channel(&shape) - 1) / 100;
    data->x[reference_channel_index(&shape, 1, k)] = s.value;
}

/* Channel 1 of `got` is NaN; all other channels have the bits of `clean`. */
static void only_channel_one_is_nan(const batch_norm_case *c, const char *what, const float *got,
                                    const float *clean)
{
    reference_shape shape = batch_norm_case_shape(c);
    for (size_t channel = 0; channel < c->channels; ++channel) {
        for (size_t k = 0; k < reference_per_channel(&shape); ++k) {
            size_t at = reference_channel_index(&shape, channel, k);
            if (channel == 1)
                check_all_nan(what, &got[at], 1);
            else
                check_float_bits(what, &got[at], &clean[at], 1);
        }
    }
}

static void expect_spoilt_statistics(const batch_norm_data *data, const batch_norm_data *clean,
                                     float value)
{
    for (size_t channel = 0; channel < 3; ++channel) {
        if (channel == 1)
            continue;
        check_float_bits("running_mean", &data->new_running_mean[channel],
                         &clean->new_running_mean[channel], 1);
        check_float_bits("running_var", &data->new_running_var[channel],
                         &clean->new_running_var[channel], 1);
        check_float_bits("dgamma", &data->dgamma[channel], &clean->dgamma[channel], 1);
    }
    check_float_bits("dbeta", data->dbeta, clean->dbeta, 3); /* dy is as it was */
    assert_true(isnan(data->new_running_var[1]) && isnan(data->dgamma[1]));
    if (isnan(value))
        assert_true(isnan(data->new_running_mean[1]) && isnan(data->save_mean[1]));
    else
        assert_true(data->new_running_mean[1] == value && data->save_mean[1] == value);
}

/* One NaN or infinity: its channel's y and dx are NaN, running_mean takes the mean's NaN or
   infinity, running_var NaN; no other channel feels anything. In the first, a middle and the last
   tile. */
static void one_special_value_in_training(void **state)
{
    device *d = device_of(state);
    const float values[] = {NAN, INFINITY, -INFINITY};
    const size_t places[] = {0, 50, 100};
    for (unsigned run = 0; run < 27; ++run) {
        special s = {values[run / 9], places[run / 3 % 3]};
        if (d->small && run % 4 != 0)
            continue;
        batch_norm_case c = case_of(layouts[run % 3], d->small ? 70 : 2100, 3);
        batch_norm_data clean = batch_norm_data_make(&c);
        batch_norm_run_train(d, &c, &clean);
        batch_norm_data data = batch_norm_data_make(&c);
        spoil(&c, &data, s);
        batch_norm_run_train(d, &c, &data);
        only_channel_one_is_nan(&c, "y", data.y, clean.y);
        only_channel_one_is_nan(&c, "dx", data.dx, clean.dx);
        expect_spoilt_statistics(&data, &clean, s.value);
        harness_release(NULL);
    }
}

/* Both infinities: their sum, and so the mean, is NaN. */
static void both_infinities(void **state)
{
    device *d = device_of(state);
    for (size_t l = 0; l < 3; ++l) {
        batch_norm_case c = case_of(layouts[l], d->small ? 50 : 2100, 3);
        batch_norm_data data = batch_norm_data_make(&c);
        spoil(&c, &data, (special){INFINITY, 10});
        spoil(&c, &data, (special){-INFINITY, 90});
        batch_norm_run_train(d, &c, &data);
        assert_true(isnan(data.new_running_mean[1]) && isnan(data.new_running_var[1]));
        assert_true(isfinite(data.new_running_mean[0]) && isfinite(data.new_running_var[2]));
        harness_release(NULL);
    }
}

/* With running statistics only the value itself is special. */
static void one_special_value_in_eval(void **state)
{
    device *d = device_of(state);
    const float values[] = {NAN, INFINITY, -INFINITY};
    for (unsigned run = 0; run < 9; ++run) {
        batch_norm_case c = case_of(layouts[run % 3], 35, 3);
        batch_norm_data clean = batch_norm_data_make(&c);
        batch_norm_run_eval(d, &c, &clean);
        batch_norm_data data = batch_norm_data_make(&c);
        reference_shape shape = batch_norm_case_shape(&c);
        size_t at = reference_channel_index(&shape, 1, 20);
        data.x[at] = values[run / 3];
        batch_norm_run_eval(d, &c, &data);
        float expected = values[run / 3] * data.gamma[1]; /* its sign; NaN stays NaN */
        assert_true(isnan(expected) ? isnan(data.y[at]) : data.y[at] == expected);
        data.y[at] = clean.y[at];
        check_float_bits("y", data.y, clean.y, batch_norm_case_total(&c));
        check_float_bits("dx", data.dx, clean.dx, batch_norm_case_total(&c));
        harness_release(NULL);
    }
}

/* A NaN in dy reaches its channel's gradients only. */
static void nan_in_dy(void **state)
{
    device *d = device_of(state);
    for (size_t l = 0; l < 3; ++l) {
        batch_norm_case c = case_of(layouts[l], 70, 3);
        batch_norm_data clean = batch_norm_data_make(&c);
        batch_norm_run_train(d, &c, &clean);
        batch_norm_data data = batch_norm_data_make(&c);
        reference_shape shape = batch_norm_case_shape(&c);
        data.dy[reference_channel_index(&shape, 1, 33)] = NAN;
        batch_norm_run_train(d, &c, &data);
        only_channel_one_is_nan(&c, "dx", data.dx, clean.dx);
        assert_true(isnan(data.dbeta[1]) && isnan(data.dgamma[1]));
        check_float_bits("dbeta", data.dbeta, clean.dbeta, 1);
        check_float_bits("dgamma", &data.dgamma[2], &clean.dgamma[2], 1);
        harness_release(NULL);
    }
}

/* An infinity in dy, in the first, a middle or the last tile: dbeta is that infinity, and dgamma is
   infinite, for no tile's rounding error makes a NaN of it; other channels feel nothing. */
static void infinity_in_dy(void **state)
{
    device *d = device_of(state);
    const size_t places[] = {0, 50, 100};
    for (unsigned run = 0; run < 18; ++run) {
        if (d->small && run % 4 != 0)
            continue;
        float value = run < 9 ? INFINITY : -INFINITY;
        batch_norm_case c = case_of(layouts[run % 3], d->small ? 70 : 4200, 3);
        batch_norm_data clean = batch_norm_data_make(&c);
        batch_norm_run_train(d, &c, &clean);
        batch_norm_data data = batch_norm_data_make(&c);
        reference_shape shape = batch_norm_case_shape(&c);
        size_t k = places[run / 3 % 3] * (reference_per_channel(&shape) - 1) / 100;
        data.dy[reference_channel_index(&shape, 1, k)] = value;
        batch_norm_run_train(d, &c, &data);
        assert_true(data.dbeta[1] == value && isinf(data.dgamma[1]));
        for (size_t channel = 0; channel < 3; channel += 2) {
            check_float_bits("dbeta", &data.dbeta[channel], &clean.dbeta[channel], 1);
            check_float_bits("dgamma", &data.dgamma[channel], &clean.dgamma[channel], 1);
        }
        harness_release(NULL);
    }
}

/* A running variance too small for a normal float is as exact as any other; not so on a device that
   takes it for 0. */
static void eval_of_subnormal_variance(void **state)
{
    device *d = device_of(state);
    const float variances[] = {0x1p-127f, 1e-40f, 0x1.8p-148f, 0x1p-149f};
    if (!d->info.same_bits)
        skip();
    for (size_t l = 0; l < 3; ++l) {
        batch_norm_case c = case_of(layouts[l], 35, 4);
        c.options.eps = 0.0;
        c.deviation = 1e-20;
        c.offset = 2e-20;
        batch_norm_data data = batch_norm_data_make(&c);
        memcpy(data.running_var, variances, sizeof variances);
        batch_norm_run_eval(d, &c, &data);
        batch_norm_check_eval(&c, &data);
        harness_release(NULL);
    }
}

/* One value per channel has no variance of its own, but running ones serve it. */
static void one_value_per_channel_in_eval(void **state)
{
    device *d = device_of(state);
    for (size_t l = 0; l < 3; ++l) {
        for (size_t channels = 1; channels <= 70; channels += 23) {
            batch_norm_case c = batch_norm_case_make(layouts[l], 1, channels, 1);
            batch_norm_data data = batch_norm_data_make(&c);
            batch_norm_run_eval(d, &c, &data);
            batch_norm_check_eval(&c, &data);
            harness_release(NULL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(empty_batches),     HARNESS_TEST(empty_gradients),
        HARNESS_TEST(constant_channels), HARNESS_TEST(eval_of_zero_variance),
        HARNESS_TEST(negative_eps),      HARNESS_TEST(one_special_value_in_training),
        HARNESS_TEST(both_infinities),   HARNESS_TEST(one_special_value_in_eval),
        HARNESS_TEST(nan_in_dy),         HARNESS_TEST(one_value_per_channel_in_eval),
        HARNESS_TEST(infinity_in_dy),    HARNESS_TEST(eval_of_subnormal_variance),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
