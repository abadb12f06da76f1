/* (count, mean, M2) of a set of values, and of the union of two sets: Chan, Golub, LeVeque,
   "Updating formulae and a pairwise algorithm for computing sample variances", 1979. M2 is the sum
   of squared differences from the mean; the mean is the unevaluated sum of two floats. */
typedef struct {
    uint count;
    floatv hi, lo, m2;
} moments;

moments moments_merge(moments a, moments b)
{
    const float weight = divide((float)b.count, (float)(a.count + b.count));
    const floatv delta = (b.hi - a.hi) + (b.lo - a.lo);
    const floatv step = delta * weight;
    const floatv sum = a.hi + step;
    const floatv error = sum_error(a.hi, step, sum) + a.lo;
    moments r;
    r.count = a.count + b.count;
    r.hi = sum + error;
    r.lo = error - (r.hi - sum);
    r.m2 = (a.m2 + b.m2) + (delta * delta) * ((float)a.count * weight);
    /* A set with an infinity or NaN: the mean is what plain sums give, M2 is NaN. */
    r.hi = select(a.hi + b.hi, r.hi, isfinite(delta));
    r.lo = select((floatv)(0.0f), r.lo, isfinite(delta));
    r.m2 = select((floatv)(NAN), r.m2, isfinite(delta));
    return r;
}

/* From the corrected two-pass sums about `center`, s = sum (x-center) and q = sum (x-center)^2:
   mean = center + s/n, M2 = q - s^2/n, never below 0. */
moments moments_about(uint count, floatv center, floatv s, floatv q)
{
    const floatv shift = s * reciprocal((float)count);
    moments r;
    r.count = count;
    r.hi = center + shift;
    r.lo = sum_error(center, shift, r.hi);
    r.m2 = fma(-s, shift, q);
    r.m2 = select(r.m2, (floatv)(0.0f), r.m2 < (floatv)(0.0f));
    return r;
}
