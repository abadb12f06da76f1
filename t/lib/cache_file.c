/* A binary cache for tests: see cache_file.h. */
#include "lib/cache_file.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "lib/files.h"
#include "lib/harness.h"

const char *const cache_file_source[2] = {"one;\n", "two;\n"};
const unsigned char cache_file_binary[CACHE_FILE_BINARY] =
    "a driver's binary, of which no byte may change";

static void close_cache(void *cache)
{
    bncli_cache_close(cache);
}

static void unset_folder(void *name)
{
    unsetenv(name);
}

bncli_cache *cache_file_open_at(const char *folder, const char *identity)
{
    static char name[] = "BNCL_CACHE_DIR";
    setenv(name, folder, 1);
    harness_hold(name, unset_folder);
    unsetenv("BNCL_CACHE");
    bncli_cache *cache = bncli_cache_open(identity);
    if (cache == NULL)
        harness_fail("no cache in %s", folder);
    return harness_hold(cache, close_cache);
}

const char *cache_file_path(const char *folder, const bncli_cache_key *key)
{
    char name[2 * sizeof key->bytes + 1];
    for (size_t i = 0; i < sizeof key->bytes; ++i)
        snprintf(name + 2 * i, 3, "%02x", key->bytes[i]);
    return files_path(folder, name);
}

static bool has_digest(void)
{
    unsigned char digest[BNCLI_DIGEST_SIZE];
    return bncli_digest(NULL, 0, digest);
}

bool cache_file_possible(void)
{
    if (!has_digest())
        puts("1..0 # SKIP libbncl is built without Nettle, and so without a cache");
    return has_digest();
}

cache_file cache_file_new(void)
{
    if (!has_digest())
        skip();
    cache_file w = {.folder = files_folder()};
    w.cache = cache_file_open_at(w.folder, "device 1");
    assert_true(bncli_cache_key_of(w.cache, cache_file_source, 2, "-D VEC=4", &w.key));
    w.path = cache_file_path(w.folder, &w.key);
    return w;
}

cache_file cache_file_written(void)
{
    cache_file w = cache_file_new();
    bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
    return w;
}

bool cache_file_gives(const cache_file *w)
{
    unsigned char *out = NULL;
    size_t bytes = 0;
    if (!bncli_cache_read(w->cache, &w->key, &out, &bytes)) {
        assert_null(out);
        return false;
    }
    if (bytes != CACHE_FILE_BINARY || memcmp(out, cache_file_binary, bytes) != 0)
        harness_fail("another binary than was written");
    bncli_free(out);
    return true;
}
