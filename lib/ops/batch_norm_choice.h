/* Internal to batch norm: what choosing its variants and sharing their work out both go by. */
#ifndef BNCLI_BATCH_NORM_CHOICE_H
#define BNCLI_BATCH_NORM_CHOICE_H

#include "ops/batch_norm.h"

/* Of the whole tensor, without what its strides leave out. */
size_t bncli_batch_norm_bytes_of_x(const bncl_batch_norm *plan);

/* Whether all compute units are at work for most of the time that so many work-groups of equal
   length take: four fifths of it. */
bool bncli_batch_norm_keeps_busy(const bncl_batch_norm *plan, size_t groups);

/* Whether results go past the caches: devices that are the host's own processor have caches that
   can be spoken to, others' tunings have 0 here. Results that none of them will keep go past them,
   as a line is read before it is written else. */
bool bncli_batch_norm_streams(const bncl_batch_norm *plan);

/* Lines of a channel of NCL that a work-item of an elementwise step takes: long ones stand for
   themselves, and so do those of a tensor that is so large that it had better be walked from end to
   end. */
unsigned bncli_batch_norm_inner_lines(const bncl_batch_norm *plan);

/* How many steps of `step` elements along each of its `lines` lines such a work-item goes: one, but
   of NCL on a processor several, where results stay in caches and enough work-items are left. */
unsigned bncli_batch_norm_line_steps(const bncl_batch_norm *plan, unsigned lines, size_t step);

/* Whether evaluation is one launch, of which each work-item makes its channels' coefficients: where
   x is small, or an item takes so many values of a channel that its coefficients cost little. */
bool bncli_batch_norm_is_direct(const bncl_batch_norm *plan);

/* Vectors of channels that a work-item of NC and NLC takes whole: as many as are tuned, since they
   lie together, but each compute unit must get an item, and several where x is so small that
   the unit's own cache holds what memory's order is for. */
unsigned bncli_batch_norm_whole_row_vectors(const bncl_batch_norm *plan, unsigned vector);

/* Whether all of training is one launch: where what a work-group takes at once is so small that x
   and dy stay in a cache, and there are enough groups to keep all compute units busy, or x is
   small. Of the plan: context, dtype, geometry and tuning. */
bool bncli_batch_norm_takes_whole(const bncl_batch_norm *plan);

#endif
