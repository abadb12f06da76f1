/* Files replaced in one step: temporary, fsync, rename. */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "base/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/foreign_text.h"

#define TEMPORARY_NAME ".bncl-%016llx.tmp"
#define TEMPORARY_LENGTH (sizeof ".bncl-0123456789abcdef.tmp" - 1)
#define TEMPORARY_TRIES 100
#define LINKS_MOST 40        /* as Linux does */
#define LINK_SIZE 4096       /* PATH_MAX where there is one */
#define WRITE_MOST (1 << 30) /* Linux writes less than 2 GiB at once, macOS refuses more */

struct bncli_atomic_file {
    int fd;          /* of the temporary; -1: closed */
    char *target;    /* what is replaced: the path with its links followed */
    char *temporary; /* its path; NULL: there is none on disk */
};

static bncl_status fail_step(const char *path, const char *step, bncl_error *err)
{
    bncli_fail(err, BNCL_ERROR_IO, "cannot %s: %s", step, strerror(errno));
    return bncli_fail_about(err, BNCL_ERROR_IO, path);
}

/* A new string: `name` as seen from the folder that `path` is in. */
static char *beside(const char *path, const char *name)
{
    const char *slash = name[0] == '/' ? NULL : strrchr(path, '/');
    size_t folder = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    size_t length = strlen(name);
    char *joined = bncli_alloc(folder + length + 1, 1);
    if (joined != NULL) {
        memcpy(joined, path, folder);
        memcpy(joined + folder, name, length);
    }
    return joined;
}

/* Follows file->target while it is a link. That it leads nowhere yet, or cannot be looked at, is
   for the steps after this one to see. */
static bncl_status follow_links(bncli_atomic_file *file, bncl_error *err)
{
    char link[LINK_SIZE];
    for (int links = 0; file->target != NULL; ++links) {
        ssize_t length = readlink(file->target, link, sizeof link);
        if (length < 0)
            return BNCL_OK;
        if (links == LINKS_MOST || (size_t)length == sizeof link) {
            errno = links == LINKS_MOST ? ELOOP : ENAMETOOLONG;
            return fail_step(file->target, "follow the symbolic link", err);
        }
        link[length] = '\0';
        char *next = beside(file->target, link);
        bncli_free(file->target);
        file->target = next;
    }
    return bncli_fail(err, BNCL_ERROR_MEMORY, "out of memory for a path");
}

/* Creates the temporary, which only its owner may open until its permissions are settled, if
   `mode` says so. A name that is taken, or a signal, makes it try the next. */
static bncl_status open_temporary(bncli_atomic_file *file, mode_t mode, bncl_error *err)
{
    char name[TEMPORARY_LENGTH + 1] = {0};
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec) ^
                    (uint64_t)getpid() << 40 ^ (uint64_t)(uintptr_t)file;
    memset(name, '-', TEMPORARY_LENGTH);
    char *path = beside(file->target, name);
    if (path == NULL)
        return bncli_fail(err, BNCL_ERROR_MEMORY, "out of memory for a path");
    for (unsigned i = 0; i < TEMPORARY_TRIES && file->fd < 0; ++i) {
        /* The multiplier is odd, so that the tries are distinct, and spreads them. */
        unsigned long long number = (seed + i) * UINT64_C(0x9e3779b97f4a7c15);
        snprintf(name, sizeof name, TEMPORARY_NAME, number);
        memcpy(path + strlen(path) - TEMPORARY_LENGTH, name, TEMPORARY_LENGTH);
        file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC, mode);
        if (file->fd < 0 && errno != EEXIST && errno != EINTR)
            break;
    }
    if (file->fd < 0) {
        fail_step(file->target, "create a temporary file beside it", err);
        bncli_free(path);
        return BNCL_ERROR_IO;
    }
    file->temporary = path;
    return BNCL_OK;
}

/* Gives the new file the old one's owner, group and permissions. Where the group cannot be kept,
   its bits would open the file to another group: it then gets those of all others. */
static int keep_access(int fd, const struct stat *old)
{
    struct stat now;
    mode_t mode = old->st_mode & 0777;
    if (fstat(fd, &now) != 0)
        return -1;
    if ((now.st_uid != old->st_uid || now.st_gid != old->st_gid) &&
        fchown(fd, old->st_uid, old->st_gid) != 0 && fchown(fd, (uid_t)-1, old->st_gid) != 0 &&
        now.st_gid != old->st_gid)
        mode = (mode & 0707) | (mode & 07) << 3;
    if (fstat(fd, &now) != 0)
        return -1;
    return (now.st_mode & 0777) == mode ? 0 : fchmod(fd, mode);
}

/* new_mode: the permissions, less the umask, of a file that was not there. */
static bncl_status begin(bncli_atomic_file *file, mode_t new_mode, bncl_error *err)
{
    struct stat old;
    bncl_status status = follow_links(file, err);
    if (status != BNCL_OK)
        return status;
    if (stat(file->target, &old) != 0) {
        if (errno != ENOENT)
            return fail_step(file->target, "replace the file", err);
        return open_temporary(file, new_mode, err);
    }
    if (!S_ISREG(old.st_mode)) {
        bncli_fail(err, BNCL_ERROR_IO, "cannot replace it: not a regular file");
        return bncli_fail_about(err, BNCL_ERROR_IO, file->target);
    }
    status = open_temporary(file, 0600, err);
    if (status == BNCL_OK && keep_access(file->fd, &old) != 0)
        status = fail_step(file->target, "keep the file's permissions", err);
    return status;
}

static bncl_status create(const char *path, mode_t new_mode, bncli_atomic_file **out,
                          bncl_error *err)
{
    bncli_atomic_file *file = NULL;
    bncl_status status = bncli_new(&file, 1, sizeof *file, err);
    if (status != BNCL_OK)
        return status;
    file->fd = -1;
    file->target = bncli_strdup(path);
    status = begin(file, new_mode, err);
    if (status != BNCL_OK)
        goto fail;
    *out = file;
    return BNCL_OK;
fail:
    bncli_atomic_file_destroy(file);
    return status;
}

bncl_status bncli_atomic_file_create(const char *path, bncli_atomic_file **out, bncl_error *err)
{
    return create(path, 0666, out, err);
}

bncl_status bncli_atomic_file_create_private(const char *path, bncli_atomic_file **out,
                                             bncl_error *err)
{
    return create(path, 0600, out, err);
}

bncl_status bncli_atomic_file_write(bncli_atomic_file *file, const void *data, size_t bytes,
                                    bncl_error *err)
{
    const char *at = data;
    while (bytes > 0) {
        ssize_t written = write(file->fd, at, bytes < WRITE_MOST ? bytes : WRITE_MOST);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            if (written == 0)
                errno = EIO;
            return fail_step(file->target, "write the new content", err);
        }
        at += written;
        bytes -= (size_t)written;
    }
    return BNCL_OK;
}

static int sync_retrying(int fd)
{
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result;
}

/* Makes the rename itself durable. Failing is not an error: the path has the new content by now,
   and after a crash it has the old or the new, whole in either case. Cuts the path at its last
   slash. */
static void sync_folder(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        slash[slash == path] = '\0';
    int fd = open(slash == NULL ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    sync_retrying(fd);
    close(fd);
}

bncl_status bncli_atomic_file_commit(bncli_atomic_file *file, bncl_error *err)
{
    if (sync_retrying(file->fd) != 0)
        return fail_step(file->target, "sync the new content", err);
    int closed = close(file->fd);
    file->fd = -1; /* gone, even when close() fails */
    if (closed != 0 && errno != EINTR)
        return fail_step(file->target, "close the new content", err);
    if (rename(file->temporary, file->target) != 0)
        return fail_step(file->target, "put the new content in place", err);
    sync_folder(file->temporary);
    bncli_free(file->temporary);
    file->temporary = NULL;
    return BNCL_OK;
}

void bncli_atomic_file_destroy(bncli_atomic_file *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0)
        close(file->fd);
    if (file->temporary != NULL)
        unlink(file->temporary);
    bncli_free(file->temporary);
    bncli_free(file->target);
    bncli_free(file);
}
