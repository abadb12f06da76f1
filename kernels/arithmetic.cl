/* Divisions and roots that give the same bits on every device: from +, -, * and fma() alone, each
   of which rounds once everywhere. The device's own / and sqrt() may be off by 3 ulp, each in its
   way. */

#ifdef DTYPE_F64
/* In double a device's own division and square root round correctly. */
double reciprocal(double b)
{
    return 1.0 / b;
}

double divide(double a, double b)
{
    return a / b;
}

accv divide_each(accv a, double b)
{
    return a / b;
}

accv inverse_sqrt(accv a)
{
    return 1.0 / sqrt(a);
}
#else
/* 1/b for normal b in 2^-100 ... 2^100. A first guess by the exponent's arithmetic is right to
   12 %; each Newton step squares that: 1.5 %, 2e-4, 5e-8, then rounding is left. */
float reciprocal(float b)
{
    float r = as_float(0x7EF311C7u - as_uint(b));
#pragma unroll
    for (int i = 0; i < 4; ++i)
        r = fma(r, fma(-b, r, 1.0f), r);
    return r;
}

/* a/b for b as above and any a; the residual step of Markstein rounds it correctly but for results
   near underflow. */
float divide(float a, float b)
{
    float r = reciprocal(b);
    float q = a * r;
    float better = fma(fma(-q, b, a), r, q);
    return isfinite(q) ? better : q;
}

/* divide(a, b) of each element. */
accv divide_each(accv a, float b)
{
    const float r = reciprocal(b);
    const accv q = a * r;
    const accv better = fma(fma(-q, (accv)(b), a), (accv)(r), q);
    return CHOOSE(q, better, isfinite(q));
}

/* 1/sqrt(a), within 0.51 ulp, of each element; +inf for 0, 0 for +inf, NaN for a negative a or NaN.
   Subnormal and very small a are scaled by 2^64 first. */
accv inverse_sqrt(accv a)
{
    const condv tiny = a < (accv)(0x1p-60f);
    const accv s = CHOOSE(a, a * 0x1p64f, tiny);
    accv r = OF_VEC(as_float)(0x5F3759DFu - (OF_VEC(as_uint)(s) >> 1));
#pragma unroll
    for (int i = 0; i < 3; ++i)
        r = fma(r * 0.5f, fma(-s * r, r, (accv)(1.0f)), r);
    /* One more step with the residual 1 - s*r^2 taken exactly: s*r = h + l. */
    const accv h = s * r;
    const accv l = fma(s, r, -h);
    const accv residual = fma(-l, r, fma(-h, r, (accv)(1.0f)));
    r = fma(r * 0.5f, residual, r);
    r = CHOOSE(r, r * 0x1p32f, tiny);
    r = CHOOSE(r, (accv)(0.0f), a == (accv)(INFINITY));
    r = CHOOSE(r, (accv)(INFINITY), a == (accv)(0.0f));
    return CHOOSE((accv)(NAN), r, a >= (accv)(0.0f));
}
#endif

/* What a + b lost by rounding to `sum` (Knuth's two-sum), of single floats and of vectors. */
acc_t scalar_sum_error(acc_t a, acc_t b, acc_t sum)
{
    const acc_t b_part = sum - a;
    const acc_t a_part = sum - b_part;
    return (a - a_part) + (b - b_part);
}

accv sum_error(accv a, accv b, accv sum)
{
    const accv b_part = sum - a;
    const accv a_part = sum - b_part;
    return (a - a_part) + (b - b_part);
}

/* v, with +0 for a zero of either sign. What is promised to be the same bits everywhere goes
   through this at its store, since some drivers make a -0 where others have +0. */
accv unsigned_zero(accv v)
{
    return CHOOSE(v, (accv)(0.0f), v == (accv)(0.0f));
}

/* A value as the unevaluated sum of two floats, |lo| at most half an ulp of hi. */
typedef struct {
    accv hi, lo;
} twofold;

/* a + b, where much is added to a before it is read: its parts are left as they fall, until
   twofold_settle. */
twofold twofold_collect(twofold a, accv b)
{
    twofold r;
    r.hi = a.hi + b;
    r.lo = a.lo + sum_error(a.hi, b, r.hi);
    return r;
}

/* Makes hi the sum rounded, and lo what that lost. An infinity stays one; its lo is NaN, which no
   sum with it lets through. */
twofold twofold_settle(twofold a)
{
    twofold r;
    r.hi = a.hi + a.lo;
    r.lo = a.lo - (r.hi - a.hi);
    r.hi = CHOOSE(a.hi, r.hi, isfinite(a.hi));
    return r;
}

twofold twofold_add(twofold a, accv hi, accv lo)
{
    const accv sum = a.hi + hi;
    const accv error = sum_error(a.hi, hi, sum) + (a.lo + lo);
    twofold r;
    r.hi = sum + error;
    r.lo = error - (r.hi - sum);
    r.hi = CHOOSE(sum, r.hi, isfinite(sum)); /* infinities have no error term */
    return r;
}
