/* Expected results, bounds and magnitudes of a batch norm case: see batch_norm_expect.h. */
#include "lib/batch_norm_expect.h"

#include <math.h>

#include "lib/harness.h"
#include "lib/tolerance.h"

/* The case's inputs in double. */
typedef struct inputs {
    const batch_norm_case *c;
    double *x;
    double *dy;
    double *gamma;    /* NULL: 1 */
    double *beta;     /* NULL: 0 */
    double *mean_abs; /* Σ|x|/n, or |running_mean| */
} inputs;

static double gamma_of(const inputs *in, size_t channel)
{
    return in->gamma != NULL ? in->gamma[channel] : 1.0;
}

static double beta_of(const inputs *in, size_t channel)
{
    return in->beta != NULL ? in->beta[channel] : 0.0;
}

static batch_norm_values values_make(size_t channels, size_t total, bool running)
{
    return (batch_norm_values){
        .y = harness_doubles(total),
        .dx = harness_doubles(total),
        .dgamma = harness_doubles(channels),
        .dbeta = harness_doubles(channels),
        .mean = harness_doubles(channels),
        .var = harness_doubles(channels),
        .invstd = harness_doubles(channels),
        .running_mean = running ? harness_doubles(channels) : NULL,
        .running_var = running ? harness_doubles(channels) : NULL,
    };
}

/* mean, var, invstd and their bounds. */
static void expect_statistics(batch_norm_expectation *e, inputs *in, const batch_norm_data *data)
{
    size_t channels = e->shape.channels;
    if (e->batch) {
        reference_statistics(&e->shape, in->x, e->results.mean, e->results.var);
    } else {
        e->results.mean = harness_widen(data->running_mean, channels);
        e->results.var = harness_widen(data->running_var, channels);
    }
    for (size_t c = 0; c < channels; ++c) {
        e->results.invstd[c] = reference_invstd(e->results.var[c], in->c->options.eps, e->batch);
        for (size_t k = 0; e->batch && k < e->n; ++k)
            in->mean_abs[c] += fabs(in->x[reference_channel_index(&e->shape, c, k)]) / (double)e->n;
        if (!e->batch)
            in->mean_abs[c] = fabs(e->results.mean[c]);
        e->bounds.mean[c] = tolerance_batch_norm_sum(in->mean_abs[c]);
        e->bounds.invstd[c] = tolerance_batch_norm_invstd(e->results.invstd[c]);
        e->magnitudes.mean[c] = in->mean_abs[c];
        e->magnitudes.invstd[c] = e->results.invstd[c];
    }
}

static void expect_y(batch_norm_expectation *e, const inputs *in)
{
    const double *mean = e->results.mean;
    const double *invstd = e->results.invstd;
    reference_normalize(&e->shape, in->x, mean, invstd, in->gamma, in->beta, e->results.y);
    for (size_t c = 0; c < e->shape.channels; ++c) {
        double gamma = gamma_of(in, c);
        double beta = beta_of(in, c);
        for (size_t k = 0; k < e->n; ++k) {
            size_t at = reference_channel_index(&e->shape, c, k);
            double y = e->results.y[at];
            double xhat = (in->x[at] - mean[c]) * invstd[c];
            e->bounds.y[at] = e->batch ? tolerance_batch_norm_y(y, gamma, xhat)
                                       : tolerance_batch_norm_y_frozen(y, beta, gamma, xhat);
            e->magnitudes.y[at] =
                fabs(gamma) * invstd[c] * (fabs(in->x[at]) + in->mean_abs[c]) + fabs(beta);
        }
    }
}

/* Σ|dy|, Σ|dy·x̂| and Σ|dy|·(|x|+|mean|)·invstd of a channel. */
typedef struct gradient_sums {
    double dy;
    double dy_xhat;
    double dy_parts;
} gradient_sums;

static gradient_sums sum_magnitudes(const batch_norm_expectation *e, const inputs *in, size_t c)
{
    gradient_sums sums = {0.0, 0.0, 0.0};
    double invstd = e->results.invstd[c];
    for (size_t k = 0; k < e->n; ++k) {
        size_t at = reference_channel_index(&e->shape, c, k);
        double dy = fabs(in->dy[at]);
        sums.dy += dy;
        sums.dy_xhat += dy * fabs(in->x[at] - e->results.mean[c]) * invstd;
        sums.dy_parts += dy * (fabs(in->x[at]) + in->mean_abs[c]) * invstd;
    }
    return sums;
}

static void bound_dx(batch_norm_expectation *e, const inputs *in, size_t c, gradient_sums sums)
{
    double n = (double)e->n;
    double invstd = e->results.invstd[c];
    double scale = gamma_of(in, c) * invstd;
    for (size_t k = 0; k < e->n; ++k) {
        size_t at = reference_channel_index(&e->shape, c, k);
        double dy = in->dy[at];
        double xhat = (in->x[at] - e->results.mean[c]) * invstd;
        double parts = (fabs(in->x[at]) + in->mean_abs[c]) * invstd;
        if (e->batch) {
            e->bounds.dx[at] =
                tolerance_batch_norm_dx(scale, dy, sums.dy / n, xhat, sums.dy_xhat / n);
            e->magnitudes.dx[at] =
                fabs(scale) * (fabs(dy) + sums.dy / n + parts * sums.dy_parts / n);
        } else {
            e->bounds.dx[at] = tolerance_batch_norm_dx_frozen(e->results.dx[at]);
            e->magnitudes.dx[at] = fabs(e->results.dx[at]);
        }
    }
}

static void expect_gradients(batch_norm_expectation *e, const inputs *in)
{
    const reference_batch_norm_gradient gradient = {.x = in->x,
                                                    .dy = in->dy,
                                                    .gamma = in->gamma,
                                                    .mean = e->results.mean,
                                                    .invstd = e->results.invstd,
                                                    .dx = e->results.dx,
                                                    .dgamma = e->results.dgamma,
                                                    .dbeta = e->results.dbeta};
    if (e->batch)
        reference_batch_norm_backward(&e->shape, &gradient);
    else
        reference_batch_norm_backward_frozen(&e->shape, &gradient);
    for (size_t c = 0; c < e->shape.channels; ++c) {
        gradient_sums sums = sum_magnitudes(e, in, c);
        e->bounds.dbeta[c] = tolerance_batch_norm_sum(sums.dy);
        e->bounds.dgamma[c] = tolerance_batch_norm_sum(sums.dy_xhat);
        e->magnitudes.dbeta[c] = sums.dy;
        e->magnitudes.dgamma[c] = sums.dy_parts;
        bound_dx(e, in, c, sums);
    }
}

/* Training moves the running statistics; evaluation leaves them, exactly. */
static void expect_running(batch_norm_expectation *e, const inputs *in, const batch_norm_data *data,
                           bool train)
{
    size_t channels = e->shape.channels;
    double n = (double)e->n;
    double weight = e->weight;
    e->results.running_mean = harness_widen(data->running_mean, channels);
    e->results.running_var = harness_widen(data->running_var, channels);
    for (size_t c = 0; train && e->n > 0 && c < channels; ++c) {
        double mean = e->results.running_mean[c];
        double var = e->results.running_var[c];
        double unbiased = e->results.var[c] * n / (n - 1.0);
        e->bounds.running_mean[c] =
            tolerance_running(weight, mean, e->results.mean[c], e->bounds.mean[c]);
        e->bounds.running_var[c] =
            tolerance_running(weight, var, unbiased, tolerance_batch_norm_var(unbiased));
        e->magnitudes.running_mean[c] =
            fabs((1.0 - weight) * mean) + fabs(weight) * in->mean_abs[c];
        e->magnitudes.running_var[c] = fabs((1.0 - weight) * var) + fabs(weight) * unbiased;
    }
    if (train)
        reference_running(&e->shape, e->results.mean, e->results.var, weight,
                          e->results.running_mean, e->results.running_var);
}

batch_norm_expectation batch_norm_expect(const batch_norm_case *c, const batch_norm_data *data,
                                         bool train)
{
    reference_shape shape = batch_norm_case_shape(c);
    size_t channels = shape.channels;
    size_t total = reference_total(&shape);
    bool running = data->running_mean != NULL;
    batch_norm_expectation e = {.shape = shape,
                                .n = reference_per_channel(&shape),
                                .total = total,
                                .batch = train || !running,
                                .weight = c->options.cumulative
                                              ? 1.0 / (double)data->num_batches_tracked
                                              : c->options.momentum,
                                .results = values_make(channels, total, false),
                                .bounds = values_make(channels, total, running),
                                .magnitudes = values_make(channels, total, running)};
    inputs in = {.c = c,
                 .x = harness_widen(data->x, total),
                 .dy = harness_widen(data->dy, total),
                 .gamma = harness_widen(data->gamma, channels),
                 .beta = harness_widen(data->beta, channels),
                 .mean_abs = harness_doubles(channels)};
    expect_statistics(&e, &in, data);
    expect_y(&e, &in);
    if (in.dy != NULL)
        expect_gradients(&e, &in);
    if (running)
        expect_running(&e, &in, data, train);
    return e;
}
