/* Expectations and checks of double backward: see double_backward_check.h. */
#include "lib/double_backward_check.h"

#include <math.h>

#include "lib/compare.h"
#include "lib/harness.h"
#include "lib/tolerance.h"

/* The case's inputs in double; NULL for those that are absent. */
typedef struct inputs {
    reference_shape shape;
    bool frozen;
    const double *x, *dy, *gamma, *ddx, *ddgamma, *ddbeta;
    double *mean, *invstd;
} inputs;

static double_backward_values values_make(const reference_shape *shape)
{
    return (double_backward_values){.dx = harness_doubles(reference_total(shape)),
                                    .ddy = harness_doubles(reference_total(shape)),
                                    .dgamma = harness_doubles(shape->channels)};
}

static void read_statistics(inputs *in, const batch_norm_case *c, const batch_norm_data *data,
                            double_backward_statistics statistics)
{
    const size_t channels = in->shape.channels;
    double *var = harness_doubles(channels);
    in->mean = harness_doubles(channels);
    in->invstd = harness_doubles(channels);
    if (statistics == DOUBLE_BACKWARD_EXACT)
        reference_statistics(&in->shape, in->x, in->mean, var);
    for (size_t i = 0; i < channels; ++i) {
        if (statistics == DOUBLE_BACKWARD_SAVED) {
            in->mean[i] = (double)data->save_mean[i] + (double)data->save_mean_lo[i];
            in->invstd[i] = (double)data->save_invstd[i];
            continue;
        }
        if (in->frozen) {
            in->mean[i] = (double)data->running_mean[i];
            var[i] = (double)data->running_var[i];
        }
        in->invstd[i] = reference_invstd(var[i], c->options.eps, !in->frozen);
    }
}

static double absolute(const double *values, size_t at, double instead)
{
    return values != NULL ? fabs(values[at]) : instead;
}

/* Means over a channel of |dy|, |ddx|, |dy·ddx|, |dy·x̂|, |ddx·x̂|. */
typedef struct channel_means {
    double g, v, gv, gx, vx;
} channel_means;

static channel_means means_of(const inputs *in, size_t c, const double *xhat)
{
    const size_t n = reference_per_channel(&in->shape);
    channel_means m = {0};
    for (size_t k = 0; k < n; ++k) {
        const size_t at = reference_channel_index(&in->shape, c, k);
        const double g = fabs(in->dy[at]) / (double)n, v = absolute(in->ddx, at, 0.0);
        m.g += g;
        m.v += v / (double)n;
        m.gv += g * v;
        m.gx += g * xhat[at];
        m.vx += v / (double)n * xhat[at];
    }
    return m;
}

/* The closed formulas with every term positive. xhat are |x̂|. They only ever grow with xhat and
   invstd. */
static void magnitudes_of(const inputs *in, const double *xhat, const double *invstd,
                          double_backward_values out)
{
    const size_t n = reference_per_channel(&in->shape);
    for (size_t c = 0; c < in->shape.channels; ++c) {
        channel_means m = means_of(in, c, xhat);
        if (in->frozen) /* they do not depend on x: only the products count */
            m = (channel_means){.gv = m.gv};
        const double s = invstd[c], scale = absolute(in->gamma, c, 1.0) * s;
        const double a = absolute(in->ddgamma, c, 0.0), q = m.gv + m.g * m.v + m.gx * m.vx;
        out.dgamma[c] = s * (double)n * q;
        for (size_t k = 0; k < n; ++k) {
            const size_t at = reference_channel_index(&in->shape, c, k);
            const double g = fabs(in->dy[at]) + m.g, v = absolute(in->ddx, at, 0.0) + m.v;
            const double slope = scale * m.vx + a;
            const double bend = scale * (q + 2.0 * m.gx * m.vx) + a * m.gx;
            out.ddy[at] = scale * v + slope * xhat[at] + absolute(in->ddbeta, c, 0.0);
            out.dx[at] = s * (slope * g + (in->frozen ? 0.0 : scale * m.gx * v + bend * xhat[at]));
        }
    }
}

/* |x̂| and invstd where invstd may be larger by `relative`, and x̂ by `shift`. */
static void widen(const inputs *in, double relative, double shift, double *xhat, double *invstd)
{
    for (size_t c = 0; c < in->shape.channels; ++c) {
        invstd[c] = in->invstd[c] * (1.0 + relative);
        for (size_t k = 0; k < reference_per_channel(&in->shape); ++k) {
            const size_t at = reference_channel_index(&in->shape, c, k);
            xhat[at] = fabs(in->x[at] - in->mean[c]) * invstd[c] + shift;
        }
    }
}

/* A bound: roundings, and what statistics off by as much as they may be change. That is at most
   what the magnitude grows by, of whose terms each is a product of such factors. */
static double bounded(double (*tolerance)(double), double plain, double wide)
{
    return tolerance(wide) + (wide - plain);
}

static void bound_results(double_backward_expectation *e, const inputs *in,
                          double_backward_statistics statistics)
{
    const double relative = statistics == DOUBLE_BACKWARD_EXACT ? tolerance_batch_norm_invstd(1.0)
                            : in->frozen                        ? tolerance_running_invstd()
                                                                : 0.0;
    const double shift =
        statistics == DOUBLE_BACKWARD_EXACT ? tolerance_batch_norm_y(0.0, 1.0, 0.0) : 0.0;
    double *xhat = harness_doubles(e->total), *invstd = harness_doubles(in->shape.channels);
    double_backward_values plain = values_make(&in->shape);
    widen(in, 0.0, 0.0, xhat, invstd);
    magnitudes_of(in, xhat, invstd, plain);
    widen(in, relative, shift, xhat, invstd);
    magnitudes_of(in, xhat, invstd, e->bounds);
    for (size_t i = 0; i < e->total; ++i) {
        e->bounds.dx[i] =
            bounded(in->frozen ? tolerance_double_backward_dx_frozen : tolerance_double_backward_dx,
                    plain.dx[i], e->bounds.dx[i]);
        e->bounds.ddy[i] = bounded(in->frozen ? tolerance_double_backward_ddy_frozen
                                              : tolerance_double_backward_ddy,
                                   plain.ddy[i], e->bounds.ddy[i]);
    }
    for (size_t c = 0; c < in->shape.channels; ++c)
        e->bounds.dgamma[c] = bounded(in->frozen ? tolerance_double_backward_dgamma_frozen
                                                 : tolerance_double_backward_dgamma,
                                      plain.dgamma[c], e->bounds.dgamma[c]);
}

/* As magnitudes_of, of an x̂ whose x and mean do not cancel. */
static void add_magnitudes(double_backward_expectation *e, const inputs *in)
{
    const size_t n = reference_per_channel(&in->shape);
    double *parts = harness_doubles(e->total);
    for (size_t c = 0; c < in->shape.channels; ++c) {
        double mean_abs = fabs(in->mean[c]);
        for (size_t k = 0; k < n && !in->frozen; ++k)
            mean_abs += fabs(in->x[reference_channel_index(&in->shape, c, k)]) / (double)n;
        for (size_t k = 0; k < n; ++k) {
            const size_t at = reference_channel_index(&in->shape, c, k);
            parts[at] = (fabs(in->x[at]) + mean_abs) * in->invstd[c];
        }
    }
    magnitudes_of(in, parts, in->invstd, e->magnitudes);
}

double_backward_expectation double_backward_expect(const batch_norm_case *c,
                                                   const double_backward_data *data,
                                                   double_backward_statistics statistics)
{
    const reference_shape shape = batch_norm_case_shape(c);
    const size_t total = reference_total(&shape), channels = shape.channels;
    double_backward_expectation e = {.total = total,
                                     .results = values_make(&shape),
                                     .bounds = values_make(&shape),
                                     .magnitudes = values_make(&shape)};
    inputs in = {.shape = shape,
                 .frozen = statistics == DOUBLE_BACKWARD_RUNNING,
                 .x = harness_widen(data->norm.x, total),
                 .dy = harness_widen(data->norm.dy, total),
                 .gamma = harness_widen(data->norm.gamma, channels),
                 .ddx = harness_widen(data->ddx, total),
                 .ddgamma = harness_widen(data->ddgamma, channels),
                 .ddbeta = harness_widen(data->ddbeta, channels)};
    read_statistics(&in, c, &data->norm, statistics);
    const reference_double_backward gradient = {
        in.x,       in.dy,     in.gamma,     in.mean,       in.invstd,       in.ddx,
        in.ddgamma, in.ddbeta, e.results.dx, e.results.ddy, e.results.dgamma};
    if (in.frozen)
        reference_batch_norm_double_backward_frozen(&shape, &gradient);
    else
        reference_batch_norm_double_backward(&shape, &gradient);
    bound_results(&e, &in, statistics);
    add_magnitudes(&e, &in);
    return e;
}

void double_backward_check(const batch_norm_case *c, bool train, const double_backward_data *data)
{
    const bool frozen = !train && !c->untracked;
    const double_backward_expectation e =
        double_backward_expect(c, data, frozen ? DOUBLE_BACKWARD_RUNNING : DOUBLE_BACKWARD_SAVED);
    const char *name = harness_text("%s by %s, %s", batch_norm_case_name(c),
                                    frozen ? "running statistics" : "the batch's",
                                    train ? "training" : "evaluation");
    if (data->dx != NULL)
        check_floats(harness_text("dx of %s", name), data->dx, e.results.dx, e.bounds.dx, e.total);
    if (data->ddy != NULL)
        check_floats(harness_text("ddy of %s", name), data->ddy, e.results.ddy, e.bounds.ddy,
                     e.total);
    if (data->dgamma != NULL)
        check_floats(harness_text("dgamma of %s", name), data->dgamma, e.results.dgamma,
                     e.bounds.dgamma, c->channels);
}
