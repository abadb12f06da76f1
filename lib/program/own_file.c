/* Files in the cache's folder, of which nothing is believed. */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "program/own_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/foreign_text.h"
#include "program/cache_folder.h"

int bncli_own_file_open(const char *folder, const char *path, struct stat *facts)
{
    int fd = -1;
    if (bncli_cache_folder_is_safe(folder))
        do /* a FIFO must not hold us up: O_NONBLOCK */
            fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -1;
    if (fstat(fd, facts) == 0 && S_ISREG(facts->st_mode) && bncli_cache_folder_is_own(facts))
        return fd;
    close(fd);
    return -1;
}

bool bncli_own_file_read(int fd, void *out, size_t bytes)
{
    for (char *at = out; bytes > 0;) {
        ssize_t got = read(fd, at, bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        bytes -= (size_t)got;
    }
    return true;
}

/* What bears the name but is no file of ours, such as a link, goes: bncli_atomic_file would write
   where it leads. */
static void clear_the_way(const char *path)
{
    struct stat facts;
    if (lstat(path, &facts) == 0 && (!S_ISREG(facts.st_mode) || !bncli_cache_folder_is_own(&facts)))
        unlink(path);
}

bncl_status bncli_own_file_write(const char *folder, const char *path, const bncli_bytes *pieces,
                                 size_t count, bncl_error *err)
{
    bncli_atomic_file *file = NULL;
    if (!bncli_cache_folder_make(folder)) {
        bncli_fail(err, BNCL_ERROR_IO,
                   "expected a folder that is this user's alone to write to, "
                   "or a place to make it in");
        return bncli_fail_about(err, BNCL_ERROR_IO, folder);
    }
    clear_the_way(path);
    bncl_status status = bncli_atomic_file_create_private(path, &file, err);
    for (size_t i = 0; i < count && status == BNCL_OK; ++i)
        status = bncli_atomic_file_write(file, pieces[i].at, pieces[i].count, err);
    if (status == BNCL_OK)
        status = bncli_atomic_file_commit(file, err); /* else the temporary goes */
    bncli_atomic_file_destroy(file);
    return status;
}
