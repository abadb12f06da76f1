/* The reference's double backward: reverse-mode differentiation of the backward pass, one operation
   at a time, with sums in long double. It uses none of the closed formulas, and must not know the
   library. */
#include "lib/reference.h"

typedef long double real;

/* One channel; `value` counts its values as reference_channel_index does. A name with _bar is the
   derivative by what the name says. */
typedef struct channel {
    const reference_shape *shape;
    const reference_double_backward *g;
    size_t c, n;
    real gamma, invstd;
    real dbeta, dgamma; /* the backward pass's */
} channel;

static real given(const double *values, size_t at)
{
    return values != NULL ? (real)values[at] : 0.0L;
}

static size_t place(const channel *ch, size_t value)
{
    return reference_channel_index(ch->shape, ch->c, value);
}

static real h_of(const channel *ch, size_t value)
{
    return (real)ch->g->x[place(ch, value)] - (real)ch->g->mean[ch->c];
}

static real xhat_of(const channel *ch, size_t value)
{
    return h_of(ch, value) * ch->invstd;
}

static real dy_of(const channel *ch, size_t value)
{
    return (real)ch->g->dy[place(ch, value)];
}

static real ddx_of(const channel *ch, size_t value)
{
    return given(ch->g->ddx, place(ch, value));
}

static channel channel_of(const reference_shape *shape, const reference_double_backward *g,
                          size_t c)
{
    channel ch = {.shape = shape,
                  .g = g,
                  .c = c,
                  .n = reference_per_channel(shape),
                  .gamma = g->gamma != NULL ? (real)g->gamma[c] : 1.0L,
                  .invstd = (real)g->invstd[c]};
    for (size_t i = 0; i < ch.n; ++i) {
        ch.dbeta += dy_of(&ch, i);
        ch.dgamma += dy_of(&ch, i) * xhat_of(&ch, i);
    }
    return ch;
}

/* The derivatives by what the backward pass computes on its way: dx = gamma·invstd·inside, with
   inside = dy - dbeta/n - x̂·dgamma/n. */
typedef struct bars {
    real scale; /* gamma·invstd */
    real dbeta, dgamma;
    real invstd; /* by way of the scale, and of x̂ */
} bars;

static bars bars_of(const channel *ch)
{
    const real n = (real)ch->n;
    bars b = {.dbeta = given(ch->g->ddbeta, ch->c), .dgamma = given(ch->g->ddgamma, ch->c)};
    for (size_t i = 0; i < ch->n; ++i) {
        const real inside = dy_of(ch, i) - ch->dbeta / n - xhat_of(ch, i) * ch->dgamma / n;
        const real inside_bar = ch->gamma * ch->invstd * ddx_of(ch, i);
        b.scale += ddx_of(ch, i) * inside;
        b.dbeta -= inside_bar / n;
        b.dgamma -= inside_bar * xhat_of(ch, i) / n;
    }
    b.invstd = b.scale * ch->gamma;
    return b;
}

/* x̂ enters inside, and dgamma. */
static real xhat_bar_of(const channel *ch, const bars *b, size_t value)
{
    const real inside_bar = ch->gamma * ch->invstd * ddx_of(ch, value);
    return b->dgamma * dy_of(ch, value) - inside_bar * ch->dgamma / (real)ch->n;
}

/* x̂ = h·invstd; invstd = (var+eps)^-½; var = Σh²/n; h = x - mean, which var does not depend on by
   way of the mean, since Σh = 0. */
static void by_x(const channel *ch, const bars *b)
{
    const real n = (real)ch->n;
    real invstd_bar = b->invstd, h_bar_mean = 0.0L;
    for (size_t i = 0; i < ch->n; ++i) {
        invstd_bar += xhat_bar_of(ch, b, i) * h_of(ch, i);
        h_bar_mean += xhat_bar_of(ch, b, i) * ch->invstd / n;
    }
    const real var_bar = -0.5L * ch->invstd * ch->invstd * ch->invstd * invstd_bar;
    for (size_t i = 0; i < ch->n; ++i) {
        const real h_bar = xhat_bar_of(ch, b, i) * ch->invstd + var_bar * 2.0L * h_of(ch, i) / n;
        ch->g->dx[place(ch, i)] = (double)(h_bar - h_bar_mean);
    }
}

void reference_batch_norm_double_backward(const reference_shape *shape,
                                          const reference_double_backward *g)
{
    for (size_t c = 0; c < shape->channels; ++c) {
        const channel ch = channel_of(shape, g, c);
        const bars b = bars_of(&ch);
        if (g->dgamma != NULL)
            g->dgamma[c] = (double)(b.scale * ch.invstd);
        for (size_t i = 0; g->ddy != NULL && i < ch.n; ++i)
            g->ddy[place(&ch, i)] = (double)(ch.gamma * ch.invstd * ddx_of(&ch, i) + b.dbeta +
                                             b.dgamma * xhat_of(&ch, i));
        if (g->dx != NULL)
            by_x(&ch, &b);
    }
}

void reference_batch_norm_double_backward_frozen(const reference_shape *shape,
                                                 const reference_double_backward *g)
{
    for (size_t c = 0; c < shape->channels; ++c) {
        const channel ch = channel_of(shape, g, c);
        const real ddgamma = given(g->ddgamma, c);
        real scale_bar = 0.0L;
        for (size_t i = 0; i < ch.n; ++i)
            scale_bar += ddx_of(&ch, i) * dy_of(&ch, i);
        if (g->dgamma != NULL)
            g->dgamma[c] = (double)(scale_bar * ch.invstd);
        for (size_t i = 0; g->ddy != NULL && i < ch.n; ++i)
            g->ddy[place(&ch, i)] = (double)(ch.gamma * ch.invstd * ddx_of(&ch, i) +
                                             given(g->ddbeta, c) + ddgamma * xhat_of(&ch, i));
        for (size_t i = 0; g->dx != NULL && i < ch.n; ++i)
            g->dx[place(&ch, i)] = (double)(ddgamma * dy_of(&ch, i) * ch.invstd);
    }
}
