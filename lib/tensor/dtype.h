/* Internal: the row of facts each dtype has. Floor 1. */
#ifndef BNCLI_DTYPE_H
#define BNCLI_DTYPE_H

#include <bncl/dtype.h>

typedef struct bncli_dtype_facts {
    const char *name;        /* ours: "f32" */
    const char *safetensors; /* the file format's: "F32" */
    const char *opencl;      /* the storage type in kernels: "float" */
    size_t size;
} bncli_dtype_facts;

/* The dtype's row, or NULL for a number that is no dtype. */
const bncli_dtype_facts *bncli_dtype_facts_of(bncl_dtype dtype);

#endif
