/* Internal: what differs between devices without changing a bit of any result. */
#ifndef BNCLI_TUNING_H
#define BNCLI_TUNING_H

#include <bncl/context.h>
#include <bncl/status.h>

#include "runtime/device.h"

typedef struct bncli_tuning {
    unsigned vector;      /* floats a work-item loads at once: 1, 2, 4, 8, 16 */
    unsigned vectors;     /* neighbouring vectors a work-item takes: 1, 2, 4 */
    unsigned lane_items;  /* work-items that share a tile's 64 lanes: 1, 2, 4 … 64/vector */
    unsigned lines;       /* lines a work-item of an elementwise step takes */
    unsigned group;       /* work-items of a work-group: elementwise steps, tiles of NCL */
    unsigned block_group; /* work-items of a work-group where each takes a block of channels */
    unsigned whole;       /* KiB of x that a work-group takes whole, all of training in one launch:
                             of a channel, or of a vector for each work-item; 0: never. A
                             processor keeps to tensors that this suits: batch_norm_choice.c */
    unsigned direct;      /* KiB of x up to which launches cost more than memory does */
    unsigned stream;      /* KiB of x from which a processor stores past its caches; 0: never */
} bncli_tuning;

/* The tuning for the context's device: see bncl/tuning.h. Its first call reads what is kept.
   Errors: ARGUMENT (a malformed BNCL_TUNING), MEMORY. */
bncl_status bncli_tuning_of(bncl_context *context, bncli_tuning *out, bncl_error *err);

/* The same where `kept` (NULL: nothing) is what is kept: the row of the device's class, changed by
   it, changed by the environment variable BNCL_TUNING, cut to what the device allows. A malformed
   `kept` is as good as none. Errors: ARGUMENT (a malformed BNCL_TUNING). */
bncl_status bncli_tuning_choose(const bncli_device_facts *facts, const char *kept,
                                bncli_tuning *out, bncl_error *err);

#endif
