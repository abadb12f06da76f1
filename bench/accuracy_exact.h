/* What batch norm should give, in long double, and how far results are from it. It must not know
   the library but for the case's shape. */
#ifndef ACCURACY_EXACT_H
#define ACCURACY_EXACT_H

#include "accuracy_case.h"

#define ACCURACY_EPS 1e-5

/* One channel's exact results, gamma = 1 and beta = 0. The mean is kept as pivot + shift, pivot one
   of the values: also where long double is as wide as double they are far closer than f32. */
typedef struct accuracy_exact {
    long double pivot, shift;
    long double var; /* biased */
    long double invstd;
    long double dgamma, dbeta;
    /* Σ|terms| of the three sums; the mean's is divided by n. */
    long double mean_terms, dgamma_terms, dbeta_terms;
} accuracy_exact;

/* From the channel's n values x = accuracy_value(offset, noise) and dy = accuracy_value(dy_offset,
   dy_noise). */
accuracy_exact accuracy_exact_of(size_t count, double offset, const float *noise, double dy_offset,
                                 const float *dy_noise);

/* `error` where it is worse than `worst`; a NaN is as bad as infinity. */
double accuracy_worse(double worst, double error);

/* The worst |y - exact|/max(1,|exact|); x and y lie as the case has it. */
double accuracy_error_y(const accuracy_case *c, const accuracy_exact *exact, const float *x,
                        const float *y);

/* |got - exact| in units of u·terms, u = 2⁻²⁴. */
double accuracy_error_units(long double got, long double exact, long double terms);

#endif
