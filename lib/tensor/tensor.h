/* Internal: where a tensor's elements lie. Floor 1. */
#ifndef BNCLI_TENSOR_H
#define BNCLI_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

#include <bncl/tensor.h>

/* Whether the elements lie one behind the other, by strides of 0 or by those that say so. The rank
   is in range. */
bool bncli_tensor_is_dense(const bncl_tensor *tensor);

/* The strides of all dims in elements, those of a dense tensor as well. Rank and size are in
   range. */
void bncli_tensor_strides(const bncl_tensor *tensor, size_t *out);

/* The bytes of its elements alone. Its size was checked. */
size_t bncli_tensor_bytes(const bncl_tensor *tensor);

/* The bytes from the buffer's begin to the tensor's end; false if they, or the number of elements,
   overflow. Rank and dtype are in range. */
bool bncli_tensor_end(const bncl_tensor *tensor, size_t *bytes);

#endif
