/* Internal: a product of matrices, as whoever multiplies them takes it. Floor 1. */
#ifndef BNCLI_PRODUCT_H
#define BNCLI_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

/* A product of dense row-major matrices, C = op(A)·op(B) + beta·C: op(A) is [m,k], op(B) [k,n],
   C [m,n], and op(A) is A or its transpose. */
typedef struct bncli_product {
    size_t m, n, k;
    bool transpose_a, transpose_b;
} bncli_product;

/* The elements from one row of A, of B, of C to the next: BLAS's leading dimensions. */
static inline size_t bncli_product_row_of_a(const bncli_product *product)
{
    return product->transpose_a ? product->m : product->k;
}

static inline size_t bncli_product_row_of_b(const bncli_product *product)
{
    return product->transpose_b ? product->k : product->n;
}

static inline size_t bncli_product_row_of_c(const bncli_product *product)
{
    return product->n;
}

#endif
