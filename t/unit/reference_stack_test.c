/* The reference's linear map, ReLU, sum, cross entropy and SGD against cases computed by hand and,
   for the gradients, central differences. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/harness.h"
#include "lib/reference.h"

static void near(const char *what, const double *got, const double *expected, size_t count)
{
    double *bound = harness_doubles(count);
    for (size_t i = 0; i < count; ++i)
        bound[i] = 8.0 * DBL_EPSILON * fmax(1.0, fabs(expected[i]));
    check_doubles(what, got, expected, bound, count);
}

static void linear_by_hand(void **state)
{
    (void)state;
    const reference_linear shape = {2, 3, 2};
    const double x[] = {1, 2, 3, 4, 5, 6};
    const double weight[] = {1, 0, -1, 2, 1, 0};
    const double bias[] = {10, 20};
    double y[4];
    reference_linear_forward(&shape, x, weight, bias, y);
    near("y", y, (const double[]){8, 24, 8, 33}, 4);
    reference_linear_forward(&shape, x, weight, NULL, y);
    near("y without bias", y, (const double[]){-2, 4, -2, 13}, 4);

    const double dy[] = {1, 2, 3, 4};
    double dx[6];
    double dweight[6];
    double dbias[2];
    reference_linear_backward(&shape, x, weight, dy, dx, dweight, dbias);
    near("dx", dx, (const double[]){5, 2, -1, 11, 4, -3}, 6);
    near("dweight", dweight, (const double[]){13, 17, 21, 18, 24, 30}, 6);
    near("dbias", dbias, (const double[]){4, 6}, 2);
}

static void relu_and_add_by_hand(void **state)
{
    (void)state;
    const double x[] = {-1.0, 0.0, 2.0, NAN};
    const double dy[] = {5.0, 6.0, 7.0, 8.0};
    double y[4];
    reference_relu(4, x, y);
    assert_true(y[0] == 0.0 && y[1] == 0.0 && y[2] == 2.0 && isnan(y[3]));
    double dx[4];
    reference_relu_backward(4, y, dy, dx);
    near("dx", dx, (const double[]){0, 0, 7, 8}, 4);
    double z[4];
    reference_add(3, x, dy, z);
    near("z", z, (const double[]){4, 6, 9}, 3);
}

/* Equal logits: the loss is log(classes), whatever their value. */
static void cross_entropy_by_hand(void **state)
{
    (void)state;
    const double logits[] = {1000, 1000, 1000, 1000, 0, 0, 0, 0};
    const int32_t labels[] = {0, 3};
    int32_t correct;
    double dlogits[8];
    double loss = reference_cross_entropy(2, 4, logits, labels, &correct, dlogits);
    const double expected = 1.3862943611198906; /* log 4 */
    near("loss", &loss, &expected, 1);
    assert_int_equal(correct, 1); /* the first of equals is the guess */
    near("dlogits", dlogits,
         (const double[]){-0.375, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, -0.375}, 8);
}

static void cross_entropy_edges(void **state)
{
    (void)state;
    const double logits[] = {0, 1, 2, 3};
    const int32_t bad[] = {0, 2};
    int32_t correct;
    double dlogits[4];
    assert_true(isnan(reference_cross_entropy(2, 2, logits, bad, &correct, dlogits)));
    assert_true(dlogits[0] != 0.0 && dlogits[2] == 0.0 && dlogits[3] == 0.0);
    assert_int_equal(correct, 0);
    assert_true(isnan(reference_cross_entropy(0, 2, logits, bad, &correct, dlogits)));
}

static void cross_entropy_by_differences(void **state)
{
    (void)state;
    double logits[6] = {0.5, -1.25, 2.0, 0.0, 3.0, -0.5};
    const int32_t labels[] = {2, 0};
    const double step = 1e-5;
    double dlogits[6];
    double expected[6];
    double bound[6];
    reference_cross_entropy(2, 3, logits, labels, NULL, dlogits);
    for (size_t i = 0; i < 6; ++i) {
        double at = logits[i];
        logits[i] = at + step;
        double above = reference_cross_entropy(2, 3, logits, labels, NULL, NULL);
        logits[i] = at - step;
        double below = reference_cross_entropy(2, 3, logits, labels, NULL, NULL);
        logits[i] = at;
        expected[i] = (above - below) / (2.0 * step);
        bound[i] = 1e-9;
    }
    check_doubles("dlogits", dlogits, expected, bound, 6);
}

/* w = 1, dw = 0.5 twice; lr 0.1, momentum 0.9. */
static void sgd_by_hand(void **state)
{
    (void)state;
    const double dw = 0.5;
    double buf = NAN; /* the first step must not read it */
    double w = 1.0;
    const reference_sgd plain = {.lr = 0.1};
    reference_sgd_step(&plain, 0, 1, &dw, &buf, &w);
    near("plain", &w, (const double[]){0.95}, 1);

    w = 1.0;
    const reference_sgd momentum = {.lr = 0.1, .momentum = 0.9, .dampening = 0.5};
    reference_sgd_step(&momentum, 0, 1, &dw, &buf, &w); /* buf 0.5: not dampened */
    reference_sgd_step(&momentum, 1, 1, &dw, &buf, &w); /* buf 0.45 + 0.25 */
    near("momentum", &w, (const double[]){1.0 - 0.05 - 0.07}, 1);

    w = 1.0;
    const reference_sgd nesterov = {
        .lr = 0.1, .momentum = 0.9, .weight_decay = 0.5, .nesterov = true};
    reference_sgd_step(&nesterov, 0, 1, &dw, &buf, &w); /* g = 0.5 + 0.5; 1 + 0.9·1 */
    near("nesterov", &w, (const double[]){1.0 - 0.19}, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(linear_by_hand),        HARNESS_TEST(relu_and_add_by_hand),
        HARNESS_TEST(cross_entropy_by_hand), HARNESS_TEST(cross_entropy_edges),
        HARNESS_TEST(sgd_by_hand),           HARNESS_TEST(cross_entropy_by_differences),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
