/* Internal: the text of the .cl files. */
#ifndef BNCLI_SOURCE_H
#define BNCLI_SOURCE_H

#include <stddef.h>

#include <bncl/status.h>

/* A file of kernels/, embedded line by line. */
typedef struct bncli_source {
    const char *name; /* without ".cl" */
    const char *const *lines;
    size_t count;
} bncli_source;

/* All of them, ended by a NULL name. Made at build time by tools/embed_kernels.sh. */
extern const bncli_source bncli_sources[];

/* Gives the text of NAME.cl as one string, which the caller frees with bncli_free: from the folder
   BNCL_KERNEL_DIR if that environment variable is set (for development), else as embedded.
   Errors: IO (no such file in BNCL_KERNEL_DIR), ARGUMENT (no such source), MEMORY. */
bncl_status bncli_source_text(const char *name, char **out, bncl_error *err);

#endif
