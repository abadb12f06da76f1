/* Failing calls of the operating system: see file_fault.h. */
#undef _FORTIFY_SOURCE       /* its inline open() would stand in the way of ours */
#define _GNU_SOURCE          /* RTLD_NEXT */
#define _FILE_OFFSET_BITS 64 /* as in the files under test: open may be open64 */
#include "lib/file_fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined __GLIBC__
#define NAME64(call) call "64"
#else
#define NAME64(call) call
#endif

static struct {
    const char *call;
    unsigned long nth, times, calls, failed;
    int error;
    size_t most;
    bool interrupt, odd;
    const char *planted;
    bool has_synced;
    struct stat synced;
} fault;

void file_fault_set(const char *call, unsigned long nth, unsigned long times, int error)
{
    fault.call = call;
    fault.nth = nth;
    fault.times = times;
    fault.error = error;
    fault.calls = fault.failed = 0;
}

void file_fault_shorten(size_t most)
{
    fault.most = most;
}

void file_fault_interrupt(void)
{
    fault.interrupt = true;
}

void file_fault_plant(const char *target)
{
    fault.planted = target;
}

bool file_fault_synced(struct stat *facts)
{
    *facts = fault.synced;
    return fault.has_synced;
}

unsigned long file_fault_clear(void)
{
    unsigned long failed = fault.failed;
    memset(&fault, 0, sizeof fault);
    return failed;
}

/* Whether this call of `call` is to fail; sets errno then. */
static bool fails(const char *call, bool interruptible)
{
    if (fault.call != NULL && strcmp(call, fault.call) == 0 && ++fault.calls >= fault.nth &&
        fault.calls - fault.nth < fault.times) {
        ++fault.failed;
        errno = fault.error;
        return true;
    }
    if (!fault.interrupt || !interruptible)
        return false;
    fault.odd = !fault.odd;
    fault.failed += fault.odd;
    errno = fault.odd ? EINTR : errno;
    return fault.odd;
}

/* libc's function of this name; the only conversion that C knows for it goes through memory. */
static void find(const char *name, void *function)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(function, &symbol, sizeof symbol);
}

static size_t shortened(size_t bytes)
{
    return fault.most != 0 && bytes > fault.most ? fault.most : bytes;
}

int open(const char *path, int flags, ...)
{
    int (*next)(const char *, int, ...);
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (fails("open", true))
        return -1;
    if (fault.planted != NULL && flags & O_CREAT) {
        const char *target = fault.planted;
        fault.planted = NULL;
        if (symlink(target, path) != 0)
            return -1;
    }
    find(NAME64("open"), &next);
    return next(path, flags, mode);
}

ssize_t pread(int fd, void *bytes, size_t count, off_t offset)
{
    ssize_t (*next)(int, void *, size_t, off_t);
    if (fails("pread", true))
        return -1;
    find(NAME64("pread"), &next);
    return next(fd, bytes, shortened(count), offset);
}

ssize_t read(int fd, void *bytes, size_t count)
{
    ssize_t (*next)(int, void *, size_t);
    if (fails("read", true))
        return -1;
    find("read", &next);
    return next(fd, bytes, shortened(count));
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    ssize_t (*next)(int, const void *, size_t);
    if (fails("write", true))
        return -1;
    find("write", &next);
    return next(fd, bytes, shortened(count));
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
    ssize_t (*next)(int, const void *, size_t, off_t);
    if (fails("pwrite", true))
        return -1;
    find(NAME64("pwrite"), &next);
    return next(fd, bytes, shortened(count), offset);
}

int flock(int fd, int operation)
{
    int (*next)(int, int);
    if (fails("flock", true))
        return -1;
    find("flock", &next);
    return next(fd, operation);
}

int fsync(int fd)
{
    int (*next)(int);
    fault.has_synced = fstat(fd, &fault.synced) == 0;
    if (fails("fsync", true))
        return -1;
    find("fsync", &next);
    return next(fd);
}

int fchmod(int fd, mode_t mode)
{
    int (*next)(int, mode_t);
    if (fails("fchmod", false))
        return -1;
    find("fchmod", &next);
    return next(fd, mode);
}

int fchown(int fd, uid_t owner, gid_t group)
{
    int (*next)(int, uid_t, gid_t);
    if (fails("fchown", false))
        return -1;
    find("fchown", &next);
    return next(fd, owner, group);
}

int close(int fd)
{
    int (*next)(int);
    find("close", &next);
    int error = fails("close", false) ? errno : 0;
    int result = next(fd);
    if (error == 0)
        return result;
    errno = error;
    return -1;
}

int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *);
    if (fails("rename", false))
        return -1;
    find("rename", &next);
    return next(from, to);
}
