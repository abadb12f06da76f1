/* The files that keep tunings: one gives back exactly what was written, to the device, driver and
   version that it was written for, or nothing, whatever was done to it; and disk and memory may
   fail at any point. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bncl/version.h>

#include "base/alloc.h"
#include "lib/file_fault.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "program/tuning_file.h"

#define DEVICE "device\nvendor\ndriver 1\n"
#define TEXT "vector=2,group=32"

static bncl_error err;

static void forget_folder(void *unused)
{
    (void)unused;
    unsetenv("BNCL_CACHE_DIR");
    unsetenv("BNCL_CACHE");
}

/* A folder that tunings are kept in, until the test ends; empty. */
static const char *use_folder(void)
{
    const char *folder = files_folder();
    harness_hold(harness_memory(1, 1), forget_folder);
    setenv("BNCL_CACHE_DIR", folder, 1);
    unsetenv("BNCL_CACHE");
    return folder;
}

/* Whether a tuning is kept for the device; it is then the one of the tests, or the test fails. */
static bool gives(const char *identity)
{
    char text[BNCL_TUNING_TEXT_SIZE] = "old";
    const bncl_status status = bncli_tuning_file_read(identity, text, &err);
    if (status != BNCL_OK || (strcmp(text, TEXT) != 0 && text[0] != '\0'))
        harness_fail("status %d, '%s'", (int)status, text);
    return text[0] != '\0';
}

static void write_or_fail(const char *identity, const char *text)
{
    if (bncli_tuning_file_write(identity, text, &err) != BNCL_OK)
        harness_fail("%s", err.text);
}

/* The one file of the folder. */
static const char *only_file(const char *folder)
{
    const char *path = NULL;
    const struct dirent *entry;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            assert_null(path);
            path = files_path(folder, entry->d_name);
        }
    closedir(dir);
    assert_non_null(path);
    return path;
}

/* A folder with the tests' tuning in it; the path of its file. */
static const char *written(void)
{
    const char *folder = use_folder();
    write_or_fail(DEVICE, TEXT);
    assert_true(gives(DEVICE));
    return only_file(folder);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    const char *folder = use_folder();
    struct stat facts;
    assert_false(gives(DEVICE));
    write_or_fail(DEVICE, "lines=1");
    const mode_t before = umask(0);
    write_or_fail(DEVICE, TEXT);
    umask(before);
    assert_true(gives(DEVICE));
    const char *path = only_file(folder);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(bncli_tuning_file_remove(DEVICE, &err), BNCL_OK);
    assert_false(gives(DEVICE));
    assert_int_equal(files_count(folder), 0);
    assert_int_equal(bncli_tuning_file_remove(DEVICE, &err), BNCL_OK);
}

/* What it is, and whose, a human reads in it. */
static void the_first_line_tells_whose_it_is(void **state)
{
    (void)state;
    size_t count;
    const char *bytes = (const char *)files_read(written(), &count);
    const char *expected =
        harness_text("libbncl %s, tuning for device;vendor;driver 1\n" TEXT "\n", bncl_version());
    assert_int_equal(count, strlen(expected) + 17);
    assert_memory_equal(bytes, expected, strlen(expected));
}

static void devices_have_files_of_their_own(void **state)
{
    (void)state;
    static const char *const others[] = {"device\nvendor\ndriver 2\n", "device\nvendor\n", "",
                                         "device 2\nvendor\ndriver 1\n"};
    const char *folder = use_folder();
    write_or_fail(DEVICE, TEXT);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i) {
        assert_false(gives(others[i]));
        write_or_fail(others[i], "lines=1");
    }
    assert_int_equal(files_count(folder), 1 + sizeof others / sizeof others[0]);
    assert_true(gives(DEVICE));
}

/* Under this device's name, whole, and another's: as after a hash that is the same for two. */
static void another_devices_file_is_refused(void **state)
{
    (void)state;
    const char *path = written();
    size_t count;
    const unsigned char *bytes = files_read(path, &count);
    const char *other = use_folder();
    write_or_fail("device\nvendor\ndriver 2\n", TEXT);
    const char *target = only_file(other);
    files_write(target, bytes, count);
    assert_false(gives("device\nvendor\ndriver 2\n"));
    assert_false(gives(DEVICE));
}

static void long_texts_fit(void **state)
{
    (void)state;
    char longest[BNCL_TUNING_TEXT_SIZE] = "", text[BNCL_TUNING_TEXT_SIZE];
    use_folder();
    while (strlen(longest) + 8 < sizeof longest)
        strcat(longest, "lines=1,");
    write_or_fail(DEVICE, longest);
    assert_int_equal(bncli_tuning_file_read(DEVICE, text, &err), BNCL_OK);
    assert_string_equal(text, longest);
    char *identity = harness_memory(4096, 1);
    memset(identity, 'd', 4095);
    write_or_fail(identity, TEXT);
    assert_true(gives(identity));
    write_or_fail(DEVICE, "");
    assert_int_equal(bncli_tuning_file_read(DEVICE, text, &err), BNCL_OK);
    assert_string_equal(text, "");
}

static void without_a_folder_nothing_is_kept(void **state)
{
    (void)state;
    const char *folder = use_folder(), *home = getenv("HOME");
    const char *kept_home = home != NULL ? harness_text("%s", home) : NULL;
    write_or_fail(DEVICE, TEXT);
    for (int off = 0; off < 2; ++off) {
        if (off)
            setenv("BNCL_CACHE", "off", 1);
        else {
            unsetenv("BNCL_CACHE_DIR");
            unsetenv("XDG_CACHE_HOME");
            unsetenv("HOME");
        }
        assert_false(bncli_tuning_file_possible());
        assert_false(gives(DEVICE));
        assert_int_equal(bncli_tuning_file_write(DEVICE, TEXT, &err), BNCL_ERROR_UNSUPPORTED);
        assert_int_equal(bncli_tuning_file_remove(DEVICE, &err), BNCL_ERROR_UNSUPPORTED);
        assert_non_null(strstr(err.text, "BNCL_CACHE"));
        if (kept_home != NULL)
            setenv("HOME", kept_home, 1);
        setenv("BNCL_CACHE_DIR", folder, 1);
    }
    unsetenv("BNCL_CACHE");
    assert_true(bncli_tuning_file_possible());
    assert_true(gives(DEVICE));
}

/* ---- damage ---- */

static void every_changed_bit_is_seen(void **state)
{
    (void)state;
    const char *path = written();
    size_t count;
    unsigned char *bytes = files_read(path, &count);
    for (size_t i = 0; i < count; ++i)
        for (unsigned bit = 1; bit < 256; bit *= 2) {
            bytes[i] ^= (unsigned char)bit;
            files_write(path, bytes, count);
            if (gives(DEVICE))
                harness_fail("byte %zu, bit %u", i, bit);
            bytes[i] ^= (unsigned char)bit;
        }
    files_write(path, bytes, count);
    assert_true(gives(DEVICE));
}

static void every_other_length_is_seen(void **state)
{
    (void)state;
    const char *path = written();
    size_t count;
    const unsigned char *whole = files_read(path, &count);
    char *bytes = harness_memory(count + 1, 1);
    memcpy(bytes, whole, count);
    for (size_t length = 0; length <= count + 1; ++length) {
        files_write(path, bytes, length);
        if (gives(DEVICE) != (length == count))
            harness_fail("cut to %zu of %zu bytes", length, count);
    }
    assert_int_equal(truncate(path, (off_t)1 << 30), 0); /* a hole: no disk, no memory */
    assert_false(gives(DEVICE));
}

/* Well written, hash and all, and no tuning: as by another library of the same version. */
static void a_malformed_tuning_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"vector=3", "speed=2", "vector=2;", " vector=2"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
        use_folder();
        write_or_fail(DEVICE, texts[i]);
        if (gives(DEVICE))
            harness_fail("'%s'", texts[i]);
    }
}

static void what_is_no_file_of_ours_is_refused(void **state)
{
    (void)state;
    const char *path = written(), *moved = files_path(files_folder(), "moved");
    assert_int_equal(chmod(path, 0620), 0);
    assert_false(gives(DEVICE));
    assert_int_equal(chmod(path, 0602), 0);
    assert_false(gives(DEVICE));
    assert_int_equal(chmod(path, 0400), 0);
    assert_true(gives(DEVICE));
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(symlink(moved, path), 0);
    assert_false(gives(DEVICE));
    size_t count;
    const unsigned char *before = files_read(moved, &count);
    assert_int_equal(chmod(moved, 0600), 0);
    write_or_fail(DEVICE, TEXT); /* not where the link leads */
    assert_true(gives(DEVICE));
    files_expect(moved, before, count);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(gives(DEVICE));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(gives(DEVICE));
    assert_int_equal(bncli_tuning_file_write(DEVICE, TEXT, &err), BNCL_ERROR_IO);
    assert_int_equal(bncli_tuning_file_remove(DEVICE, &err), BNCL_ERROR_IO);
}

static void another_users_file_is_refused(void **state)
{
    (void)state;
    const char *path = written();
    if (geteuid() != 0)
        return; /* who could not give it away */
    assert_int_equal(chown(path, 1234, (gid_t)-1), 0);
    assert_false(gives(DEVICE));
    write_or_fail(DEVICE, TEXT);
    assert_true(gives(DEVICE));
}

static void a_folder_that_others_may_change_is_not_used(void **state)
{
    (void)state;
    written();
    const char *folder = getenv("BNCL_CACHE_DIR");
    assert_int_equal(chmod(folder, 0777), 0);
    assert_false(gives(DEVICE));
    assert_int_equal(bncli_tuning_file_write(DEVICE, "lines=1", &err), BNCL_ERROR_IO);
    assert_non_null(strstr(err.text, folder));
    assert_int_equal(bncli_tuning_file_remove(DEVICE, &err), BNCL_OK);
    assert_int_equal(files_count(folder), 1);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_true(gives(DEVICE));
}

/* ---- disk and memory ---- */

static void a_disk_that_fails_leaves_the_old_one(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        int error;
    } rows[] = {
        {"open", EROFS}, {"write", ENOSPC}, {"fsync", EIO}, {"close", EIO}, {"rename", EACCES}};
    written();
    const char *folder = getenv("BNCL_CACHE_DIR");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        file_fault_set(rows[i].call, 1, 1, rows[i].error);
        const bncl_status status = bncli_tuning_file_write(DEVICE, "lines=1", &err);
        assert_int_equal(file_fault_clear(), 1);
        assert_int_equal(status, BNCL_ERROR_IO);
        assert_true(gives(DEVICE));
        assert_int_equal(files_count(folder), 1);
    }
}

static void reading_may_fail(void **state)
{
    (void)state;
    static const char *const calls[] = {"open", "read"};
    written();
    const size_t open_before = files_open();
    for (size_t i = 0; i < 2; ++i) {
        file_fault_set(calls[i], 1, 1, EIO);
        const bool given = gives(DEVICE);
        assert_int_equal(file_fault_clear(), 1);
        assert_false(given);
    }
    file_fault_shorten(3);
    file_fault_interrupt();
    write_or_fail(DEVICE, TEXT);
    const bool given = gives(DEVICE);
    assert_true(file_fault_clear() > 0);
    assert_true(given);
    assert_int_equal(files_open(), open_before);
}

static void short_memory_does_no_harm(void **state)
{
    (void)state;
    written();
    const char *folder = getenv("BNCL_CACHE_DIR");
    bncli_alloc_fault(0, 0);
    assert_true(gives(DEVICE));
    const unsigned long reading = bncli_alloc_fault(0, 0);
    write_or_fail(DEVICE, TEXT);
    const unsigned long writing = bncli_alloc_fault(0, 0);
    assert_true(reading > 2 && writing > reading);
    for (unsigned long nth = 1; nth <= writing; ++nth) {
        char text[BNCL_TUNING_TEXT_SIZE] = "old";
        bncli_alloc_fault(nth, 0);
        const bncl_status given = bncli_tuning_file_read(DEVICE, text, &err);
        bncli_alloc_fault(nth, 0);
        const bncl_status status = bncli_tuning_file_write(DEVICE, "lines=1", &err);
        bncli_alloc_fault(nth, 0);
        const bncl_status removed = bncli_tuning_file_remove(DEVICE, &err);
        bncli_alloc_fault(0, 0);
        assert_int_equal(given, nth > reading ? BNCL_OK : BNCL_ERROR_MEMORY);
        assert_string_equal(text, nth > reading ? TEXT : "");
        assert_true(status != BNCL_OK && (removed != BNCL_OK || nth > reading));
        write_or_fail(DEVICE, TEXT);
        assert_int_equal(files_count(folder), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(what_is_written_is_read),
        HARNESS_TEST(the_first_line_tells_whose_it_is),
        HARNESS_TEST(devices_have_files_of_their_own),
        HARNESS_TEST(another_devices_file_is_refused),
        HARNESS_TEST(long_texts_fit),
        HARNESS_TEST(without_a_folder_nothing_is_kept),
        HARNESS_TEST(every_changed_bit_is_seen),
        HARNESS_TEST(every_other_length_is_seen),
        HARNESS_TEST(a_malformed_tuning_is_refused),
        HARNESS_TEST(what_is_no_file_of_ours_is_refused),
        HARNESS_TEST(another_users_file_is_refused),
        HARNESS_TEST(a_folder_that_others_may_change_is_not_used),
        HARNESS_TEST(a_disk_that_fails_leaves_the_old_one),
        HARNESS_TEST(reading_may_fail),
        HARNESS_TEST(short_memory_does_no_harm),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
