/* (count, mean, M2) of a set of values, and of the union of two sets: Chan, Golub, LeVeque,
   "Updating formulae and a pairwise algorithm for computing sample variances", 1979. M2 is the sum
   of squared differences from the mean; the mean is the unevaluated sum of two floats. */
typedef struct {
    uint count;
    accv hi, lo, m2;
} moments;

/* Of sums that are finite; part is b's share of all values. */
moments moments_join(moments a, moments b, acc_t part)
{
    const accv delta = (b.hi - a.hi) + (b.lo - a.lo);
    const accv step = delta * part;
    const accv sum = a.hi + step;
    const accv error = sum_error(a.hi, step, sum) + a.lo;
    moments r;
    r.count = a.count + b.count;
    r.hi = sum + error;
    r.lo = error - (r.hi - sum);
    r.m2 = (a.m2 + b.m2) + (delta * delta) * ((acc_t)a.count * part);
    return r;
}

/* Of any: with an infinity or NaN the mean is what plain sums give, M2 is NaN. */
moments moments_merge(moments a, moments b)
{
    const accv delta = (b.hi - a.hi) + (b.lo - a.lo);
    moments r = moments_join(a, b, divide((acc_t)b.count, (acc_t)(a.count + b.count)));
    r.hi = CHOOSE(a.hi + b.hi, r.hi, isfinite(delta));
    r.lo = CHOOSE((accv)(0.0f), r.lo, isfinite(delta));
    r.m2 = CHOOSE((accv)(NAN), r.m2, isfinite(delta));
    return r;
}

/* From the corrected two-pass sums about `center`, s = sum (x-center) and q = sum (x-center)^2:
   mean = center + s*share, share being 1/count, M2 = q - s^2*share, never below 0. */
moments moments_about(uint count, acc_t share, accv center, accv s, accv q)
{
    const accv shift = s * share;
    moments r;
    r.count = count;
    r.hi = center + shift;
    r.lo = sum_error(center, shift, r.hi);
    r.m2 = fma(-s, shift, q);
    r.m2 = CHOOSE(r.m2, (accv)(0.0f), r.m2 < (accv)(0.0f));
    return r;
}
