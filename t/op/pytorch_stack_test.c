/* Linear, ReLU, cross entropy and SGD against PyTorch's recorded results, in the manner of
   pytorch_batch_norm_test.c. */
#include <math.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/harness.h"
#include "lib/reference.h"
#include "lib/tolerance.h"
#include "lib/vectors.h"

static void release_linear(void *plan)
{
    bncl_linear_destroy(plan);
}

static void release_elementwise(void *op)
{
    bncl_elementwise_destroy(op);
}

static void release_cross_entropy(void *plan)
{
    bncl_cross_entropy_destroy(plan);
}

static void release_sgd(void *sgd)
{
    bncl_sgd_destroy(sgd);
}

/* The recorded f32 input on the device; absent where none was recorded. */
static bncl_tensor given(device *d, const vectors_case *c, const char *name)
{
    const vectors_tensor *t = vectors_find(c, VECTORS_F32, name);
    if (t == NULL)
        return device_absent();
    return device_tensor(d, BNCL_F32, t->rank, t->dims, vectors_floats(c, name));
}

/* A tensor for the result of this name. */
static bncl_tensor wanted(device *d, const vectors_case *c, const char *name)
{
    const vectors_tensor *t = vectors_find(c, VECTORS_F64, name);
    return t != NULL ? device_tensor(d, BNCL_F32, t->rank, t->dims, NULL) : device_absent();
}

/* The result against PyTorch's float64 and, with its roundings allowed for as well as ours,
   float32. sums: of how many terms; magnitude: Σ|terms| of every element. */
static void compare(const vectors_case *c, const char *name, const float *got, size_t sums,
                    const double *magnitude)
{
    const vectors_tensor *truth = vectors_get(c, VECTORS_F64, name);
    double *bound = harness_doubles(truth->count);
    double *both = harness_doubles(truth->count);
    for (size_t i = 0; i < truth->count; ++i) {
        bound[i] = tolerance_sum_any_order(sums, magnitude[i]);
        both[i] = bound[i] + tolerance_pytorch(sums, magnitude[i]);
    }
    check_floats_or_special(harness_text("%s of %s against float64", name, c->name), got,
                            truth->values, bound, truth->count);
    check_floats_or_special(harness_text("%s of %s against float32", name, c->name), got,
                            vectors_get(c, VECTORS_F32, name)->values, both, truth->count);
}

static double *absolute(const vectors_case *c, const char *name)
{
    const vectors_tensor *t = vectors_find(c, VECTORS_F32, name);
    if (t == NULL)
        return NULL;
    double *values = harness_doubles(t->count);
    for (size_t i = 0; i < t->count; ++i)
        values[i] = fabs(t->values[i]);
    return values;
}

static void run_linear(device *d, const vectors_case *c)
{
    const vectors_tensor *w = vectors_get(c, VECTORS_F32, "weight");
    const reference_linear s = {vectors_get(c, VECTORS_F32, "x")->dims[0], w->dims[1], w->dims[0]};
    bncl_linear *plan = NULL;
    device_ok(d,
              bncl_linear_create(d->context, s.rows, s.in_features, s.out_features, &plan, &d->err),
              c->name);
    device_hold(d, plan, release_linear);
    bncl_tensor x = given(d, c, "x");
    bncl_tensor weight = given(d, c, "weight");
    bncl_tensor bias = given(d, c, "bias");
    bncl_tensor y = wanted(d, c, "y");
    bncl_linear_backward_args args = {.x = x,
                                      .weight = weight,
                                      .dy = given(d, c, "dy"),
                                      .dx = wanted(d, c, "dx"),
                                      .dweight = wanted(d, c, "dweight"),
                                      .dbias = wanted(d, c, "dbias")};
    device_ok(d, bncl_linear_forward(plan, d->queue, &x, &weight, &bias, &y, NULL, &d->err),
              c->name);
    device_ok(d, bncl_linear_backward(plan, d->queue, &args, NULL, &d->err), c->name);

    double *y_abs = harness_doubles(s.rows * s.out_features);
    double *dx_abs = harness_doubles(s.rows * s.in_features);
    double *dweight_abs = harness_doubles(s.in_features * s.out_features);
    double *dbias_abs = harness_doubles(s.out_features);
    reference_linear_forward(&s, absolute(c, "x"), absolute(c, "weight"), absolute(c, "bias"),
                             y_abs);
    reference_linear_backward(&s, absolute(c, "x"), absolute(c, "weight"), absolute(c, "dy"),
                              dx_abs, dweight_abs, dbias_abs);
    compare(c, "y", device_floats(d, &y), s.in_features + 2, y_abs);
    compare(c, "dx", device_floats(d, &args.dx), s.out_features + 1, dx_abs);
    compare(c, "dweight", device_floats(d, &args.dweight), s.rows + 1, dweight_abs);
    if (args.dbias.buffer != NULL)
        compare(c, "dbias", device_floats(d, &args.dbias), s.rows + 1, dbias_abs);
}

static void linear(void **state)
{
    device *d = device_of(state);
    const vectors *v = vectors_open("linear.txt");
    for (size_t i = 0; i < v->count; ++i)
        run_linear(d, &v->cases[i]);
    assert_int_equal(v->count, 6);
}

static void relu(void **state)
{
    device *d = device_of(state);
    const vectors_case *c = &vectors_open("relu.txt")->cases[0];
    bncl_elementwise *op = NULL;
    device_ok(d, bncl_elementwise_create(d->context, BNCL_F32, &op, &d->err), "create");
    device_hold(d, op, release_elementwise);
    bncl_tensor x = given(d, c, "x");
    bncl_tensor dy = given(d, c, "dy");
    bncl_tensor y = wanted(d, c, "y");
    bncl_tensor dx = wanted(d, c, "dx");
    device_ok(d, bncl_relu_forward(op, d->queue, &x, &y, NULL, &d->err), "forward");
    device_ok(d, bncl_relu_backward(op, d->queue, &y, &dy, &dx, NULL, &d->err), "backward");
    const double *exact = harness_doubles(bncl_tensor_count(&x));
    compare(c, "y", device_floats(d, &y), 0, exact);
    compare(c, "dx", device_floats(d, &dx), 0, exact);
}

/* How far a row's logits lie apart, at most. */
static double spread_of(const vectors_tensor *logits)
{
    double low = 0.0;
    double high = 0.0;
    for (size_t i = 0; i < logits->count; ++i) {
        low = i == 0 ? logits->values[i] : fmin(low, logits->values[i]);
        high = i == 0 ? logits->values[i] : fmax(high, logits->values[i]);
    }
    return high - low;
}

static void check_cross_entropy(const vectors_case *c, float loss, const float *dlogits)
{
    const vectors_tensor *logits = vectors_get(c, VECTORS_F32, "logits");
    const vectors_tensor *truth = vectors_get(c, VECTORS_F64, "dlogits");
    size_t rows = logits->dims[0];
    size_t classes = logits->dims[1];
    double spread = spread_of(logits);
    double *bound = harness_doubles(truth->count);
    double *twice = harness_doubles(truth->count); /* PyTorch's kernel has the same roundings */
    for (size_t i = 0; i < truth->count; ++i) {
        double p = fmin(1.0, fabs(truth->values[i] * (double)rows));
        bound[i] = tolerance_cross_entropy_gradient(classes, rows, fmax(p, 1.0 - p), spread);
        twice[i] = 2.0 * bound[i];
    }
    const double *loss64 = vectors_get(c, VECTORS_F64, "loss")->values;
    const double *loss32 = vectors_get(c, VECTORS_F32, "loss")->values;
    double loss_bound = tolerance_cross_entropy_loss(classes, *loss64, spread) +
                        tolerance_sum_any_order(rows, fabs(*loss64));
    double loss_twice = 2.0 * loss_bound;
    check_floats_or_special(harness_text("loss of %s", c->name), &loss, loss64, &loss_bound, 1);
    check_floats_or_special(harness_text("loss of %s, float32", c->name), &loss, loss32,
                            &loss_twice, 1);
    check_floats_or_special(harness_text("dlogits of %s", c->name), dlogits, truth->values, bound,
                            truth->count);
    check_floats_or_special(harness_text("dlogits of %s, float32", c->name), dlogits,
                            vectors_get(c, VECTORS_F32, "dlogits")->values, twice, truth->count);
}

static void run_cross_entropy(device *d, const vectors_case *c)
{
    const vectors_tensor *logits = vectors_get(c, VECTORS_F32, "logits");
    const vectors_tensor *recorded = vectors_get(c, VECTORS_I32, "labels");
    int32_t *labels = harness_memory(recorded->count, sizeof *labels);
    for (size_t i = 0; i < recorded->count; ++i)
        labels[i] = (int32_t)recorded->values[i];
    bncl_cross_entropy *plan = NULL;
    device_ok(
        d, bncl_cross_entropy_create(d->context, logits->dims[0], logits->dims[1], &plan, &d->err),
        c->name);
    device_hold(d, plan, release_cross_entropy);
    const size_t one = 1;
    bncl_cross_entropy_args args = {.logits = given(d, c, "logits"),
                                    .labels = device_tensor(d, BNCL_I32, 1, recorded->dims, labels),
                                    .loss = wanted(d, c, "loss"),
                                    .correct = device_tensor(d, BNCL_I32, 1, &one, NULL),
                                    .dlogits = wanted(d, c, "dlogits")};
    device_ok(d, bncl_cross_entropy_run(plan, d->queue, &args, NULL, &d->err), c->name);
    int32_t correct;
    float loss;
    device_read(d, &args.correct, &correct);
    device_read(d, &args.loss, &loss);
    check_cross_entropy(c, loss, device_floats(d, &args.dlogits));
    assert_true((double)correct == vectors_number_of(c, "correct"));
}

static void cross_entropy(void **state)
{
    device *d = device_of(state);
    const vectors *v = vectors_open("cross_entropy.txt");
    for (size_t i = 0; i < v->count; ++i)
        run_cross_entropy(d, &v->cases[i]);
    assert_int_equal(v->count, 6);
}

/* Σ|terms| of w after the steps so far, roughly from above: every gradient may have gone into every
   step, momentum and all. */
static double sgd_magnitude(const vectors_case *c, const bncl_sgd_options *o, size_t step, size_t i)
{
    const vectors_tensor *w = vectors_get(c, VECTORS_F32, "w");
    const vectors_tensor *dw = vectors_get(c, VECTORS_F32, "dw");
    double sum = fabs(w->values[i]);
    double buf = 0.0;
    for (size_t k = 0; k <= step; ++k) {
        double g = fabs(dw->values[k * w->count + i]) + o->weight_decay * sum;
        buf = o->momentum * buf + g;
        sum += o->lr * (o->nesterov ? g + o->momentum * buf : buf);
    }
    return sum;
}

static void run_sgd(device *d, const vectors_case *c)
{
    const bncl_sgd_options options = {.lr = vectors_number_of(c, "lr"),
                                      .momentum = vectors_number_of(c, "momentum"),
                                      .dampening = vectors_number_of(c, "dampening"),
                                      .weight_decay = vectors_number_of(c, "weight_decay"),
                                      .nesterov = vectors_number_of(c, "nesterov") != 0.0};
    const vectors_tensor *dw = vectors_get(c, VECTORS_F32, "dw");
    size_t steps = dw->dims[0];
    size_t count = dw->dims[1];
    bncl_sgd *sgd = NULL;
    device_ok(d, bncl_sgd_create(d->context, count, &options, &sgd, &d->err), c->name);
    device_hold(d, sgd, release_sgd);
    bncl_tensor w = given(d, c, "w");
    const float *gradients = vectors_floats(c, "dw");
    float *after = harness_floats(steps * count);
    double *magnitude = harness_doubles(steps * count);
    for (size_t step = 0; step < steps; ++step) {
        bncl_tensor dw_at = device_vector(d, count, gradients + step * count);
        device_ok(d, bncl_sgd_step(sgd, d->queue, &w, &dw_at, NULL, &d->err), c->name);
        device_read(d, &w, after + step * count);
        for (size_t i = 0; i < count; ++i)
            magnitude[step * count + i] = sgd_magnitude(c, &options, step, i);
    }
    compare(c, "w_after", after, 8 * steps, magnitude);
}

static void sgd(void **state)
{
    device *d = device_of(state);
    const vectors *v = vectors_open("sgd.txt");
    for (size_t i = 0; i < v->count; ++i)
        run_sgd(d, &v->cases[i]);
    assert_int_equal(v->count, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(linear),
        HARNESS_TEST(relu),
        HARNESS_TEST(cross_entropy),
        HARNESS_TEST(sgd),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
