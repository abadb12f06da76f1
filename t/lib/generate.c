/* Seeded test data: a 64-bit xorshift generator with a multiplied output, and distributions that
   need no libm. */
#include "lib/generate.h"

static uint64_t scramble(uint64_t z)
{
    z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93u;
    z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93u;
    return z ^ (z >> 32);
}

generator generator_seed(uint64_t seed)
{
    uint64_t state = scramble(seed + 0x5851f42d4c957f2du);
    return (generator){state != 0 ? state : 1};
}

uint64_t generator_word(generator *g)
{
    g->state ^= g->state >> 12;
    g->state ^= g->state << 25;
    g->state ^= g->state >> 27;
    return g->state * 0x2545f4914f6cdd1du;
}

double generator_unit(generator *g)
{
    return (double)(generator_word(g) >> 32) * 0x1p-32;
}

double generator_normal(generator *g)
{
    double sum = -6.0;
    for (int i = 0; i < 12; ++i)
        sum += generator_unit(g);
    return sum;
}

void generate_uniform(generator *g, double low, double high, float *out, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        out[i] = (float)(low + (high - low) * generator_unit(g));
}

void generate_normal(generator *g, double mean, double deviation, float *out, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        out[i] = (float)(mean + deviation * generator_normal(g));
}

void generate_integers(generator *g, int low, int high, float *out, size_t count)
{
    double span = (double)high - (double)low + 1.0;
    for (size_t i = 0; i < count; ++i)
        out[i] = (float)(low + (int)(span * generator_unit(g)));
}

void generate_labels(generator *g, int32_t classes, int32_t *out, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        out[i] = (int32_t)((double)classes * generator_unit(g));
}

double generate_exact_sums(generator *g, double mean, float *out, size_t count)
{
    double squares = 0.0;
    for (size_t i = 0; i + 1 < count; i += 2) {
        double d = (double)(generator_word(g) >> 59) / 8.0;
        out[i] = (float)(mean + d);
        out[i + 1] = (float)(mean - d);
        squares += 2.0 * d * d;
    }
    if (count % 2 != 0)
        out[count - 1] = (float)mean;
    return squares;
}
