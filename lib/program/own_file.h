/* Internal: files in the cache's folder. Read is only what the user alone can have written, and
   what is written is there whole or not at all. Knows nothing of what they hold. */
#ifndef BNCLI_OWN_FILE_H
#define BNCLI_OWN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include <bncl/status.h>

#include "program/digest.h"

/* Opens the file at `path`, which lies in `folder`, for reading; the caller closes it. -1 where
   there is none, or the folder or the file is another's too, or it is no plain file. Never waits
   for another process. */
int bncli_own_file_open(const char *folder, const char *path, struct stat *facts);

/* Fills `out`, or there is less in the file. */
bool bncli_own_file_read(int fd, void *out, size_t bytes);

/* Makes the folder where it is missing, and the pieces, one after another, the whole content of the
   file at `path` in it: see base/atomic_file.h. Blocks for the disk. Errors: IO, MEMORY. */
bncl_status bncli_own_file_write(const char *folder, const char *path, const bncli_bytes *pieces,
                                 size_t count, bncl_error *err);

#endif
