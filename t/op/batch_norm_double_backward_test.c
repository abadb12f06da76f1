/* Batch norm's double backward: shapes, operands left out, outputs in inputs' places, added
   gradients, strides, and the edges. */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/double_backward_check.h"
#include "lib/generate.h"
#include "lib/harness.h"

typedef struct case_row {
    bncl_layout layout;
    size_t samples, channels, positions, width;
    double offset, eps;
} case_row;

/* Vectors, leaves, lanes and tiles, whole and broken ones. */
static const case_row rows[] = {
    {BNCL_LAYOUT_NC, 37, 5, 1, 1, 0.5, 1e-5},     {BNCL_LAYOUT_NCL, 3, 4, 17, 1, -3.0, 1e-5},
    {BNCL_LAYOUT_NLC, 4, 6, 9, 1, 0.0, 1e-3},     {BNCL_LAYOUT_NCHW, 2, 3, 35, 7, 1e4, 0.0},
    {BNCL_LAYOUT_NHWC, 2, 3, 12, 4, 0.0, 1e-5},   {BNCL_LAYOUT_NC, 2, 3, 1, 1, 0.0, 1e-5},
    {BNCL_LAYOUT_NCL, 2, 1, 600, 1, 0.0, 0.0},    {BNCL_LAYOUT_NC, 1030, 67, 1, 1, 1e6, 1e-5},
    {BNCL_LAYOUT_NCL, 20, 7, 100, 1, 1e2, 1e-5},  {BNCL_LAYOUT_NCHW, 3, 5, 900, 30, 1.0, 1e-5},
    {BNCL_LAYOUT_NHWC, 3, 40, 400, 20, 0.0, 0.0}, {BNCL_LAYOUT_NC, 9000, 19, 1, 1, -1e2, 1e-5},
    {BNCL_LAYOUT_NCL, 1, 2, 5000, 1, 0.0, 1e-5},
};
enum { row_count = sizeof rows / sizeof rows[0], small_row_count = 6 };

static size_t rows_of(const device *d)
{
    return d->small ? small_row_count : row_count;
}

static batch_norm_case case_of(const case_row *row)
{
    batch_norm_case c =
        batch_norm_case_make(row->layout, row->samples, row->channels, row->positions);
    c.width = row->width;
    c.offset = row->offset;
    c.options.eps = row->eps;
    return c;
}

/* One of each family, for what does not depend on sizes. */
static batch_norm_case family_case(int inner)
{
    return inner ? batch_norm_case_make(BNCL_LAYOUT_NCL, 3, 4, 25)
                 : batch_norm_case_make(BNCL_LAYOUT_NLC, 5, 6, 9);
}

static void expect_same(const batch_norm_case *c, const double_backward_data *a,
                        const double_backward_data *b)
{
    const size_t total = batch_norm_case_total(c);
    const char *name = batch_norm_case_name(c);
    check_float_bits(harness_text("dx of %s", name), a->dx, b->dx, total);
    check_float_bits(harness_text("ddy of %s", name), a->ddy, b->ddy, total);
    check_float_bits(harness_text("dgamma of %s", name), a->dgamma, b->dgamma, c->channels);
}

static void every_shape(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < rows_of(d); ++i)
        for (int train = 0; train < 2; ++train) {
            batch_norm_case c = case_of(&rows[i]);
            c.no_gamma = i % 3 == 2;
            double_backward_data data = double_backward_data_make(&c);
            double_backward_run(d, &c, train, &data);
            double_backward_check(&c, train, &data);
            harness_release(NULL);
        }
}

/* What a gradient penalty Σdx² asks: ddx = 2·dx. That is orthogonal to 1 and to x̂, so that every
   sum with it but one is rounding errors only. */
static void a_gradient_penalty(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < rows_of(d); ++i) {
        const batch_norm_case c = case_of(&rows[i]);
        double_backward_data data = double_backward_data_make(&c);
        batch_norm_data first = data.norm;
        batch_norm_run_train(d, &c, &first);
        for (size_t k = 0; k < batch_norm_case_total(&c); ++k)
            data.ddx[k] = 2.0f * first.dx[k];
        data.ddgamma = data.ddbeta = NULL;
        double_backward_run(d, &c, true, &data);
        double_backward_check(&c, true, &data);
        harness_release(NULL);
    }
}

/* Strides change no bit, and padding stays as it was. */
static void strides(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < rows_of(d); ++i)
        for (int train = 0; train < 2; ++train) {
            batch_norm_case c = case_of(&rows[i]);
            double_backward_data dense = double_backward_data_make(&c);
            double_backward_run(d, &c, train, &dense);
            for (c.padding = 1; c.padding <= (d->small ? 1 : 13); c.padding += 12) {
                double_backward_data padded = double_backward_data_make(&c);
                double_backward_run(d, &c, train, &padded);
                expect_same(&c, &dense, &padded);
            }
            harness_release(NULL);
        }
}

/* Bits 0 to 2: which of ddx, ddgamma, ddbeta arrive; 3 to 5: which of dx, ddy, dgamma are asked. */
static void operands_left_out(device *d, const double_backward *all,
                              const double_backward_data *data, unsigned bits)
{
    double_backward of = *all;
    double_backward_data some = *data;
    bncl_batch_norm_double_backward *args = &of.args;
    bncl_tensor *const arriving[] = {&args->ddx, &args->ddgamma, &args->ddbeta};
    float **const values[] = {&some.ddx, &some.ddgamma, &some.ddbeta};
    bncl_tensor *const outputs[] = {&args->dx, &args->ddy, &args->dgamma};
    const bncl_tensor made[] = {args->dx, args->ddy, args->dgamma};
    for (unsigned i = 0; i < 3; ++i) {
        device_write(d, &made[i], NULL);
        if ((bits >> i & 1u) == 0) {
            *arriving[i] = device_absent();
            *values[i] = NULL;
        }
        if ((bits >> i & 8u) == 0)
            *outputs[i] = device_absent();
    }
    double_backward_call(d, &of);
    double_backward_read(d, &of, &some);
    double_backward_check(&of.c, of.train, &some);
    for (unsigned i = 0; i < 3; ++i)
        if ((bits >> i & 8u) == 0)
            device_untouched(d, "an output that was not asked for", &made[i]);
    if (some.ddx == NULL && some.dgamma != NULL)
        check_all_equal("dgamma without ddx", some.dgamma, 0.0f, of.c.channels);
    if (some.ddx == NULL && some.ddgamma == NULL && some.dx != NULL)
        check_all_equal("dx without ddx and ddgamma", some.dx, 0.0f, batch_norm_case_total(&of.c));
}

static void all_subsets(void **state)
{
    device *d = device_of(state);
    for (int run = 0; run < 4; run += d->small ? 3 : 1) {
        const batch_norm_case c = family_case(run / 2);
        double_backward_data data = double_backward_data_make(&c);
        const double_backward all = double_backward_make(d, &c, run % 2 == 0, &data);
        for (unsigned bits = 0; bits < 64; ++bits)
            operands_left_out(d, &all, &data, bits);
        harness_release(NULL);
    }
}

/* An output has the bits that it has together with the others. */
static void outputs_alone(void **state)
{
    device *d = device_of(state);
    for (int run = 0; run < 4; ++run) {
        const batch_norm_case c = family_case(run / 2);
        double_backward_data data = double_backward_data_make(&c), alone = data;
        double_backward of = double_backward_make(d, &c, run % 2 == 0, &data);
        const bncl_batch_norm_double_backward all = of.args;
        const bncl_tensor made[] = {all.dx, all.ddy, all.dgamma};
        bncl_tensor *const outputs[] = {&of.args.dx, &of.args.ddy, &of.args.dgamma};
        double_backward_call(d, &of);
        double_backward_read(d, &of, &data);
        for (int i = 0; i < 3; ++i) {
            for (int k = 0; k < 3; ++k)
                *outputs[k] = k == i ? made[k] : device_absent();
            device_write(d, &made[i], NULL);
            double_backward_call(d, &of);
        }
        of.args = all;
        double_backward_read(d, &of, &alone);
        expect_same(&c, &alone, &data);
        harness_release(NULL);
    }
}

/* dx and ddy in the places of two inputs. */
static void in_place(void **state)
{
    device *d = device_of(state);
    for (int run = 0; run < (d->small ? 4 : 8); ++run) {
        batch_norm_case c = family_case(run / 2 % 2);
        c.padding = run / 4 ? 2 : 0;
        const size_t total = batch_norm_case_total(&c);
        double_backward_data data = double_backward_data_make(&c);
        const double_backward apart = double_backward_make(d, &c, run % 2 == 0, &data);
        const bncl_batch_norm_double_backward *all = &apart.args;
        const bncl_tensor inputs[] = {all->x, all->dy, all->ddx};
        const float *const values[] = {data.norm.x, data.norm.dy, data.ddx};
        double_backward_call(d, &apart);
        double_backward_read(d, &apart, &data);
        for (int i = 0; i < 6; ++i) {
            const int for_dx = i / 2, for_ddy = (for_dx + 1 + i % 2) % 3;
            double_backward of = apart;
            of.args.dx = inputs[for_dx];
            of.args.ddy = inputs[for_ddy];
            double_backward_call(d, &of);
            check_float_bits("dx", device_floats(d, &of.args.dx), data.dx, total);
            check_float_bits("ddy", device_floats(d, &of.args.ddy), data.ddy, total);
            device_write(d, &inputs[for_dx], values[for_dx]);
            device_write(d, &inputs[for_ddy], values[for_ddy]);
        }
        harness_release(NULL);
    }
}

static void expect_sum(const char *what, const float *got, const float *before, const float *added,
                       size_t count)
{
    float *sum = harness_floats(count);
    for (size_t i = 0; i < count; ++i)
        sum[i] = before[i] + added[i];
    check_float_bits(what, got, sum, count);
}

/* Each of dx, ddy and dgamma added or written. */
static void accumulating(void **state)
{
    device *d = device_of(state);
    for (unsigned run = 0; run < 32; run += d->small ? 5 : 1) {
        batch_norm_case c = family_case(run & 1u);
        c.padding = run & 8u ? 3 : 0;
        const size_t total = batch_norm_case_total(&c);
        double_backward_data data = double_backward_data_make(&c), added = data;
        double_backward of = double_backward_make(d, &c, run & 2u, &data);
        double_backward_call(d, &of);
        double_backward_read(d, &of, &data);
        of.args.accumulate_dx = run & 4u;
        of.args.accumulate_ddy = run & 8u;
        of.args.accumulate_parameters = run & 16u;
        device_write(d, &of.args.dx, data.norm.x);
        device_write(d, &of.args.ddy, data.norm.dy);
        device_write(d, &of.args.dgamma, data.ddbeta);
        double_backward_call(d, &of);
        double_backward_read(d, &of, &added);
        const float *nothing = harness_floats(total);
        expect_sum("dx", added.dx, run & 4u ? data.norm.x : nothing, data.dx, total);
        expect_sum("ddy", added.ddy, run & 8u ? data.norm.dy : nothing, data.ddy, total);
        expect_sum("dgamma", added.dgamma, run & 16u ? data.ddbeta : nothing, data.dgamma,
                   c.channels);
        harness_release(NULL);
    }
}

/* Without running statistics evaluation goes through the batch's. */
static void untracked_evaluation(void **state)
{
    device *d = device_of(state);
    for (int inner = 0; inner < 2; ++inner) {
        batch_norm_case c = family_case(inner);
        c.untracked = true;
        double_backward_data train = double_backward_data_make(&c), eval = train;
        double_backward_run(d, &c, true, &train);
        double_backward_run(d, &c, false, &eval);
        double_backward_check(&c, false, &eval);
        expect_same(&c, &eval, &train);
        harness_release(NULL);
    }
}

static void empty_batches(void **state)
{
    device *d = device_of(state);
    for (int train = 0; train < 2; ++train) {
        const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 0, 5, 1);
        const float before[] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f};
        double_backward_data data = double_backward_data_make(&c);
        double_backward of = double_backward_make(d, &c, train, &data);
        double_backward_call(d, &of);
        check_all_equal("dgamma", device_floats(d, &of.args.dgamma), 0.0f, 5);
        device_write(d, &of.args.dgamma, before);
        of.args.accumulate_parameters = true;
        double_backward_call(d, &of);
        check_float_bits("dgamma", device_floats(d, &of.args.dgamma), before, 5);
        harness_release(NULL);
    }
}

/* A channel of one value repeated, and eps = 0: invstd is 0, and only ddbeta goes through. */
static void constant_channels(void **state)
{
    device *d = device_of(state);
    for (int inner = 0; inner < 2; ++inner) {
        batch_norm_case c = family_case(inner);
        c.options.eps = 0.0;
        const reference_shape shape = batch_norm_case_shape(&c);
        double_backward_data data = double_backward_data_make(&c);
        for (size_t k = 0; k < reference_per_channel(&shape); ++k)
            data.norm.x[reference_channel_index(&shape, 1, k)] = 0.3f;
        double_backward_run(d, &c, true, &data);
        double_backward_check(&c, true, &data);
        for (size_t k = 0; k < reference_per_channel(&shape); ++k) {
            const size_t at = reference_channel_index(&shape, 1, k);
            assert_true(data.dx[at] == 0.0f && data.ddy[at] == data.ddbeta[1]);
        }
        assert_true(data.dgamma[1] == 0.0f);
        harness_release(NULL);
    }
}

/* A NaN or an infinity in one channel of an input leaves the others' bits. */
static void special_values_stay_in_their_channel(void **state)
{
    device *d = device_of(state);
    const float specials[] = {NAN, INFINITY, -INFINITY};
    for (int run = 0; run < (d->small ? 12 : 36); ++run) {
        const batch_norm_case c = family_case(run & 1);
        const reference_shape shape = batch_norm_case_shape(&c);
        const bool train = run & 2;
        double_backward_data clean = double_backward_data_make(&c);
        double_backward_run(d, &c, train, &clean);
        double_backward_data data = double_backward_data_make(&c);
        float *const inputs[] = {data.norm.x, data.norm.dy, data.ddx};
        inputs[run / 4 % 3][reference_channel_index(&shape, 2, 3)] = specials[run / 12];
        double_backward_run(d, &c, train, &data);
        for (size_t channel = 0; channel < c.channels; ++channel) {
            if (channel == 2)
                continue;
            assert_true(data.dgamma[channel] == clean.dgamma[channel]);
            for (size_t k = 0; k < reference_per_channel(&shape); ++k) {
                const size_t at = reference_channel_index(&shape, channel, k);
                assert_true(data.dx[at] == clean.dx[at] && data.ddy[at] == clean.ddy[at]);
            }
        }
        /* The batch's statistics and sums carry it through the channel. */
        const size_t first = reference_channel_index(&shape, 2, 0);
        assert_true(!train || (!isfinite(data.dx[first]) && !isfinite(data.dgamma[2])));
        harness_release(NULL);
    }
}

/* The same dy and ddx everywhere in a channel: each addition of a chain rounds the same way. And
   ones with just over half an ulp of one behind them: the worst for a plain chain. */
static void leaning_roundings(void **state)
{
    device *d = device_of(state);
    const bncl_layout layouts[] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NCL};
    const float little = 0x1p-24f * (1.0f + 0x1p-20f);
    for (int run = 0; run < 8; ++run) {
        const bool inner = run & 1, train = run & 2, halves = run & 4;
        const size_t n = d->small ? 150 : 3075;
        const batch_norm_case c = batch_norm_case_make(layouts[inner], inner ? n / 25 : n,
                                                       d->small ? 3 : 64, inner ? 25 : 1);
        const reference_shape shape = batch_norm_case_shape(&c);
        double_backward_data data = double_backward_data_make(&c);
        for (size_t channel = 0; channel < c.channels; ++channel)
            for (size_t k = 0; k < n; ++k) {
                const size_t at = reference_channel_index(&shape, channel, k);
                const float third = 1.0f + (float)(channel + 1) / 65.0f;
                data.norm.dy[at] = !halves ? third : k % 16 < 4 ? 1.0f : little;
                data.ddx[at] = !halves ? 1.0f / third : k % 64 < 4 ? 1.0f : little;
            }
        double_backward_run(d, &c, train, &data);
        double_backward_check(&c, train, &data);
        harness_release(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(every_shape),
        HARNESS_TEST(a_gradient_penalty),
        HARNESS_TEST(strides),
        HARNESS_TEST(all_subsets),
        HARNESS_TEST(outputs_alone),
        HARNESS_TEST(in_place),
        HARNESS_TEST(accumulating),
        HARNESS_TEST(untracked_evaluation),
        HARNESS_TEST(empty_batches),
        HARNESS_TEST(constant_channels),
        HARNESS_TEST(special_values_stay_in_their_channel),
        HARNESS_TEST(leaning_roundings),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
