/* Internal: the binary cache, programs that a device's driver has compiled, in files. It is
   optional: nothing here can fail a call, and what is not exactly what was written is not there. */
#ifndef BNCLI_CACHE_H
#define BNCLI_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "program/digest.h"

#define BNCLI_CACHE_MOST_BYTES (64u << 20) /* of all files together; the oldest go first */
#define BNCLI_CACHE_ENTRY_MOST (16u << 20) /* of one binary */

typedef struct bncli_cache bncli_cache;

/* What a binary is the binary of. */
typedef struct bncli_cache_key {
    unsigned char bytes[BNCLI_DIGEST_SIZE];
} bncli_cache_key;

/* Whether there can be one: BNCL_CACHE is not off, and there is a digest. */
bool bncli_cache_is_on(void);

/* The cache that the environment names (see cache_folder.h), for programs of the device that
   `identity` tells from all others, driver and platform versions in it. NULL: there is none, which
   all functions below take. Touches no disk. */
bncli_cache *bncli_cache_open(const char *identity);
void bncli_cache_close(bncli_cache *cache);

/* The key of a program: the digest of the source (`count` pieces), the options, the identity and
   the library's version, each with its length before it. False: there is no cache. */
bool bncli_cache_key_of(const bncli_cache *cache, const char *const *pieces, size_t count,
                        const char *options, bncli_cache_key *out);

/* Gives the binary that was written under the key; the caller frees *out with bncli_free. False:
   there is none, or its file is not whole, not the user's own, or not a plain file. */
bool bncli_cache_read(const bncli_cache *cache, const bncli_cache_key *key, unsigned char **out,
                      size_t *bytes);

/* Keeps the binary, if it can: whole and on the disk, or not at all. Readers see the old file or
   the new one, whoever writes at the same time. Blocks for the disk. */
void bncli_cache_write(const bncli_cache *cache, const bncli_cache_key *key, const void *binary,
                       size_t bytes);

/* Forgets what is written under the key. */
void bncli_cache_remove(const bncli_cache *cache, const bncli_cache_key *key);

#endif
