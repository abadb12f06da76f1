/* Statistics of a batch as a result of their own: computed, merged with other batches', and
   normalized with. Batch norm over a batch that lies in several parts, on one device or on many
   (synchronized batch norm), and over batches that come one after another, needs no more.

   A part's statistics are a tensor [3][C] of the dtype of parameters: in its rows the mean, the
   mean's rounding error (together they carry the mean well beyond f32) and M2 = Σ(x-mean)². With
   the part's count n, which the caller knows, var = M2/n. Parts may come from plans of different
   shapes, devices and contexts: they are plain numbers, the same on each.

   Forward of a batch in parts: bncl_batch_norm_statistics of each part; bring the results
   together in one tensor [K][3][C]; bncl_batch_norm_statistics_merge; and in each part
   bncl_batch_norm_forward_with. Backward likewise: bncl_batch_norm_backward_sums,
   bncl_batch_norm_backward_merge, bncl_batch_norm_backward_with. */
#ifndef BNCL_BATCH_NORM_STATISTICS_H
#define BNCL_BATCH_NORM_STATISTICS_H

#include <stddef.h>

#include <bncl/batch_norm.h>
#include <bncl/event.h>
#include <bncl/export.h>
#include <bncl/queue.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

BNCL_BEGIN_DECLS

/* Writes the batch's statistics, [3][C], in the tree of bncl_batch_norm_forward_train: the same
   bits. x has the plan's shape and dtype, and may have strides. One value a channel has an M2 of 0,
   an empty batch three rows of 0. A channel with an infinity or NaN has a mean that is none, and
   an M2 of NaN. Enqueues and returns.
   Errors: ARGUMENT, SHAPE, DTYPE, UNSUPPORTED (strides), OPENCL. */
BNCL_API bncl_status bncl_batch_norm_statistics(bncl_batch_norm *plan, bncl_queue *queue,
                                                const bncl_tensor *x, const bncl_tensor *statistics,
                                                const bncl_sync *sync, bncl_error *err);

/* Merges the statistics of part_count parts, one tensor [part_count][3][C], into `merged`, [3][C].
   counts[k] is the number of values a channel has in part k. For two parts a and b, with
   d = mean_b - mean_a and n = n_a + n_b,
     mean = mean_a + d·n_b/n    M2 = M2_a + M2_b + d²·n_a·n_b/n
   Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
   variances", 1979. Parts merge in a fixed tree by index, neighbours first: the same parts in the
   same order give the same bits on every device. (Another order gives others, within the same
   bounds.) A part of count 0 changes nothing, not even the tree; one other part alone is copied.
   `parts` and `merged` must not overlap. The plan gives C, kernels and workspace; its own batch
   plays no part. Enqueues and returns; but a plan's first merging of four parts or more allocates
   480 bytes a channel (960 of f64), enough for any number of parts.
   Errors: ARGUMENT; SHAPE (also: 2³¹ values and more in all); DTYPE; MEMORY; DEVICE_MEMORY;
   OPENCL. */
BNCL_API bncl_status bncl_batch_norm_statistics_merge(bncl_batch_norm *plan, bncl_queue *queue,
                                                      const bncl_tensor *parts,
                                                      const size_t *counts, size_t part_count,
                                                      const bncl_tensor *merged,
                                                      const bncl_sync *sync, bncl_error *err);

/* bncl_batch_norm_forward_train with statistics that are given, [3][C], of `count` values a
   channel, in place of the batch's own: normalizes x with them, moves the running statistics
   towards them, running_var by M2/(count-1), and writes them to save_mean, save_mean_lo and
   save_invstd. With the batch's own statistics and count: forward_train's bits. x may be empty,
   for a part without values, which still moves its running statistics with the others. A count
   of 0 is an empty batch: x must be empty too. Enqueues and returns. A failed call leaves running
   statistics and num_batches_tracked as they were.
   Errors: as bncl_batch_norm_forward_train; SHAPE where `count` is 1 ("Expected more than 1
   value per channel when training"), or 2³¹ and more. */
BNCL_API bncl_status bncl_batch_norm_forward_with(bncl_batch_norm *plan, bncl_queue *queue,
                                                  const bncl_batch_norm_forward *args,
                                                  const bncl_tensor *statistics, size_t count,
                                                  const bncl_sync *sync, bncl_error *err);

/* Writes the batch's sums of backward, a tensor [4][C]: Σdy, its rounding error, Σdy·(x-mean), its
   rounding error. Takes the args of the bncl_batch_norm_backward_with that follows, checks them all
   (save_invstd must be there), and reads x, dy, save_mean, save_mean_lo and, of a plan with an
   activation, mask. An empty batch has sums of 0. Enqueues and returns.
   Errors: as bncl_batch_norm_backward_train. */
BNCL_API bncl_status bncl_batch_norm_backward_sums(bncl_batch_norm *plan, bncl_queue *queue,
                                                   const bncl_batch_norm_backward *args,
                                                   const bncl_tensor *sums, const bncl_sync *sync,
                                                   bncl_error *err);

/* Adds the sums of part_count parts, one tensor [part_count][4][C], to `merged`, [4][C], in a fixed
   tree by index, each with its rounding error. All parts take part, empty ones too. `parts` and
   `merged` must not overlap. Enqueues and returns; but a plan's first merging of four parts or
   more allocates. Errors: ARGUMENT, SHAPE, DTYPE, MEMORY, DEVICE_MEMORY, OPENCL. */
BNCL_API bncl_status bncl_batch_norm_backward_merge(bncl_batch_norm *plan, bncl_queue *queue,
                                                    const bncl_tensor *parts, size_t part_count,
                                                    const bncl_tensor *merged,
                                                    const bncl_sync *sync, bncl_error *err);

/* bncl_batch_norm_backward_train with sums that are given, [4][C], of `count` values a channel, in
   place of the batch's own. dx is the gradient of this part's x through the statistics of all.
   dgamma and dbeta are those of all parts together, the same in each: whoever adds up gradients of
   parts wants a call with the part's own sums and no dx instead. With the batch's own sums and
   count: backward_train's bits. A count of 0 is an empty batch: x must be empty too. Enqueues and
   returns. Errors: as bncl_batch_norm_backward_train; SHAPE where `count` is 2³¹ and more. */
BNCL_API bncl_status bncl_batch_norm_backward_with(bncl_batch_norm *plan, bncl_queue *queue,
                                                   const bncl_batch_norm_backward *args,
                                                   const bncl_tensor *sums, size_t count,
                                                   const bncl_sync *sync, bncl_error *err);

BNCL_END_DECLS

#endif
