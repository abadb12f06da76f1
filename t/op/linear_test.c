/* The linear map, forward and backward, against the reference. */
#include <math.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/gemm.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/reference.h"
#include "lib/tolerance.h"

/* The inputs of a layer, on the host and on the device, all outputs as tensors of canaries. */
typedef struct layer {
    reference_linear shape;
    bncl_linear *plan;
    float *x, *weight, *bias, *dy;
    bncl_tensor x_at, weight_at, bias_at, y_at;
    bncl_linear_backward_args backward;
} layer;

static void release_plan(void *plan)
{
    bncl_linear_destroy(plan);
}

static bncl_tensor matrix(device *d, size_t rows, size_t columns, const float *host)
{
    const size_t dims[] = {rows, columns};
    return device_tensor(d, BNCL_F32, 2, dims, host);
}

static float *normals(generator *g, size_t count)
{
    float *values = harness_floats(count);
    generate_normal(g, 0.0, 1.0, values, count);
    return values;
}

static layer layer_make(device *d, size_t rows, size_t in, size_t out)
{
    generator g = generator_seed(rows * 10007 + in * 101 + out);
    layer a = {.shape = {rows, in, out}};
    a.x = normals(&g, rows * in);
    a.weight = normals(&g, out * in);
    a.bias = normals(&g, out);
    a.dy = normals(&g, rows * out);
    device_ok(d, bncl_linear_create(d->context, rows, in, out, &a.plan, &d->err), "linear_create");
    device_hold(d, a.plan, release_plan);
    a.x_at = matrix(d, rows, in, a.x);
    a.weight_at = matrix(d, out, in, a.weight);
    a.bias_at = device_vector(d, out, a.bias);
    a.y_at = matrix(d, rows, out, NULL);
    a.backward = (bncl_linear_backward_args){.x = a.x_at,
                                             .weight = a.weight_at,
                                             .dy = matrix(d, rows, out, a.dy),
                                             .dx = matrix(d, rows, in, NULL),
                                             .dweight = matrix(d, out, in, NULL),
                                             .dbias = device_vector(d, out, NULL)};
    return a;
}

static const char *name(const layer *a, const char *what)
{
    return harness_text("%s of %zu rows, %zu -> %zu", what, a->shape.rows, a->shape.in_features,
                        a->shape.out_features);
}

/* |values| in double. */
static double *magnitudes(const float *values, size_t count)
{
    double *wide = harness_widen(values, count);
    for (size_t i = 0; i < count; ++i)
        wide[i] = fabs(wide[i]);
    return wide;
}

/* Turns Σ|terms| into bounds of sums of k terms. */
static void bound_sums(double *sum_abs, size_t count, size_t k)
{
    for (size_t i = 0; i < count; ++i)
        sum_abs[i] = tolerance_sum_any_order(k, sum_abs[i]);
}

static void check_forward(device *d, layer *a, bool with_bias)
{
    const reference_linear *s = &a->shape;
    size_t count = s->rows * s->out_features;
    double *y = harness_doubles(count);
    double *bound = harness_doubles(count);
    double *bias = with_bias ? harness_widen(a->bias, s->out_features) : NULL;
    double *bias_abs = with_bias ? magnitudes(a->bias, s->out_features) : NULL;
    reference_linear_forward(s, harness_widen(a->x, s->rows * s->in_features),
                             harness_widen(a->weight, s->out_features * s->in_features), bias, y);
    reference_linear_forward(s, magnitudes(a->x, s->rows * s->in_features),
                             magnitudes(a->weight, s->out_features * s->in_features), bias_abs,
                             bound);
    bound_sums(bound, count, s->in_features + 2);

    const bncl_tensor none = device_absent();
    const bncl_tensor *b = with_bias ? &a->bias_at : &none;
    device_ok(
        d,
        bncl_linear_forward(a->plan, d->queue, &a->x_at, &a->weight_at, b, &a->y_at, NULL, &d->err),
        name(a, "forward"));
    check_floats(name(a, "y"), device_floats(d, &a->y_at), y, bound, count);
}

static void check_backward(device *d, layer *a)
{
    const reference_linear *s = &a->shape;
    size_t x_count = s->rows * s->in_features;
    size_t w_count = s->in_features * s->out_features;
    size_t y_count = s->rows * s->out_features;
    double *dx = harness_doubles(x_count);
    double *dweight = harness_doubles(w_count);
    double *dbias = harness_doubles(s->out_features);
    double *dx_bound = harness_doubles(x_count);
    double *dweight_bound = harness_doubles(w_count);
    double *dbias_bound = harness_doubles(s->out_features);
    reference_linear_backward(s, harness_widen(a->x, x_count), harness_widen(a->weight, w_count),
                              harness_widen(a->dy, y_count), dx, dweight, dbias);
    reference_linear_backward(s, magnitudes(a->x, x_count), magnitudes(a->weight, w_count),
                              magnitudes(a->dy, y_count), dx_bound, dweight_bound, dbias_bound);
    bound_sums(dx_bound, x_count, s->out_features + 1);
    bound_sums(dweight_bound, w_count, s->rows + 1);
    for (size_t i = 0; i < s->out_features; ++i)
        dbias_bound[i] = fmin(tolerance_sum_any_order(s->rows + 1, dbias_bound[i]),
                              tolerance_leaf_sum(dbias_bound[i]));

    device_ok(d, bncl_linear_backward(a->plan, d->queue, &a->backward, NULL, &d->err),
              name(a, "backward"));
    check_floats(name(a, "dx"), device_floats(d, &a->backward.dx), dx, dx_bound, x_count);
    check_floats(name(a, "dweight"), device_floats(d, &a->backward.dweight), dweight, dweight_bound,
                 w_count);
    check_floats(name(a, "dbias"), device_floats(d, &a->backward.dbias), dbias, dbias_bound,
                 s->out_features);
}

static void shapes(void **state)
{
    device *d = device_of(state);
    const size_t table[][3] = {
        {1, 1, 1},     {1, 5, 3},       {2, 3, 1},       {7, 1, 4},      {5, 17, 9},
        {33, 16, 8},   {31, 65, 33},    {128, 64, 10},   {128, 100, 65}, {65, 784, 33},
        {1, 784, 256}, {100, 784, 256}, {257, 256, 128}, {1025, 20, 10}, {70, 3, 1000},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; ++i) {
        const size_t *t = table[i];
        if (d->small && t[0] * t[1] * t[2] > 5000)
            continue;
        layer a = layer_make(d, t[0], t[1], t[2]);
        check_forward(d, &a, true);
        check_forward(d, &a, false);
        check_backward(d, &a);
        harness_release(NULL);
    }
}

/* Any of dx, dweight, dbias left out; what is asked for is as it is together. */
static void outputs_left_out(void **state)
{
    device *d = device_of(state);
    layer a = layer_make(d, 9, 7, 5);
    check_backward(d, &a);
    float *dx = device_floats(d, &a.backward.dx);
    float *dweight = device_floats(d, &a.backward.dweight);
    float *dbias = device_floats(d, &a.backward.dbias);
    for (unsigned bits = 0; bits < 8; ++bits) {
        bncl_linear_backward_args args = a.backward;
        args.dx = bits & 1u ? matrix(d, 9, 7, NULL) : device_absent();
        args.dweight = bits & 2u ? matrix(d, 5, 7, NULL) : device_absent();
        args.dbias = bits & 4u ? device_vector(d, 5, NULL) : device_absent();
        device_ok(d, bncl_linear_backward(a.plan, d->queue, &args, NULL, &d->err), "backward");
        if (bits & 1u)
            check_float_bits("dx", device_floats(d, &args.dx), dx, 63);
        if (bits & 2u)
            check_float_bits("dweight", device_floats(d, &args.dweight), dweight, 35);
        if (bits & 4u)
            check_float_bits("dbias", device_floats(d, &args.dbias), dbias, 5);
    }
}

/* One large value, then leaves of just over half its ulp, which plain sums of the leaves would all
   round up: 128 of them make the error that no rounding hides. */
static void many_rows_that_lean_one_way(void **state)
{
    device *d = device_of(state);
    enum { leaf = 32, rows = 129 * leaf, out = 3 };
    layer a = layer_make(d, rows, 1, out);
    double dbias[out] = {0.0};
    double bound[out];
    for (size_t i = 0; i < rows * out; ++i) {
        const float small = i / out % leaf == 0 ? 0x1.08p-24f : 0.0f;
        const float sign = i % out == 1 ? -1.0f : 1.0f;
        a.dy[i] = sign * (i / out == 0 ? 1.0f : small);
        dbias[i % out] += (double)a.dy[i];
    }
    for (size_t i = 0; i < out; ++i)
        bound[i] = tolerance_leaf_sum(fabs(dbias[i]));
    device_write(d, &a.backward.dy, a.dy);
    a.backward.dx = a.backward.dweight = device_absent();
    device_ok(d, bncl_linear_backward(a.plan, d->queue, &a.backward, NULL, &d->err), "backward");
    check_floats("dbias", device_floats(d, &a.backward.dbias), dbias, bound, out);
}

/* More rows than a work-item of llvmpipe goes round in its loops, 65535 times in all. */
static void many_rows(void **state)
{
    device *d = device_of(state);
    const size_t rows = d->small ? 1025 : 70001, out = 3;
    layer a = layer_make(d, rows, 1, out);
    for (size_t i = 0; i < rows * out; ++i)
        a.dy[i] = (float)(1 + i % out);
    device_write(d, &a.backward.dy, a.dy);
    a.backward.dx = a.backward.dweight = device_absent();
    device_ok(d, bncl_linear_backward(a.plan, d->queue, &a.backward, NULL, &d->err), "backward");
    const float dbias[] = {(float)rows, 2.0f * (float)rows, 3.0f * (float)rows};
    check_float_bits("dbias", device_floats(d, &a.backward.dbias), dbias, out);
}

/* dbias when `who` multiplies, added to what it held if `add`; NULL where he serves no such device.
   With infinities and a NaN in some columns. */
static float *dbias_by(device *d, const char *who, size_t rows, size_t out, bool add)
{
    if (!multiply_by(d, who))
        return NULL;
    layer a = layer_make(d, rows, 2, out);
    a.dy[0] = a.dy[(rows - 1) * out] = INFINITY;
    a.dy[rows / 2 * out + out / 2] = NAN;
    device_write(d, &a.backward.dy, a.dy);
    device_write(d, &a.backward.dbias, a.bias);
    a.backward.dweight = matrix(d, out, 2, a.weight);
    a.backward.accumulate_parameters = add;
    device_ok(d, bncl_linear_backward(a.plan, d->queue, &a.backward, NULL, &d->err), "backward");
    return device_floats(d, &a.backward.dbias);
}

/* The product's own command adds dbias up as the kernel does. */
static void dbias_has_the_kernels_bits(void **state)
{
    device *d = device_of(state);
    const size_t table[][2] = {{1, 1}, {3, 70}, {32, 64}, {33, 10}, {65, 129}, {257, 200}};
    for (size_t i = 0; i < 2 * sizeof table / sizeof *table; ++i) {
        const size_t rows = table[i / 2][0], out = table[i / 2][1];
        float *kernels = dbias_by(d, "clblast", rows, out, i % 2 != 0);
        float *products = dbias_by(d, "cblas", rows, out, i % 2 != 0);
        if (products == NULL)
            skip();
        for (size_t c = 0; c < out; ++c)
            if (isnan(kernels[c]) && isnan(products[c]))
                kernels[c] = products[c] = 0.0f; /* a NaN has no one pattern */
        check_float_bits(harness_text("dbias of [%zu, %zu]", rows, out), products, kernels, out);
        harness_release(NULL);
    }
}

/* No rows: no y and no dx; the sums over rows are 0. */
static void no_rows(void **state)
{
    device *d = device_of(state);
    for (size_t margin = 0; margin < 2; ++margin) {
        d->before = d->after = 4 * margin;
        layer a = layer_make(d, 0, 3, 2);
        check_forward(d, &a, true);
        check_backward(d, &a);
        check_all_equal("dweight", device_floats(d, &a.backward.dweight), 0.0f, 6);
        check_all_equal("dbias", device_floats(d, &a.backward.dbias), 0.0f, 2);
    }
}

/* y holds canaries, which are NaNs, before the call: a product that is added to them, even times 0,
   would show. So would a NaN that gets lost. */
static void nan_reaches_its_row(void **state)
{
    device *d = device_of(state);
    layer a = layer_make(d, 4, 6, 3);
    a.x[6] = NAN; /* row 1 */
    device_write(d, &a.x_at, a.x);
    const bncl_tensor none = device_absent();
    device_ok(
        d,
        bncl_linear_forward(a.plan, d->queue, &a.x_at, &a.weight_at, &none, &a.y_at, NULL, &d->err),
        "forward");
    float *y = device_floats(d, &a.y_at);
    for (size_t i = 0; i < 12; ++i)
        assert_true((i / 3 == 1) == (isnan(y[i]) != 0));
}

static void refused(void **state)
{
    device *d = device_of(state);
    layer a = layer_make(d, 4, 6, 3);
    const bncl_tensor none = device_absent();
    bncl_linear *plan = a.plan;
    device_refused(d, bncl_linear_create(d->context, 4, 0, 3, &plan, &d->err), BNCL_ERROR_SHAPE,
                   "");
    device_refused(d, bncl_linear_create(d->context, SIZE_MAX / 2, 3, 3, &plan, &d->err),
                   BNCL_ERROR_SHAPE, "");
    assert_ptr_equal(plan, a.plan);
    device_refused(d,
                   bncl_linear_forward(a.plan, d->queue, &a.weight_at, &a.weight_at, &none, &a.y_at,
                                       NULL, &d->err),
                   BNCL_ERROR_SHAPE, "x");
    device_refused(
        d, bncl_linear_forward(a.plan, d->queue, &a.x_at, &none, &none, &a.y_at, NULL, &d->err),
        BNCL_ERROR_ARGUMENT, "weight");
    device_untouched(d, "y", &a.y_at);
    bncl_linear_backward_args args = a.backward;
    args.dbias = a.y_at;
    device_refused(d, bncl_linear_backward(a.plan, d->queue, &args, NULL, &d->err),
                   BNCL_ERROR_SHAPE, "dbias");
    device_untouched(d, "dx", &a.backward.dx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(shapes),
        HARNESS_TEST(outputs_left_out),
        HARNESS_TEST(many_rows_that_lean_one_way),
        HARNESS_TEST(many_rows),
        HARNESS_TEST(dbias_has_the_kernels_bits),
        HARNESS_TEST(no_rows),
        HARNESS_TEST(nan_reaches_its_row),
        HARNESS_TEST(refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
