/* The binary cache's keys and files. A file is named by its key, 64 hex digits, and holds

     8 bytes   "BNCLBIN1"
     8 bytes   the binary's length, least byte first
     32 bytes  SHA-256 of the key and the binary
     the rest  the binary

   Drivers crash on binaries that are damaged, and one has computed wrongly: the digest is checked
   before a driver sees a byte. With the key in it, a file under another's name does not pass. */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "program/cache.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bncl/version.h>

#include "base/alloc.h"
#include "program/cache_folder.h"
#include "program/own_file.h"

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
    unsigned char digest[BNCLI_DIGEST_SIZE];
    return bncli_cache_folder_is_wanted() && bncli_digest(NULL, 0, digest);
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

/* What is used stays: see bncli_cache_folder_trim. A day's grain saves most of the writing. */
static void note_use(int fd, const struct stat *facts)
{
    if (time(NULL) - facts->st_mtime > A_DAY)
        (void)futimens(fd, NULL); /* refused on a read-only disk, where nothing goes either */
}

/* The binary in an open file, or NULL. */
static unsigned char *read_entry(int fd, const struct stat *facts, const bncli_cache_key *key,
                                 size_t *bytes)
{
    unsigned char header[HEADER_SIZE], expected[HEADER_SIZE];
    if (facts->st_size <= (off_t)HEADER_SIZE ||
        facts->st_size > (off_t)(HEADER_SIZE + BNCLI_CACHE_ENTRY_MOST) ||
        !bncli_own_file_read(fd, header, HEADER_SIZE))
        return NULL;
    *bytes = (size_t)facts->st_size - HEADER_SIZE;
    unsigned char *binary = bncli_alloc(*bytes, 1);
    if (binary == NULL)
        return NULL;
    if (bncli_own_file_read(fd, binary, *bytes) && make_header(key, binary, *bytes, expected) &&
        memcmp(header, expected, HEADER_SIZE) == 0) {
        note_use(fd, facts);
        return binary;
    }
    bncli_free(binary);
    return NULL;
}

bool bncli_cache_read(const bncli_cache *cache, const bncli_cache_key *key, unsigned char **out,
                      size_t *bytes)
{
    struct stat facts;
    char *path = path_of(cache, key);
    if (path == NULL)
        return false;
    const int fd = bncli_own_file_open(cache->folder, path, &facts);
    bncli_free(path);
    if (fd < 0)
        return false;
    unsigned char *binary = read_entry(fd, &facts, key, bytes);
    close(fd);
    if (binary != NULL)
        *out = binary;
    return binary != NULL;
}

void bncli_cache_write(const bncli_cache *cache, const bncli_cache_key *key, const void *binary,
                       size_t bytes)
{
    unsigned char header[HEADER_SIZE];
    if (bytes == 0 || bytes > BNCLI_CACHE_ENTRY_MOST || cache == NULL ||
        !make_header(key, binary, bytes, header))
        return;
    char *path = path_of(cache, key);
    if (path == NULL)
        return;
    const bncli_bytes pieces[] = {{header, HEADER_SIZE}, {binary, bytes}};
    (void)bncli_own_file_write(cache->folder, path, pieces, 2, NULL); /* it can be made again */
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
