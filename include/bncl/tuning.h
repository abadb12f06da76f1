/* Tuning: how the library shares work out on a device, as far as no result depends on it. */
#ifndef BNCL_TUNING_H
#define BNCL_TUNING_H

#include <stdbool.h>

#include <bncl/context.h>
#include <bncl/export.h>
#include <bncl/status.h>

BNCL_BEGIN_DECLS

/* A tuning is a list of fields, "vector=16,group=8":
     vector       floats that a work-item loads at once: 1, 2, 4, 8, 16
     vectors      neighbouring vectors that a work-item takes: 1, 2, 4
     lane_items   work-items that share a tile's 64 lanes: 1, 2, 4 … 64
     lines        lines that a work-item of an elementwise step takes: 1, 2, 4 … 1024
     group        work-items of a work-group: 1, 2, 4 … 1024
     block_group  the same where each takes a block of channels
     whole        KiB of x up to which a work-group takes its channels whole, and training is one
                  launch: 0 for never, or a power of two, at most 1048576. On the host's own
                  processor NC and NLC must have no more than half of `direct` in all for that, and
                  NCL fewer than 256 lines a channel, or lines of 8 KiB, or no more than `direct`
     direct       KiB of x up to which launches cost more than memory does; likewise. 0 also keeps
                  evaluation in two launches where it is one for other reasons
     stream       KiB of x from which the host's own processor stores results past its caches;
                  likewise
   The last of equal names counts; fields that are not named stay as they are. In force is, for each
   field, the first of: the environment variable BNCL_TUNING, what is kept for the device, the
   default for devices of its kind; cut to what the device can run. The same bits come of all.

   What is kept is a file a device, in the folder of the kernel cache ($BNCL_CACHE_DIR, else
   $XDG_CACHE_HOME/bncl, else $HOME/.cache/bncl), which must be the user's alone; with
   BNCL_CACHE=off there is none. It counts for the version of the library and of the driver that it
   was written with. A file that is not exactly what was written is as good as none. A context reads
   it once, before its first plan. */

#define BNCL_TUNING_TEXT_SIZE 256

/* Plain text. */
typedef struct bncl_tuning_info {
    char text[BNCL_TUNING_TEXT_SIZE]; /* every field, as BNCL_TUNING takes them */
    char origin[16]; /* the first of "BNCL_TUNING", "kept" and "default" that is not empty */
    bool can_keep;   /* there is a folder to keep one in, by the environment */
} bncl_tuning_info;

/* Tells the tuning of plans that are made for the context from now on. May read the file, and
   blocks for that.
   Errors: ARGUMENT (also a malformed BNCL_TUNING), MEMORY. */
BNCL_API bncl_status bncl_tuning_get(bncl_context *context, bncl_tuning_info *out, bncl_error *err);

/* Keeps the tuning for the context's device instead of what was kept: for plans that this context
   makes from now on, and for contexts that have made none yet, of any process of the user's. `text`
   is a list of fields, shorter than BNCL_TUNING_TEXT_SIZE; an empty one keeps the defaults. The
   file has the old content or the new one, whoever writes at the same time. Blocks for the disk.
   Errors: ARGUMENT (also a malformed text), UNSUPPORTED (no folder to keep it in), IO (the folder
   or the file cannot be written, or is another's), MEMORY. */
BNCL_API bncl_status bncl_tuning_keep(bncl_context *context, const char *text, bncl_error *err);

/* Forgets what is kept for the context's device; that there is nothing is no error. Blocks for the
   disk.
   Errors: ARGUMENT, UNSUPPORTED (no folder to keep it in), IO, MEMORY. */
BNCL_API bncl_status bncl_tuning_forget(bncl_context *context, bncl_error *err);

BNCL_END_DECLS

#endif
