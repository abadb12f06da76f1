/* Softmax cross entropy against the reference: loss, gradient and the count of correct rows. */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/reference.h"
#include "lib/tolerance.h"

typedef struct batch {
    size_t rows;
    size_t classes;
    float *logits;
    int32_t *labels;
    bncl_cross_entropy *plan;
    bncl_cross_entropy_args args;
} batch;

static void release_plan(void *plan)
{
    bncl_cross_entropy_destroy(plan);
}

static batch batch_make(device *d, size_t rows, size_t classes, double mean, double deviation)
{
    batch b = {.rows = rows, .classes = classes};
    generator g = generator_seed(rows * 1000 + classes);
    b.logits = harness_floats(rows * classes);
    b.labels = harness_memory(rows, sizeof *b.labels);
    generate_normal(&g, mean, deviation, b.logits, rows * classes);
    generate_labels(&g, (int32_t)classes, b.labels, rows);
    device_ok(d, bncl_cross_entropy_create(d->context, rows, classes, &b.plan, &d->err), "create");
    device_hold(d, b.plan, release_plan);
    return b;
}

/* Puts the batch on the device. */
static void place(device *d, batch *b)
{
    const size_t dims[] = {b->rows, b->classes};
    const size_t one = 1;
    b->args = (bncl_cross_entropy_args){
        .logits = device_tensor(d, BNCL_F32, 2, dims, b->logits),
        .labels = device_tensor(d, BNCL_I32, 1, dims, b->labels),
        .loss = device_tensor(d, BNCL_F32, 1, &one, NULL),
        .correct = device_tensor(d, BNCL_I32, 1, &one, NULL),
        .dlogits = device_tensor(d, BNCL_F32, 2, dims, NULL),
    };
}

static void run(device *d, batch *b)
{
    device_ok(d, bncl_cross_entropy_run(b->plan, d->queue, &b->args, NULL, &d->err), "run");
}

static bool known(const batch *b, size_t row)
{
    return b->labels[row] >= 0 && (size_t)b->labels[row] < b->classes;
}

static double spread_of(const batch *b, size_t row)
{
    const float *z = b->logits + row * b->classes;
    float low = z[0];
    float high = z[0];
    for (size_t c = 1; c < b->classes; ++c) {
        low = fminf(low, z[c]);
        high = fmaxf(high, z[c]);
    }
    return (double)high - (double)low;
}

/* The mean of the rows' bounds, and a sum of them in leaves. */
static double loss_bound(const batch *b, const double *logits)
{
    double bound = 0.0;
    double magnitude = 0.0;
    for (size_t r = 0; r < b->rows; ++r) {
        double loss = reference_cross_entropy(1, b->classes, logits + r * b->classes, &b->labels[r],
                                              NULL, NULL);
        bound += tolerance_cross_entropy_loss(b->classes, loss, spread_of(b, r));
        magnitude += fabs(loss);
    }
    return (bound + tolerance_leaf_sum(magnitude)) / (double)b->rows;
}

static void check(device *d, const batch *b, const char *name)
{
    size_t count = b->rows * b->classes;
    double *logits = harness_widen(b->logits, count);
    double *dlogits = harness_doubles(count);
    double *bound = harness_doubles(count);
    int32_t correct;
    double loss =
        reference_cross_entropy(b->rows, b->classes, logits, b->labels, &correct, dlogits);
    double spread = 0.0;
    for (size_t i = 0; i < count; ++i) {
        size_t row = i / b->classes;
        if (i % b->classes == 0)
            spread = spread_of(b, row);
        bool target = known(b, row) && i % b->classes == (size_t)b->labels[row];
        double p = dlogits[i] * (double)b->rows + (target ? 1.0 : 0.0);
        bound[i] = tolerance_cross_entropy_gradient(b->classes, b->rows, p, spread);
    }
    float got_loss;
    int32_t got_correct;
    double wanted = loss_bound(b, logits);
    device_read(d, &b->args.loss, &got_loss);
    device_read(d, &b->args.correct, &got_correct);
    check_floats(harness_text("loss of %s", name), &got_loss, &loss, &wanted, 1);
    check_floats(harness_text("dlogits of %s", name), device_floats(d, &b->args.dlogits), dlogits,
                 bound, count);
    assert_int_equal(got_correct, correct);
}

static void shapes(void **state)
{
    device *d = device_of(state);
    const size_t rows[] = {1, 2, 31, 32, 33, 100, 128, 1000};
    const size_t classes[] = {1, 2, 3, 10, 17, 100};
    for (size_t r = 0; r < 8; ++r) {
        for (size_t c = 0; c < 6; ++c) {
            if (d->small && rows[r] * classes[c] > 330)
                continue;
            batch b = batch_make(d, rows[r], classes[c], 0.0, 2.0);
            place(d, &b);
            run(d, &b);
            check(d, &b, harness_text("[%zu,%zu]", rows[r], classes[c]));
            harness_release(NULL);
        }
    }
}

/* exp of them would overflow or vanish; their differences do not. */
static void large_logits(void **state)
{
    device *d = device_of(state);
    const double means[] = {1e4, -1e4, 0.0, 0.0};
    const double deviations[] = {3.0, 3.0, 60.0, 1000.0};
    for (size_t i = 0; i < 4; ++i) {
        batch b = batch_make(d, 20, 10, means[i], deviations[i]);
        place(d, &b);
        run(d, &b);
        check(d, &b, harness_text("mean %g deviation %g", means[i], deviations[i]));
    }
}

/* More of them than a work-item of llvmpipe goes round in its loops, 65535 times in all. */
static void many_rows_and_many_classes(void **state)
{
    device *d = device_of(state);
    const size_t many = d->small ? 1025 : 70001;
    const size_t table[][2] = {{many, 2}, {2, many}};
    for (size_t i = 0; i < 2; ++i) {
        batch b = batch_make(d, table[i][0], table[i][1], 0.0, 2.0);
        b.labels[0] = (int32_t)b.classes - 1;
        b.logits[b.classes - 1] = 40.0f; /* the largest, behind all others */
        place(d, &b);
        run(d, &b);
        check(d, &b, harness_text("[%zu,%zu]", b.rows, b.classes));
        harness_release(NULL);
    }
}

/* The first of equal logits is the guess. */
static void ties(void **state)
{
    device *d = device_of(state);
    batch b = batch_make(d, 4, 5, 0.0, 0.0);
    for (size_t r = 0; r < 4; ++r)
        b.labels[r] = (int32_t)r;
    place(d, &b);
    run(d, &b);
    check(d, &b, "equal logits");
}

static void a_label_out_of_range(void **state)
{
    device *d = device_of(state);
    const int32_t bad[] = {-1, 3, -100, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < 5; ++i) {
        batch b = batch_make(d, 6, 3, 0.0, 1.0);
        b.labels[2] = bad[i];
        place(d, &b);
        run(d, &b);
        float loss;
        device_read(d, &b.args.loss, &loss);
        assert_true(isnan(loss));
        float *dlogits = device_floats(d, &b.args.dlogits);
        check_all_equal("the row's gradient", dlogits + 6, 0.0f, 3);
        assert_true(dlogits[0] != 0.0f && dlogits[9] != 0.0f);
    }
}

static void a_nan_logit(void **state)
{
    device *d = device_of(state);
    batch b = batch_make(d, 3, 4, 0.0, 1.0);
    b.logits[5] = NAN;
    place(d, &b);
    run(d, &b);
    float loss;
    device_read(d, &b.args.loss, &loss);
    assert_true(isnan(loss));
    float *dlogits = device_floats(d, &b.args.dlogits);
    check_all_nan("row 1", dlogits + 4, 4);
    for (size_t c = 0; c < 4; ++c)
        assert_true(isfinite(dlogits[c]) && isfinite(dlogits[8 + c]));
}

/* A NaN is the largest logit, and the first of several is the guess, as torch.argmax has it. */
static void a_nan_is_the_guess(void **state)
{
    device *d = device_of(state);
    enum { rows = 7, classes = 3 };
    const float logits[rows][classes] = {{1.0f, NAN, 3.0f},    {1.0f, NAN, 3.0f}, {NAN, 1.0f, NAN},
                                         {NAN, 1.0f, NAN},     {1.0f, NAN, NAN},  {1.0f, NAN, NAN},
                                         {INFINITY, 2.0f, NAN}};
    const int32_t labels[rows] = {1, 2, 0, 2, 1, 2, 2};
    const int32_t correct[rows] = {1, 0, 1, 0, 1, 0, 1};
    for (size_t r = 0; r < rows; ++r) {
        int32_t got;
        batch b = batch_make(d, 1, classes, 0.0, 1.0);
        memcpy(b.logits, logits[r], sizeof logits[r]);
        b.labels[0] = labels[r];
        place(d, &b);
        run(d, &b);
        device_read(d, &b.args.correct, &got);
        if (got != correct[r])
            harness_fail("row %zu: expected %d, got %d", r, (int)correct[r], (int)got);
    }
}

/* Row losses without any rounding, one a leaf of 32 rows: a large one, then 128 of just over half
   its ulp, which a plain sum of the leaves would all round up. (From a difference of 17 on, and
   with exp() gone to 0 at 200, a row's loss is the label's distance from the largest logit.) */
static void many_rows_that_lean_one_way(void **state)
{
    device *d = device_of(state);
    enum { leaf = 32, rows = 129 * leaf };
    batch b = batch_make(d, rows, 2, 0.0, 1.0);
    double sum = 0.0;
    for (size_t r = 0; r < rows; ++r) {
        const float loss = r == 0 ? 0x1p29f : r % leaf == 0 ? 33.0f : 0.0f;
        b.logits[2 * r] = 0.0f;
        b.logits[2 * r + 1] = loss == 0.0f ? -200.0f : -loss;
        b.labels[r] = loss == 0.0f ? 0 : 1;
        sum += (double)loss;
    }
    const double mean = sum / rows;
    const double bound = tolerance_leaf_sum(mean);
    place(d, &b);
    run(d, &b);
    check_floats("loss", device_floats(d, &b.args.loss), &mean, &bound, 1);
}

/* Without correct and dlogits: the same loss. */
static void outputs_left_out(void **state)
{
    device *d = device_of(state);
    batch b = batch_make(d, 50, 10, 0.0, 2.0);
    place(d, &b);
    run(d, &b);
    float *loss = device_floats(d, &b.args.loss);
    b.args.correct = b.args.dlogits = device_absent();
    b.args.loss = device_vector(d, 1, NULL);
    run(d, &b);
    check_float_bits("loss", device_floats(d, &b.args.loss), loss, 1);
}

static void no_rows(void **state)
{
    device *d = device_of(state);
    batch b = batch_make(d, 0, 3, 0.0, 1.0);
    place(d, &b);
    run(d, &b);
    float loss;
    int32_t correct;
    device_read(d, &b.args.loss, &loss);
    device_read(d, &b.args.correct, &correct);
    assert_true(isnan(loss));
    assert_int_equal(correct, 0);
}

static void refused(void **state)
{
    device *d = device_of(state);
    batch b = batch_make(d, 4, 3, 0.0, 1.0);
    place(d, &b);
    bncl_cross_entropy *plan = b.plan;
    device_refused(d, bncl_cross_entropy_create(d->context, 4, 0, &plan, &d->err), BNCL_ERROR_SHAPE,
                   "");
    assert_ptr_equal(plan, b.plan);
    bncl_cross_entropy_args args = b.args;
    args.labels.dtype = BNCL_F32;
    device_refused(d, bncl_cross_entropy_run(b.plan, d->queue, &args, NULL, &d->err),
                   BNCL_ERROR_DTYPE, "labels");
    args = b.args;
    args.logits.dims[1] = 2;
    device_refused(d, bncl_cross_entropy_run(b.plan, d->queue, &args, NULL, &d->err),
                   BNCL_ERROR_SHAPE, "logits");
    args = b.args;
    args.loss = device_absent();
    device_refused(d, bncl_cross_entropy_run(b.plan, d->queue, &args, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, "loss");
    device_untouched(d, "loss", &b.args.loss);
    device_untouched(d, "dlogits", &b.args.dlogits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(shapes),
        HARNESS_TEST(large_logits),
        HARNESS_TEST(many_rows_and_many_classes),
        HARNESS_TEST(ties),
        HARNESS_TEST(a_label_out_of_range),
        HARNESS_TEST(a_nan_logit),
        HARNESS_TEST(outputs_left_out),
        HARNESS_TEST(a_nan_is_the_guess),
        HARNESS_TEST(many_rows_that_lean_one_way),
        HARNESS_TEST(no_rows),
        HARNESS_TEST(refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
