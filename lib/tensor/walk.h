/* Internal: the way through two tensors of one shape. Floor 1. */
#ifndef BNCLI_WALK_H
#define BNCLI_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include <bncl/tensor.h>

/* Both tensors in the same dims, the fastest last: the order of the one that is written, with dims
   that walk evenly over both made one. Dims that are left over come first, of size 1 and stride
   0. */
typedef struct bncli_walk {
    size_t dims[BNCL_MAX_RANK];
    size_t from[BNCL_MAX_RANK], to[BNCL_MAX_RANK]; /* strides in elements */
} bncli_walk;

/* Rank, dims and ends of both were checked; there are elements. */
void bncli_walk_of(const bncl_tensor *from, const bncl_tensor *to, bncli_walk *out);

/* Whether no two elements that are written share a place: the step of each dim clears all that the
   faster ones reach. (Strides that interleave otherwise count as shared.) */
bool bncli_walk_is_injective(const bncli_walk *walk);

/* Whether an element that is written lies at begin … end-1, counted from the first one; begin is
   before end. Where strides interleave, every place between its elements counts as one of them. */
bool bncli_walk_meets(const bncli_walk *walk, size_t begin, size_t end);

/* Whether both tensors have the same elements in the same places, given the same offset. */
bool bncli_walk_stays(const bncli_walk *walk);

#endif
