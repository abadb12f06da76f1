/* Cases and their inputs; see accuracy_case.h. */
#include "accuracy_case.h"

#include <math.h>

#include <bncl/random.h>

#define MOST_CHANNELS 64
#define LOG2_MOST_VALUES 24

accuracy_case accuracy_case_of(bncl_layout layout, unsigned log2_count)
{
    accuracy_case c = {.layout = layout, .samples = (size_t)1 << log2_count, .length = 1};
    if (layout != BNCL_LAYOUT_NC) {
        c.length = (size_t)1 << log2_count / 2;
        c.samples /= c.length;
    }
    c.channels = ((size_t)1 << LOG2_MOST_VALUES) >> log2_count;
    if (c.channels > MOST_CHANNELS)
        c.channels = MOST_CHANNELS;
    c.sample_stride = c.channels * c.length;
    c.channel_stride = layout == BNCL_LAYOUT_NCL ? c.length : 1;
    c.position_stride = layout == BNCL_LAYOUT_NCL ? 1 : c.channels;
    return c;
}

size_t accuracy_case_count(const accuracy_case *c)
{
    return c->samples * c->length;
}

size_t accuracy_case_total(const accuracy_case *c)
{
    return c->samples * c->length * c->channels;
}

int accuracy_case_dims(const accuracy_case *c, size_t dims[BNCL_MAX_RANK])
{
    dims[0] = c->samples;
    dims[1] = c->layout == BNCL_LAYOUT_NLC ? c->length : c->channels;
    dims[2] = c->layout == BNCL_LAYOUT_NLC ? c->channels : c->length;
    return c->layout == BNCL_LAYOUT_NC ? 2 : 3;
}

float accuracy_value(double offset, float noise)
{
    return (float)(offset + (double)noise);
}

/* ln a of a in (0, 1): ln(m·2^e) = 2·artanh((m-1)/(m+1)) + e·ln 2 with m in [√½, √2). Terms up to
   t^21 leave 1e-17. +, -, * and / of doubles round alike everywhere. */
static double logarithm(double a)
{
    int exponent;
    double m = frexp(a, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2.0;
        --exponent;
    }
    double t = (m - 1.0) / (m + 1.0), series = 0.0;
    for (int power = 21; power > 0; power -= 2)
        series = series * (t * t) + 1.0 / power;
    return 2.0 * t * series + exponent * 0.69314718055994531;
}

/* Uniform in (-1, 1). */
static double symmetric(uint32_t word)
{
    return ((double)word + 0.5) * 0x1p-31 - 1.0;
}

void accuracy_noise(uint64_t seed, uint32_t stream, float *out, size_t count)
{
    uint64_t index = 0;
    for (size_t i = 0; i < count; i += 2) {
        double u, v, s;
        do {
            u = symmetric(bncl_random_word(seed, stream, index++));
            v = symmetric(bncl_random_word(seed, stream, index++));
            s = u * u + v * v;
        } while (s >= 1.0 || s == 0.0);
        double stretch = sqrt(-2.0 * logarithm(s) / s);
        out[i] = (float)(u * stretch);
        if (i + 1 < count)
            out[i + 1] = (float)(v * stretch);
    }
}

void accuracy_case_arrange(const accuracy_case *c, double offset, const float *noise, float *out)
{
    for (size_t channel = 0; channel < c->channels; ++channel)
        for (size_t s = 0; s < c->samples; ++s) {
            float *line = out + s * c->sample_stride + channel * c->channel_stride;
            for (size_t l = 0; l < c->length; ++l)
                line[l * c->position_stride] = accuracy_value(offset, *noise++);
        }
}
