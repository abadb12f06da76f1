/* Element types of tensors. */
#ifndef BNCL_DTYPE_H
#define BNCL_DTYPE_H

#include <stddef.h>

#include <bncl/export.h>

BNCL_BEGIN_DECLS

typedef enum bncl_dtype {
    BNCL_F32 = 0, /* IEEE binary32: values, parameters, statistics */
    BNCL_I32,     /* class indices */
    BNCL_I64,     /* num_batches_tracked, in files and on the host */
    BNCL_F16,     /* IEEE binary16: values only, computed with in f32 */
    BNCL_BF16,    /* the upper half of an f32: values only, computed with in f32 */
    BNCL_F64,     /* IEEE binary64: values, parameters, statistics; where the device has it */
    BNCL_U8,      /* bytes of bits: masks */
    BNCL_DTYPE_COUNT
} bncl_dtype;

/* Bytes of one element; 0 for a number that is no dtype. */
BNCL_API size_t bncl_dtype_size(bncl_dtype dtype);

/* "f32", "i32", "i64", "f16", "bf16", "f64", "u8"; "unknown" for a number that is no dtype.
   Static. */
BNCL_API const char *bncl_dtype_name(bncl_dtype dtype);

BNCL_END_DECLS

#endif
