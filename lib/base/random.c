/* Philox4x32-10, from the paper's description, and what is drawn from it. */
#include <bncl/random.h>

#define PHILOX_ROUNDS 10

typedef struct philox_block {
    uint32_t word[4];
} philox_block;

static philox_block philox(uint64_t seed, uint32_t stream, uint64_t block_index)
{
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    philox_block c = {{(uint32_t)block_index, (uint32_t)(block_index >> 32), stream, 0}};
    for (int round = 0; round < PHILOX_ROUNDS; ++round) {
        uint64_t product0 = UINT64_C(0xD2511F53) * c.word[0];
        uint64_t product1 = UINT64_C(0xCD9E8D57) * c.word[2];
        philox_block next = {{(uint32_t)(product1 >> 32) ^ c.word[1] ^ key0, (uint32_t)product1,
                              (uint32_t)(product0 >> 32) ^ c.word[3] ^ key1, (uint32_t)product0}};
        c = next;
        key0 += UINT32_C(0x9E3779B9);
        key1 += UINT32_C(0xBB67AE85);
    }
    return c;
}

uint32_t bncl_random_word(uint64_t seed, uint32_t stream, uint64_t index)
{
    return philox(seed, stream, index / 4).word[index % 4];
}

void bncl_random_uniform(uint64_t seed, uint32_t stream, float low, float high, float *out,
                         size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        uint32_t k = bncl_random_word(seed, stream, i) >> 8;
        float value = low + (high - low) * ((float)k * 0x1p-24f);
        out[i] = value < high || !(low < high) ? value : low;
    }
}

/* Uniform in 0 … bound-1: draws again where the modulus would favour small numbers. */
static uint32_t bounded(uint64_t seed, uint32_t stream, uint64_t *index, uint32_t bound)
{
    uint32_t reject_below = (uint32_t)(-bound) % bound;
    uint32_t word;
    do
        word = bncl_random_word(seed, stream, (*index)++);
    while (word < reject_below);
    return word % bound;
}

void bncl_random_permutation(uint64_t seed, uint32_t stream, uint32_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i)
        out[i] = i;
    uint64_t index = 0;
    for (uint32_t i = count; i > 1; --i) {
        uint32_t j = bounded(seed, stream, &index, i);
        uint32_t last = out[i - 1];
        out[i - 1] = out[j];
        out[j] = last;
    }
}
