/* Internal: how work-items share neighbours out. */
#ifndef BNCLI_SHARES_H
#define BNCLI_SHARES_H

#include <stddef.h>

/* Blocks that hold the items, the last perhaps in part. */
static inline size_t bncli_blocks(size_t items, size_t block)
{
    return (items + block - 1) / block;
}

/* The widest vector up to the tuned one that a run of `length` neighbours fills. */
static inline unsigned bncli_vector_for(unsigned tuned, size_t length)
{
    while (tuned > 1 && tuned > length)
        tuned /= 2;
    return tuned;
}

/* Vectors of a work-item: no more than the run needs. */
static inline unsigned bncli_vectors_for(unsigned tuned, unsigned vector, size_t length)
{
    while (tuned > 1 && (size_t)vector * (tuned / 2) >= length)
        tuned /= 2;
    return tuned;
}

/* Work-items of a group, each of which has `bytes` of memory of its own: PoCL takes that of all of
   a group's from the stack of one thread, 8 MiB. */
static inline unsigned bncli_items_that_fit(unsigned items, size_t bytes)
{
    while (items > 1 && items * bytes > (size_t)1 << 18)
        items /= 2;
    return items;
}

#endif
