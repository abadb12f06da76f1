/* The reference's batch norm: two passes, long double sums, one value after another. It must not
   know the library. */
#include "lib/reference.h"

#include <math.h>

size_t reference_total(const reference_shape *shape)
{
    return shape->samples * shape->channels * shape->positions;
}

size_t reference_per_channel(const reference_shape *shape)
{
    return shape->samples * shape->positions;
}

size_t reference_index(const reference_shape *shape, size_t sample, size_t channel, size_t position)
{
    if (shape->channels_last)
        return (sample * shape->positions + position) * shape->channels + channel;
    return (sample * shape->channels + channel) * shape->positions + position;
}

size_t reference_channel_index(const reference_shape *shape, size_t channel, size_t value)
{
    return reference_index(shape, value / shape->positions, channel, value % shape->positions);
}

void reference_statistics(const reference_shape *shape, const double *x, double *mean, double *var)
{
    size_t n = reference_per_channel(shape);
    for (size_t c = 0; c < shape->channels; ++c) {
        long double sum = 0.0L;
        for (size_t k = 0; k < n; ++k)
            sum += (long double)x[reference_channel_index(shape, c, k)];
        long double average = sum / (long double)n;

        long double squares = 0.0L;
        for (size_t k = 0; k < n; ++k) {
            long double d = (long double)x[reference_channel_index(shape, c, k)] - average;
            squares += d * d;
        }
        mean[c] = (double)average;
        var[c] = (double)(squares / (long double)n);
    }
}

double reference_invstd(double var, double eps, bool batch)
{
    if (batch && var == 0.0 && eps == 0.0)
        return 0.0;
    return 1.0 / sqrt(var + eps);
}

void reference_normalize(const reference_shape *shape, const double *x, const double *mean,
                         const double *invstd, const double *gamma, const double *beta, double *y)
{
    size_t n = reference_per_channel(shape);
    for (size_t c = 0; c < shape->channels; ++c) {
        double scale = gamma != NULL ? gamma[c] : 1.0;
        double shift = beta != NULL ? beta[c] : 0.0;
        for (size_t k = 0; k < n; ++k) {
            size_t at = reference_channel_index(shape, c, k);
            y[at] = (x[at] - mean[c]) * invstd[c] * scale + shift;
        }
    }
}

void reference_running(const reference_shape *shape, const double *mean, const double *var,
                       double factor, double *running_mean, double *running_var)
{
    double n = (double)reference_per_channel(shape);
    if (n == 0.0)
        return;
    for (size_t c = 0; c < shape->channels; ++c) {
        double unbiased = var[c] * n / (n - 1.0);
        running_mean[c] = (1.0 - factor) * running_mean[c] + factor * mean[c];
        running_var[c] = (1.0 - factor) * running_var[c] + factor * unbiased;
    }
}

/* Σdy and Σdy·x̂ of one channel. */
static void gradient_sums(const reference_shape *shape, const reference_batch_norm_gradient *g,
                          size_t c, double *sum_dy, double *sum_dy_xhat)
{
    size_t n = reference_per_channel(shape);
    long double dy = 0.0L;
    long double dy_xhat = 0.0L;
    for (size_t k = 0; k < n; ++k) {
        size_t at = reference_channel_index(shape, c, k);
        dy += (long double)g->dy[at];
        dy_xhat += (long double)g->dy[at] * ((long double)g->x[at] - (long double)g->mean[c]) *
                   (long double)g->invstd[c];
    }
    *sum_dy = (double)dy;
    *sum_dy_xhat = (double)dy_xhat;
}

static void keep_sums(const reference_batch_norm_gradient *g, size_t c, double dbeta, double dgamma)
{
    if (g->dbeta != NULL)
        g->dbeta[c] = dbeta;
    if (g->dgamma != NULL)
        g->dgamma[c] = dgamma;
}

void reference_batch_norm_backward(const reference_shape *shape,
                                   const reference_batch_norm_gradient *g)
{
    size_t n = reference_per_channel(shape);
    for (size_t c = 0; c < shape->channels; ++c) {
        double dbeta;
        double dgamma;
        gradient_sums(shape, g, c, &dbeta, &dgamma);
        keep_sums(g, c, dbeta, dgamma);
        double scale = (g->gamma != NULL ? g->gamma[c] : 1.0) * g->invstd[c];
        for (size_t k = 0; g->dx != NULL && k < n; ++k) {
            size_t at = reference_channel_index(shape, c, k);
            double xhat = (g->x[at] - g->mean[c]) * g->invstd[c];
            g->dx[at] = scale * (g->dy[at] - dbeta / (double)n - xhat * dgamma / (double)n);
        }
    }
}

void reference_batch_norm_backward_frozen(const reference_shape *shape,
                                          const reference_batch_norm_gradient *g)
{
    size_t n = reference_per_channel(shape);
    for (size_t c = 0; c < shape->channels; ++c) {
        double dbeta;
        double dgamma;
        gradient_sums(shape, g, c, &dbeta, &dgamma);
        keep_sums(g, c, dbeta, dgamma);
        double scale = (g->gamma != NULL ? g->gamma[c] : 1.0) * g->invstd[c];
        for (size_t k = 0; g->dx != NULL && k < n; ++k) {
            size_t at = reference_channel_index(shape, c, k);
            g->dx[at] = g->dy[at] * scale;
        }
    }
}
