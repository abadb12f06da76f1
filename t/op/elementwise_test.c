/* ReLU and sums: every element has exactly one right value, so that bits are compared. */
#include <math.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/generate.h"
#include "lib/harness.h"

static float *normals(uint64_t seed, size_t count)
{
    generator g = generator_seed(seed);
    float *values = harness_floats(count);
    generate_normal(&g, 0.0, 1.0, values, count);
    return values;
}

static const size_t counts[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 63, 64, 65, 1000, 4099, 100003};
enum { count_of_counts = sizeof counts / sizeof *counts };

static void relu_of_any_length(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < count_of_counts && !(d->small && counts[i] > 1000); ++i) {
        size_t count = counts[i];
        bncl_elementwise *op = device_elementwise(d, BNCL_F32);
        float *x = normals(count, count);
        float *dy = normals(count + 1, count);
        float *y = harness_floats(count);
        float *dx = harness_floats(count);
        for (size_t k = 0; k < count; ++k) {
            y[k] = x[k] > 0.0f ? x[k] : 0.0f;
            dx[k] = x[k] > 0.0f ? dy[k] : 0.0f;
        }
        bncl_tensor x_at = device_vector(d, count, x);
        bncl_tensor y_at = device_vector(d, count, NULL);
        bncl_tensor dy_at = device_vector(d, count, dy);
        bncl_tensor dx_at = device_vector(d, count, NULL);
        device_ok(d, bncl_relu_forward(op, d->queue, &x_at, &y_at, NULL, &d->err), "forward");
        device_ok(d, bncl_relu_backward(op, d->queue, &y_at, &dy_at, &dx_at, NULL, &d->err),
                  "backward");
        check_float_bits("y", device_floats(d, &y_at), y, count);
        check_float_bits("dx", device_floats(d, &dx_at), dx, count);
        check_float_bits("x", device_floats(d, &x_at), x, count);

        /* in place */
        device_ok(d, bncl_relu_forward(op, d->queue, &x_at, &x_at, NULL, &d->err), "forward");
        device_ok(d, bncl_relu_backward(op, d->queue, &x_at, &dy_at, &dy_at, NULL, &d->err),
                  "backward");
        check_float_bits("y in place", device_floats(d, &x_at), y, count);
        check_float_bits("dx in place", device_floats(d, &dy_at), dx, count);
        harness_release(NULL);
    }
}

static void relu_of_special_values(void **state)
{
    device *d = device_of(state);
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    const float x[] = {0.0f, -0.0f, NAN, INFINITY, -INFINITY, 0x1p-126f, -0x1p-126f, 1e38f};
    const float dy[] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, NAN, INFINITY};
    bncl_tensor x_at = device_vector(d, 8, x);
    bncl_tensor dy_at = device_vector(d, 8, dy);
    bncl_tensor y_at = device_vector(d, 8, NULL);
    bncl_tensor dx_at = device_vector(d, 8, NULL);
    device_ok(d, bncl_relu_forward(op, d->queue, &x_at, &y_at, NULL, &d->err), "forward");
    device_ok(d, bncl_relu_backward(op, d->queue, &y_at, &dy_at, &dx_at, NULL, &d->err),
              "backward");
    const double y[] = {0.0, 0.0, NAN, INFINITY, 0.0, 0x1p-126, 0.0, (double)1e38f};
    const double dx[] = {0.0, 0.0, 3.0, 4.0, 0.0, 6.0, 0.0, INFINITY};
    const double exact[8] = {0.0};
    check_floats_or_special("y", device_floats(d, &y_at), y, exact, 8);
    check_floats_or_special("dx", device_floats(d, &dx_at), dx, exact, 8);
}

/* As PyTorch's: relu keeps the sign of a zero, whichever the vector width; where it has put a zero,
   and in the gradient, that is +0. */
static void relu_of_zeros(void **state)
{
    device *d = device_of(state);
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    enum { count = 19 };
    float x[count], y[count], dy[count], dx[count] = {0.0f};
    for (size_t i = 0; i < count; ++i) {
        x[i] = i % 3 == 0 ? -0.0f : i % 3 == 1 ? 0.0f : -1.0f;
        y[i] = i % 3 == 0 ? -0.0f : 0.0f;
        dy[i] = -2.0f;
    }
    bncl_tensor x_at = device_vector(d, count, x);
    bncl_tensor y_at = device_vector(d, count, NULL);
    bncl_tensor dy_at = device_vector(d, count, dy);
    bncl_tensor dx_at = device_vector(d, count, NULL);
    device_ok(d, bncl_relu_forward(op, d->queue, &x_at, &y_at, NULL, &d->err), "forward");
    device_ok(d, bncl_relu_backward(op, d->queue, &y_at, &dy_at, &dx_at, NULL, &d->err),
              "backward");
    check_float_bits("y", device_floats(d, &y_at), y, count);
    check_float_bits("dx", device_floats(d, &dx_at), dx, count);
}

static void sums(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < count_of_counts && !(d->small && counts[i] > 1000); ++i) {
        size_t count = counts[i];
        bncl_elementwise *op = device_elementwise(d, BNCL_F32);
        float *a = normals(3 * count, count);
        float *b = normals(3 * count + 1, count);
        float *z = harness_floats(count);
        for (size_t k = 0; k < count; ++k)
            z[k] = a[k] + b[k];
        bncl_tensor a_at = device_vector(d, count, a);
        bncl_tensor b_at = device_vector(d, count, b);
        bncl_tensor z_at = device_vector(d, count, NULL);
        device_ok(d, bncl_add(op, d->queue, &a_at, &b_at, &z_at, NULL, &d->err), "add");
        check_float_bits("z", device_floats(d, &z_at), z, count);
        device_ok(d, bncl_add(op, d->queue, &a_at, &b_at, &b_at, NULL, &d->err), "add");
        check_float_bits("z in b's place", device_floats(d, &b_at), z, count);
        harness_release(NULL);
    }
}

/* Shapes do not matter, only numbers of elements do. */
static void shapes_may_differ(void **state)
{
    device *d = device_of(state);
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    const size_t dims[] = {2, 3, 4};
    float *x = normals(5, 24);
    bncl_tensor x_at = device_tensor(d, BNCL_F32, 3, dims, x);
    bncl_tensor z_at = device_vector(d, 24, NULL);
    device_ok(d, bncl_add(op, d->queue, &x_at, &x_at, &z_at, NULL, &d->err), "add");
    for (size_t i = 0; i < 24; ++i)
        x[i] *= 2.0f;
    check_float_bits("z", device_floats(d, &z_at), x, 24);
}

static void nothing_to_do(void **state)
{
    device *d = device_of(state);
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    bncl_tensor none = device_vector(d, 0, NULL);
    device_ok(d, bncl_relu_forward(op, d->queue, &none, &none, NULL, &d->err), "forward");
    device_ok(d, bncl_relu_backward(op, d->queue, &none, &none, &none, NULL, &d->err), "backward");
    device_ok(d, bncl_add(op, d->queue, &none, &none, &none, NULL, &d->err), "add");
    device_read(d, &none, &none);
}

static void refused(void **state)
{
    device *d = device_of(state);
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    bncl_tensor four = device_vector(d, 4, NULL);
    bncl_tensor five = device_vector(d, 5, NULL);
    bncl_tensor none = device_absent();
    bncl_tensor labels = four;
    labels.dtype = BNCL_I32;
    device_refused(d, bncl_relu_forward(op, d->queue, &four, &five, NULL, &d->err),
                   BNCL_ERROR_SHAPE, "");
    device_refused(d, bncl_add(op, d->queue, &four, &none, &four, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, "b");
    device_refused(d, bncl_relu_backward(op, d->queue, &four, &labels, &four, NULL, &d->err),
                   BNCL_ERROR_DTYPE, "dy");
    device_refused(d, bncl_add(NULL, d->queue, &four, &four, &four, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, "");
    device_untouched(d, "four", &four);
    device_untouched(d, "five", &five);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(relu_of_any_length),
        HARNESS_TEST(relu_of_special_values),
        HARNESS_TEST(relu_of_zeros),
        HARNESS_TEST(sums),
        HARNESS_TEST(shapes_may_differ),
        HARNESS_TEST(nothing_to_do),
        HARNESS_TEST(refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
