/* Activations as operations of their own, against PyTorch's rules written out and PyTorch's
   recorded results: every element, and every bit of the mask, has exactly one right value. */
#include <math.h>
#include <string.h>

#include "lib/device.h"
#include "lib/fused.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/narrow.h"
#include "lib/vectors.h"
#include "runtime/context.h"

static const bncl_activation activations[] = {
    {.kind = BNCL_ACTIVATION_NONE},
    {.kind = BNCL_ACTIVATION_RELU},
    {.kind = BNCL_ACTIVATION_LEAKY_RELU, .negative_slope = 0.01},
    {.kind = BNCL_ACTIVATION_LEAKY_RELU, .negative_slope = -1.5},
    {.kind = BNCL_ACTIVATION_HARDTANH, .min = 0.0, .max = 6.0},
    {.kind = BNCL_ACTIVATION_HARDTANH, .min = -0.3, .max = 0.7},
    {.kind = BNCL_ACTIVATION_HARDTANH, .min = 0.25, .max = (double)INFINITY},
};
enum { activation_count = sizeof activations / sizeof activations[0] };

/* ---- the rules, in double; a number of the activation as an operation of the dtype has it ---- */

static double number(bncl_dtype dtype, double value)
{
    return dtype == BNCL_F64 ? value : (double)(float)value;
}

/* Rounded as memory of the dtype rounds. A product of two floats is exact in double. */
static double stored(bncl_dtype dtype, double value)
{
    if (dtype == BNCL_F16)
        return narrow_round(&narrow_f16, (double)(float)value);
    if (dtype == BNCL_BF16)
        return narrow_round(&narrow_bf16, (double)(float)value);
    return number(dtype, value);
}

static double value_of(const bncl_activation *a, bncl_dtype dtype, double x)
{
    const double min = number(dtype, a->min), max = number(dtype, a->max);
    switch (a->kind) {
    case BNCL_ACTIVATION_RELU:
        return x < 0.0 ? 0.0 : x;
    case BNCL_ACTIVATION_LEAKY_RELU:
        return x > 0.0 ? x : stored(dtype, x * number(dtype, a->negative_slope));
    case BNCL_ACTIVATION_HARDTANH:
        return x < min ? stored(dtype, min) : x > max ? stored(dtype, max) : x;
    default:
        return x;
    }
}

static bool passes(const bncl_activation *a, bncl_dtype dtype, double x)
{
    switch (a->kind) {
    case BNCL_ACTIVATION_RELU:
        return !(x <= 0.0);
    case BNCL_ACTIVATION_LEAKY_RELU:
        return x > 0.0;
    case BNCL_ACTIVATION_HARDTANH:
        return !(x <= number(dtype, a->min) || x >= number(dtype, a->max));
    default:
        return true;
    }
}

static double gradient_of(const bncl_activation *a, bncl_dtype dtype, bool pass, double dy)
{
    if (pass)
        return dy;
    return a->kind == BNCL_ACTIVATION_LEAKY_RELU
               ? stored(dtype, dy * number(dtype, a->negative_slope))
               : 0.0;
}

/* ---- elements of a dtype ---- */

static void encode(bncl_dtype dtype, double value, unsigned char *out)
{
    const float single = (float)value;
    const uint16_t half =
        narrow_encode(dtype == BNCL_F16 ? &narrow_f16 : &narrow_bf16, (double)single);
    if (dtype == BNCL_F64)
        memcpy(out, &value, sizeof value);
    else if (dtype == BNCL_F32)
        memcpy(out, &single, sizeof single);
    else
        memcpy(out, &half, sizeof half);
}

static double decode(bncl_dtype dtype, const unsigned char *element)
{
    double value;
    float single;
    uint16_t half;
    memcpy(&half, element, sizeof half);
    if (dtype == BNCL_F64)
        memcpy(&value, element, sizeof value);
    else if (dtype == BNCL_F32) {
        memcpy(&single, element, sizeof single);
        value = (double)single;
    } else
        value = narrow_decode(dtype == BNCL_F16 ? &narrow_f16 : &narrow_bf16, half);
    return value;
}

static bncl_tensor filled(device *d, bncl_dtype dtype, const double *values, size_t count)
{
    const size_t size = bncl_dtype_size(dtype);
    unsigned char *elements = harness_memory(count, size);
    for (size_t i = 0; i < count; ++i)
        encode(dtype, values[i], elements + i * size);
    return device_tensor(d, dtype, 1, &count, elements);
}

/* Equal, with the sign of zeros; of NaNs, both. */
static void expect(device *d, const char *what, const bncl_tensor *got, const double *expected)
{
    const size_t count = bncl_tensor_count(got), size = bncl_dtype_size(got->dtype);
    unsigned char *elements = harness_memory(count, size);
    device_read(d, got, elements);
    for (size_t i = 0; i < count; ++i) {
        const double value = decode(got->dtype, elements + i * size);
        const bool same = isnan(expected[i])
                              ? isnan(value)
                              : value == expected[i] && signbit(value) == signbit(expected[i]);
        if (!same)
            harness_fail("%s %s[%zu]: expected %a, got %a", bncl_dtype_name(got->dtype), what, i,
                         expected[i], value);
    }
}

/* x and dy are numbers of the dtype. */
static void check(device *d, bncl_elementwise *op, const bncl_activation *a, bncl_dtype dtype,
                  const double *x, const double *dy, size_t count)
{
    double *y = harness_doubles(count), *dx = harness_doubles(count);
    unsigned char *bits = harness_memory(count, 1);
    for (size_t i = 0; i < count; ++i) {
        bits[i] = passes(a, dtype, x[i]);
        y[i] = value_of(a, dtype, x[i]);
        dx[i] = gradient_of(a, dtype, bits[i], dy[i]);
    }
    const size_t bytes = (count + 7) / 8;
    const bncl_tensor x_at = filled(d, dtype, x, count), dy_at = filled(d, dtype, dy, count);
    const bncl_tensor y_at = device_tensor(d, dtype, 1, &count, NULL);
    const bncl_tensor dx_at = device_tensor(d, dtype, 1, &count, NULL);
    const bncl_tensor mask = device_tensor(d, BNCL_U8, 1, &bytes, NULL);
    device_ok(d, bncl_activation_forward(op, d->queue, a, &x_at, &y_at, &mask, NULL, &d->err), "");
    device_ok(d, bncl_activation_backward(op, d->queue, a, &mask, &dy_at, &dx_at, NULL, &d->err),
              "");
    expect(d, "y", &y_at, y);
    expect(d, "dx", &dx_at, dx);
    expect(d, "x", &x_at, x);
    unsigned char *packed = harness_memory(bytes, 1);
    device_read(d, &mask, packed);
    const unsigned char *got = fused_unpack(packed, count, count);
    for (size_t i = 0; i < count; ++i)
        if (got[i] != bits[i])
            harness_fail("mask: bit %zu of %zu, kind %d: got %d", i, count, (int)a->kind, got[i]);

    /* in place, and without a mask */
    device_ok(d, bncl_activation_forward(op, d->queue, a, &x_at, &x_at, NULL, NULL, &d->err), "");
    device_ok(d, bncl_activation_backward(op, d->queue, a, &mask, &dy_at, &dy_at, NULL, &d->err),
              "");
    expect(d, "y in place", &x_at, y);
    expect(d, "dx in place", &dy_at, dx);
}

static int dtypes_of(const device *d)
{
    return bncli_context_facts(d->context)->has_fp64 ? 4 : 3;
}

static const bncl_dtype dtypes[] = {BNCL_F32, BNCL_F16, BNCL_BF16, BNCL_F64};

static double *numbers(bncl_dtype dtype, uint64_t seed, size_t count)
{
    generator g = generator_seed(seed);
    float *floats = harness_floats(count);
    double *values = harness_doubles(count);
    generate_normal(&g, 0.0, 1.0, floats, count);
    for (size_t i = 0; i < count; ++i)
        values[i] = stored(dtype, (double)floats[i]);
    return values;
}

static void any_length(void **state)
{
    static const size_t counts[] = {1,  2,  3,  7,  8,   9,   15,  16,   17,
                                    31, 33, 63, 64, 127, 129, 515, 4099, 100003};
    device *d = device_of(state);
    for (int t = 0; t < dtypes_of(d); ++t)
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; ++i) {
            if (d->small && (counts[i] > 129 || (t > 0 && i % 4 != 0)))
                continue;
            bncl_elementwise *op = device_elementwise(d, dtypes[t]);
            const double *x = numbers(dtypes[t], counts[i], counts[i]);
            const double *dy = numbers(dtypes[t], counts[i] + 1, counts[i]);
            for (int a = 0; a < activation_count; ++a)
                check(d, op, &activations[a], dtypes[t], x, dy, counts[i]);
            harness_release(NULL);
        }
}

/* Zeros of both signs, infinities, NaN, the smallest numbers and the bounds themselves, in every
   place of a vector. */
static void special_values(void **state)
{
    enum { kinds = 19, count = 3 * kinds };
    device *d = device_of(state);
    for (int t = 0; t < dtypes_of(d); ++t) {
        bncl_elementwise *op = device_elementwise(d, dtypes[t]);
        for (int a = 0; a < activation_count; ++a) {
            const double tiny = dtypes[t] == BNCL_F64   ? 0x1p-1074
                                : dtypes[t] == BNCL_F32 ? 0x1p-149
                                : dtypes[t] == BNCL_F16 ? 0x1p-24
                                                        : 0x1p-133;
            const double min = stored(dtypes[t], activations[a].min);
            const double max = stored(dtypes[t], activations[a].max);
            const double x[kinds] = {0.0,
                                     -0.0,
                                     (double)NAN,
                                     (double)INFINITY,
                                     -tiny,
                                     tiny,
                                     -(double)INFINITY,
                                     1.0,
                                     -1.0,
                                     min,
                                     max,
                                     -min,
                                     -max,
                                     6.0,
                                     6.5,
                                     5.5,
                                     -8.0,
                                     0.5,
                                     0.75};
            double all[count], dy[count];
            for (int i = 0; i < count; ++i) {
                all[i] = x[i % kinds];
                dy[i] = i % 5 == 0 ? -0.0 : i % 7 == 0 ? (double)NAN : (double)(i - kinds) / 4.0;
            }
            check(d, op, &activations[a], dtypes[t], all, dy, count);
        }
        harness_release(NULL);
    }
}

static bncl_activation recorded(const vectors_case *c)
{
    if (strcmp(c->name, "relu") == 0)
        return bncl_activation_relu();
    if (strncmp(c->name, "leaky", strlen("leaky")) == 0)
        return bncl_activation_leaky_relu(vectors_number_of(c, "negative_slope"));
    return bncl_activation_hardtanh(vectors_number_of(c, "min"), vectors_number_of(c, "max"));
}

static void as_pytorch_recorded(void **state)
{
    device *d = device_of(state);
    const vectors *v = vectors_open("activation.txt");
    for (size_t i = 0; i < v->count; ++i)
        for (int t = 0; t < dtypes_of(d); t += 3) {
            const vectors_case *c = &v->cases[i];
            const vectors_type type = t == 0 ? VECTORS_F32 : VECTORS_F64;
            const bncl_activation a = recorded(c);
            bncl_elementwise *op = device_elementwise(d, dtypes[t]);
            const vectors_tensor *x = vectors_get(c, VECTORS_F32, "x");
            const size_t bytes = (x->count + 7) / 8;
            const bncl_tensor y = filled(d, dtypes[t], x->values, x->count);
            const bncl_tensor dx =
                filled(d, dtypes[t], vectors_get(c, VECTORS_F32, "dy")->values, x->count);
            const bncl_tensor mask = device_tensor(d, BNCL_U8, 1, &bytes, NULL);
            device_ok(d, bncl_activation_forward(op, d->queue, &a, &y, &y, &mask, NULL, &d->err),
                      c->name);
            device_ok(d, bncl_activation_backward(op, d->queue, &a, &mask, &dx, &dx, NULL, &d->err),
                      c->name);
            expect(d, harness_text("%s y", c->name), &y, vectors_get(c, type, "y")->values);
            expect(d, harness_text("%s dx", c->name), &dx, vectors_get(c, type, "dx")->values);
        }
    assert_int_equal(v->count, 9);
}

static void nothing_to_do(void **state)
{
    device *d = device_of(state);
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    const size_t zero = 0;
    const bncl_tensor none = device_vector(d, 0, NULL);
    const bncl_tensor mask = device_tensor(d, BNCL_U8, 1, &zero, NULL);
    const bncl_activation relu = bncl_activation_relu();
    device_ok(d, bncl_activation_forward(op, d->queue, &relu, &none, &none, &mask, NULL, &d->err),
              "forward");
    device_ok(d, bncl_activation_backward(op, d->queue, &relu, &mask, &none, &none, NULL, &d->err),
              "backward");
    unsigned char nothing[1];
    device_read(d, &none, nothing);
    device_read(d, &mask, nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(any_length),
        HARNESS_TEST(special_values),
        HARNESS_TEST(as_pytorch_recorded),
        HARNESS_TEST(nothing_to_do),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
