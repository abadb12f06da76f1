/* The binary cache on a disk that is full, read-only or fails, with memory short, and with another
   process at it: it keeps a binary whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "lib/cache_file.h"
#include "lib/file_fault.h"
#include "lib/files.h"
#include "lib/harness.h"

static void a_full_disk_leaves_nothing_behind(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        int error;
    } rows[] = {{"open", EROFS}, {"open", EMFILE}, {"write", ENOSPC}, {"write", EDQUOT},
                {"fsync", EIO},  {"close", EIO},   {"rename", EACCES}};
    cache_file w = cache_file_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        unsigned long failed = 1;
        for (unsigned long nth = 1; failed > 0 && nth < 9; ++nth) {
            bncli_cache_remove(w.cache, &w.key);
            file_fault_set(rows[i].call, nth, 1, rows[i].error);
            bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
            failed = file_fault_clear();
            assert_int_equal(files_count(w.folder), cache_file_gives(&w) ? 1 : 0);
            assert_true(nth > 1 || failed == 1);
        }
        assert_true(cache_file_gives(&w));
    }
}

static void reading_may_fail(void **state)
{
    (void)state;
    static const char *const calls[] = {"open", "read"};
    cache_file w = cache_file_written();
    const size_t open_before = files_open();
    for (size_t i = 0; i < 2; ++i) {
        unsigned long failed = 1;
        for (unsigned long nth = 1; failed > 0; ++nth) {
            file_fault_set(calls[i], nth, 1, EIO);
            bool given = cache_file_gives(&w);
            failed = file_fault_clear();
            assert_int_equal(given, failed == 0);
            assert_true(nth > 1 || failed == 1);
        }
    }
    assert_int_equal(files_open(), open_before);
}

static void short_and_interrupted_calls_are_taken_up(void **state)
{
    (void)state;
    cache_file w = cache_file_new();
    file_fault_shorten(3);
    file_fault_interrupt();
    bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
    bool given = cache_file_gives(&w);
    assert_true(file_fault_clear() > 0);
    assert_true(given);
}

/* Each allocation of writing, reading and opening once. */
static void short_memory_does_no_harm(void **state)
{
    (void)state;
    cache_file w = cache_file_new();
    bncli_alloc_fault(0, 0);
    bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
    const unsigned long writing = bncli_alloc_fault(0, 0);
    assert_true(cache_file_gives(&w));
    const unsigned long reading = bncli_alloc_fault(0, 0);
    assert_true(writing > 3 && reading > 1);
    for (unsigned long nth = 1; nth <= reading; ++nth) {
        bncli_alloc_fault(nth, 0);
        bool given = cache_file_gives(&w);
        bncli_alloc_fault(0, 0);
        assert_false(given);
    }
    for (unsigned long nth = 1; nth <= 3; ++nth) { /* the cache, its folder, its identity */
        bncli_alloc_fault(nth, 0);
        bncli_cache *cache = bncli_cache_open("device");
        bncli_alloc_fault(0, 0);
        assert_null(cache);
    }
    for (unsigned long nth = 1; nth <= writing; ++nth) {
        bncli_cache_remove(w.cache, &w.key);
        bncli_alloc_fault(nth, 0);
        bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
        bncli_alloc_fault(0, 0);
        assert_int_equal(files_count(w.folder), cache_file_gives(&w) ? 1 : 0);
    }
}

/* Root writes everywhere, so that this says more where the tests are not run by root. */
static void a_folder_that_cannot_be_written_is_read(void **state)
{
    (void)state;
    cache_file w = cache_file_written();
    assert_int_equal(chmod(w.folder, 0500), 0);
    assert_true(cache_file_gives(&w));
    file_fault_set("open", 1, 9, EROFS);
    bncli_cache_write(w.cache, &w.key, "other", 6);
    file_fault_clear();
    assert_true(cache_file_gives(&w));
    assert_int_equal(chmod(w.folder, 0700), 0);
    assert_int_equal(files_count(w.folder), 1);
}

static void a_folder_that_cannot_be_made_is_no_trouble(void **state)
{
    (void)state;
    cache_file w = cache_file_new();
    const char *file = files_path(w.folder, "file");
    files_write(file, "x", 1);
    w.cache = cache_file_open_at(files_path(file, "below"), "device 1");
    bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
    assert_false(cache_file_gives(&w));
    bncli_cache_remove(w.cache, &w.key);
    files_expect(file, "x", 1);
}

static void what_is_used_looks_new(void **state)
{
    (void)state;
    cache_file w = cache_file_written();
    struct stat facts;
    const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    assert_int_equal(utimensat(AT_FDCWD, w.path, old, 0), 0);
    assert_true(cache_file_gives(&w));
    assert_int_equal(stat(w.path, &facts), 0);
    assert_true(time(NULL) - facts.st_mtime < 600);
}

static void a_huge_binary_is_not_kept(void **state)
{
    (void)state;
    cache_file w = cache_file_new();
    const size_t bytes = (size_t)BNCLI_CACHE_ENTRY_MOST + 1;
    unsigned char *out = NULL;
    size_t got = 0;
    char *huge = harness_memory(bytes, 1);
    bncli_cache_write(w.cache, &w.key, huge, bytes);
    bncli_cache_write(w.cache, &w.key, huge, 0);
    assert_int_equal(files_count(w.folder), 0);
    bncli_cache_write(w.cache, &w.key, huge, bytes - 1);
    assert_true(bncli_cache_read(w.cache, &w.key, &out, &got));
    assert_int_equal(got, bytes - 1);
    bncli_free(out);
    files_write(w.path, huge, bytes);
    assert_int_equal(truncate(w.path, (off_t)CACHE_FILE_HEADER + (off_t)bytes), 0);
    assert_false(cache_file_gives(&w));
}

/* ---- two at once ---- */

/* Writes and removes again and again. */
static void write_and_remove(const cache_file *w)
{
    for (int i = 0; i < 300; ++i) {
        bncli_cache_write(w->cache, &w->key, cache_file_binary, CACHE_FILE_BINARY);
        if (i % 7 == 0)
            bncli_cache_remove(w->cache, &w->key);
    }
}

static void two_processes_do_not_disturb_each_other(void **state)
{
    (void)state;
    cache_file w = cache_file_written();
    int status = -1, given = 0;
    pid_t child = fork();
    if (child == 0) {
        write_and_remove(&w);
        _exit(0);
    }
    assert_true(child > 0);
    for (int i = 0; i < 300; ++i) {
        given += cache_file_gives(&w); /* whole, or not there */
        bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(given > 0);
    bncli_cache_write(w.cache, &w.key, cache_file_binary, CACHE_FILE_BINARY);
    assert_true(cache_file_gives(&w));
    assert_int_equal(files_count(w.folder), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(a_full_disk_leaves_nothing_behind),
        HARNESS_TEST(reading_may_fail),
        HARNESS_TEST(short_and_interrupted_calls_are_taken_up),
        HARNESS_TEST(short_memory_does_no_harm),
        HARNESS_TEST(a_folder_that_cannot_be_written_is_read),
        HARNESS_TEST(a_folder_that_cannot_be_made_is_no_trouble),
        HARNESS_TEST(what_is_used_looks_new),
        HARNESS_TEST(a_huge_binary_is_not_kept),
        HARNESS_TEST(two_processes_do_not_disturb_each_other),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    if (!cache_file_possible())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
