/* A binary cache in a folder of its own, with one binary for it: what its tests begin with. */
#ifndef CACHE_FILE_H
#define CACHE_FILE_H

#include <stdbool.h>

#include "program/cache.h"

enum { CACHE_FILE_HEADER = 48, CACHE_FILE_BINARY = 47 }; /* bytes */

extern const char *const cache_file_source[2];
extern const unsigned char cache_file_binary[CACHE_FILE_BINARY];

/* All held. */
typedef struct cache_file {
    const char *folder;
    bncli_cache *cache;
    bncli_cache_key key;
    const char *path; /* of the binary's file, once it is written */
} cache_file;

/* A cache in that folder, held. */
bncli_cache *cache_file_open_at(const char *folder, const char *identity);

/* The path of the file of a key, held. */
const char *cache_file_path(const char *folder, const bncli_cache_key *key);

/* Whether libbncl was built with one. If not, says in TAP that the program's tests are skipped. */
bool cache_file_possible(void);

/* An empty cache. Skips the running test where there is none. */
cache_file cache_file_new(void);

/* One that the binary was written to. */
cache_file cache_file_written(void);

/* Whether the cache gives a binary under the key; it is then the one that was written, or the test
   fails. */
bool cache_file_gives(const cache_file *w);

#endif
