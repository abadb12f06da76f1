/* The reference against cases computed by hand, and its backward passes against central differences
   of its own forward passes. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/reference.h"

/* A few roundings of double around values near 1. */
static void near(const char *what, const double *got, const double *expected, size_t count)
{
    double *bound = harness_doubles(count);
    for (size_t i = 0; i < count; ++i)
        bound[i] = 8.0 * DBL_EPSILON * fmax(1.0, fabs(expected[i]));
    check_doubles(what, got, expected, bound, count);
}

static void layouts_index_what_they_say(void **state)
{
    (void)state;
    const reference_shape ncl = {2, 3, 4, false};
    const reference_shape nlc = {2, 3, 4, true};
    assert_int_equal(reference_total(&ncl), 24);
    assert_int_equal(reference_per_channel(&ncl), 8);
    assert_int_equal(reference_index(&ncl, 1, 2, 3), 23);
    assert_int_equal(reference_index(&ncl, 1, 0, 2), 14);
    assert_int_equal(reference_index(&nlc, 1, 0, 2), 18);
    assert_int_equal(reference_channel_index(&ncl, 1, 5), 17); /* sample 1, position 1 */
    assert_int_equal(reference_channel_index(&nlc, 1, 5), 16);
}

static void one_channel_by_hand(void **state)
{
    (void)state;
    const reference_shape shape = {4, 1, 1, false};
    const double x[] = {1.0, 2.0, 3.0, 4.0};
    double mean;
    double var;
    reference_statistics(&shape, x, &mean, &var);
    assert_true(mean == 2.5 && var == 1.25);

    double invstd = reference_invstd(var, 0.0, true);
    const double gamma = 2.0;
    const double beta = 1.0;
    double y[4];
    reference_normalize(&shape, x, &mean, &invstd, &gamma, &beta, y);
    const double expected[] = {-1.6832815729997477, 0.1055728090000841, 1.8944271909999159,
                               3.6832815729997477};
    near("y", y, expected, 4);

    double running_mean = 0.0;
    double running_var = 1.0;
    reference_running(&shape, &mean, &var, 0.1, &running_mean, &running_var);
    const double moved[] = {0.25, 16.0 / 15.0}; /* 0.9 + 0.1·1.25·4/3 */
    const double got[] = {running_mean, running_var};
    near("running", got, moved, 2);
}

/* x = -1, 1: mean 0, var 1, x̂ = x. dbeta = 3, dgamma = -1·1 + 1·2 = 1;
   dx = 1 - 3/2 + 1/2 = 0, and 2 - 3/2 - 1/2 = 0: two values are always ±1. */
static void backward_by_hand(void **state)
{
    (void)state;
    const reference_shape shape = {2, 1, 1, false};
    const double x[] = {-1.0, 1.0};
    const double dy[] = {1.0, 2.0};
    const double gamma = 3.0;
    const double mean = 0.0;
    const double invstd = 1.0;
    double dx[2];
    double sums[2];
    reference_batch_norm_gradient g = {x, dy, &gamma, &mean, &invstd, dx, &sums[0], &sums[1]};
    reference_batch_norm_backward(&shape, &g);
    assert_true(dx[0] == 0.0 && dx[1] == 0.0 && sums[0] == 1.0 && sums[1] == 3.0);
    reference_batch_norm_backward_frozen(&shape, &g);
    assert_true(dx[0] == 3.0 && dx[1] == 6.0 && sums[0] == 1.0 && sums[1] == 3.0);
}

static void edges_of_statistics(void **state)
{
    (void)state;
    const reference_shape empty = {0, 1, 1, false};
    double mean = 7.0;
    double var = 8.0;
    double x = 3.0;
    reference_running(&empty, &mean, &var, 0.5, &mean, &var);
    assert_true(mean == 7.0 && var == 8.0);
    reference_statistics(&empty, &x, &mean, &var);
    assert_true(isnan(mean) && isnan(var));
    assert_true(reference_invstd(0.0, 0.0, true) == 0.0);
    assert_true(isinf(reference_invstd(0.0, 0.0, false)));
    assert_true(isnan(reference_invstd(1.0, -2.0, true)));
}

/* Two passes keep a variance of 1 beside a mean of 1e7; a difference of squares would not in f32,
   and this guards against writing one here. */
static void large_offset_keeps_variance(void **state)
{
    (void)state;
    const reference_shape shape = {2, 1, 2, false};
    const double x[] = {1e12 - 1.0, 1e12 + 1.0, 1e12 - 1.0, 1e12 + 1.0};
    double mean;
    double var;
    reference_statistics(&shape, x, &mean, &var);
    assert_true(mean == 1e12 && var == 1.0);
}

/* ---- central differences: of L = Σ weight·y, by each x ---- */

typedef double loss_function(const void *subject, const double *at);

static const double step = 1e-5;

/* Truncation is step²/6 times a third derivative, of some tens here; rounding is 1e-16·L/step. */
static const double difference_error = 1e-8;

static void check_gradient(const char *what, loss_function *loss, const void *subject,
                           const double *at, const double *gradient, size_t count)
{
    double *moved = harness_doubles(count);
    double *expected = harness_doubles(count);
    double *bound = harness_doubles(count);
    memcpy(moved, at, count * sizeof *at);
    for (size_t i = 0; i < count; ++i) {
        moved[i] = at[i] + step;
        double above = loss(subject, moved);
        moved[i] = at[i] - step;
        double below = loss(subject, moved);
        moved[i] = at[i];
        expected[i] = (above - below) / (2.0 * step);
        bound[i] = difference_error * fmax(1.0, fabs(expected[i]));
    }
    check_doubles(what, gradient, expected, bound, count);
}

static double *normals(generator *g, size_t count)
{
    double *values = harness_doubles(count);
    for (size_t i = 0; i < count; ++i)
        values[i] = generator_normal(g);
    return values;
}

typedef struct batch_norm_subject {
    reference_shape shape;
    bool frozen;
    const double *mean; /* frozen */
    const double *invstd;
    const double *x;
    const double *gamma;
    const double *beta;
    const double *weight;
} batch_norm_subject;

static double batch_norm_loss(const batch_norm_subject *s, const double *x, const double *gamma,
                              const double *beta)
{
    size_t total = reference_total(&s->shape);
    double mean[8];
    double invstd[8];
    double y[256];
    assert_true(s->shape.channels <= 8 && total <= 256);
    memcpy(mean, s->mean, s->shape.channels * sizeof *mean);
    memcpy(invstd, s->invstd, s->shape.channels * sizeof *mean);
    if (!s->frozen) {
        reference_statistics(&s->shape, x, mean, invstd);
        for (size_t c = 0; c < s->shape.channels; ++c)
            invstd[c] = reference_invstd(invstd[c], 1e-5, true);
    }
    reference_normalize(&s->shape, x, mean, invstd, gamma, beta, y);
    double sum = 0.0;
    for (size_t i = 0; i < total; ++i)
        sum += s->weight[i] * y[i];
    return sum;
}

static double loss_by_x(const void *subject, const double *x)
{
    const batch_norm_subject *s = subject;
    return batch_norm_loss(s, x, s->gamma, s->beta);
}

static double loss_by_gamma(const void *subject, const double *gamma)
{
    const batch_norm_subject *s = subject;
    return batch_norm_loss(s, s->x, gamma, s->beta);
}

static double loss_by_beta(const void *subject, const double *beta)
{
    const batch_norm_subject *s = subject;
    return batch_norm_loss(s, s->x, s->gamma, beta);
}

static void differentiate_batch_norm(reference_shape shape, bool frozen)
{
    generator g = generator_seed(11 + shape.positions);
    size_t total = reference_total(&shape);
    double mean[8] = {0.5, -0.25, 1.0};
    double invstd[8] = {0.75, 1.5, 2.0};
    batch_norm_subject s = {shape, frozen, mean, invstd, normals(&g, total), NULL, NULL, NULL};
    s.gamma = normals(&g, shape.channels);
    s.beta = normals(&g, shape.channels);
    s.weight = normals(&g, total);

    double statistics_mean[8];
    double statistics_invstd[8];
    double *dx = harness_doubles(total);
    double dgamma[8];
    double dbeta[8];
    reference_batch_norm_gradient gradient = {s.x,    s.weight, s.gamma, mean,
                                              invstd, dx,       dgamma,  dbeta};
    if (frozen) {
        reference_batch_norm_backward_frozen(&shape, &gradient);
    } else {
        reference_statistics(&shape, s.x, statistics_mean, statistics_invstd);
        for (size_t c = 0; c < shape.channels; ++c)
            statistics_invstd[c] = reference_invstd(statistics_invstd[c], 1e-5, true);
        gradient.mean = statistics_mean;
        gradient.invstd = statistics_invstd;
        reference_batch_norm_backward(&shape, &gradient);
    }
    check_gradient("dx", loss_by_x, &s, s.x, dx, total);
    check_gradient("dgamma", loss_by_gamma, &s, s.gamma, dgamma, shape.channels);
    check_gradient("dbeta", loss_by_beta, &s, s.beta, dbeta, shape.channels);
}

static void batch_norm_by_differences(void **state)
{
    (void)state;
    const reference_shape shapes[] = {{7, 3, 1, false}, {4, 3, 5, false}, {4, 3, 5, true}};
    for (size_t i = 0; i < 3; ++i) {
        differentiate_batch_norm(shapes[i], false);
        differentiate_batch_norm(shapes[i], true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(layouts_index_what_they_say),
        HARNESS_TEST(one_channel_by_hand),
        HARNESS_TEST(backward_by_hand),
        HARNESS_TEST(edges_of_statistics),
        HARNESS_TEST(large_offset_keeps_variance),
        HARNESS_TEST(batch_norm_by_differences),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
