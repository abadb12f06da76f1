/* The tolerances: see tolerance.h for what each one allows. */
#include "lib/tolerance.h"

#include <float.h>
#include <math.h>

static const double promised_y = 2e-6;
static const double promised_var = 2e-6;
static const double promised_sum = 8.0; /* in u */

double tolerance_unit(void)
{
    return 0x1p-24;
}

double tolerance_gamma(double k)
{
    double ku = k * tolerance_unit();
    return ku < 1.0 ? ku / (1.0 - ku) : INFINITY;
}

double tolerance_sum_any_order(size_t k, double sum_abs)
{
    return tolerance_gamma((double)k) * sum_abs;
}

double tolerance_leaf_sum(double sum_abs)
{
    return tolerance_gamma(34.0) * sum_abs;
}

double tolerance_batch_norm_sum(double sum_abs)
{
    return promised_sum * tolerance_unit() * sum_abs;
}

double tolerance_batch_norm_var(double var)
{
    return promised_var * var;
}

/* Relative: half of var's, and three roundings. */
static double relative_invstd(void)
{
    return promised_var / 2.0 + 3.0 * tolerance_unit();
}

double tolerance_batch_norm_invstd(double invstd)
{
    return relative_invstd() * invstd;
}

double tolerance_batch_norm_y(double y, double gamma, double xhat)
{
    return promised_y * fmax(1.0, fmax(fabs(y), fabs(gamma * xhat)));
}

double tolerance_batch_norm_y_frozen(double y, double beta, double gamma, double xhat)
{
    return tolerance_gamma(10.0) * (fabs(gamma * xhat) + fabs(beta) + fabs(y));
}

double tolerance_running(double momentum, double old, double batch, double batch_bound)
{
    double kept = 3.0 * fabs((1.0 - momentum) * old) + fabs(momentum * old);
    double taken = fabs(momentum * batch);
    return tolerance_unit() * (kept + 4.0 * taken) + fabs(momentum) * batch_bound;
}

double tolerance_batch_norm_dx(double scale, double dy, double sum_dy, double xhat,
                               double sum_dy_xhat)
{
    double terms = fabs(dy) + fabs(sum_dy) + fabs(xhat * sum_dy_xhat);
    double relative = (promised_sum + 10.0) * tolerance_unit() + 2.0 * relative_invstd();
    return relative * fabs(scale) * terms;
}

double tolerance_batch_norm_dx_frozen(double dx)
{
    return tolerance_gamma(7.0) * fabs(dx);
}

double tolerance_double_backward_dgamma(double magnitude)
{
    return tolerance_gamma(20.0) * magnitude;
}

double tolerance_double_backward_ddy(double magnitude)
{
    return tolerance_gamma(17.0) * magnitude;
}

double tolerance_double_backward_dx(double magnitude)
{
    return tolerance_gamma(30.0) * magnitude;
}

double tolerance_double_backward_dgamma_frozen(double magnitude)
{
    return tolerance_gamma(6.0) * magnitude;
}

double tolerance_double_backward_ddy_frozen(double magnitude)
{
    return tolerance_gamma(4.0) * magnitude;
}

double tolerance_double_backward_dx_frozen(double magnitude)
{
    return tolerance_gamma(2.0) * magnitude;
}

double tolerance_running_invstd(void)
{
    return tolerance_gamma(3.0);
}

double tolerance_pytorch(size_t n, double magnitude)
{
    return tolerance_gamma((double)n + 16.0) * fabs(magnitude);
}

double tolerance_cross_entropy_loss(size_t classes, double loss, double spread)
{
    return tolerance_unit() * (2.0 * (double)classes + 16.0 + spread + 8.0 * fabs(loss));
}

double tolerance_cross_entropy_gradient(size_t classes, size_t rows, double p, double spread)
{
    double relative = 2.0 * (double)classes + 24.0 + 2.0 * spread;
    double absolute = tolerance_unit() * (p * relative + 4.0 * fmax(p, 1.0 - p));
    return (absolute + (double)FLT_MIN) / (double)rows;
}

double tolerance_fold(size_t k, double sum_abs)
{
    int exponent;
    frexp(sum_abs, &exponent); /* sum_abs lies in [2^(exponent-1), 2^exponent) */
    return 2.0 * sqrt((double)k + 3.0) * ldexp(1.0, exponent - FLT_MANT_DIG);
}

double tolerance_sgd(double sum_abs)
{
    return tolerance_gamma(8.0) * sum_abs;
}
