/* How far a result may lie from the exact one: named functions of the reduction length and of the
   magnitudes that go in. u = 2⁻²⁴ is the unit roundoff of f32; all bounds are absolute. They must
   not know the library. */
#ifndef TOLERANCE_H
#define TOLERANCE_H

#include <stddef.h>

/* u of f32. */
double tolerance_unit(void);

/* γ_k = k·u/(1-k·u): the relative error of k roundings in a row (Higham, "Accuracy and Stability of
   Numerical Algorithms", ch. 3). Infinite once k·u reaches 1. */
double tolerance_gamma(double k);

/* A sum or dot product of k terms in any order, where sum_abs = Σ|terms|. */
double tolerance_sum_any_order(size_t k, double sum_abs);

/* A sum, or a mean, of any number of terms that add in leaves of 32, the leaves as sums of two
   floats: 31 roundings in a leaf, one of the result, one of its division, one to spare. */
double tolerance_leaf_sum(double sum_abs);

/* ---- batch norm: the library's promises, whatever n is ---- */

/* mean, dgamma, dbeta: 8·u·Σ|terms|. */
double tolerance_batch_norm_sum(double sum_abs);

/* var: 2e-6 of it. */
double tolerance_batch_norm_var(double var);

/* invstd = 1/√(var+eps), of a var that is 2e-6 wrong at most, and a rounding of each of the three
   steps. */
double tolerance_batch_norm_invstd(double invstd);

/* y: 2e-6·max(1,|y|); where gamma stretches x̂ to more than y, of that. */
double tolerance_batch_norm_y(double y, double gamma, double xhat);

/* y from running statistics, which are exact as given: no reduction, ten roundings. */
double tolerance_batch_norm_y_frozen(double y, double beta, double gamma, double xhat);

/* A running statistic (1-m)·old + m·batch, whose batch part may be wrong by batch_bound: three
   roundings of each product and of their sum, and one of m. */
double tolerance_running(double momentum, double old, double batch, double batch_bound);

/* dx = scale·(dy - dbeta/n - x̂·dgamma/n) where scale = gamma·invstd. sum_dy = Σ|dy|/n and
   sum_dy_xhat = Σ|dy·x̂|/n. Sums as promised, invstd's promise, ten roundings. */
double tolerance_batch_norm_dx(double scale, double dy, double sum_dy, double xhat,
                               double sum_dy_xhat);

/* dx = dy·scale: seven roundings. */
double tolerance_batch_norm_dx_frozen(double dx);

/* ---- double backward, of statistics that are exact as given: γ_k of the magnitude, which is the
   result with every term taken positive. Roundings k along the longest way of a term:
   - a sum has 4, from a chain of four and the result; 1 more for a product, 2 more for x - mean
     within it; n has 1, a division 1. So Σdy/n has 6, and Σ(dy·x̂)/n, times invstd, has 10;
   - Q = Σ(ddx·dy) - Σddx·Σdy/n - Σ(ddx·x̂)·Σ(dy·x̂)/n has 8 + 10 + 1, dgamma = invstd·Q has 20;
   - a coefficient gamma·invstd·Σ(…·x̂)/n has 12; that of x̂ in dx, which holds Q/n, has 25;
   - ddy: 12, x̂ 3, two sums: 17; dx: 25, x̂ 3, a sum, times invstd: 30 ---- */
double tolerance_double_backward_dgamma(double magnitude);
double tolerance_double_backward_ddy(double magnitude);
double tolerance_double_backward_dx(double magnitude);

/* Frozen: a sum of products and a product, 6; two products and two sums, x - mean being one of
   them, 4; two products, 2. */
double tolerance_double_backward_dgamma_frozen(double magnitude);
double tolerance_double_backward_ddy_frozen(double magnitude);
double tolerance_double_backward_dx_frozen(double magnitude);

/* How far invstd from a running_var may be, relative: eps rounded and added, under the root; and
   the root itself, 0.51 ulp. */
double tolerance_running_invstd(void);

/* ---- PyTorch's own f32 kernels, which promise nothing: n values may have been summed one after
   another; `magnitude` is the sum of the magnitudes that went in ---- */
double tolerance_pytorch(size_t n, double magnitude);

/* ---- the rest of the stack ---- */

/* A row's loss log Σexp(z) - z_label. OpenCL's exp and log are within 3 ulp; `classes` terms are
   added; `spread` is the row's largest |z - max z|, whose rounding enters as an absolute error. */
double tolerance_cross_entropy_loss(size_t classes, double loss, double spread);

/* A logit's gradient (p - target)/rows. */
double tolerance_cross_entropy_gradient(size_t classes, size_t rows, double p, double spread);

/* Batch norm folded into a Linear of k inputs, beside the two apart: 2·√(k+3) units in the last
   place of the sum of the magnitudes of all terms. Each of the two results has a sum of k products,
   the bias, the mean and beta, whose roundings add up as their root (see reference_graph.c), u of
   that sum each; and a unit in the last place is more than u of it. */
double tolerance_fold(size_t k, double sum_abs);

/* w after a step, from the magnitudes of its terms: eight roundings. */
double tolerance_sgd(double sum_abs);

#endif
