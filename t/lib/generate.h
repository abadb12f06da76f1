/* Seeded test data. Only exact arithmetic, so that a seed gives the same bits on every machine. It
   must not know the library, whose random numbers are themselves under test. */
#ifndef GENERATE_H
#define GENERATE_H

#include <stddef.h>
#include <stdint.h>

typedef struct generator {
    uint64_t state;
} generator;

/* Any seed is good, 0 too. */
generator generator_seed(uint64_t seed);

/* 64 uniform bits. */
uint64_t generator_word(generator *g);

/* Uniform in [0,1), a multiple of 2⁻³². */
double generator_unit(generator *g);

/* Near a normal variable of mean 0 and deviation 1: the sum of 12 uniform ones, less 6. Lies within
   ±6. */
double generator_normal(generator *g);

void generate_uniform(generator *g, double low, double high, float *out, size_t count);
void generate_normal(generator *g, double mean, double deviation, float *out, size_t count);

/* Whole numbers low … high. */
void generate_integers(generator *g, int low, int high, float *out, size_t count);
void generate_labels(generator *g, int32_t classes, int32_t *out, size_t count);

/* Values whose sums come out exact in any order: neighbours 2k, 2k+1 are mean ± d with d a multiple
   of 1/8 below 4; a last odd one is `mean`. So Σ = count·mean, the mean of every whole pair is
   `mean`, and Σ(x-mean)² = 2·Σd². Exact in f32 while |mean|·count < 2²⁰ for a `mean` that is a
   multiple of 1/8. Returns Σ(x-mean)². */
double generate_exact_sums(generator *g, double mean, float *out, size_t count);

#endif
