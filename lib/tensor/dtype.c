/* Element types: one row each, and nothing about them anywhere else. */
#include "tensor/dtype.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* The bits of value in a format of one sign bit, `exponent_bits` and `fraction_bits`, rounded to
   nearest even. */
static uint16_t narrow(double value, int exponent_bits, int fraction_bits)
{
    const unsigned infinity = ((1u << exponent_bits) - 1u) << fraction_bits;
    const unsigned sign = signbit(value) ? 1u << (exponent_bits + fraction_bits) : 0u;
    const int smallest = 2 - (1 << (exponent_bits - 1)); /* exponent of a normal number */
    if (isnan(value))
        return (uint16_t)(sign | infinity | 1u << (fraction_bits - 1));
    if (isinf(value))
        return (uint16_t)(sign | infinity);
    int exponent;
    frexp(value, &exponent);
    exponent = value == 0.0 || exponent - 1 < smallest ? smallest : exponent - 1;
    const double fraction = nearbyint(ldexp(fabs(value), fraction_bits - exponent));
    /* A normal number's leading bit adds the 1 that its exponent still lacks. */
    const double bits = fraction + ldexp((double)(exponent - smallest), fraction_bits);
    return (uint16_t)(sign | (bits < (double)infinity ? (unsigned)bits : infinity));
}

static void encode_f32(double value, void *out)
{
    const float element = (float)value;
    memcpy(out, &element, sizeof element);
}

static void encode_i32(double value, void *out)
{
    const int32_t element = (int32_t)value;
    memcpy(out, &element, sizeof element);
}

static void encode_i64(double value, void *out)
{
    const int64_t element = (int64_t)value;
    memcpy(out, &element, sizeof element);
}

static void encode_f16(double value, void *out)
{
    const uint16_t element = narrow(value, 5, 10);
    memcpy(out, &element, sizeof element);
}

static void encode_bf16(double value, void *out)
{
    const uint16_t element = narrow(value, 8, 7);
    memcpy(out, &element, sizeof element);
}

static void encode_f64(double value, void *out)
{
    memcpy(out, &value, sizeof value);
}

static void encode_u8(double value, void *out)
{
    const uint8_t element = (uint8_t)value;
    memcpy(out, &element, sizeof element);
}

/* The value of such bits: exact. */
static double widen(uint16_t bits, int exponent_bits, int fraction_bits)
{
    const unsigned infinity = (1u << exponent_bits) - 1u;
    const unsigned exponent = (unsigned)bits >> fraction_bits & infinity;
    const unsigned fraction = bits & ((1u << fraction_bits) - 1u);
    const int smallest = 2 - (1 << (exponent_bits - 1));
    double value = ldexp((double)fraction, smallest - fraction_bits);
    if (exponent == infinity)
        value = fraction != 0 ? (double)NAN : (double)INFINITY;
    else if (exponent != 0)
        value = ldexp((double)(fraction | 1u << fraction_bits),
                      smallest - fraction_bits + (int)exponent - 1);
    return bits >> (exponent_bits + fraction_bits) != 0 ? -value : value;
}

static double decode_f32(const void *element)
{
    float value;
    memcpy(&value, element, sizeof value);
    return (double)value;
}

static double decode_f16(const void *element)
{
    uint16_t bits;
    memcpy(&bits, element, sizeof bits);
    return widen(bits, 5, 10);
}

static double decode_bf16(const void *element)
{
    uint16_t bits;
    memcpy(&bits, element, sizeof bits);
    return widen(bits, 8, 7);
}

static double decode_f64(const void *element)
{
    double value;
    memcpy(&value, element, sizeof value);
    return value;
}

static const bncli_dtype_facts rows[] = {
    [BNCL_F32] = {"f32", "F32", 4, encode_f32, decode_f32, NULL, true, BNCL_F32, false, 0.0, 0.0},
    [BNCL_I32] = {"i32", "I32", 4, encode_i32, NULL, NULL, false, BNCL_I32, false, -0x1p31, 0x1p31},
    [BNCL_I64] = {"i64", "I64", 8, encode_i64, NULL, NULL, false, BNCL_I64, false, -0x1p63, 0x1p63},
    [BNCL_F16] = {"f16", "F16", 2, encode_f16, decode_f16, "DTYPE_F16", true, BNCL_F32, false, 0.0,
                  0.0},
    [BNCL_BF16] = {"bf16", "BF16", 2, encode_bf16, decode_bf16, "DTYPE_BF16", true, BNCL_F32, false,
                   0.0, 0.0},
    [BNCL_F64] = {"f64", "F64", 8, encode_f64, decode_f64, "DTYPE_F64", true, BNCL_F64, true, 0.0,
                  0.0},
    [BNCL_U8] = {"u8", "U8", 1, encode_u8, NULL, NULL, false, BNCL_U8, false, 0.0, 256.0},
};
_Static_assert(sizeof rows / sizeof rows[0] == BNCL_DTYPE_COUNT, "every dtype has a row");

const bncli_dtype_facts *bncli_dtype_facts_of(bncl_dtype dtype)
{
    if ((int)dtype < 0 || dtype >= BNCL_DTYPE_COUNT)
        return NULL;
    return &rows[dtype];
}

size_t bncl_dtype_size(bncl_dtype dtype)
{
    const bncli_dtype_facts *facts = bncli_dtype_facts_of(dtype);
    return facts ? facts->size : 0;
}

const char *bncl_dtype_name(bncl_dtype dtype)
{
    const bncli_dtype_facts *facts = bncli_dtype_facts_of(dtype);
    return facts ? facts->name : "unknown";
}
