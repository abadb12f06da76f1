/* Batch norm with a residual and an activation: outputs in the place of inputs, outputs left out,
   values at the activation's edges, and what is refused. */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/fused.h"
#include "lib/harness.h"

static fused_case case_make(bncl_layout layout, size_t samples, size_t channels, size_t positions)
{
    return (fused_case){.norm = batch_norm_case_make(layout, samples, channels, positions),
                        .activation = {.kind = BNCL_ACTIVATION_HARDTANH, .min = -0.5, .max = 1.0},
                        .residual = true};
}

/* Of layout NCL: on processors many channels; other devices share a channel among work-items,
   however many there are. */
static fused_case inner_case(const device *d)
{
    const bool lone = strstr(d->info.name, "llvmpipe") == NULL && !d->small;
    return lone ? case_make(BNCL_LAYOUT_NCL, 4, device_many_channels(d), 5)
                : case_make(BNCL_LAYOUT_NCL, 4, 3, 21);
}

static void try(device *d, const fused_case *c)
{
    const fused_data data = fused_data_make(c);
    const fused_output together = fused_run(d, c, &data);
    const fused_output apart = fused_run_apart(d, c, &data);
    fused_expect_same(c, &together, &apart);
    harness_release(NULL);
}

static void in_the_place_of_inputs(void **state)
{
    device *d = device_of(state);
    static const unsigned y[] = {0, FUSED_Y_IN_X, FUSED_Y_IN_RESIDUAL};
    static const unsigned gradients[] = {0,
                                         FUSED_DX_IN_DY,
                                         FUSED_DX_IN_X,
                                         FUSED_DRESIDUAL_IN_DY,
                                         FUSED_DRESIDUAL_IN_X,
                                         FUSED_DX_IN_DY | FUSED_DRESIDUAL_IN_X,
                                         FUSED_DX_IN_X | FUSED_DRESIDUAL_IN_DY};
    const fused_case cases[] = {case_make(BNCL_LAYOUT_NC, 21, 19, 1), inner_case(d),
                                case_make(BNCL_LAYOUT_NLC, 3, 33, 4)};
    for (size_t i = 0; i < (d->small ? 2 : 3); ++i)
        for (unsigned k = 0; k < 3; ++k)
            for (unsigned g = 0; g < 7; ++g) {
                if (d->small && (i + k + g) % 3 != 0)
                    continue;
                fused_case c = cases[i];
                c.places = y[k] | gradients[g];
                c.train = (i + k + g) % 2 == 0;
                c.accumulate = (k + g) % 3 == 1;
                c.norm.padding = g % 2 * 5;
                try(d, &c);
            }
}

/* What no element is multiplied by reaches no result, not by way of places without an element. */
static void a_slope_that_is_infinite(void **state)
{
    device *d = device_of(state);
    for (int i = 0; i < 4; ++i) {
        fused_case c = i % 2 == 0 ? case_make(BNCL_LAYOUT_NC, 21, 19, 1) : inner_case(d);
        c.activation = bncl_activation_leaky_relu((double)(i < 2 ? INFINITY : NAN));
        c.train = true;
        const fused_data data = fused_data_make(&c);
        for (size_t k = 0; k < batch_norm_case_total(&c.norm); ++k)
            data.residual[k] = 100.0f;
        const fused_output together = fused_run(d, &c, &data);
        const fused_output apart = fused_run_apart(d, &c, &data);
        fused_expect_same(&c, &together, &apart);
        harness_release(NULL);
    }
}

static bncl_tensor mask_of(device *d, const bncl_batch_norm *plan)
{
    const size_t bytes = bncl_batch_norm_mask_bytes(plan);
    return device_tensor(d, BNCL_U8, 1, &bytes, NULL);
}

/* A forward call with all there is, and its backward's tensors. */
typedef struct world {
    fused_case c;
    fused_data data;
    bncl_batch_norm *plan;
    bncl_batch_norm_forward f;
    bncl_batch_norm_backward b;
} world;

static world *world_make(device *d, const fused_case *c)
{
    world *w = harness_memory(1, sizeof *w);
    w->c = *c;
    w->data = fused_data_make(c);
    w->plan = fused_plan(d, c, false);
    w->f = batch_norm_forward_tensors(d, &c->norm, &w->data.norm);
    w->f.residual = batch_norm_case_tensor(d, &c->norm, 0, w->data.residual);
    w->f.mask = mask_of(d, w->plan);
    w->b = batch_norm_backward_tensors(d, &c->norm, &w->data.norm, &w->f);
    w->b.mask = w->f.mask;
    w->b.dresidual = batch_norm_case_tensor(d, &c->norm, 0, NULL);
    return w;
}

static bncl_status forward(device *d, world *w)
{
    return bncl_batch_norm_forward_train(w->plan, d->queue, &w->f, NULL, &d->err);
}

static bncl_status backward(device *d, world *w, bool eval)
{
    return eval ? bncl_batch_norm_backward_eval(w->plan, d->queue, &w->b, NULL, &d->err)
                : bncl_batch_norm_backward_train(w->plan, d->queue, &w->b, NULL, &d->err);
}

/* y does not depend on whether a mask is asked for; each gradient not on the others. */
static void outputs_left_out(void **state)
{
    device *d = device_of(state);
    const fused_case cases[] = {case_make(BNCL_LAYOUT_NC, 21, 19, 1), inner_case(d)};
    for (int i = 0; i < 4; ++i) {
        const fused_case *c = &cases[i / 2];
        const size_t total = batch_norm_case_total(&c->norm);
        world *w = world_make(d, c);
        device_ok(d, forward(d, w), "all");
        const float *y = device_floats(d, &w->f.y);
        w->f.mask = device_absent();
        w->f.y = batch_norm_case_tensor(d, &c->norm, 0, NULL);
        device_ok(d, forward(d, w), "no mask");
        check_float_bits("y", device_floats(d, &w->f.y), y, total);

        device_ok(d, backward(d, w, i % 2), "all");
        const bncl_batch_norm_backward all = w->b;
        const float *whole[] = {device_floats(d, &all.dx), device_floats(d, &all.dresidual),
                                device_floats(d, &all.dgamma), device_floats(d, &all.dbeta)};
        bncl_tensor *outputs[] = {&w->b.dx, &w->b.dresidual, &w->b.dgamma, &w->b.dbeta};
        for (unsigned wanted = 0; wanted < 16; ++wanted) {
            for (unsigned o = 0; o < 4; ++o)
                *outputs[o] = (wanted >> o & 1) == 0 ? device_absent()
                              : o < 2                ? batch_norm_case_tensor(d, &c->norm, 0, NULL)
                                                     : device_vector(d, c->norm.channels, NULL);
            device_ok(d, backward(d, w, i % 2), "some");
            for (unsigned o = 0; o < 4; ++o)
                if (wanted >> o & 1)
                    check_float_bits(fused_names[2 + o], device_floats(d, outputs[o]), whole[o],
                                     o < 2 ? total : c->norm.channels);
        }
        harness_release(NULL);
    }
}

/* Each gradient is added to, or overwritten, whatever the other is; frozen or not. */
static void accumulated_or_not(void **state)
{
    device *d = device_of(state);
    for (int i = 0; i < 8; ++i) {
        const fused_case c = i % 2 == 0 ? case_make(BNCL_LAYOUT_NC, 21, 19, 1) : inner_case(d);
        const size_t total = batch_norm_case_total(&c.norm);
        world *w = world_make(d, &c);
        device_ok(d, forward(d, w), "forward");
        device_ok(d, backward(d, w, i >= 4), "overwriting");
        float *dx = device_floats(d, &w->b.dx), *dresidual = device_floats(d, &w->b.dresidual);
        w->b.accumulate_dx = i / 2 % 2 == 0;
        w->b.accumulate_dresidual = !w->b.accumulate_dx;
        float *added = w->b.accumulate_dx ? dx : dresidual;
        for (size_t k = 0; k < total; ++k) {
            assert_true(isfinite(dx[k]) && isfinite(dresidual[k])); /* no canary */
            added[k] += added[k];
        }
        device_ok(d, backward(d, w, i >= 4), "one of both");
        check_float_bits("dx", device_floats(d, &w->b.dx), dx, total);
        check_float_bits("dresidual", device_floats(d, &w->b.dresidual), dresidual, total);
        harness_release(NULL);
    }
}

/* Zeros, infinities, NaN, and the bounds of hardtanh(-1/2, 1) with the numbers beside them. */
static const float edges[] = {
    0.0f, -0.0f, NAN,   INFINITY,        -INFINITY,     0x1p-100f, -0x1p-100f,
    0.5f, -0.5f, 1.0f,  -1.0f,           0.75f,         -0.75f,    0x1.000002p-1f,
    8.0f, -8.0f, 0.25f, -0x1.fffffep-2f, 0x1.000002p+0f};
enum { edge_count = sizeof edges / sizeof edges[0] };

static float rule(const bncl_activation *a, float x)
{
    if (a->kind == BNCL_ACTIVATION_RELU)
        return x < 0.0f ? 0.0f : x;
    if (a->kind == BNCL_ACTIVATION_LEAKY_RELU)
        return x > 0.0f ? x : x * 0.25f;
    return x < -0.5f ? -0.5f : x > 1.0f ? 1.0f : x;
}

static bool passes(const bncl_activation *a, float x)
{
    if (a->kind == BNCL_ACTIVATION_RELU)
        return !(x <= 0.0f);
    if (a->kind == BNCL_ACTIVATION_LEAKY_RELU)
        return x > 0.0f;
    return !(x <= -0.5f || x >= 1.0f);
}

/* y and mask of an eval call whose statistics and parameters leave x what it is. */
static void check_edges(device *d, const fused_case *c)
{
    const bncl_activation *a = &c->activation;
    const size_t total = batch_norm_case_total(&c->norm);
    world *w = world_make(d, c);
    float *x = harness_floats(total), *ones = harness_floats(c->norm.channels);
    double *y = harness_doubles(total);
    for (size_t k = 0; k < total; ++k) {
        x[k] = edges[k % edge_count];
        y[k] = (double)rule(a, x[k]);
        ones[k % c->norm.channels] = 1.0f;
    }
    w->f.x = batch_norm_case_tensor(d, &c->norm, 0, x);
    w->f.residual = device_absent();
    w->f.running_mean = device_vector(d, c->norm.channels, harness_floats(c->norm.channels));
    w->f.running_var = device_vector(d, c->norm.channels, ones);
    w->f.save_mean = w->f.save_mean_lo = w->f.save_invstd = device_absent();
    device_ok(d, bncl_batch_norm_forward_eval(w->plan, d->queue, &w->f, NULL, &d->err), "eval");
    check_floats_or_special("y", device_floats(d, &w->f.y), y, harness_doubles(total), total);
    unsigned char *mask = harness_memory(bncl_batch_norm_mask_bytes(w->plan), 1);
    device_read(d, &w->f.mask, mask);
    const unsigned char *bits = fused_unpack(mask, fused_line(c), total);
    for (size_t k = 0; k < total; ++k)
        if (bits[k] != passes(a, x[k]))
            harness_fail("mask of %a, kind %d: got %d", (double)x[k], (int)a->kind, bits[k]);
}

static void at_the_edges(void **state)
{
    device *d = device_of(state);
    const bncl_activation activations[] = {bncl_activation_relu(), bncl_activation_leaky_relu(0.25),
                                           bncl_activation_hardtanh(-0.5, 1.0)};
    for (int i = 0; i < 6; ++i) {
        fused_case c = i % 2 == 0 ? case_make(BNCL_LAYOUT_NC, 3, edge_count, 1)
                                  : case_make(BNCL_LAYOUT_NCL, 3, 2, edge_count);
        c.activation = activations[i / 2];
        c.norm.options.eps = 0.0;
        c.norm.no_gamma = c.norm.no_beta = true;
        check_edges(d, &c);
        harness_release(NULL);
    }
}

static void masks_are_counted(void **state)
{
    device *d = device_of(state);
    const struct {
        bncl_layout layout;
        size_t samples, channels, positions, bytes;
    } rows[] = {
        {BNCL_LAYOUT_NC, 3, 9, 1, 6},    {BNCL_LAYOUT_NCL, 3, 5, 17, 45},
        {BNCL_LAYOUT_NLC, 3, 5, 17, 51}, {BNCL_LAYOUT_NCHW, 2, 3, 8, 6},
        {BNCL_LAYOUT_NHWC, 2, 3, 8, 16}, {BNCL_LAYOUT_NCL, 3, 9, 1, 6},
        {BNCL_LAYOUT_NC, 0, 9, 1, 0},    {BNCL_LAYOUT_NCL, 3, 9, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        fused_case c =
            case_make(rows[i].layout, rows[i].samples, rows[i].channels, rows[i].positions);
        assert_int_equal(bncl_batch_norm_mask_bytes(fused_plan(d, &c, false)), rows[i].bytes);
        assert_int_equal(bncl_batch_norm_mask_bytes(fused_plan(d, &c, true)), 0);
    }
}

/* Tensors that a call refuses, one after another in place of a good one. */
static void refused(void **state)
{
    device *d = device_of(state);
    const fused_case c = case_make(BNCL_LAYOUT_NC, 21, 19, 1);
    d->before = 4; /* to move tensors by one */
    world *w = world_make(d, &c), *plain = world_make(d, &c);
    const bncl_tensor mask = w->f.mask, absent = device_absent();
    plain->plan = fused_plan(d, &c, true);
    device_refused(d, forward(d, plain), BNCL_ERROR_ARGUMENT, "mask: expected none");
    device_refused(d, backward(d, plain, false), BNCL_ERROR_ARGUMENT, "mask: expected none");
    w->b.mask = absent;
    device_refused(d, backward(d, w, false), BNCL_ERROR_ARGUMENT, "mask");
    device_refused(d, backward(d, w, true), BNCL_ERROR_ARGUMENT, "mask");
    w->b.mask = w->f.mask = mask;
    --w->f.mask.dims[0];
    device_refused(d, forward(d, w), BNCL_ERROR_SHAPE, "mask: expected [63], got [62]");
    w->f.mask = mask;
    w->f.residual.dims[0] = 20;
    device_refused(d, forward(d, w), BNCL_ERROR_SHAPE, "residual: expected [21, 19], got [20, 19]");
    w->f.residual.dims[0] = 21;
    const bncl_tensor y = w->f.y, dx = w->b.dx;
    w->f.y = w->f.residual;
    --w->f.y.offset;
    device_refused(d, forward(d, w), BNCL_ERROR_ARGUMENT, "y overlaps residual");
    w->f.y = y;
    w->f.mask.buffer = y.buffer;
    w->f.mask.offset = 4 * y.offset + 16;
    device_refused(d, forward(d, w), BNCL_ERROR_ARGUMENT, "mask overlaps y");
    w->f.mask = mask;
    w->b.dresidual = dx;
    device_refused(d, backward(d, w, false), BNCL_ERROR_ARGUMENT, "dx overlaps dresidual");
    w->b.dresidual = w->b.dy;
    --w->b.dresidual.offset;
    device_refused(d, backward(d, w, false), BNCL_ERROR_ARGUMENT, "dresidual overlaps dy");
    device_untouched(d, "y", &y);
    device_untouched(d, "dx", &dx);
    device_untouched(d, "mask", &mask);
    bncl_batch_norm_double_backward second = {.x = w->f.x, .dy = w->b.dy};
    device_refused(d,
                   bncl_batch_norm_double_backward_train(w->plan, d->queue, &second, NULL, &d->err),
                   BNCL_ERROR_UNSUPPORTED, "activation");
}

/* By batch_norm_statistics.h, in one part: the bits of the calls that train. */
static void fused_in_one_part(void **state)
{
    device *d = device_of(state);
    static const bncl_layout layouts[] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC};
    static const bncl_dtype dtypes[] = {BNCL_F32, BNCL_F16, BNCL_BF16};
    for (size_t i = 0; i < (d->small ? 3 : 9); ++i) {
        const bncl_layout layout = layouts[i % 3];
        fused_case c = {
            .norm = batch_norm_case_make(layout, 9, 5, layout == BNCL_LAYOUT_NC ? 1 : 130),
            .activation = {(bncl_activation_kind)(i % BNCL_ACTIVATION_COUNT), 0.1, -0.5, 1.0},
            .residual = i % 2 == 0,
            .train = true};
        c.norm.dtype = dtypes[i / 3];
        const fused_data data = fused_data_make(&c);
        const fused_output whole = fused_run(d, &c, &data);
        c.in_parts = true;
        const fused_output part = fused_run(d, &c, &data);
        fused_expect_same(&c, &part, &whole);
        harness_release(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(in_the_place_of_inputs), HARNESS_TEST(fused_in_one_part),
        HARNESS_TEST(outputs_left_out),       HARNESS_TEST(a_slope_that_is_infinite),
        HARNESS_TEST(accumulated_or_not),     HARNESS_TEST(at_the_edges),
        HARNESS_TEST(masks_are_counted),      HARNESS_TEST(refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
