/* Internal: arithmetic on sizes that says when it overflows. Floor 1. */
#ifndef BNCLI_SIZE_H
#define BNCLI_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a·b; false, with *out unchanged, where that does not fit. */
static inline bool bncli_size_mul(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

/* *out = a+b; false, with *out unchanged, where that does not fit. */
static inline bool bncli_size_add(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b)
        return false;
    *out = a + b;
    return true;
}

/* The product of rank dims; false where it does not fit, whatever zeros follow. */
static inline bool bncli_size_product(int rank, const size_t *dims, size_t *out)
{
    size_t product = 1;
    bool zero = false;
    for (int i = 0; i < rank; ++i) {
        if (dims[i] == 0)
            zero = true;
        else if (!bncli_size_mul(product, dims[i], &product))
            return false;
    }
    *out = zero ? 0 : product;
    return true;
}

#endif
