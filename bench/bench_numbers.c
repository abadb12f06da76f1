/* Numbers and the clock; see bench_numbers.h. */
#include "bench_numbers.h"

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* Knuth's linear congruential generator of 64 bits; its upper half is what is used. */
static uint32_t next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 32);
}

/* ±(1 + fraction)/2. */
static double value_of(uint32_t word)
{
    const double size = 0.5 + (double)(word >> 9) * 0x1p-24;
    return (word & 1) != 0 ? -size : size;
}

/* The 16 bits of such a value, given those of 1/2 and the number of bits of the fraction. */
static uint16_t narrow_of(uint32_t word, unsigned half, unsigned bits)
{
    return (uint16_t)((word & 1) << 15 | half | word >> (32 - bits));
}

void *bench_numbers(bncl_dtype dtype, size_t count)
{
    void *out = malloc(count * bncl_dtype_size(dtype));
    uint64_t state = 1;
    for (size_t i = 0; out != NULL && i < count; ++i) {
        const uint32_t word = next(&state);
        switch (dtype) {
        case BNCL_F64:
            ((double *)out)[i] = value_of(word);
            break;
        case BNCL_F16:
            ((uint16_t *)out)[i] = narrow_of(word, 0x3800, 10);
            break;
        case BNCL_BF16:
            ((uint16_t *)out)[i] = narrow_of(word, 0x3f00, 7);
            break;
        default:
            ((float *)out)[i] = (float)value_of(word);
        }
    }
    return out;
}

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
