/* Internal to floor 4: what operations with an activation share. */
#ifndef BNCLI_ACTIVATION_H
#define BNCLI_ACTIVATION_H

#include <stddef.h>

#include <bncl/activation.h>
#include <bncl/status.h>

/* Errors: ARGUMENT, as activation.h says. */
bncl_status bncli_activation_check(const bncl_activation *activation, bncl_error *err);

/* The number that kernels/activation.cl calls low: slope or min. */
double bncli_activation_low(const bncl_activation *activation);

/* Bytes of a mask's line of `length` elements: see kernels/mask.cl. */
static inline size_t bncli_mask_line_bytes(size_t length)
{
    return length / 8 + (length % 8 != 0);
}

#endif
