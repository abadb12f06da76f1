/* The binary cache: keys, and that a file gives back exactly what was written or nothing, whatever
   was done to it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cache_file.h"
#include "lib/files.h"
#include "lib/harness.h"

static void what_is_written_is_read(void **state)
{
    (void)state;
    cache_file w = cache_file_new();
    struct stat facts;
    size_t count;
    assert_false(cache_file_gives(&w));
    mode_t before = umask(0);
    bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
    umask(before);
    assert_true(cache_file_gives(&w));
    assert_int_equal(files_count(w.folder), 1);
    assert_int_equal(stat(w.path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(facts.st_size, CACHE_FILE_HEADER + CACHE_FILE_BINARY);
    assert_memory_equal(files_read(w.path, &count), "BNCLBIN1", 8);
    bncli_cache_remove(w.cache, &w.key);
    assert_false(cache_file_gives(&w));
    assert_int_equal(files_count(w.folder), 0);
}

static void it_can_be_switched_off(void **state)
{
    (void)state;
    cache_file w = cache_file_new();
    setenv("BNCL_CACHE", "off", 1);
    bncli_cache *cache = bncli_cache_open("device 1");
    const bool on = bncli_cache_is_on();
    unsetenv("BNCL_CACHE");
    assert_null(cache);
    assert_false(on);
    assert_true(bncli_cache_is_on());
    assert_int_equal(files_count(w.folder), 0);
}

/* ---- keys ---- */

typedef struct program {
    const char *identity, *options, *pieces[3];
} program;

static bncli_cache_key key_of(const char *folder, const program *p)
{
    bncli_cache_key key;
    size_t count = 0;
    while (count < 3 && p->pieces[count] != NULL)
        ++count;
    assert_true(bncli_cache_key_of(cache_file_open_at(folder, p->identity), p->pieces, count,
                                   p->options, &key));
    return key;
}

/* Also where the texts one after another are the same. */
static void programs_have_keys_of_their_own(void **state)
{
    (void)state;
    static const program all[] = {
        {"device", "-D A=1", {"one", "two"}}, {"device2", "-D A=1", {"one", "two"}},
        {"device", "-D A=2", {"one", "two"}}, {"device", "-D A=1", {"one", "two "}},
        {"device", "-D A=1", {"onetwo"}},     {"device", "-D A=1", {"on", "etwo"}},
        {"device-", "D A=1", {"one", "two"}}, {"device", "-D A=1", {"one", "two", ""}},
        {"device", "-D A=1o", {"ne", "two"}}, {"", "", {""}},
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    cache_file w = cache_file_new();
    bncli_cache_key keys[COUNT];
    for (int i = 0; i < COUNT; ++i) {
        keys[i] = key_of(w.folder, &all[i]);
        for (int j = 0; j < i; ++j)
            if (memcmp(&keys[i], &keys[j], sizeof keys[i]) == 0)
                harness_fail("programs %d and %d share a key", i, j);
    }
    bncli_cache_key again = key_of(w.folder, &all[0]);
    assert_memory_equal(&again, &keys[0], sizeof again);
}

/* SHA-256 of "abc": FIPS 180-2, appendix B.1. */
static void the_digest_is_sha256(void **state)
{
    (void)state;
    static const unsigned char expected[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                             0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                             0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                             0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    unsigned char out[BNCLI_DIGEST_SIZE] = {0};
    const bncli_bytes pieces[] = {{"a", 1}, {"", 0}, {"bc", 2}};
    assert_true(bncli_digest(pieces, 3, out));
    assert_memory_equal(out, expected, sizeof expected);
}

static void no_cache_is_no_trouble(void **state)
{
    (void)state;
    bncli_cache_key key = {{0}};
    unsigned char *out = NULL;
    size_t bytes = 0;
    assert_false(bncli_cache_key_of(NULL, cache_file_source, 2, "", &key));
    assert_false(bncli_cache_read(NULL, &key, &out, &bytes));
    bncli_cache_write(NULL, &key, cache_file_binary, CACHE_FILE_BINARY);
    bncli_cache_remove(NULL, &key);
    bncli_cache_close(NULL);
}

static void a_file_under_anothers_name_is_refused(void **state)
{
    (void)state;
    cache_file w = cache_file_written(), other = w;
    assert_true(bncli_cache_key_of(w.cache, cache_file_source, 1, "-D VEC=4", &other.key));
    bncli_cache_write(other.cache, &other.key, "another", 8);
    bncli_cache_remove(w.cache, &w.key);
    assert_int_equal(rename(cache_file_path(w.folder, &other.key), w.path), 0);
    assert_false(cache_file_gives(&w));
}

/* ---- damage ---- */

static void every_changed_byte_is_seen(void **state)
{
    (void)state;
    cache_file w = cache_file_written();
    size_t count;
    unsigned char *bytes = files_read(w.path, &count);
    assert_int_equal(count, CACHE_FILE_HEADER + CACHE_FILE_BINARY);
    for (size_t i = 0; i < count; ++i)
        for (unsigned bit = 1; bit < 256; bit *= 2) {
            bytes[i] ^= (unsigned char)bit;
            files_write(w.path, bytes, count);
            if (cache_file_gives(&w))
                harness_fail("byte %zu, bit %u", i, bit);
            bytes[i] ^= (unsigned char)bit;
        }
    files_write(w.path, bytes, count);
    assert_true(cache_file_gives(&w));
}

static void every_other_length_is_seen(void **state)
{
    (void)state;
    cache_file w = cache_file_written();
    size_t count;
    unsigned char *bytes = harness_memory(CACHE_FILE_HEADER + CACHE_FILE_BINARY + 1, 1);
    memcpy(bytes, files_read(w.path, &count), CACHE_FILE_HEADER + CACHE_FILE_BINARY);
    for (size_t length = 0; length <= count + 1; ++length) {
        files_write(w.path, bytes, length);
        if (cache_file_gives(&w) != (length == count))
            harness_fail("cut to %zu of %zu bytes", length, count);
    }
}

static void what_is_no_file_of_ours_is_refused(void **state)
{
    (void)state;
    cache_file w = cache_file_written();
    const char *moved = files_path(files_folder(), "moved");
    assert_int_equal(chmod(w.path, 0620), 0);
    assert_false(cache_file_gives(&w));
    assert_int_equal(chmod(w.path, 0602), 0);
    assert_false(cache_file_gives(&w));
    assert_int_equal(chmod(w.path, 0400), 0);
    assert_true(cache_file_gives(&w));
    assert_int_equal(rename(w.path, moved), 0);
    assert_int_equal(symlink(moved, w.path), 0);
    assert_false(cache_file_gives(&w));
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(mkfifo(w.path, 0600), 0);
    assert_false(cache_file_gives(&w));
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(mkdir(w.path, 0700), 0);
    assert_false(cache_file_gives(&w));
    bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
    assert_false(cache_file_gives(&w));
}

static void another_users_file_is_refused(void **state)
{
    (void)state;
    cache_file w = cache_file_written();
    if (geteuid() != 0)
        return; /* who could not give it away */
    assert_int_equal(chown(w.path, 1234, (gid_t)-1), 0);
    assert_false(cache_file_gives(&w));
    bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
    assert_true(cache_file_gives(&w));
}

/* A link does not lead the write elsewhere, nor does what others can write stay so. */
static void writing_clears_the_way(void **state)
{
    (void)state;
    cache_file w = cache_file_new();
    const char *precious = files_path(files_folder(), "precious");
    files_write(precious, "old", 3);
    assert_int_equal(symlink(precious, w.path), 0);
    bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
    assert_true(cache_file_gives(&w));
    files_expect(precious, "old", 3);
    assert_int_equal(chmod(w.path, 0666), 0);
    bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
    assert_true(cache_file_gives(&w));
    assert_int_equal(files_count(w.folder), 1);
}

static void a_folder_that_others_may_change_is_not_used(void **state)
{
    (void)state;
    cache_file w = cache_file_written();
    assert_int_equal(chmod(w.folder, 0777), 0);
    assert_false(cache_file_gives(&w));
    bncli_cache_remove(w.cache, &w.key);
    assert_int_equal(files_count(w.folder), 1);
    assert_int_equal(chmod(w.folder, 0700), 0);
    assert_true(cache_file_gives(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(what_is_written_is_read),
        HARNESS_TEST(it_can_be_switched_off),
        HARNESS_TEST(programs_have_keys_of_their_own),
        HARNESS_TEST(the_digest_is_sha256),
        HARNESS_TEST(no_cache_is_no_trouble),
        HARNESS_TEST(a_file_under_anothers_name_is_refused),
        HARNESS_TEST(every_changed_byte_is_seen),
        HARNESS_TEST(every_other_length_is_seen),
        HARNESS_TEST(what_is_no_file_of_ours_is_refused),
        HARNESS_TEST(another_users_file_is_refused),
        HARNESS_TEST(writing_clears_the_way),
        HARNESS_TEST(a_folder_that_others_may_change_is_not_used),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    if (!cache_file_possible())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
