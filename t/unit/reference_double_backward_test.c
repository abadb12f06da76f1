/* The reference's double backward against a case computed by hand, and against central differences
   of its own backward pass. */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/reference.h"

enum { most_channels = 8, most_values = 256 };

/* x = -1, 1: mean 0, invstd 1 (eps 0), x̂ = x. With dy = 1, 2 and gamma = 3: dgamma = 1, dbeta = 3,
   and dx = 0 whatever dy is, of two values. So of ddx = 5, 7 nothing is left by dy; but dgamma =
   Σdy·x̂ has a derivative x̂ by dy, and 0 by x: x̂ of two values is ±1. */
static void by_hand(void **state)
{
    (void)state;
    const reference_shape shape = {2, 1, 1, false};
    const double x[] = {-1.0, 1.0}, dy[] = {1.0, 2.0}, ddx[] = {5.0, 7.0};
    const double gamma = 3.0, mean = 0.0, invstd = 1.0, ddgamma = 10.0, ddbeta = 0.5;
    double dx[2], ddy[2], dgamma;
    const reference_double_backward g = {x,        dy,      &gamma, &mean, &invstd, ddx,
                                         &ddgamma, &ddbeta, dx,     ddy,   &dgamma};
    reference_batch_norm_double_backward(&shape, &g);
    assert_true(dx[0] == 0.0 && dx[1] == 0.0 && dgamma == 0.0);
    assert_true(ddy[0] == -9.5 && ddy[1] == 10.5);
    /* dx = dy·3, dgamma = Σdy·x, dbeta = Σdy. */
    reference_batch_norm_double_backward_frozen(&shape, &g);
    assert_true(dx[0] == 10.0 && dx[1] == 20.0 && dgamma == 5.0 + 14.0);
    assert_true(ddy[0] == 15.0 - 10.0 + 0.5 && ddy[1] == 21.0 + 10.0 + 0.5);
}

/* L = Σddx·dx + Σddgamma·dgamma + Σddbeta·dbeta, of the backward pass's results. */
typedef struct subject {
    reference_shape shape;
    bool frozen;
    const double *mean, *invstd; /* frozen */
    const double *x, *dy, *gamma;
    const double *ddx, *ddgamma, *ddbeta; /* NULL: not in L */
} subject;

static double weighed(const double *weights, const double *values, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; weights != NULL && i < count; ++i)
        sum += weights[i] * values[i];
    return sum;
}

static void statistics_of(const subject *s, const double *x, double *mean, double *invstd)
{
    memcpy(mean, s->mean, s->shape.channels * sizeof *mean);
    memcpy(invstd, s->invstd, s->shape.channels * sizeof *invstd);
    if (s->frozen)
        return;
    reference_statistics(&s->shape, x, mean, invstd);
    for (size_t c = 0; c < s->shape.channels; ++c)
        invstd[c] = reference_invstd(invstd[c], 1e-5, true);
}

static double loss(const subject *s, const double *x, const double *dy, const double *gamma)
{
    const size_t total = reference_total(&s->shape), channels = s->shape.channels;
    double mean[most_channels], invstd[most_channels];
    double dx[most_values], dgamma[most_channels], dbeta[most_channels];
    statistics_of(s, x, mean, invstd);
    const reference_batch_norm_gradient g = {x, dy, gamma, mean, invstd, dx, dgamma, dbeta};
    if (s->frozen)
        reference_batch_norm_backward_frozen(&s->shape, &g);
    else
        reference_batch_norm_backward(&s->shape, &g);
    return weighed(s->ddx, dx, total) + weighed(s->ddgamma, dgamma, channels) +
           weighed(s->ddbeta, dbeta, channels);
}

/* Central differences by the operand that `at` is, one of x, dy, gamma. Truncation is step²/6 times
   a third derivative, of some hundreds here; rounding is 1e-16·L/step. */
static void check_gradient(const char *what, const subject *s, const double *at,
                           const double *gradient, size_t count)
{
    const double step = 1e-5, difference_error = 2e-8;
    double *moved = harness_doubles(count);
    double *expected = harness_doubles(count);
    double *bound = harness_doubles(count);
    memcpy(moved, at, count * sizeof *at);
    for (size_t i = 0; i < count; ++i) {
        double sides[2];
        for (int side = 0; side < 2; ++side) {
            moved[i] = at[i] + (side == 0 ? step : -step);
            sides[side] = loss(s, at == s->x ? moved : s->x, at == s->dy ? moved : s->dy,
                               at == s->gamma ? moved : s->gamma);
        }
        moved[i] = at[i];
        expected[i] = (sides[0] - sides[1]) / (2.0 * step);
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

/* `arriving`: bit 0 ddx, bit 1 ddgamma, bit 2 ddbeta. */
static void differentiate(reference_shape shape, bool frozen, unsigned arriving)
{
    const double mean[most_channels] = {0.5, -0.25, 1.0}, invstd[most_channels] = {0.75, 1.5, 2.0};
    const size_t total = reference_total(&shape), channels = shape.channels;
    assert_true(channels <= 3 && total <= most_values);
    generator g = generator_seed(3 + shape.positions + arriving);
    subject s = {.shape = shape, .frozen = frozen, .mean = mean, .invstd = invstd};
    s.x = normals(&g, total);
    s.dy = normals(&g, total);
    s.gamma = normals(&g, channels);
    s.ddx = arriving & 1u ? normals(&g, total) : NULL;
    s.ddgamma = arriving & 2u ? normals(&g, channels) : NULL;
    s.ddbeta = arriving & 4u ? normals(&g, channels) : NULL;

    double used_mean[most_channels], used_invstd[most_channels], dgamma[most_channels];
    double *dx = harness_doubles(total), *ddy = harness_doubles(total);
    statistics_of(&s, s.x, used_mean, used_invstd);
    const reference_double_backward gradient = {
        s.x, s.dy, s.gamma, used_mean, used_invstd, s.ddx, s.ddgamma, s.ddbeta, dx, ddy, dgamma};
    if (frozen)
        reference_batch_norm_double_backward_frozen(&shape, &gradient);
    else
        reference_batch_norm_double_backward(&shape, &gradient);
    const char *how = harness_text("%s, arriving %u", frozen ? "frozen" : "batch", arriving);
    check_gradient(harness_text("dx, %s", how), &s, s.x, dx, total);
    check_gradient(harness_text("ddy, %s", how), &s, s.dy, ddy, total);
    check_gradient(harness_text("dgamma, %s", how), &s, s.gamma, dgamma, channels);
}

static void by_differences(void **state)
{
    (void)state;
    const reference_shape shapes[] = {{7, 3, 1, false}, {4, 3, 5, false}, {4, 3, 5, true}};
    for (size_t i = 0; i < 3; ++i)
        for (unsigned arriving = 0; arriving < 8; ++arriving) {
            differentiate(shapes[i], false, arriving);
            differentiate(shapes[i], true, arriving);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(by_hand),
        HARNESS_TEST(by_differences),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
