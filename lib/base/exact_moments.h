/* Internal: mean and variance of batches taken together, from each batch's (count, mean, M2), with
   no rounding but the last. Floor 0, libc only. */
#ifndef BNCLI_EXACT_MOMENTS_H
#define BNCLI_EXACT_MOMENTS_H

#include <stdint.h>

/* 768 bits: see exact_moments.c for why no sum needs more. */
#define BNCLI_WIDE_LIMBS 24

/* A whole number, two's complement, the lowest limb first. */
typedef struct bncli_wide {
    uint32_t limb[BNCLI_WIDE_LIMBS];
} bncli_wide;

/* What batches come to, whatever their order: begins as zeros. About 200 bytes, however many. */
typedef struct bncli_exact_moments {
    bncli_wide sum;     /* Σ n·mean, in units of 2⁻¹⁴⁹ */
    bncli_wide squares; /* Σ (M2 + n·mean²), in units of 2⁻²⁹⁸ */
    uint64_t count;     /* Σ n */
    unsigned specials;  /* which infinities and NaNs there were */
} bncli_exact_moments;

/* Adds a batch of `count` values, below 2³¹, with the mean hi + lo. */
void bncli_exact_moments_add(bncli_exact_moments *moments, uint32_t count, float hi, float lo,
                             float m2);

/* The mean and the unbiased variance M2/(n-1) of all, each the f32 nearest to the exact one, or
   what infinities and NaNs make of it. For two values and more. */
void bncli_exact_moments_result(const bncli_exact_moments *moments, float *mean, float *variance);

#endif
