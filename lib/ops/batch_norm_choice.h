/* Internal to batch norm: what choosing its variants and sharing their work out both go by. */
#ifndef BNCLI_BATCH_NORM_CHOICE_H
#define BNCLI_BATCH_NORM_CHOICE_H

#include "ops/batch_norm.h"

/* Of the whole tensor, without what its strides leave out. */
size_t bncli_batch_norm_bytes_of_x(const bncl_batch_norm *plan);

/* Whether all compute units are at work for most of the time that so many work-groups of equal
   length take: four fifths of it. */
bool bncli_batch_norm_keeps_busy(const bncl_batch_norm *plan, size_t groups);

/* Vectors of channels that a work-item of NC and NLC takes whole: as many as are tuned, since they
   lie together, but each compute unit must get an item, and several where x is so small that
   the unit's own cache holds what memory's order is for. */
unsigned bncli_batch_norm_whole_row_vectors(const bncl_batch_norm *plan, unsigned vector);

/* Whether all of training is one launch: where what a work-group takes at once is so small that x
   and dy stay in a cache, and there are enough groups to keep all compute units busy, or x is
   small. Of the plan: context, dtype, geometry and tuning. */
bool bncli_batch_norm_takes_whole(const bncl_batch_norm *plan);

#endif
