/* f16 and bf16 on the host, from their definition: a number's value is what its fields say, and the
   bits of a value are found by searching all numbers. It must not know the library. */
#ifndef NARROW_H
#define NARROW_H

#include <stdint.h>

typedef struct narrow_format {
    const char *name;
    int exponent_bits, fraction_bits;
} narrow_format;

extern const narrow_format narrow_f16, narrow_bf16;

double narrow_decode(const narrow_format *format, uint16_t bits);

/* The nearest number, of two the one whose last bit is 0; beyond the largest by half a step or
   more: infinity. A NaN gives a quiet one. */
uint16_t narrow_encode(const narrow_format *format, double value);

/* decode(encode(value)). */
double narrow_round(const narrow_format *format, double value);

#endif
