/* f16 and bf16 on the host: see narrow.h. */
#include "lib/narrow.h"

#include <math.h>

const narrow_format narrow_f16 = {"f16", 5, 10}, narrow_bf16 = {"bf16", 8, 7};

double narrow_decode(const narrow_format *format, uint16_t bits)
{
    const int largest = (1 << format->exponent_bits) - 1, bias = largest / 2;
    const int exponent = bits >> format->fraction_bits & largest;
    const int fraction = bits & ((1 << format->fraction_bits) - 1);
    const double sign = bits >> 15 ? -1.0 : 1.0;
    if (exponent == largest)
        return fraction != 0 ? (double)NAN : sign * (double)INFINITY;
    const int leading = exponent > 0 ? 1 << format->fraction_bits : 0;
    return sign *
           ldexp(leading + fraction, (exponent > 0 ? exponent : 1) - bias - format->fraction_bits);
}

/* The positive number behind the largest finite one, had the format one more exponent: infinity's
   place on the line, for rounding. */
static double beyond(const narrow_format *format)
{
    return ldexp(1.0, (1 << (format->exponent_bits - 1)));
}

static double on_the_line(const narrow_format *format, uint16_t bits)
{
    const double value = narrow_decode(format, bits);
    return isinf(value) ? beyond(format) : value;
}

uint16_t narrow_encode(const narrow_format *format, double value)
{
    const uint16_t infinity =
        (uint16_t)(((1u << format->exponent_bits) - 1u) << format->fraction_bits);
    const uint16_t sign = signbit(value) ? 0x8000u : 0u;
    const double magnitude = fabs(value);
    if (isnan(value))
        return (uint16_t)(sign | infinity | 1u << (format->fraction_bits - 1));
    if (magnitude >= beyond(format))
        return sign | infinity;
    uint16_t below = 0, above = infinity; /* below <= magnitude < above */
    while (above - below > 1) {
        const uint16_t middle = (uint16_t)((below + above) / 2);
        if (on_the_line(format, middle) <= magnitude)
            below = middle;
        else
            above = middle;
    }
    const double down = magnitude - on_the_line(format, below);
    const double up = on_the_line(format, above) - magnitude;
    const uint16_t nearest = down < up || (down == up && below % 2 == 0) ? below : above;
    return sign | nearest;
}

double narrow_round(const narrow_format *format, double value)
{
    return narrow_decode(format, narrow_encode(format, value));
}
