/* The binary cache's keys and files. A file is named by its key, 64 hex digits, and holds

     8 bytes   "BNCLBIN1"
     8 bytes   the binary's length, least byte first
     32 bytes  SHA-256 of the key and the binary
     the rest  the binary

   Drivers crash on binaries that are damaged, and one has computed wrongly: the digest is checked
   before a driver sees a byte. With the key in it, a file under another's name does not pass. */
#include "program/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bncl/version.h>

#include "base/alloc.h"
#include "base/atomic_file.h"
#include "program/cache_folder.h"

#define MAGIC "BNCLBIN1"
#define MAGIC_SIZE (sizeof MAGIC - 1)
#define LENGTH_SIZE 8
#define HEADER_SIZE (MAGIC_SIZE + LENGTH_SIZE + BNCLI_DIGEST_SIZE)
#define A_DAY 86400 /* seconds */

struct bncli_cache {
    char *folder;
    char *identity;
};

bool bncli_cache_is_on(void)
{
    const char *wanted = getenv("BNCL_CACHE");
    unsigned char digest[BNCLI_DIGEST_SIZE];
    return (wanted == NULL || strcmp(wanted, "off") != 0) && bncli_digest(NULL, 0, digest);
}

bncli_cache *bncli_cache_open(const char *identity)
{
    if (!bncli_cache_is_on())
        return NULL;
    bncli_cache *cache = bncli_alloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->folder = bncli_cache_folder_path();
    cache->identity = bncli_strdup(identity);
    if (cache->folder != NULL && cache->identity != NULL)
        return cache;
    bncli_cache_close(cache);
    return NULL;
}

void bncli_cache_close(bncli_cache *cache)
{
    if (cache == NULL)
        return;
    bncli_free(cache->folder);
    bncli_free(cache->identity);
    bncli_free(cache);
}

static void put_length(uint64_t length, unsigned char *out)
{
    for (int i = 0; i < LENGTH_SIZE; ++i)
        out[i] = (unsigned char)(length >> (8 * i));
}

/* Digests a text with its length before it into what was digested so far: *key. */
static bool fold_in(bncli_cache_key *key, const char *text)
{
    const bncli_cache_key before = *key;
    unsigned char length[LENGTH_SIZE];
    put_length(strlen(text), length);
    const bncli_bytes pieces[] = {
        {before.bytes, sizeof before.bytes}, {length, sizeof length}, {text, strlen(text)}};
    return bncli_digest(pieces, sizeof pieces / sizeof pieces[0], key->bytes);
}

bool bncli_cache_key_of(const bncli_cache *cache, const char *const *pieces, size_t count,
                        const char *options, bncli_cache_key *out)
{
    if (cache == NULL)
        return false;
    bncli_cache_key key = {{0}};
    bool good = fold_in(&key, MAGIC) && fold_in(&key, bncl_version()) &&
                fold_in(&key, cache->identity) && fold_in(&key, options);
    for (size_t i = 0; i < count && good; ++i)
        good = fold_in(&key, pieces[i]);
    *out = key;
    return good;
}

/* The file's path, to be freed; NULL without a cache or memory. */
static char *path_of(const bncli_cache *cache, const bncli_cache_key *key)
{
    if (cache == NULL)
        return NULL;
    const size_t length = strlen(cache->folder);
    char *path = bncli_alloc(length + 1 + 2 * sizeof key->bytes + 1, 1);
    if (path == NULL)
        return NULL;
    memcpy(path, cache->folder, length);
    char *at = path + length;
    *at++ = '/';
    for (size_t i = 0; i < sizeof key->bytes; ++i, at += 2)
        snprintf(at, 3, "%02x", key->bytes[i]);
    return path;
}

static bool make_header(const bncli_cache_key *key, const void *binary, size_t bytes,
                        unsigned char out[HEADER_SIZE])
{
    const bncli_bytes pieces[] = {{key->bytes, sizeof key->bytes}, {binary, bytes}};
    memcpy(out, MAGIC, MAGIC_SIZE);
    put_length(bytes, out + MAGIC_SIZE);
    return bncli_digest(pieces, 2, out + MAGIC_SIZE + LENGTH_SIZE);
}

/* Fills `out`, or there is less in the file. */
static bool read_all(int fd, unsigned char *out, size_t bytes)
{
    while (bytes > 0) {
        ssize_t got = read(fd, out, bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        out += got;
        bytes -= (size_t)got;
    }
    return true;
}

/* What is used stays: see bncli_cache_folder_trim. A day's grain saves most of the writing. */
static void note_use(int fd, const struct stat *facts)
{
    if (time(NULL) - facts->st_mtime > A_DAY)
        (void)futimens(fd, NULL); /* refused on a read-only disk, where nothing goes either */
}

/* The binary in an open file, or NULL. */
static unsigned char *read_entry(int fd, const bncli_cache_key *key, size_t *bytes)
{
    struct stat facts;
    unsigned char header[HEADER_SIZE], expected[HEADER_SIZE];
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || !bncli_cache_folder_is_own(&facts) ||
        facts.st_size <= (off_t)HEADER_SIZE ||
        facts.st_size > (off_t)(HEADER_SIZE + BNCLI_CACHE_ENTRY_MOST) ||
        !read_all(fd, header, HEADER_SIZE))
        return NULL;
    *bytes = (size_t)facts.st_size - HEADER_SIZE;
    unsigned char *binary = bncli_alloc(*bytes, 1);
    if (binary == NULL)
        return NULL;
    if (read_all(fd, binary, *bytes) && make_header(key, binary, *bytes, expected) &&
        memcmp(header, expected, HEADER_SIZE) == 0) {
        note_use(fd, &facts);
        return binary;
    }
    bncli_free(binary);
    return NULL;
}

bool bncli_cache_read(const bncli_cache *cache, const bncli_cache_key *key, unsigned char **out,
                      size_t *bytes)
{
    char *path = path_of(cache, key);
    if (path == NULL)
        return false;
    int fd = -1;
    if (bncli_cache_folder_is_safe(cache->folder))
        do /* a FIFO must not hold us up: O_NONBLOCK */
            fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        while (fd < 0 && errno == EINTR);
    bncli_free(path);
    if (fd < 0)
        return false;
    unsigned char *binary = read_entry(fd, key, bytes);
    close(fd);
    if (binary != NULL)
        *out = binary;
    return binary != NULL;
}

/* What bears the name but is no file of ours, such as a link, goes: bncli_atomic_file would write
   where it leads. */
static void clear_the_way(const char *path)
{
    struct stat facts;
    if (lstat(path, &facts) == 0 && (!S_ISREG(facts.st_mode) || !bncli_cache_folder_is_own(&facts)))
        unlink(path);
}

void bncli_cache_write(const bncli_cache *cache, const bncli_cache_key *key, const void *binary,
                       size_t bytes)
{
    unsigned char header[HEADER_SIZE];
    if (bytes == 0 || bytes > BNCLI_CACHE_ENTRY_MOST || cache == NULL ||
        !make_header(key, binary, bytes, header) || !bncli_cache_folder_make(cache->folder))
        return;
    char *path = path_of(cache, key);
    if (path == NULL)
        return;
    clear_the_way(path);
    bncli_atomic_file *file = NULL;
    if (bncli_atomic_file_create_private(path, &file, NULL) == BNCL_OK &&
        bncli_atomic_file_write(file, header, HEADER_SIZE, NULL) == BNCL_OK &&
        bncli_atomic_file_write(file, binary, bytes, NULL) == BNCL_OK)
        (void)bncli_atomic_file_commit(file, NULL); /* else the temporary goes */
    bncli_atomic_file_destroy(file);
    bncli_free(path);
    bncli_cache_folder_trim(cache->folder, BNCLI_CACHE_MOST_BYTES);
}

void bncli_cache_remove(const bncli_cache *cache, const bncli_cache_key *key)
{
    char *path = path_of(cache, key);
    if (path != NULL && bncli_cache_folder_is_safe(cache->folder))
        unlink(path);
    bncli_free(path);
}
