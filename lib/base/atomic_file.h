/* Internal: writing a file so that its path always has the old content or all of the new. Floor 0,
   libc only.

   The new content goes to a temporary file in the same folder, ".bncl-" 16 hex digits ".tmp", which
   takes the path's place by one rename() after its bytes have reached the disk. Whatever fails, the
   old file stays and the temporary goes; only a crash in between can leave a temporary behind.

   Of an old file the permission bits stay, and its owner and group where the system lets us (where
   it does not, the group gets no more than all others have); a new file gets 0666 less the umask.
   A path that is a symbolic link is followed, like open() does, also to a file that is not there
   yet: the link stays and its target is replaced. Other hard links keep the old content. Only
   regular files are replaced: a folder, a FIFO or a device is an error. The folder must be
   writable, the old file need not be. */
#ifndef BNCLI_ATOMIC_FILE_H
#define BNCLI_ATOMIC_FILE_H

#include <stddef.h>

#include <bncl/status.h>

typedef struct bncli_atomic_file bncli_atomic_file;

/* Begins to replace the file at `path`. Errors: IO (the text has path, step and cause), MEMORY. */
bncl_status bncli_atomic_file_create(const char *path, bncli_atomic_file **out, bncl_error *err);

/* The same, but a new file gets 0600, whatever the umask leaves to others. */
bncl_status bncli_atomic_file_create_private(const char *path, bncli_atomic_file **out,
                                             bncl_error *err);

/* Appends to the new content. Errors: IO. */
bncl_status bncli_atomic_file_write(bncli_atomic_file *file, const void *data, size_t bytes,
                                    bncl_error *err);

/* Syncs the new content to disk and puts it in place. Call it once, after the last write. The
   folder is synced as well, as far as its file system can do that. Errors: IO. */
bncl_status bncli_atomic_file_commit(bncli_atomic_file *file, bncl_error *err);

/* Without a successful commit, this leaves everything as it was before. NULL is fine. */
void bncli_atomic_file_destroy(bncli_atomic_file *file);

#endif
