/* Mean and variance of many batches, exactly.

   With n, m, M2 of each batch, N = Σn, S = Σ n·m and Q = Σ (M2 + n·m²), which is Σx² over all
   values, the mean of all is S/N and their M2 is Q - S²/N, so that
     variance = (N·Q - S²) / (N·(N-1)).
   In floating point that difference cancels. Here it does not: every f32 is a whole number of
   units 2⁻¹⁴⁹, every product of two one of units 2⁻²⁹⁸, and sums of whole numbers do not round. So
   they do not depend on the order of adding either, which is what this is for. N·Q ≥ S² for any
   numbers with M2 ≥ 0 (Cauchy and Schwarz). One division rounds at the end.

   Bits: |m| < 2¹²⁹ with its low part, n < 2³¹, and N < 2⁶³, which is centuries of adding. So
   |S| < 2¹²⁹⁺⁶³⁺¹⁴⁹ = 2³⁴¹, Q < 2²⁵⁸⁺⁶³⁺²⁹⁸⁺¹ = 2⁶²⁰, N·Q < 2⁶⁸³ and S² < 2⁶⁸²: all below 2⁷⁶⁷. */
#include "base/exact_moments.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define LIMBS BNCLI_WIDE_LIMBS
#define BITS (32 * LIMBS)
#define UNIT 149 /* the least f32 above 0 is 2⁻¹⁴⁹ */

enum { MEAN_UP = 1, MEAN_DOWN = 2, MEAN_NAN = 4, M2_INFINITE = 8, M2_NAN = 16 };

/* ---- wide whole numbers ---- */

/* w ± v·2^shift. */
static void wide_add(bncli_wide *w, uint64_t v, unsigned shift, bool negative)
{
    const unsigned first = shift / 32, by = shift % 32;
    const uint32_t parts[] = {(uint32_t)(v << by), (uint32_t)(v << by >> 32),
                              by > 0 ? (uint32_t)(v >> (64 - by)) : 0};
    uint32_t carry = 0;
    for (unsigned i = first; i < LIMBS && (i < first + 3 || carry != 0); ++i) {
        const uint64_t part = (i < first + 3 ? (uint64_t)parts[i - first] : 0) + carry;
        const uint64_t sum = negative ? w->limb[i] - part : w->limb[i] + part;
        w->limb[i] = (uint32_t)sum;
        carry = sum >> 32 != 0; /* of a difference: it went below 0 */
    }
}

static bool wide_is_negative(const bncli_wide *w)
{
    return w->limb[LIMBS - 1] >> 31 != 0;
}

static bncli_wide wide_negated(const bncli_wide *w)
{
    bncli_wide r = {{0}};
    for (unsigned i = 0; i < LIMBS; ++i)
        wide_add(&r, w->limb[i], 32 * i, true);
    return r;
}

/* The product of two that are not negative, modulo 2^BITS. */
static bncli_wide wide_product(const bncli_wide *a, const bncli_wide *b)
{
    bncli_wide r = {{0}};
    for (unsigned i = 0; i < LIMBS; ++i)
        for (unsigned j = 0; i + j < LIMBS && a->limb[i] != 0; ++j)
            wide_add(&r, (uint64_t)a->limb[i] * b->limb[j], 32 * (i + j), false);
    return r;
}

static bool wide_bit(const bncli_wide *w, unsigned bit)
{
    return w->limb[bit / 32] >> (bit % 32) & 1;
}

/* w/divisor, cut off; divisor is 1 … 2⁶³-1, w not negative. Tells whether anything was cut off. */
static bool wide_divide(bncli_wide *w, uint64_t divisor)
{
    uint64_t rest = 0;
    for (unsigned bit = BITS; bit-- > 0;) {
        const uint32_t mask = (uint32_t)1 << (bit % 32);
        rest = 2 * rest + wide_bit(w, bit);
        w->limb[bit / 32] &= ~mask;
        if (rest >= divisor) {
            rest -= divisor;
            w->limb[bit / 32] |= mask;
        }
    }
    return rest != 0;
}

/* The f32 nearest to (w + a part of 1 where `more`)·2^-unit, ties to even; unit is above 149. */
static float wide_round(const bncli_wide *w, bool more, unsigned unit)
{
    unsigned top = BITS;
    while (top > 0 && !wide_bit(w, top - 1))
        --top;
    const unsigned least = unit - UNIT; /* the place of the last bit that an f32 can have */
    const unsigned last = top > least + 24 ? top - 24 : least;
    uint32_t mantissa = 0;
    for (unsigned bit = top; bit-- > last;)
        mantissa = 2 * mantissa + wide_bit(w, bit);
    bool sticky = more;
    for (unsigned bit = 0; bit + 1 < last; ++bit)
        sticky = sticky || wide_bit(w, bit);
    if (wide_bit(w, last - 1) && (sticky || (mantissa & 1) != 0))
        ++mantissa;
    return ldexpf((float)mantissa, (int)last - (int)unit);
}

/* ---- moments ---- */

/* A finite f32 as a whole number of units: (negative ? -1 : 1)·mantissa·2^shift. */
typedef struct units {
    uint32_t mantissa;
    unsigned shift;
    bool negative;
} units;

static units units_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t exponent = bits >> 23 & 0xFF, fraction = bits & 0x7FFFFF;
    return (units){.mantissa = exponent > 0 ? fraction | 0x800000 : fraction,
                   .shift = exponent > 0 ? exponent - 1 : 0,
                   .negative = bits >> 31 != 0};
}

/* w + count·a·b·2^more: the product of mantissas has 48 bits, that with count 79, in two parts. */
static void add_product(bncli_wide *w, uint32_t count, units a, units b, unsigned more)
{
    const uint64_t product = (uint64_t)a.mantissa * b.mantissa;
    const unsigned shift = a.shift + b.shift + more;
    const bool negative = a.negative != b.negative;
    wide_add(w, (product & 0xFFFFFFFF) * count, shift, negative);
    wide_add(w, (product >> 32) * count, shift + 32, negative);
}

static unsigned specials_of(float hi, float m2)
{
    unsigned specials = 0;
    if (isnan(hi))
        specials |= MEAN_NAN;
    else if (isinf(hi))
        specials |= hi > 0.0f ? MEAN_UP : MEAN_DOWN;
    if (isnan(m2))
        specials |= M2_NAN;
    else if (isinf(m2))
        specials |= M2_INFINITE;
    return specials;
}

void bncli_exact_moments_add(bncli_exact_moments *moments, uint32_t count, float hi, float lo,
                             float m2)
{
    const unsigned specials = count > 0 ? specials_of(hi, m2) : 0;
    moments->count += count;
    moments->specials |= specials;
    if (count == 0 || specials & (MEAN_UP | MEAN_DOWN | MEAN_NAN))
        return;
    const units a = units_of(hi), b = units_of(lo);
    wide_add(&moments->sum, (uint64_t)a.mantissa * count, a.shift, a.negative);
    wide_add(&moments->sum, (uint64_t)b.mantissa * count, b.shift, b.negative);
    add_product(&moments->squares, count, a, a, 0);
    add_product(&moments->squares, count, a, b, 1);
    add_product(&moments->squares, count, b, b, 0);
    if (specials == 0) {
        const units square = units_of(m2);
        wide_add(&moments->squares, square.mantissa, square.shift + UNIT, false);
    }
}

static float mean_of(const bncli_exact_moments *moments, const bncli_wide *magnitude)
{
    const unsigned specials = moments->specials;
    if (specials & MEAN_NAN || (specials & MEAN_UP && specials & MEAN_DOWN))
        return NAN;
    if (specials & (MEAN_UP | MEAN_DOWN))
        return specials & MEAN_UP ? INFINITY : -INFINITY;
    bncli_wide quotient = {{0}};
    for (unsigned i = 0; i + 1 < LIMBS; ++i) /* 32 bits behind the unit, to round by */
        quotient.limb[i + 1] = magnitude->limb[i];
    const bool more = wide_divide(&quotient, moments->count);
    const float mean = wide_round(&quotient, more, UNIT + 32);
    return wide_is_negative(&moments->sum) ? 0.0f - mean : mean; /* a zero is +0 */
}

static float variance_of(const bncli_exact_moments *moments, const bncli_wide *magnitude)
{
    if (moments->specials & ~(unsigned)M2_INFINITE)
        return NAN;
    if (moments->specials & M2_INFINITE)
        return INFINITY;
    const bncli_wide count = {{(uint32_t)moments->count, (uint32_t)(moments->count >> 32)}};
    const bncli_wide square = wide_product(magnitude, magnitude);
    bncli_wide m2 = wide_product(&count, &moments->squares);
    for (unsigned i = 0; i < LIMBS; ++i)
        wide_add(&m2, square.limb[i], 32 * i, true);
    /* Cutting off twice cuts off as once would; what is cut off only tells that there is more. */
    const bool first = wide_divide(&m2, moments->count);
    const bool second = wide_divide(&m2, moments->count - 1);
    return wide_round(&m2, first || second, 2 * UNIT);
}

void bncli_exact_moments_result(const bncli_exact_moments *moments, float *mean, float *variance)
{
    const bncli_wide magnitude =
        wide_is_negative(&moments->sum) ? wide_negated(&moments->sum) : moments->sum;
    *mean = mean_of(moments, &magnitude);
    *variance = variance_of(moments, &magnitude);
}
