/* Internal: any layout as {outer, channels, inner}. Floor 1. Nothing else reads bncl_layout. */
#ifndef BNCLI_GEOMETRY_H
#define BNCLI_GEOMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bncl/status.h>
#include <bncl/tensor.h>

/* Element (o, c, i) lies at (o·channels + c)·inner + i. With inner = 1 the channels of a row are
   neighbours ("rows"); otherwise each channel has runs of `inner` neighbours. [N,C,1] is [N,C]. */
typedef struct bncli_geometry {
    size_t outer;
    size_t channels;
    size_t inner;
    size_t count; /* n = outer·inner: values of one channel, below 2³¹ */
    size_t total; /* all elements */
} bncli_geometry;

/* Checks a batch norm input's dims in the layout and describes it.
   Errors: ARGUMENT (no such layout), SHAPE (PyTorch's texts where it has one). */
bncl_status bncli_geometry_of(bncl_layout layout, int rank, const size_t *dims, bncli_geometry *out,
                              bncl_error *err);

/* How a tensor of this geometry lies in memory: element (o, c, i) at o·outer + c·channel + i. */
typedef struct bncli_strides {
    size_t outer, channel;
} bncli_strides;

/* Finds the strides of a tensor whose dims the geometry describes. The values of a channel's run,
   or with inner = 1 the channels, must be neighbours, and no two elements may share a place. `name`
   is the argument's, for texts. Errors: UNSUPPORTED. */
bncl_status bncli_geometry_strides(bncl_layout layout, const bncli_geometry *geometry,
                                   const bncl_tensor *tensor, const char *name, bncli_strides *out,
                                   bncl_error *err);

#endif
