/* Exact results and errors; see accuracy_exact.h. */
#include "accuracy_exact.h"

#include <math.h>

#define UNIT 0x1p-24L

accuracy_exact accuracy_exact_of(size_t count, double offset, const float *noise, double dy_offset,
                                 const float *dy_noise)
{
    accuracy_exact e = {.pivot = accuracy_value(offset, noise[0])};
    const long double n = (long double)count;
    for (size_t i = 0; i < count; ++i) {
        long double x = accuracy_value(offset, noise[i]);
        e.shift += x - e.pivot;
        e.mean_terms += fabsl(x);
    }
    e.shift /= n;
    e.mean_terms /= n;
    for (size_t i = 0; i < count; ++i) {
        long double d = (accuracy_value(offset, noise[i]) - e.pivot) - e.shift;
        e.var += d * d;
    }
    e.var /= n;
    e.invstd = 1.0L / sqrtl(e.var + ACCURACY_EPS);
    for (size_t i = 0; i < count; ++i) {
        long double d = (accuracy_value(offset, noise[i]) - e.pivot) - e.shift;
        long double dy = accuracy_value(dy_offset, dy_noise[i]);
        e.dbeta += dy;
        e.dbeta_terms += fabsl(dy);
        e.dgamma += dy * (d * e.invstd);
        e.dgamma_terms += fabsl(dy * (d * e.invstd));
    }
    return e;
}

double accuracy_worse(double worst, double error)
{
    if (isnan(error))
        return INFINITY;
    return error > worst ? error : worst;
}

double accuracy_error_y(const accuracy_case *c, const accuracy_exact *exact, const float *x,
                        const float *y)
{
    double worst = 0.0;
    for (size_t channel = 0; channel < c->channels; ++channel) {
        const accuracy_exact e = exact[channel];
        for (size_t s = 0; s < c->samples; ++s)
            for (size_t l = 0; l < c->length; ++l) {
                size_t i =
                    s * c->sample_stride + channel * c->channel_stride + l * c->position_stride;
                long double expected = ((x[i] - e.pivot) - e.shift) * e.invstd;
                long double magnitude = fabsl(expected) > 1.0L ? fabsl(expected) : 1.0L;
                worst = accuracy_worse(worst, (double)(fabsl(y[i] - expected) / magnitude));
            }
    }
    return worst;
}

double accuracy_error_units(long double got, long double exact, long double terms)
{
    return (double)(fabsl(got - exact) / (UNIT * terms));
}
