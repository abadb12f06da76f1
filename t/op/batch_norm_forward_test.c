/* Batch norm's forward pass: the promised accuracy beside large means, options, where tensors lie,
   and sums that must come out exact. */
#include <math.h>

#include "lib/batch_norm_check.h"
#include "lib/compare.h"
#include "lib/generate.h"
#include "lib/harness.h"

static const bncl_layout layouts[] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC};

/* n values a channel, a multiple of 25, in the layout: [n,C], or n/25 samples of 25 positions. */
static batch_norm_case case_of(bncl_layout layout, size_t n, size_t channels)
{
    if (layout == BNCL_LAYOUT_NC)
        return batch_norm_case_make(layout, n, channels, 1);
    return batch_norm_case_make(layout, n / 25, channels, 25);
}

static void train_and_check(device *d, const batch_norm_case *c)
{
    batch_norm_data data = batch_norm_data_make(c);
    batch_norm_run_train(d, c, &data);
    batch_norm_check_train(c, &data);
    harness_release(NULL);
}

static void eval_and_check(device *d, const batch_norm_case *c)
{
    batch_norm_data data = batch_norm_data_make(c);
    batch_norm_run_eval(d, c, &data);
    batch_norm_check_eval(c, &data);
    harness_release(NULL);
}

/* The mean up to 1e7 deviations away: y, statistics and gradients keep their bounds. */
static void large_means(void **state)
{
    device *d = device_of(state);
    const double offsets[] = {0.0, -1e2, 1e4, -1e6, 1e7};
    for (size_t l = 0; l < 3; ++l) {
        for (size_t i = 0; i < sizeof offsets / sizeof *offsets; ++i) {
            batch_norm_case c = case_of(layouts[l], d->small ? 125 : 4100, d->small ? 2 : 5);
            c.offset = offsets[i];
            train_and_check(d, &c);
            eval_and_check(d, &c);
        }
    }
}

/* Data of any size: only eps would tell, and it is 0 here. */
static void tiny_and_huge_values(void **state)
{
    device *d = device_of(state);
    const double deviations[] = {1e-15, 1e-6, 1e6, 1e15};
    for (size_t l = 0; l < 3; ++l) {
        for (size_t i = 0; i < sizeof deviations / sizeof *deviations; ++i) {
            batch_norm_case c = case_of(layouts[l], d->small ? 50 : 200, 3);
            c.deviation = deviations[i];
            c.offset = 3.0 * deviations[i];
            c.options.eps = 0.0;
            train_and_check(d, &c);
            eval_and_check(d, &c);
        }
    }
}

/* gamma only, beta only, both, neither; tracked or not; some eps. */
static void affine_and_tracking(void **state)
{
    device *d = device_of(state);
    const double eps[] = {1e-5, 1e-3, 0.0, 2.0};
    for (unsigned bits = 0; bits < 8; ++bits) {
        for (size_t e = 0; e < 4; ++e) {
            batch_norm_case c = case_of(layouts[(bits + e) % 3], d->small ? 25 : 125, 5);
            c.no_gamma = (bits & 1u) != 0;
            c.no_beta = (bits & 2u) != 0;
            c.untracked = (bits & 4u) != 0;
            c.options.eps = eps[e];
            train_and_check(d, &c);
            eval_and_check(d, &c);
        }
    }
}

/* No momentum is refused; the weight is what it says, beyond 0 … 1 as well. */
static void any_momentum(void **state)
{
    device *d = device_of(state);
    const double momenta[] = {0.0, 0.01, 0.1, 0.5, 1.0, 2.0, -1.2};
    for (size_t i = 0; i < sizeof momenta / sizeof *momenta; ++i) {
        batch_norm_case c = case_of(layouts[i % 3], d->small ? 25 : 75, 5);
        c.options.momentum = momenta[i];
        train_and_check(d, &c);
    }
}

/* momentum 0 keeps the running statistics bit for bit, momentum 1 takes the batch's. */
static void momentum_of_nothing_and_all(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = case_of(BNCL_LAYOUT_NCL, 75, 5);
    c.options.momentum = 0.0;
    batch_norm_data data = batch_norm_data_make(&c);
    batch_norm_run_train(d, &c, &data);
    check_float_bits("running_mean", data.new_running_mean, data.running_mean, 5);
    check_float_bits("running_var", data.new_running_var, data.running_var, 5);

    c.options.momentum = 1.0;
    data = batch_norm_data_make(&c);
    batch_norm_run_train(d, &c, &data);
    check_float_bits("running_mean", data.new_running_mean, data.save_mean, 5);
}

/* Three batches of one plan: the k-th weighs 1/k, so that the running mean is the mean of means. */
static void cumulative_average(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = case_of(BNCL_LAYOUT_NC, 40, 4);
    c.options.cumulative = true;
    c.options.momentum = 77.0; /* is not looked at */
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    batch_norm_data data = batch_norm_data_make(&c);
    bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &data);
    for (int batch = 1; batch <= 3; ++batch) {
        device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err),
                  "forward_train");
        batch_norm_read_forward(d, &args, &data);
        assert_true(data.num_batches_tracked == batch);
        batch_norm_check_train(&c, &data);
        data.running_mean = data.new_running_mean;
        data.running_var = data.new_running_var;
        generator g = generator_seed((uint64_t)batch);
        generate_normal(&g, batch, 2.0, data.x, batch_norm_case_total(&c));
        device_write(d, &args.x, data.x);
    }
}

/* A plan runs again and again, train and eval by turns; eval sees the newest statistics. */
static void modes_by_turns(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = case_of(BNCL_LAYOUT_NCL, 50, 3);
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    batch_norm_data data = batch_norm_data_make(&c);
    bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &data);
    bncl_batch_norm_forward eval = args;
    eval.save_mean = eval.save_mean_lo = eval.save_invstd = device_absent();
    for (int step = 0; step < 3; ++step) {
        device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err),
                  "forward_train");
        batch_norm_read_forward(d, &args, &data);
        batch_norm_check_train(&c, &data);
        data.running_mean = data.new_running_mean;
        data.running_var = data.new_running_var;
        device_ok(d, bncl_batch_norm_forward_eval(plan, d->queue, &eval, NULL, &d->err),
                  "forward_eval");
        batch_norm_read_forward(d, &eval, &data);
        batch_norm_check_eval(&c, &data);
    }
    assert_true(data.num_batches_tracked == 3);
}

/* The new running statistics in tensors of their own: the old ones stay, and the new ones are the
   bits that in-place updating gives. */
static void next_statistics_elsewhere(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = case_of(BNCL_LAYOUT_NLC, 50, 7);
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    batch_norm_data in_place = batch_norm_data_make(&c);
    batch_norm_data data = batch_norm_data_make(&c);
    batch_norm_run_train(d, &c, &in_place);
    bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &data);
    args.next_mean = device_vector(d, c.channels, NULL);
    args.next_var = device_vector(d, c.channels, NULL);
    device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err),
              "forward_train");
    batch_norm_read_forward(d, &args, &data);
    check_float_bits("running_mean", data.new_running_mean, data.running_mean, c.channels);
    check_float_bits("running_var", data.new_running_var, data.running_var, c.channels);
    check_float_bits("next_mean", device_floats(d, &args.next_mean), in_place.new_running_mean,
                     c.channels);
    check_float_bits("next_var", device_floats(d, &args.next_var), in_place.new_running_var,
                     c.channels);
    check_float_bits("y", data.y, in_place.y, batch_norm_case_total(&c));
}

/* One of the running statistics alone, in place and elsewhere, of a batch and of an empty one: the
   bits that it has beside the other. */
static void one_running_statistic(void **state)
{
    device *d = device_of(state);
    for (int which = 0; which < 8; ++which) {
        batch_norm_case c = case_of(BNCL_LAYOUT_NCL, which & 4 ? 0 : 50, 7);
        c.options.cumulative = true;
        bncl_batch_norm *plan = batch_norm_plan(d, &c);
        batch_norm_data both = batch_norm_data_make(&c);
        batch_norm_data data = batch_norm_data_make(&c);
        both.num_batches_tracked = data.num_batches_tracked = 3;
        batch_norm_run_train(d, &c, &both);
        bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &data);
        if (which & 1)
            args.running_mean = device_absent();
        else
            args.running_var = device_absent();
        if (which & 2)
            *(which & 1 ? &args.next_var : &args.next_mean) = device_vector(d, c.channels, NULL);
        device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err), "train");
        const float *expected = which & 1 ? both.new_running_var : both.new_running_mean;
        const float *before = which & 1 ? data.running_var : data.running_mean;
        const bncl_tensor *running = which & 1 ? &args.running_var : &args.running_mean;
        const bncl_tensor *next = which & 1 ? &args.next_var : &args.next_mean;
        check_float_bits("running", device_floats(d, running), which & 2 ? before : expected,
                         c.channels);
        if (which & 2)
            check_float_bits("next", device_floats(d, next), expected, c.channels);
        check_float_bits("y", device_floats(d, &args.y), both.y, batch_norm_case_total(&c));
        assert_true(data.num_batches_tracked == 4);
        harness_release(NULL);
    }
}

/* What is absent is not written, and what is there does not change for it. */
static void without_saving(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = case_of(BNCL_LAYOUT_NC, 40, 4);
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    batch_norm_data with = batch_norm_data_make(&c);
    batch_norm_data data = batch_norm_data_make(&c);
    batch_norm_run_train(d, &c, &with);
    bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &data);
    args.save_mean = args.save_mean_lo = args.save_invstd = device_absent();
    args.num_batches_tracked = NULL;
    device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err),
              "forward_train");
    check_float_bits("y", device_floats(d, &args.y), with.y, batch_norm_case_total(&c));
    check_float_bits("running_var", device_floats(d, &args.running_var), with.new_running_var,
                     c.channels);
}

/* Any place in a buffer, with canaries around every tensor: the same bits. */
static void element_offsets(void **state)
{
    device *d = device_of(state);
    const size_t before[] = {0, 1, 2, 5, 16, 31, 256};
    for (size_t l = 0; l < 3; ++l) {
        float *first = NULL;
        float *first_dx = NULL;
        batch_norm_case c = case_of(layouts[l], d->small ? 25 : 100, d->small ? 5 : 19);
        for (size_t i = 0; i < sizeof before / sizeof *before; ++i) {
            d->before = before[i];
            d->after = 64 - before[i] % 7;
            batch_norm_data data = batch_norm_data_make(&c);
            batch_norm_run_train(d, &c, &data);
            batch_norm_check_train(&c, &data);
            first = i == 0 ? data.y : first;
            first_dx = i == 0 ? data.dx : first_dx;
            check_float_bits("y", data.y, first, batch_norm_case_total(&c));
            check_float_bits("dx", data.dx, first_dx, batch_norm_case_total(&c));
        }
        harness_release(NULL);
    }
}

/* Whatever the order of adding: the mean, and Σ(x-mean)² up to the rounding of its divisions. A
   value dropped or taken twice shows, whichever it is. (n is a multiple of 8, so that the mean of a
   leaf of 8 or 32 rows is exact as well.) */
static void exact_sums(void **state)
{
    device *d = device_of(state);
    for (size_t l = 0; l < 3; ++l) {
        batch_norm_case c = case_of(layouts[l], d->small ? 200 : 5000, 3);
        c.options.momentum = 1.0;
        batch_norm_data data = batch_norm_data_make(&c);
        reference_shape shape = batch_norm_case_shape(&c);
        size_t n = reference_per_channel(&shape);
        double squares[3];
        double bound[3];
        float *values = harness_floats(n);
        for (size_t channel = 0; channel < 3; ++channel) {
            generator g = generator_seed(50 + channel);
            squares[channel] = generate_exact_sums(&g, 2.5 * (double)channel, values, n);
            squares[channel] /= (double)n - 1.0;
            bound[channel] = 0x1p-22 * squares[channel];
            for (size_t k = 0; k < n; ++k)
                data.x[reference_channel_index(&shape, channel, k)] = values[k];
        }
        batch_norm_run_train(d, &c, &data);
        const float mean[] = {0.0f, 2.5f, 5.0f};
        check_float_bits("save_mean", data.save_mean, mean, 3);
        check_all_equal("save_mean_lo", data.save_mean_lo, 0.0f, 3);
        check_floats("running_var", data.new_running_var, squares, bound, 3);
        harness_release(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(large_means),
        HARNESS_TEST(tiny_and_huge_values),
        HARNESS_TEST(affine_and_tracking),
        HARNESS_TEST(any_momentum),
        HARNESS_TEST(momentum_of_nothing_and_all),
        HARNESS_TEST(cumulative_average),
        HARNESS_TEST(modes_by_turns),
        HARNESS_TEST(next_statistics_elsewhere),
        HARNESS_TEST(one_running_statistic),
        HARNESS_TEST(without_saving),
        HARNESS_TEST(element_offsets),
        HARNESS_TEST(exact_sums),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
