/* The binary cache's folder: where the environment puts it, whose it must be, and its size. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "program/cache.h"
#include "program/cache_folder.h"

#ifdef HAVE_NETTLE
enum { has_nettle = true };
#else
enum { has_nettle = false };
#endif

static const char *const variables[] = {"BNCL_CACHE_DIR", "XDG_CACHE_HOME", "HOME"};
enum { VARIABLES = sizeof variables / sizeof variables[0] };

static void put_back(void *saved)
{
    char **values = saved;
    for (int i = 0; i < VARIABLES; ++i)
        if (values[i] != NULL)
            setenv(variables[i], values[i], 1);
        else
            unsetenv(variables[i]);
}

/* The path with these variables, NULL: unset; or NULL. */
static const char *path_with(const char *const values[VARIABLES])
{
    char *saved[VARIABLES];
    for (int i = 0; i < VARIABLES; ++i) {
        const char *value = getenv(variables[i]);
        saved[i] = value != NULL ? strdup(value) : NULL;
        if (values[i] != NULL)
            setenv(variables[i], values[i], 1);
        else
            unsetenv(variables[i]);
    }
    char *path = bncli_cache_folder_path();
    put_back(saved);
    for (int i = 0; i < VARIABLES; ++i)
        free(saved[i]);
    return path != NULL ? harness_hold(path, bncli_free) : NULL;
}

static void the_environment_says_where(void **state)
{
    (void)state;
    static const struct {
        const char *values[VARIABLES], *expected;
    } rows[] = {
        {{"/own", "/xdg", "/home/a"}, "/own"},
        {{NULL, "/xdg", "/home/a"}, "/xdg/bncl"},
        {{NULL, NULL, "/home/a"}, "/home/a/.cache/bncl"},
        {{"", "", "/home/a"}, "/home/a/.cache/bncl"},
        {{"/own", NULL, NULL}, "/own"},
        {{NULL, NULL, NULL}, NULL},
        {{NULL, NULL, ""}, NULL},
        {{"relative", "too/", NULL}, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        const char *path = path_with(rows[i].values);
        const char *expected = rows[i].expected;
        if ((path == NULL) != (expected == NULL) || (path != NULL && strcmp(path, expected) != 0))
            harness_fail("row %zu: expected %s, got %s", i, expected != NULL ? expected : "none",
                         path != NULL ? path : "none");
    }
    bncli_alloc_fault(1, 1);
    char *path = bncli_cache_folder_path();
    bncli_alloc_fault(0, 0);
    assert_null(path);
}

static mode_t mode_of(const char *path)
{
    struct stat facts;
    assert_int_equal(lstat(path, &facts), 0);
    return facts.st_mode & 0777;
}

static void it_is_made_for_its_user_alone(void **state)
{
    (void)state;
    const char *folder = files_folder();
    const char *path = files_path(folder, "a/b/c");
    mode_t before = umask(0);
    assert_true(bncli_cache_folder_make(path));
    umask(before);
    assert_int_equal(mode_of(files_path(folder, "a")), 0700);
    assert_int_equal(mode_of(files_path(folder, "a/b")), 0700);
    assert_int_equal(mode_of(path), 0700);
    assert_true(bncli_cache_folder_make(path));
    bncli_alloc_fault(1, 1);
    assert_true(bncli_cache_folder_make(path));
    assert_false(bncli_cache_folder_make(files_path(folder, "d")));
    bncli_alloc_fault(0, 0);
}

static void what_others_may_change_is_refused(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        bool safe;
    } rows[] = {{0700, true},  {0500, true},  {0755, true}, {0770, false},
                {0702, false}, {0777, false}, {0720, false}};
    const char *path = files_path(files_folder(), "x");
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        assert_int_equal(chmod(path, rows[i].mode), 0);
        if (bncli_cache_folder_is_safe(path) != rows[i].safe ||
            bncli_cache_folder_make(path) != rows[i].safe)
            harness_fail("mode %o: expected %d", (unsigned)rows[i].mode, rows[i].safe);
    }
}

static void another_users_folder_is_refused(void **state)
{
    (void)state;
    const char *path = files_path(files_folder(), "x");
    if (geteuid() != 0)
        return; /* who could not give it away */
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chown(path, 1234, (gid_t)-1), 0);
    assert_false(bncli_cache_folder_make(path));
}

static void what_is_no_folder_is_refused(void **state)
{
    (void)state;
    const char *folder = files_folder();
    const char *link = files_path(folder, "link"), *file = files_path(folder, "file");
    assert_int_equal(symlink(files_folder(), link), 0);
    files_write(file, "x", 1);
    assert_false(bncli_cache_folder_make(link));
    assert_false(bncli_cache_folder_make(file));
    assert_false(bncli_cache_folder_make(files_path(file, "below")));
    files_expect(file, "x", 1);
}

/* ---- its size ---- */

/* A file of 100 bytes, last changed `age` seconds ago. */
static const char *aged(const char *folder, const char *name, time_t age)
{
    static const char bytes[100];
    const char *path = files_path(folder, name);
    const struct timespec when = {.tv_sec = time(NULL) - age};
    files_write(path, bytes, sizeof bytes);
    assert_int_equal(utimensat(AT_FDCWD, path, (const struct timespec[]){when, when}, 0), 0);
    return path;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* A name as the cache gives its files. */
static const char *entry_name(char digit)
{
    char *name = harness_memory(65, 1);
    memset(name, digit, 64);
    return name;
}

static void the_oldest_go_first(void **state)
{
    (void)state;
    const char *folder = files_folder();
    const char *paths[6];
    static const time_t ages[] = {50, 10, 60, 30, 20, 40};
    for (int i = 0; i < 6; ++i)
        paths[i] = aged(folder, entry_name((char)('a' + i)), ages[i]);
    bncli_cache_folder_trim(folder, 600);
    assert_int_equal(files_count(folder), 6);
    bncli_cache_folder_trim(folder, 350);
    assert_int_equal(files_count(folder), 3);
    for (int i = 0; i < 6; ++i)
        assert_int_equal(exists(paths[i]), ages[i] <= 30);
    bncli_cache_folder_trim(folder, 0);
    assert_int_equal(files_count(folder), 0);
    bncli_cache_folder_trim(files_path(folder, "none"), 0);
}

static void only_its_own_files_go(void **state)
{
    (void)state;
    const char *folder = files_folder();
    const char *stays[] = {
        aged(folder, "notes.txt", 9999),
        aged(folder, harness_text("%s0", entry_name('a')), 9999),
        aged(folder, entry_name('G'), 9999),
        aged(folder, ".bncl-0123456789abcdef.tmp", 60),
    };
    const char *left = aged(folder, ".bncl-fedcba9876543210.tmp", 9999);
    bncli_cache_folder_trim(folder, 0);
    assert_false(exists(left));
    for (size_t i = 0; i < sizeof stays / sizeof stays[0]; ++i)
        assert_true(exists(stays[i]));
}

static void a_folder_that_others_may_change_is_left_alone(void **state)
{
    (void)state;
    const char *folder = files_folder();
    const char *path = aged(folder, entry_name('a'), 10);
    assert_int_equal(chmod(folder, 0770), 0);
    bncli_cache_folder_trim(folder, 0);
    assert_true(exists(path));
}

/* Without Nettle there is no cache, whatever the environment says. */
static void a_cache_needs_a_digest(void **state)
{
    (void)state;
    const bool expected = has_nettle;
    unsetenv("BNCL_CACHE");
    setenv("BNCL_CACHE_DIR", "/own", 1);
    bncli_cache *cache = bncli_cache_open("device");
    unsetenv("BNCL_CACHE_DIR");
    assert_int_equal(cache != NULL, expected);
    assert_int_equal(bncli_cache_is_on(), expected);
    bncli_cache_close(cache);
}

static void short_memory_does_no_harm(void **state)
{
    (void)state;
    const char *folder = files_folder();
    for (char digit = 'a'; digit < 'f'; ++digit)
        aged(folder, entry_name(digit), digit);
    bncli_alloc_fault(2, 1);
    bncli_cache_folder_trim(folder, 0);
    bncli_alloc_fault(0, 0);
    assert_int_equal(files_count(folder), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(the_environment_says_where),
        HARNESS_TEST(it_is_made_for_its_user_alone),
        HARNESS_TEST(what_others_may_change_is_refused),
        HARNESS_TEST(another_users_folder_is_refused),
        HARNESS_TEST(what_is_no_folder_is_refused),
        HARNESS_TEST(the_oldest_go_first),
        HARNESS_TEST(only_its_own_files_go),
        HARNESS_TEST(a_folder_that_others_may_change_is_left_alone),
        HARNESS_TEST(a_cache_needs_a_digest),
        HARNESS_TEST(short_memory_does_no_harm),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
