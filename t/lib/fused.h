/* Batch norm with a residual and an activation, and the same by separate calls: batch norm, sum,
   activation. What both give is kept as bytes, for these must be the same. Public headers only. */
#ifndef FUSED_H
#define FUSED_H

#include "lib/batch_norm_case.h"

/* Outputs in the place of an input. */
enum {
    FUSED_Y_IN_X = 1,
    FUSED_Y_IN_RESIDUAL = 2,
    FUSED_DX_IN_DY = 4,
    FUSED_DX_IN_X = 8,
    FUSED_DRESIDUAL_IN_DY = 16,
    FUSED_DRESIDUAL_IN_X = 32
};

typedef struct fused_case {
    batch_norm_case norm;
    bncl_activation activation;
    bool residual;
    bool train;
    bool in_parts;   /* training by batch_norm_statistics.h, in one part */
    bool accumulate; /* all gradients */
    unsigned places; /* of the fused calls only */
} fused_case;

/* The results, in the order of fused_names. */
enum { fused_results = 11 };
extern const char *const fused_names[fused_results];

typedef struct fused_bytes {
    unsigned char *bytes; /* NULL: there is none; the mask as one byte an element, 0 or 1 */
    size_t size;          /* of an element */
    size_t count;
} fused_bytes;

typedef struct fused_output {
    fused_bytes of[fused_results];
    unsigned char *mask; /* as it lies in memory; of the fused calls only */
    size_t mask_bytes;
} fused_output;

/* Inputs of a case: batch norm's, a residual, and what gradients are added to. */
typedef struct fused_data {
    batch_norm_data norm;
    float *residual;
    float *dx, *dresidual, *dgamma, *dbeta;
} fused_data;

/* Random ones, held. */
fused_data fused_data_make(const fused_case *c);

/* "f16 NCL … + residual, leaky_relu, train": held. */
const char *fused_case_name(const fused_case *c);

/* A plan with the case's activation, or (where `apart`) without one, held. */
bncl_batch_norm *fused_plan(device *d, const fused_case *c, bool apart);

/* Forward and backward. With the case's strides; apart, sum and activation take dense tensors, and
   all are. */
fused_output fused_run(device *d, const fused_case *c, const fused_data *data);
fused_output fused_run_apart(device *d, const fused_case *c, const fused_data *data);

/* Fails unless both are the same, byte for byte; NaNs need only both be NaN. */
void fused_expect_same(const fused_case *c, const fused_output *got, const fused_output *expected);

/* Elements of a line of the mask, by the layout's definition. */
size_t fused_line(const fused_case *c);

/* The bits of `count` elements in lines, as a byte each, held; fails where an unused bit is 1. */
unsigned char *fused_unpack(const unsigned char *mask, size_t line, size_t count);

#endif
