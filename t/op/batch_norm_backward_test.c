/* Batch norm's backward pass: outputs left out, dx in dy's place, sums that must come out exact,
   and roundings that all lean one way. */
#include <math.h>

#include "lib/batch_norm_check.h"
#include "lib/compare.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/tolerance.h"

static const bncl_layout layouts[] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC};

static batch_norm_case case_of(bncl_layout layout, size_t n, size_t channels)
{
    if (layout == BNCL_LAYOUT_NC)
        return batch_norm_case_make(layout, n, channels, 1);
    return batch_norm_case_make(layout, n / 25, channels, 25);
}

/* A case after its forward call, ready for backward calls. */
typedef struct prepared {
    batch_norm_case c;
    batch_norm_data data;
    bncl_batch_norm *plan;
    bncl_batch_norm_backward args;
    bool train;
} prepared;

static prepared prepare(device *d, batch_norm_case c, bool train)
{
    prepared p = {.c = c, .data = batch_norm_data_make(&c), .train = train};
    p.plan = batch_norm_plan(d, &c);
    bncl_batch_norm_forward forward = batch_norm_forward_tensors(d, &c, &p.data);
    if (train) {
        device_ok(d, bncl_batch_norm_forward_train(p.plan, d->queue, &forward, NULL, &d->err),
                  "forward_train");
        batch_norm_read_forward(d, &forward, &p.data);
    } else {
        forward.save_mean = forward.save_mean_lo = forward.save_invstd = device_absent();
        device_ok(d, bncl_batch_norm_forward_eval(p.plan, d->queue, &forward, NULL, &d->err),
                  "forward_eval");
        batch_norm_read_forward(d, &forward, &p.data);
    }
    p.args = batch_norm_backward_tensors(d, &c, &p.data, &forward);
    return p;
}

static void backward(device *d, prepared *p)
{
    bncl_status status =
        p->train ? bncl_batch_norm_backward_train(p->plan, d->queue, &p->args, NULL, &d->err)
                 : bncl_batch_norm_backward_eval(p->plan, d->queue, &p->args, NULL, &d->err);
    device_ok(d, status, batch_norm_case_name(&p->c));
}

/* Any of dx, dgamma, dbeta left out: the others have the bits they have together. */
static void outputs_left_out(void **state)
{
    device *d = device_of(state);
    for (unsigned run = 0; run < 6; ++run) {
        prepared p = prepare(d, case_of(layouts[run / 2], 75, 6), run % 2 == 0);
        size_t total = batch_norm_case_total(&p.c);
        backward(d, &p);
        batch_norm_read_backward(d, &p.args, &p.data);
        const bncl_batch_norm_backward all = p.args;
        for (unsigned bits = 0; bits < 8; ++bits) {
            p.args = all;
            p.args.dx = bits & 1u ? batch_norm_backward_tensors(d, &p.c, &p.data,
                                                                &(bncl_batch_norm_forward){0})
                                        .dx
                                  : device_absent();
            p.args.dgamma = bits & 2u ? device_vector(d, 6, NULL) : device_absent();
            p.args.dbeta = bits & 4u ? device_vector(d, 6, NULL) : device_absent();
            backward(d, &p);
            if (bits & 1u)
                check_float_bits("dx", device_floats(d, &p.args.dx), p.data.dx, total);
            if (bits & 2u)
                check_float_bits("dgamma", device_floats(d, &p.args.dgamma), p.data.dgamma, 6);
            if (bits & 4u)
                check_float_bits("dbeta", device_floats(d, &p.args.dbeta), p.data.dbeta, 6);
        }
        harness_release(NULL);
    }
}

static void dx_in_the_place_of_dy(void **state)
{
    device *d = device_of(state);
    for (unsigned run = 0; run < 6; ++run) {
        prepared p = prepare(d, case_of(layouts[run / 2], 150, 17), run % 2 == 0);
        backward(d, &p);
        batch_norm_read_backward(d, &p.args, &p.data);
        p.args.dx = p.args.dy;
        backward(d, &p);
        check_float_bits("dx", device_floats(d, &p.args.dy), p.data.dx,
                         batch_norm_case_total(&p.c));
        harness_release(NULL);
    }
}

/* Backward reads what it is told to and writes nothing else: twice gives the same. */
static void inputs_stay(void **state)
{
    device *d = device_of(state);
    for (unsigned run = 0; run < 6; ++run) {
        prepared p = prepare(d, case_of(layouts[run / 2], 50, 5), run % 2 == 0);
        size_t total = batch_norm_case_total(&p.c);
        backward(d, &p);
        check_float_bits("x", device_floats(d, &p.args.x), p.data.x, total);
        check_float_bits("dy", device_floats(d, &p.args.dy), p.data.dy, total);
        check_float_bits("gamma", device_floats(d, &p.args.gamma), p.data.gamma, 5);
        check_float_bits("running_mean", device_floats(d, &p.args.running_mean),
                         p.data.new_running_mean, 5);
        check_float_bits("running_var", device_floats(d, &p.args.running_var),
                         p.data.new_running_var, 5);
        if (p.train)
            check_float_bits("save_invstd", device_floats(d, &p.args.save_invstd),
                             p.data.save_invstd, 5);
        harness_release(NULL);
    }
}

/* Whole numbers add up exactly in any order: dbeta to the last bit. */
static void exact_dbeta(void **state)
{
    device *d = device_of(state);
    for (size_t l = 0; l < 3; ++l) {
        batch_norm_case c = case_of(layouts[l], d->small ? 175 : 5000, 5);
        size_t total = batch_norm_case_total(&c);
        batch_norm_data data = batch_norm_data_make(&c);
        reference_shape shape = batch_norm_case_shape(&c);
        generator g = generator_seed(9);
        generate_integers(&g, -50, 100, data.dy, total);
        float dbeta[5] = {0.0f};
        for (size_t channel = 0; channel < 5; ++channel)
            for (size_t k = 0; k < reference_per_channel(&shape); ++k)
                dbeta[channel] += data.dy[reference_channel_index(&shape, channel, k)];
        batch_norm_run_train(d, &c, &data);
        check_float_bits("dbeta", data.dbeta, dbeta, 5);
        batch_norm_check_train(&c, &data);
        harness_release(NULL);
    }
}

/* The same dy everywhere in a channel: each addition of a chain rounds the same way, so that errors
   pile up as they do not for random numbers. The promise is made for these as well. */
static void leaning_roundings(void **state)
{
    device *d = device_of(state);
    const size_t lengths[] = {25, 50, 1025, 3000, 20000};
    for (size_t i = 0; i < 5; ++i) {
        for (size_t l = 0; l < 3; ++l) {
            batch_norm_case c = case_of(layouts[l], lengths[i], d->small ? 8 : 64);
            if (d->small && batch_norm_case_total(&c) > 1000)
                continue;
            batch_norm_data data = batch_norm_data_make(&c);
            reference_shape shape = batch_norm_case_shape(&c);
            for (size_t channel = 0; channel < c.channels; ++channel)
                for (size_t k = 0; k < reference_per_channel(&shape); ++k)
                    data.dy[reference_channel_index(&shape, channel, k)] =
                        1.0f + (float)(channel + 1) / 65.0f;
            batch_norm_run_train(d, &c, &data);
            batch_norm_check_train(&c, &data);
            data.new_running_mean = NULL;
            batch_norm_run_eval(d, &c, &data);
            batch_norm_check_eval(&c, &data);
            harness_release(NULL);
        }
    }
}

/* Ones, and behind them values of just over half an ulp of one, which a plain sum rounds up to a
   whole ulp again and again: the worst there is for a chain that begins with a one. A pattern is
   how many ones, and after how many values they come again. */
static void half_an_ulp_each(void **state)
{
    device *d = device_of(state);
    const size_t patterns[][2] = {{4, 16}, {4, 32}, {4, 64}, {1, 1024}, {64, 1024}, {32, 512}};
    const float little = 0x1p-24f * (1.0f + 0x1p-20f);
    for (size_t i = 0; i < 6; ++i) {
        for (size_t l = 0; l < 3; ++l) {
            batch_norm_case c = case_of(layouts[l], 1025, d->small ? 1 : 3);
            if (d->small && i > 0)
                continue;
            batch_norm_data data = batch_norm_data_make(&c);
            reference_shape shape = batch_norm_case_shape(&c);
            for (size_t channel = 0; channel < c.channels; ++channel)
                for (size_t k = 0; k < reference_per_channel(&shape); ++k)
                    data.dy[reference_channel_index(&shape, channel, k)] =
                        k % patterns[i][1] < patterns[i][0] ? 1.0f : little;
            batch_norm_run_train(d, &c, &data);
            batch_norm_check_train(&c, &data);
            harness_release(NULL);
        }
    }
}

/* A gradient of zeros gives zeros, to the last bit. */
static void a_gradient_of_zeros(void **state)
{
    device *d = device_of(state);
    for (size_t l = 0; l < 3; ++l) {
        batch_norm_case c = case_of(layouts[l], 100, 3);
        size_t total = batch_norm_case_total(&c);
        batch_norm_data data = batch_norm_data_make(&c);
        for (size_t i = 0; i < total; ++i)
            data.dy[i] = 0.0f;
        batch_norm_run_train(d, &c, &data);
        check_all_equal("dx", data.dx, 0.0f, total);
        check_all_equal("dgamma", data.dgamma, 0.0f, 3);
        check_all_equal("dbeta", data.dbeta, 0.0f, 3);
        harness_release(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(outputs_left_out),    HARNESS_TEST(dx_in_the_place_of_dy),
        HARNESS_TEST(inputs_stay),         HARNESS_TEST(exact_dbeta),
        HARNESS_TEST(leaning_roundings),   HARNESS_TEST(half_an_ulp_each),
        HARNESS_TEST(a_gradient_of_zeros),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
