/* One case of the table: a layout and a number of values per channel; and its inputs. */
#ifndef ACCURACY_CASE_H
#define ACCURACY_CASE_H

#include <stddef.h>
#include <stdint.h>

#include <bncl/tensor.h>

/* samples·length = n values of each channel. Value (s, c, l) lies at
   s·sample_stride + c·channel_stride + l·position_stride. */
typedef struct accuracy_case {
    bncl_layout layout; /* NC, NCL or NLC */
    size_t samples, channels, length;
    size_t sample_stride, channel_stride, position_stride;
} accuracy_case;

/* n = 2^log2_count values in each of at most 64 channels, fewer where that would be more than 2^24
   values. */
accuracy_case accuracy_case_of(bncl_layout layout, unsigned log2_count);

size_t accuracy_case_count(const accuracy_case *c); /* n */
size_t accuracy_case_total(const accuracy_case *c); /* n·channels */

/* Writes the dims and returns the rank. */
int accuracy_case_dims(const accuracy_case *c, size_t dims[BNCL_MAX_RANK]);

/* The value that is `offset` and a normal number, rounded once. */
float accuracy_value(double offset, float noise);

/* Standard normal numbers, the same on every machine: Marsaglia's polar method, fed by
   bncl_random_word, with a logarithm of its own since no two C libraries need agree on theirs. */
void accuracy_noise(uint64_t seed, uint32_t stream, float *out, size_t count);

/* Lays accuracy_value(offset, noise) out as the case has it; noise is [channels][n]. */
void accuracy_case_arrange(const accuracy_case *c, double offset, const float *noise, float *out);

#endif
