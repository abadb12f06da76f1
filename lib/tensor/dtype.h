/* Internal: the row of facts each dtype has. Floor 1. */
#ifndef BNCLI_DTYPE_H
#define BNCLI_DTYPE_H

#include <stdbool.h>

#include <bncl/dtype.h>

typedef struct bncli_dtype_facts {
    const char *name;        /* ours: "f32" */
    const char *safetensors; /* the file format's: "F32" */
    size_t size;
    /* Writes value, rounded to nearest even (integers: towards zero, and value must fit). */
    void (*encode)(double value, void *out);
    double (*decode)(const void *element); /* the value, exactly; NULL: integers */
    const char *macro;      /* what kernels/storage.cl knows it by; NULL: f32, its default */
    bool in_kernels;        /* batch norm takes values of it */
    bncl_dtype accumulator; /* then: the dtype of what is computed, parameters and statistics */
    bool needs_fp64;
    double begin, end; /* integers: values from begin to just before end fit; else both 0 */
} bncli_dtype_facts;

/* The dtype's row, or NULL for a number that is no dtype. */
const bncli_dtype_facts *bncli_dtype_facts_of(bncl_dtype dtype);

#endif
