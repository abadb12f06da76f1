/* The reference: what the library should compute, in double with sums in long double, in two passes
   and the plainest order. It must not know the library: no code of it, not even its headers. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- batch norm ---- */

/* A batch of samples·channels·positions values. [N,C] has one position; channels_last says that the
   channel varies fastest ([N,L,C]), else the position does ([N,C,L]). */
typedef struct reference_shape {
    size_t samples;
    size_t channels;
    size_t positions;
    bool channels_last;
} reference_shape;

size_t reference_total(const reference_shape *shape);       /* all values */
size_t reference_per_channel(const reference_shape *shape); /* n: values of one channel */

/* Where value (sample, channel, position) lies. */
size_t reference_index(const reference_shape *shape, size_t sample, size_t channel,
                       size_t position);

/* Where the channel's value-th value lies, samples first: value = sample·positions + position. */
size_t reference_channel_index(const reference_shape *shape, size_t channel, size_t value);

/* mean = Σx/n, var = Σ(x-mean)²/n of every channel; both [channels]. n = 0 gives NaN. */
void reference_statistics(const reference_shape *shape, const double *x, double *mean, double *var);

/* 1/√(var+eps). With the batch's own statistics a var and an eps of zero give 0. */
double reference_invstd(double var, double eps, bool batch);

/* y = (x-mean)·invstd·gamma + beta. gamma NULL: 1; beta NULL: 0. */
void reference_normalize(const reference_shape *shape, const double *x, const double *mean,
                         const double *invstd, const double *gamma, const double *beta, double *y);

/* Moves running_mean and running_var by the weight `factor` towards the batch's mean and its
   unbiased variance var·n/(n-1). n = 0 leaves them. */
void reference_running(const reference_shape *shape, const double *mean, const double *var,
                       double factor, double *running_mean, double *running_var);

/* Operands and results of a batch norm's backward pass. dx, dgamma, dbeta may each be NULL. */
typedef struct reference_batch_norm_gradient {
    const double *x;
    const double *dy;
    const double *gamma; /* NULL: 1 */
    const double *mean;
    const double *invstd;
    double *dx;
    double *dgamma;
    double *dbeta;
} reference_batch_norm_gradient;

/* dbeta = Σdy, dgamma = Σdy·x̂, dx = gamma·invstd·(dy - dbeta/n - x̂·dgamma/n): mean and invstd
   came from this batch. */
void reference_batch_norm_backward(const reference_shape *shape,
                                   const reference_batch_norm_gradient *gradient);

/* The same sums, and dx = dy·gamma·invstd: mean and invstd do not depend on x. */
void reference_batch_norm_backward_frozen(const reference_shape *shape,
                                          const reference_batch_norm_gradient *gradient);

/* Operands and results of the gradient of a backward pass. What arrives may be NULL, for zeros, and
   so may each result. */
typedef struct reference_double_backward {
    const double *x;
    const double *dy;
    const double *gamma; /* NULL: 1 */
    const double *mean;
    const double *invstd;
    const double *ddx; /* by the backward pass's dx, dgamma and dbeta */
    const double *ddgamma;
    const double *ddbeta;
    double *dx; /* by x, dy and gamma */
    double *ddy;
    double *dgamma;
} reference_double_backward;

/* The chain rule, backwards through reference_batch_norm_backward and the statistics of the batch
   that mean and invstd are. */
void reference_batch_norm_double_backward(const reference_shape *shape,
                                          const reference_double_backward *gradient);

/* The same through reference_batch_norm_backward_frozen. */
void reference_batch_norm_double_backward_frozen(const reference_shape *shape,
                                                 const reference_double_backward *gradient);

/* ---- the rest of the stack ---- */

typedef struct reference_linear {
    size_t rows;
    size_t in_features;
    size_t out_features;
} reference_linear;

/* y = x·Wᵀ + b; x [rows,in], weight [out,in], bias [out] or NULL. */
void reference_linear_forward(const reference_linear *shape, const double *x, const double *weight,
                              const double *bias, double *y);

/* dx = dy·W, dweight = dyᵀ·x, dbias = Σ over rows of dy; each may be NULL. */
void reference_linear_backward(const reference_linear *shape, const double *x, const double *weight,
                               const double *dy, double *dx, double *dweight, double *dbias);

/* max(x,0); NaN stays NaN. */
void reference_relu(size_t count, const double *x, double *y);

/* 0 where y <= 0, else dy. */
void reference_relu_backward(size_t count, const double *y, const double *dy, double *dx);

void reference_add(size_t count, const double *a, const double *b, double *z);

/* Mean over rows of -log softmax(logits)[label] and the rows whose first largest logit is the
   label's. dlogits = (softmax - one-hot)/rows, or NULL. A label out of range makes the loss NaN and
   its row of dlogits 0. rows = 0: a NaN loss. Returns the loss. */
double reference_cross_entropy(size_t rows, size_t classes, const double *logits,
                               const int32_t *labels, int32_t *correct, double *dlogits);

typedef struct reference_sgd {
    double lr;
    double momentum;
    double dampening;
    double weight_decay;
    bool nesterov;
} reference_sgd;

/* One step on w; buf is the momentum buffer, of which the first step (step = 0) reads nothing. */
void reference_sgd_step(const reference_sgd *options, size_t step, size_t count, const double *dw,
                        double *buf, double *w);

#endif
