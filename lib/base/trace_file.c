/* Files of events: see trace_file.h.

   A file is HEAD, events, TAIL. Who adds events overwrites the tail with them and a tail of its
   own, in one write, under a lock: so that the file is whole at any time, and several contexts,
   which know nothing of each other, can share it. The head names the process. */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "base/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/foreign_text.h"
#include "base/json_text.h"

#define TAIL "\n]}\n"
#define TAIL_LENGTH (sizeof TAIL - 1)

enum { HEAD_SIZE = 160, BUFFER_SIZE = 1 << 16 };

struct bncli_trace_file {
    int fd; /* -1: none */
    pid_t process;
    char head[HEAD_SIZE];
    size_t head_length;
    unsigned long long number;
    pthread_mutex_t lock; /* guards what follows */
    bool lock_exists;
    bool ended; /* nothing more is written */
    size_t used;
    char events[BUFFER_SIZE + TAIL_LENGTH]; /* each behind ",\n"; room for a tail */
};

/* The head tells processes apart that had the same id one after the other, as containers do: by
   where this one's code lies, which the system draws anew for each. */
static void make_head(bncli_trace_file *file)
{
    static const char place;
    file->process = getpid();
    file->head_length = (size_t)snprintf(
        file->head, sizeof file->head,
        "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"writer\":\"libbncl\",\"process\":"
        "\"%ld %jx\"},\"traceEvents\":[",
        (long)file->process, (uintmax_t)(uintptr_t)&place);
}

/* Writes all, or says that it could not. */
static bool write_at(int fd, const char *bytes, size_t count, off_t offset)
{
    while (count > 0) {
        const ssize_t written = pwrite(fd, bytes, count, offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            errno = written == 0 ? EIO : errno;
            return false;
        }
        bytes += written;
        count -= (size_t)written;
        offset += written;
    }
    return true;
}

/* Reads so many bytes from the file's begin, or says that it has not. */
static bool read_begin(int fd, char *bytes, size_t count)
{
    size_t used = 0;
    while (used < count) {
        const ssize_t got = pread(fd, bytes + used, count - used, (off_t)used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        used += (size_t)got;
    }
    return true;
}

static bool lock_file(const bncli_trace_file *file)
{
    int result;
    do
        result = flock(file->fd, LOCK_EX);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

static void unlock_file(const bncli_trace_file *file)
{
    flock(file->fd, LOCK_UN);
}

/* Where the tail begins, or -1: the file is not this process's. Its lock is held. */
static off_t tail_of(const bncli_trace_file *file)
{
    char head[HEAD_SIZE];
    struct stat facts;
    if (!read_begin(file->fd, head, file->head_length) ||
        memcmp(head, file->head, file->head_length) != 0 || fstat(file->fd, &facts) != 0 ||
        facts.st_size < (off_t)(file->head_length + TAIL_LENGTH))
        return -1;
    return facts.st_size - (off_t)TAIL_LENGTH;
}

/* Writes events, of which each stands behind a comma, where the tail begins. Where that fails, the
   file is as it was: its end has just been written, so that there is room for it. */
static bool append(const bncli_trace_file *file, char *events, size_t length, off_t tail)
{
    const size_t comma = tail == (off_t)file->head_length ? 1 : 0;
    memcpy(events + length, TAIL, TAIL_LENGTH);
    if (write_at(file->fd, events + comma, length + TAIL_LENGTH - comma, tail))
        return true;
    const int error = errno;
    if (ftruncate(file->fd, tail + (off_t)TAIL_LENGTH) == 0)
        write_at(file->fd, TAIL, TAIL_LENGTH, tail);
    errno = error;
    return false;
}

static bool begin_anew(const bncli_trace_file *file)
{
    return ftruncate(file->fd, 0) == 0 && write_at(file->fd, file->head, file->head_length, 0) &&
           write_at(file->fd, TAIL, TAIL_LENGTH, (off_t)file->head_length);
}

/* Joins this process's file, or begins it, and tells of the context. Its lock is held. */
static bool enter(bncli_trace_file *file, const char *label)
{
    char name[BNCLI_TRACE_EVENT_SIZE / 2];
    off_t tail = tail_of(file);
    if (tail < 0 && !begin_anew(file))
        return false;
    if (tail < 0)
        tail = (off_t)file->head_length;
    file->number = (unsigned long long)tail; /* each context's first event stands elsewhere */
    bncli_json_text(label, name, sizeof name);
    const int length = snprintf(file->events, BUFFER_SIZE,
                                ",\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%llu,"
                                "\"args\":{\"name\":%s}}",
                                file->number, name);
    return append(file, file->events, (size_t)length, tail);
}

/* A new string: the name with what '%' stands for. */
static char *path_of(const char *name)
{
    char process[24];
    snprintf(process, sizeof process, "%ld", (long)getpid());
    char *path = bncli_alloc(strlen(name) * sizeof process + 1, 1);
    if (path == NULL)
        return NULL;
    size_t used = 0;
    for (; *name != '\0'; ++name) {
        const bool special = name[0] == '%' && (name[1] == 'p' || name[1] == '%');
        if (special && *++name == 'p') {
            memcpy(path + used, process, strlen(process));
            used += strlen(process);
        } else {
            path[used++] = *name;
        }
    }
    return path;
}

static bool is_regular(int fd)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0)
        return false;
    errno = S_ISREG(facts.st_mode) ? 0 : EINVAL;
    return errno == 0;
}

static bncl_status open_path(bncli_trace_file *file, const char *path, const char *label,
                             bncl_error *err)
{
    do /* not to wait for a reader where a pipe has that name */
        file->fd = open(path, O_RDWR | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0666);
    while (file->fd < 0 && errno == EINTR);
    bool good = file->fd >= 0 && is_regular(file->fd) && lock_file(file);
    if (good) {
        good = enter(file, label);
        const int error = errno;
        unlock_file(file);
        errno = error;
    }
    if (good)
        return BNCL_OK;
    bncli_fail(err, BNCL_ERROR_IO, "BNCL_TRACE: cannot write this file: %s", strerror(errno));
    return bncli_fail_about(err, BNCL_ERROR_IO, path);
}

bncl_status bncli_trace_file_open(const char *name, const char *label, bncli_trace_file **out,
                                  bncl_error *err)
{
    bncli_trace_file *file;
    bncl_status status = bncli_new(&file, 1, sizeof *file, err);
    if (status != BNCL_OK)
        return status;
    file->fd = -1;
    file->lock_exists = pthread_mutex_init(&file->lock, NULL) == 0;
    char *path = path_of(name);
    make_head(file);
    if (path == NULL || !file->lock_exists)
        status = bncli_fail(err, BNCL_ERROR_MEMORY, "out of memory for a trace");
    else
        status = open_path(file, path, label, err);
    bncli_free(path);
    if (status == BNCL_OK)
        *out = file;
    else
        bncli_trace_file_close(file);
    return status;
}

unsigned long long bncli_trace_file_number(const bncli_trace_file *file)
{
    return file->number;
}

/* The mutex is held. */
static void write_events(bncli_trace_file *file)
{
    if (file->used > 0 && !file->ended && file->process == getpid()) {
        file->ended = !lock_file(file);
        if (!file->ended) {
            const off_t tail = tail_of(file);
            file->ended = tail < 0 || !append(file, file->events, file->used, tail);
            unlock_file(file);
        }
    }
    file->used = 0;
}

void bncli_trace_file_add(bncli_trace_file *file, const char *event)
{
    const size_t length = strlen(event) + 2;
    pthread_mutex_lock(&file->lock);
    if (file->used + length > BUFFER_SIZE)
        write_events(file);
    memcpy(file->events + file->used, ",\n", 2);
    memcpy(file->events + file->used + 2, event, length - 2);
    file->used += length;
    pthread_mutex_unlock(&file->lock);
}

void bncli_trace_file_flush(bncli_trace_file *file)
{
    pthread_mutex_lock(&file->lock);
    write_events(file);
    pthread_mutex_unlock(&file->lock);
}

void bncli_trace_file_close(bncli_trace_file *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0) {
        write_events(file);
        close(file->fd);
    }
    if (file->lock_exists)
        pthread_mutex_destroy(&file->lock);
    bncli_free(file);
}
