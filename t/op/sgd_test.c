/* The optimizer against the reference, step after step, and what it refuses. */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/reference.h"
#include "lib/tolerance.h"

static void release_sgd(void *sgd)
{
    bncl_sgd_destroy(sgd);
}

static bncl_sgd *optimizer(device *d, size_t count, const bncl_sgd_options *options)
{
    bncl_sgd *sgd = NULL;
    device_ok(d, bncl_sgd_create(d->context, count, options, &sgd, &d->err), "bncl_sgd_create");
    return device_hold(d, sgd, release_sgd);
}

static float *normals(generator *g, size_t count)
{
    float *values = harness_floats(count);
    generate_normal(g, 0.0, 1.0, values, count);
    return values;
}

/* Steps from the f32 state of the step before, so that a step's error is its own: buf too is
   rounded to f32 as the device keeps it, and enters the bound. */
typedef struct history {
    double *w;
    double *buf;
    double *buf_error;
} history;

static double step_bound(const bncl_sgd_options *o, size_t step, double w, double dw, double buf,
                         double *buf_error)
{
    double g = fabs(dw) + fabs(o->weight_decay * w);
    double kept = step == 0 ? 0.0 : fabs(o->momentum * buf);
    double taken = step == 0 ? g : fabs(1.0 - o->dampening) * g;
    if (step == 0)
        *buf_error = 0.0;
    *buf_error = fabs(o->momentum) * *buf_error + tolerance_sgd(kept + taken);
    double update = o->momentum != 0.0 ? kept + taken + (o->nesterov ? g : 0.0) : g;
    return tolerance_sgd(fabs(w) + fabs(o->lr) * update) + fabs(o->lr) * *buf_error;
}

static void check_steps(device *d, size_t count, const bncl_sgd_options *o, int steps)
{
    generator g = generator_seed(count);
    const reference_sgd reference = {o->lr, o->momentum, o->dampening, o->weight_decay,
                                     o->nesterov};
    bncl_sgd *sgd = optimizer(d, count, o);
    float *w = normals(&g, count);
    bncl_tensor w_at = device_vector(d, count, w);
    history h = {NULL, harness_doubles(count), harness_doubles(count)};
    double *bound = harness_doubles(count);
    for (int step = 0; step < steps; ++step) {
        float *dw = normals(&g, count);
        bncl_tensor dw_at = device_vector(d, count, dw);
        h.w = harness_widen(w, count);
        for (size_t i = 0; i < count; ++i)
            bound[i] =
                step_bound(o, (size_t)step, h.w[i], (double)dw[i], h.buf[i], &h.buf_error[i]);
        reference_sgd_step(&reference, (size_t)step, count, harness_widen(dw, count), h.buf, h.w);
        device_ok(d, bncl_sgd_step(sgd, d->queue, &w_at, &dw_at, NULL, &d->err), "bncl_sgd_step");
        w = device_floats(d, &w_at);
        check_floats(harness_text("w of %zu after step %d", count, step), w, h.w, bound, count);
        check_float_bits("dw", device_floats(d, &dw_at), dw, count);
    }
}

static void options_and_lengths(void **state)
{
    device *d = device_of(state);
    const bncl_sgd_options table[] = {
        {.lr = 0.1},
        {.lr = 0.1, .weight_decay = 0.01},
        {.lr = 0.05, .momentum = 0.9},
        {.lr = 0.05, .momentum = 0.9, .dampening = 0.5},
        {.lr = 0.05, .momentum = 0.9, .nesterov = true},
        {.lr = 0.05, .momentum = 0.9, .dampening = 1.0, .weight_decay = 0.1},
        {.lr = 0.0, .momentum = 0.9},
        {.lr = 3.0, .momentum = 0.5, .weight_decay = 0.2, .nesterov = true},
    };
    const size_t counts[] = {1, 3, 16, 17, 65, 1000, 20001};
    for (size_t o = 0; o < sizeof table / sizeof *table; ++o) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; ++c) {
            if (d->small && counts[c] > 100)
                continue;
            check_steps(d, counts[c], &table[o], 5);
            harness_release(NULL);
        }
    }
}

static void defaults(void **state)
{
    device *d = device_of(state);
    bncl_sgd_options o = bncl_sgd_options_default();
    assert_true(o.lr == 0.001 && o.momentum == 0.0 && o.dampening == 0.0);
    assert_true(o.weight_decay == 0.0 && !o.nesterov);
    const float one = 1.0f;
    bncl_sgd *sgd = optimizer(d, 1, NULL);
    bncl_tensor w = device_vector(d, 1, &one);
    bncl_tensor dw = device_vector(d, 1, &one);
    device_ok(d, bncl_sgd_step(sgd, d->queue, &w, &dw, NULL, &d->err), "bncl_sgd_step");
    const double expected = 1.0 - 0.001;
    const double bound = tolerance_sgd(1.001);
    check_floats("w", device_floats(d, &w), &expected, &bound, 1);
}

static void a_new_learning_rate(void **state)
{
    device *d = device_of(state);
    const float zero = 0.0f;
    const float one = 1.0f;
    const bncl_sgd_options options = {.lr = 1.0};
    bncl_sgd *sgd = optimizer(d, 1, &options);
    bncl_tensor w = device_vector(d, 1, &zero);
    bncl_tensor dw = device_vector(d, 1, &one);
    device_ok(d, bncl_sgd_step(sgd, d->queue, &w, &dw, NULL, &d->err), "bncl_sgd_step");
    device_ok(d, bncl_sgd_set_lr(sgd, 0.25, &d->err), "bncl_sgd_set_lr");
    device_ok(d, bncl_sgd_step(sgd, d->queue, &w, &dw, NULL, &d->err), "bncl_sgd_step");
    check_all_equal("w", device_floats(d, &w), -1.25f, 1);
    device_refused(d, bncl_sgd_set_lr(sgd, -0.5, &d->err), BNCL_ERROR_ARGUMENT, "");
    device_ok(d, bncl_sgd_step(sgd, d->queue, &w, &dw, NULL, &d->err), "bncl_sgd_step");
    check_all_equal("w", device_floats(d, &w), -1.5f, 1);
}

static void nothing_to_do(void **state)
{
    device *d = device_of(state);
    const bncl_sgd_options options = {.lr = 1.0, .momentum = 0.5};
    bncl_sgd *sgd = optimizer(d, 0, &options);
    bncl_tensor none = device_vector(d, 0, NULL);
    device_ok(d, bncl_sgd_step(sgd, d->queue, &none, &none, NULL, &d->err), "bncl_sgd_step");
    device_read(d, &none, &none);
}

static void create_refused(device *d, bncl_sgd_options options, const char *words)
{
    bncl_sgd *sgd = (bncl_sgd *)d; /* must stay as it is */
    device_refused(d, bncl_sgd_create(d->context, 4, &options, &sgd, &d->err), BNCL_ERROR_ARGUMENT,
                   words);
    assert_ptr_equal(sgd, d);
}

static void refused(void **state)
{
    device *d = device_of(state);
    create_refused(d, (bncl_sgd_options){.lr = -0.1}, "-0.1");
    create_refused(d, (bncl_sgd_options){.lr = 0.1, .momentum = -1.0}, "momentum");
    create_refused(d, (bncl_sgd_options){.lr = 0.1, .weight_decay = -1.0}, "weight_decay");
    create_refused(d, (bncl_sgd_options){.lr = 0.1, .nesterov = true}, "momentum");
    create_refused(
        d, (bncl_sgd_options){.lr = 0.1, .momentum = 0.9, .dampening = 0.1, .nesterov = true},
        "dampening");
    bncl_sgd *sgd = optimizer(d, 4, NULL);
    bncl_tensor four = device_vector(d, 4, NULL);
    bncl_tensor five = device_vector(d, 5, NULL);
    bncl_tensor none = device_absent();
    device_refused(d, bncl_sgd_step(sgd, d->queue, &five, &four, NULL, &d->err), BNCL_ERROR_SHAPE,
                   "w");
    device_refused(d, bncl_sgd_step(sgd, d->queue, &four, &none, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, "dw");
    four.dtype = BNCL_I32;
    device_refused(d, bncl_sgd_step(sgd, d->queue, &four, &four, NULL, &d->err), BNCL_ERROR_DTYPE,
                   "w");
    device_untouched(d, "w", &four);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(options_and_lengths),
        HARNESS_TEST(defaults),
        HARNESS_TEST(a_new_learning_rate),
        HARNESS_TEST(nothing_to_do),
        HARNESS_TEST(refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
