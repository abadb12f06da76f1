/* Relations that hold between batch norms, whatever the right result is: again, in other words of
   the same shape, on another queue: the same bits; permuted, shifted, scaled: the same within
   bounds. */
#include <math.h>
#include <string.h>

#include <bncl/opencl.h>

#include "lib/batch_norm_expect.h"
#include "lib/batch_norm_parts.h"
#include "lib/compare.h"
#include "lib/fingerprint.h"
#include "lib/generate.h"
#include "lib/harness.h"

static void expect_same(const batch_norm_case *c, const batch_norm_data *a,
                        const batch_norm_data *b)
{
    batch_norm_fingerprint first = batch_norm_fingerprint_of(c, a);
    batch_norm_fingerprint second = batch_norm_fingerprint_of(c, b);
    for (size_t i = 0; i < fingerprint_results; ++i)
        if (first.of[i] != second.of[i])
            harness_fail("%s: other bits in %s", batch_norm_case_name(c), fingerprint_names[i]);
}

static batch_norm_data trained(device *d, const batch_norm_case *c)
{
    batch_norm_data data = batch_norm_data_make(c);
    batch_norm_run_train(d, c, &data);
    return data;
}

static void repeating_gives_the_same_bits(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < (d->small ? 2 : fingerprint_cases); ++i) {
        batch_norm_case c = fingerprint_case(i);
        batch_norm_data first = trained(d, &c);
        for (int again = 0; again < 3; ++again) {
            batch_norm_data data = trained(d, &c);
            expect_same(&c, &first, &data);
        }
        harness_release(NULL);
    }
}

/* [N,C], [N,C,1] and [N,1,C]. */
static void one_position_is_none(void **state)
{
    device *d = device_of(state);
    const size_t shapes[][2] = {{2, 1}, {33, 17}, {100, 3}, {1030, 2}, {2500, 65}};
    for (size_t i = 0; i < (d->small ? 3 : 5); ++i) {
        batch_norm_case flat = batch_norm_case_make(BNCL_LAYOUT_NC, shapes[i][0], shapes[i][1], 1);
        batch_norm_case second = flat;
        second.layout = BNCL_LAYOUT_NCL;
        batch_norm_case last = flat;
        last.layout = BNCL_LAYOUT_NLC;
        batch_norm_data a = trained(d, &flat);
        batch_norm_data b = trained(d, &second);
        batch_norm_data e = trained(d, &last);
        expect_same(&flat, &a, &b);
        expect_same(&flat, &a, &e);
        harness_release(NULL);
    }
}

/* [N,L,C] is N·L rows: as [N·L,C], bit for bit. */
static void channels_last_is_rows(void **state)
{
    device *d = device_of(state);
    batch_norm_case last = batch_norm_case_make(BNCL_LAYOUT_NLC, 9, 5, 31);
    batch_norm_case rows = batch_norm_case_make(BNCL_LAYOUT_NC, 279, 5, 1);
    rows.seed = last.seed;
    batch_norm_data a = trained(d, &last);
    batch_norm_data b = trained(d, &rows);
    expect_same(&last, &a, &b);
}

/* Both of them may be a bound off, in opposite directions. */
static void expect_within(const batch_norm_case *c, const char *what, const float *got,
                          const float *other, const double *bound, size_t count)
{
    double *twice = harness_doubles(count);
    for (size_t i = 0; i < count; ++i)
        twice[i] = 2.0 * bound[i];
    check_floats(harness_text("%s of %s", what, batch_norm_case_name(c)), got,
                 harness_widen(other, count), twice, count);
}

static void expect_near(const batch_norm_case *c, const batch_norm_data *got,
                        const batch_norm_data *other)
{
    batch_norm_expectation e = batch_norm_expect(c, got, true);
    expect_within(c, "y", got->y, other->y, e.bounds.y, e.total);
    expect_within(c, "dx", got->dx, other->dx, e.bounds.dx, e.total);
    expect_within(c, "dgamma", got->dgamma, other->dgamma, e.bounds.dgamma, c->channels);
    expect_within(c, "dbeta", got->dbeta, other->dbeta, e.bounds.dbeta, c->channels);
    expect_within(c, "running_mean", got->new_running_mean, other->new_running_mean,
                  e.bounds.running_mean, c->channels);
    expect_within(c, "running_var", got->new_running_var, other->new_running_var,
                  e.bounds.running_var, c->channels);
}

/* values of `from`, in the layout of `to` and with the samples moved round by `by`. */
static float *rearranged(const batch_norm_case *from, const batch_norm_case *to, size_t by,
                         const float *values)
{
    reference_shape a = batch_norm_case_shape(from);
    reference_shape b = batch_norm_case_shape(to);
    float *out = harness_floats(reference_total(&a));
    for (size_t n = 0; n < a.samples; ++n)
        for (size_t c = 0; c < a.channels; ++c)
            for (size_t l = 0; l < a.positions; ++l)
                out[reference_index(&b, (n + by) % a.samples, c, l)] =
                    values[reference_index(&a, n, c, l)];
    return out;
}

/* Runs the case's data rearranged for `to`, and puts the results back in its own order. */
static batch_norm_data trained_rearranged(device *d, const batch_norm_case *c,
                                          const batch_norm_case *to, size_t by)
{
    batch_norm_data data = batch_norm_data_make(c);
    batch_norm_data moved = data;
    moved.x = rearranged(c, to, by, data.x);
    moved.dy = rearranged(c, to, by, data.dy);
    batch_norm_run_train(d, to, &moved);
    size_t back = c->samples - by;
    moved.x = data.x;
    moved.dy = data.dy;
    moved.y = rearranged(to, c, back, moved.y);
    moved.dx = rearranged(to, c, back, moved.dx);
    return moved;
}

static void permuted_batches_and_layouts(void **state)
{
    device *d = device_of(state);
    const size_t shapes[][3] = {{10, 3, 7}, {33, 17, 4}, {70, 3, 100}, {6, 20, 513}};
    const double offsets[] = {0.0, 1e4, -1e6};
    for (size_t i = 0; i < (d->small ? 2 : 4); ++i) {
        for (size_t o = 0; o < (d->small ? 1 : 3); ++o) {
            batch_norm_case c =
                batch_norm_case_make(BNCL_LAYOUT_NCL, shapes[i][0], shapes[i][1], shapes[i][2]);
            c.offset = offsets[o];
            batch_norm_case last = c;
            last.layout = BNCL_LAYOUT_NLC;
            batch_norm_data plain = trained(d, &c);
            batch_norm_data permuted = trained_rearranged(d, &c, &c, 3);
            batch_norm_data relaid = trained_rearranged(d, &c, &last, 0);
            expect_near(&c, &plain, &permuted);
            expect_near(&c, &plain, &relaid);
            harness_release(NULL);
        }
    }
}

/* x·2^k with eps·4^k has the same y; x + 1024 too, where that loses nothing. */
static void scaled_and_shifted(void **state)
{
    device *d = device_of(state);
    const bncl_layout layouts[] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC};
    for (size_t l = 0; l < 3; ++l) {
        batch_norm_case c = batch_norm_case_make(layouts[l], 40, 3, layouts[l] ? 6 : 1);
        size_t total = batch_norm_case_total(&c);
        batch_norm_data data = batch_norm_data_make(&c);
        generator g = generator_seed(l);
        generate_integers(&g, -3000, 3000, data.x, total);
        for (size_t i = 0; i < total; ++i)
            data.x[i] *= 0x1p-11f;
        batch_norm_data scaled = data;
        batch_norm_data shifted = data;
        scaled.x = harness_floats(total);
        shifted.x = harness_floats(total);
        for (size_t i = 0; i < total; ++i) {
            scaled.x[i] = data.x[i] * 0x1p+20f;
            shifted.x[i] = data.x[i] + 1024.0f;
            assert_true(shifted.x[i] - 1024.0f == data.x[i]);
        }
        batch_norm_run_train(d, &c, &data);
        batch_norm_run_train(d, &c, &shifted);
        c.options.eps *= 0x1p+40;
        batch_norm_run_train(d, &c, &scaled);
        c.options.eps *= 0x1p-40;
        batch_norm_expectation e = batch_norm_expect(&c, &data, true);
        expect_within(&c, "shifted y", shifted.y, data.y, e.bounds.y, total);
        expect_within(&c, "scaled y", scaled.y, data.y, e.bounds.y, total);
        harness_release(NULL);
    }
}

static void release_queue(void *queue)
{
    bncl_queue_destroy(queue);
}

static void release_cl_queue(void *queue)
{
    clReleaseCommandQueue(queue);
}

/* A queue that may run what it is given in any order; skips the test where there is none. */
static bncl_queue *out_of_order_queue(device *d)
{
    cl_int code;
    cl_command_queue cl = clCreateCommandQueue(bncl_opencl_get_context(d->context),
                                               bncl_opencl_get_device(d->context),
                                               CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    if (code != CL_SUCCESS) {
        harness_note("the device has no out-of-order queue (OpenCL error %d)", (int)code);
        skip();
    }
    harness_hold(cl, release_cl_queue);
    bncl_queue *queue = NULL;
    device_ok(d, bncl_opencl_queue(d->context, cl, &queue, &d->err), "bncl_opencl_queue");
    return harness_hold(queue, release_queue);
}

/* Everything enqueued at once on it, calls after calls without a wait between: each must still see
   what the one before it wrote. */
static void out_of_order_queues(void **state)
{
    device *d = device_of(state);
    device other = *d;
    other.queue = out_of_order_queue(d);
    other.before = other.after = 0; /* bncl_tensor_write fills whole buffers: see device_write */
    for (size_t i = 0; i < (d->small ? 2 : fingerprint_cases); ++i) {
        batch_norm_case c = fingerprint_case(i);
        bncl_batch_norm *plan = batch_norm_plan(&other, &c);
        batch_norm_data expected = trained(d, &c);
        batch_norm_data data = batch_norm_data_make(&c);
        bncl_batch_norm_forward forward = batch_norm_forward_tensors(&other, &c, &data);
        bncl_batch_norm_backward backward =
            batch_norm_backward_tensors(&other, &c, &data, &forward);
        forward.x = device_tensor(&other, BNCL_F32, forward.x.rank, forward.x.dims, NULL);
        backward.x = forward.x;
        device_ok(d, bncl_tensor_write(other.queue, &forward.x, data.x, NULL, &d->err), "write");
        device_ok(d, bncl_batch_norm_forward_train(plan, other.queue, &forward, NULL, &d->err),
                  "forward");
        device_ok(d, bncl_batch_norm_backward_train(plan, other.queue, &backward, NULL, &d->err),
                  "backward");
        batch_norm_read_backward(&other, &backward, &data);
        batch_norm_read_forward(&other, &forward, &data);
        expect_same(&c, &expected, &data);
    }
}

/* In parts as well, which merge one after another. */
static void out_of_order_parts(void **state)
{
    device *d = device_of(state);
    device other = *d;
    other.queue = out_of_order_queue(d);
    other.before = other.after = 0;
    const size_t samples[] = {3, 1, 0, 7, 2, 9, 4, 7};
    const batch_norm_cut cut = {sizeof samples / sizeof *samples, samples};
    const batch_norm_case c = fingerprint_case(0);
    batch_norm_data expected = batch_norm_data_make(&c), data = batch_norm_data_make(&c);
    batch_norm_run_parts(d, &c, &cut, &expected);
    batch_norm_run_parts(&other, &c, &cut, &data);
    expect_same(&c, &expected, &data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(repeating_gives_the_same_bits),
        HARNESS_TEST(one_position_is_none),
        HARNESS_TEST(channels_last_is_rows),
        HARNESS_TEST(permuted_batches_and_layouts),
        HARNESS_TEST(scaled_and_shifted),
        HARNESS_TEST(out_of_order_queues),
        HARNESS_TEST(out_of_order_parts),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
