/* Random numbers from a counter: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random
   numbers: as easy as 1, 2, 3", SC 2011). A number depends on seed, stream and index alone, so that
   every device, thread and order of evaluation sees the same ones. */
#ifndef BNCL_RANDOM_H
#define BNCL_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include <bncl/export.h>

BNCL_BEGIN_DECLS

/* The `index`-th 32-bit word of `stream` under `seed`. Uniform. */
BNCL_API uint32_t bncl_random_word(uint64_t seed, uint32_t stream, uint64_t index);

/* Fills out[0 … count-1] (host memory) with numbers uniform in [low, high): low + (high-low)·k·2⁻²⁴
   with k a 24-bit integer. out may be NULL when count is 0. */
BNCL_API void bncl_random_uniform(uint64_t seed, uint32_t stream, float low, float high, float *out,
                                  size_t count);

/* Fills out[0 … count-1] with a uniformly random permutation of 0 … count-1 (Fisher and Yates). */
BNCL_API void bncl_random_permutation(uint64_t seed, uint32_t stream, uint32_t *out,
                                      uint32_t count);

BNCL_END_DECLS

#endif
