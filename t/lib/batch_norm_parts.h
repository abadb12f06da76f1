/* A batch norm case cut into parts, each a batch of its own on plans and tensors of its own, which
   share their statistics: synchronized batch norm, in training. */
#ifndef BATCH_NORM_PARTS_H
#define BATCH_NORM_PARTS_H

#include "lib/batch_norm_case.h"

/* The case's samples, cut: samples[k] of them go to part k, one after another. 0: none. */
typedef struct batch_norm_cut {
    size_t count;
    const size_t *samples;
} batch_norm_cut;

/* A tensor of f32, or of f64 where the case is of that, with `rows` numbers a channel, and of
   `parts` such; parts = 0: without that dim. Filled with canaries. */
bncl_tensor batch_norm_rows_tensor(device *d, const batch_norm_case *c, size_t parts, size_t rows);

/* Part k of a tensor [parts][rows][C]. */
bncl_tensor batch_norm_part_of(const bncl_tensor *parts, size_t k);

/* Statistics of each part, merged; each part normalized with them; sums of backward, merged; each
   part's gradient. Puts the parts' y and dx together in the data, and what all parts have in
   common, which it compares bit by bit. The counters must not be at their end. */
void batch_norm_run_parts(device *d, const batch_norm_case *c, const batch_norm_cut *cut,
                          batch_norm_data *data);

#endif
