/* The examples' IDX reader and the data set made of it: what they read, and that a file which is
   missing, truncated or wrong in any way is refused with a text that says so. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/files.h"
#include "lib/harness.h"
#include "lib/idx_file.h"

#include "../examples/fashion_data.h"
#include "../examples/idx.h"

static const char *folder; /* of the running test */

static int make_folder(void **state)
{
    (void)state;
    folder = files_folder();
    return 0;
}

static const char *write_bytes(const char *name, const void *bytes, size_t count)
{
    const char *path = files_path(folder, name);
    files_write(path, bytes, count);
    return path;
}

static const uint32_t dims[] = {2, 2, 3};
static const size_t any[] = {0, 0, 0};
static const uint8_t values[] = {0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255, 99};

/* Fails unless the call was refused with `expected` and a text that contains all the words. */
static void refused(bncl_status status, bncl_status expected, const bncl_error *err,
                    const char *const *words)
{
    if (status != expected)
        harness_fail("expected \"%s\", got \"%s\": %s", bncl_status_string(expected),
                     bncl_status_string(status), err->text);
    for (; *words != NULL; ++words)
        if (strstr(err->text, *words) == NULL)
            harness_fail("expected a text with \"%s\", got: %s", *words, err->text);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Reads the file as [any, any, any], expects a refusal, and that nothing was written. */
static void read_refused(const char *path, bncl_status expected, const char *const *words)
{
    idx_array array = {.rank = 77};
    bncl_error err = {{0}};
    refused(idx_read(path, 3, any, &array, &err), expected, &err, words);
    assert_int_equal(array.rank, 77);
    assert_null(array.values);
}

static const char *gzip(const char *name, const void *bytes, size_t count)
{
    const char *path = files_path(folder, name);
    gzFile file = gzopen(path, "wb");
    if (file == NULL || gzwrite(file, bytes, (unsigned)count) != (int)count ||
        gzclose(file) != Z_OK)
        harness_fail("%s cannot be written", path);
    return path;
}

static void check_good(const char *path)
{
    const size_t expected[] = {0, 2, 3};
    idx_array array = {0};
    bncl_error err = {{0}};
    if (idx_read(path, 3, expected, &array, &err) != BNCL_OK)
        harness_fail("%s", err.text);
    harness_hold(array.values, free);
    assert_int_equal(array.rank, 3);
    assert_int_equal(array.dims[0], 2);
    assert_int_equal(array.dims[2], 3);
    assert_int_equal(array.count, 12);
    assert_memory_equal(array.values, values, 12);
}

static void plain_and_gzip_are_read(void **state)
{
    (void)state;
    size_t bytes;
    const uint8_t *content = idx_file_bytes(0x803, 3, dims, values, 12, &bytes);
    check_good(write_bytes("plain", content, bytes));
    check_good(gzip("packed.gz", content, bytes));
}

static void no_values_are_fine(void **state)
{
    (void)state;
    const uint32_t none[] = {0, 2, 3};
    idx_array array = {0};
    assert_int_equal(
        idx_read(idx_file_write(folder, "none", 0x803, 3, none, values, 0), 3, any, &array, NULL),
        BNCL_OK);
    assert_int_equal(array.count, 0);
    idx_free(&array);
    assert_null(array.values);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    read_refused(files_path(folder, "missing"), BNCL_ERROR_IO, WORDS("missing", "No such file"));
    read_refused(folder, BNCL_ERROR_IO, WORDS(folder, "not a regular file"));
    idx_array array = {0};
    bncl_error err = {{0}};
    refused(idx_read("x", 4, any, &array, &err), BNCL_ERROR_ARGUMENT, &err, WORDS("1 to 3", "4"));
}

/* A reader that waits for somebody to write would wait for ever: the alarm ends the test then. */
static void a_fifo_is_refused_at_once(void **state)
{
    (void)state;
    const char *path = files_path(folder, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(30);
    read_refused(path, BNCL_ERROR_IO, WORDS("fifo", "not a regular file"));
    alarm(0);
}

static void truncation_is_refused_at_every_length(void **state)
{
    (void)state;
    size_t bytes;
    const uint8_t *content = idx_file_bytes(0x803, 3, dims, values, 12, &bytes);
    for (size_t kept = 0; kept < bytes; ++kept)
        read_refused(write_bytes("short", content, kept), BNCL_ERROR_FORMAT,
                     WORDS("short is truncated", "expected"));
    gzip("whole.gz", content, bytes);
    size_t packed;
    const uint8_t *stream = files_read(files_path(folder, "whole.gz"), &packed);
    assert_true(packed > 18);
    /* Fewer than two bytes are no gzip stream to zlib, but a plain file, and a short one. */
    for (size_t kept = 0; kept < packed; ++kept)
        read_refused(write_bytes("cut.gz", stream, kept), BNCL_ERROR_FORMAT, WORDS("cut.gz"));
}

static void damaged_compression_is_refused(void **state)
{
    (void)state;
    size_t bytes, packed;
    const uint8_t *content = idx_file_bytes(0x803, 3, dims, values, 12, &bytes);
    uint8_t *stream = files_read(gzip("whole.gz", content, bytes), &packed);
    stream[packed - 8] ^= 1; /* the checksum's first byte */
    read_refused(write_bytes("sum.gz", stream, packed), BNCL_ERROR_FORMAT,
                 WORDS("sum.gz is damaged", "zlib says: incorrect data check"));
}

/* zlib finds a wrong checksum while it gives the last values, but only where the piece of the file
   that it holds, 8192 bytes, goes that far: with some of these counts it does not. */
static void a_damaged_checksum_behind_all_values_is_refused(void **state)
{
    (void)state;
    uint8_t noise[5 * 8192];
    for (uint32_t i = 0, seed = 1; i < sizeof noise; ++i, seed = seed * 1664525u + 1013904223u)
        noise[i] = (uint8_t)(seed >> 24);
    for (uint32_t count = sizeof noise - 100; count < sizeof noise; ++count) {
        size_t bytes, packed;
        const uint32_t column[] = {count, 1, 1};
        const uint8_t *content = idx_file_bytes(0x803, 3, column, noise, count, &bytes);
        uint8_t *stream = files_read(gzip("whole.gz", content, bytes), &packed);
        stream[packed - 8] ^= 1;
        read_refused(write_bytes("sum.gz", stream, packed), BNCL_ERROR_FORMAT,
                     WORDS("sum.gz is damaged"));
    }
}

static void a_header_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    const size_t wanted[] = {0, 28, 28};
    idx_array array = {0};
    bncl_error err = {{0}};
    read_refused(idx_file_write(folder, "labels", 0x801, 1, dims, values, 12), BNCL_ERROR_FORMAT,
                 WORDS("labels", "0x00000803", "0x00000801"));
    read_refused(idx_file_write(folder, "floats", 0xD03, 3, dims, values, 12), BNCL_ERROR_FORMAT,
                 WORDS("floats", "0x00000803", "0x00000d03"));
    const char *path = idx_file_write(folder, "small", 0x803, 3, dims, values, 12);
    refused(idx_read(path, 3, wanted, &array, &err), BNCL_ERROR_FORMAT, &err,
            WORDS("small", "dimension 1", "28", "got 2"));
}

static void sizes_are_checked_before_memory_is_taken(void **state)
{
    (void)state;
    const uint32_t huge[] = {UINT32_MAX, UINT32_MAX, UINT32_MAX}, large[] = {UINT32_MAX, 28, 28};
    read_refused(idx_file_write(folder, "huge", 0x803, 3, huge, values, 12), BNCL_ERROR_FORMAT,
                 WORDS("huge", "does not fit"));
    read_refused(idx_file_write(folder, "large", 0x803, 3, large, values, 12), BNCL_ERROR_FORMAT,
                 WORDS("large is truncated", "3367254359280"));
}

static void trailing_data_is_refused(void **state)
{
    (void)state;
    size_t bytes;
    const uint8_t *content = idx_file_bytes(0x803, 3, dims, values, 13, &bytes);
    read_refused(write_bytes("long", content, bytes), BNCL_ERROR_FORMAT,
                 WORDS("long has trailing data"));
    read_refused(gzip("long.gz", content, bytes), BNCL_ERROR_FORMAT,
                 WORDS("long.gz has trailing data"));
}

static void set_refused(bncl_status expected, const char *const *words)
{
    fashion_set set = {0};
    bncl_error err = {{0}};
    refused(fashion_set_read(folder, "train", &set, &err), expected, &err, words);
    assert_null(set.images);
    assert_null(set.labels);
}

static void a_set_is_normalized(void **state)
{
    (void)state;
    fashion_set set = {0};
    idx_array raw = {0};
    idx_file_write_set(folder, "train", 12, 12, 1);
    assert_int_equal(fashion_set_read(folder, "train", &set, NULL), BNCL_OK);
    harness_hold(set.images, free);
    harness_hold(set.labels, free);
    const char *images = files_path(folder, "train-images-idx3-ubyte");
    assert_int_equal(idx_read(images, 3, any, &raw, NULL), BNCL_OK);
    harness_hold(raw.values, free);
    assert_int_equal(set.count, 12);
    for (size_t i = 0; i < raw.count; ++i) {
        double exact = (raw.values[i] / 255.0 - 0.2860) / 0.3530;
        assert_true(fabs((double)set.images[i] - exact) <= 4.0 * ldexp(1.0, -24) * 2.1);
    }
    for (int i = 0; i < 12; ++i)
        assert_int_equal(set.labels[i], i % 10);
}

static void the_packed_name_goes_first(void **state)
{
    (void)state;
    fashion_set set = {0};
    idx_file_write_set(folder, "train", 12, 12, 1);
    assert_int_equal(fashion_set_read(folder, "train", &set, NULL), BNCL_OK);
    fashion_set_free(&set);
    write_bytes("train-labels-idx1-ubyte.gz", "", 0);
    set_refused(BNCL_ERROR_FORMAT, WORDS("train-labels-idx1-ubyte.gz is truncated"));
}

static void a_missing_set_names_the_package(void **state)
{
    (void)state;
    set_refused(BNCL_ERROR_IO,
                WORDS("train-images-idx3-ubyte.gz", "No such file", "dataset-fashion-mnist"));
    idx_file_write_set(folder, "train", 12, 12, 1);
    assert_int_equal(unlink(files_path(folder, "train-labels-idx1-ubyte")), 0);
    set_refused(BNCL_ERROR_IO,
                WORDS("train-labels-idx1-ubyte.gz", "No such file", "dataset-fashion-mnist"));
}

/* What is in the way of a file does not go away when a package is installed. */
static void a_set_that_is_no_file_does_not(void **state)
{
    (void)state;
    const char *const names[] = {"train-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz"};
    idx_file_write_set(folder, "train", 12, 12, 1);
    for (int i = 0; i < 2; ++i) {
        fashion_set set = {0};
        bncl_error err = {{0}};
        assert_int_equal(mkfifo(files_path(folder, names[i]), 0600), 0);
        alarm(30);
        refused(fashion_set_read(folder, "train", &set, &err), BNCL_ERROR_IO, &err,
                WORDS(names[i], "not a regular file"));
        alarm(0);
        assert_null(strstr(err.text, "dataset-fashion-mnist"));
    }
}

static void a_set_that_does_not_agree_is_refused(void **state)
{
    (void)state;
    const uint32_t three[] = {3};
    const uint8_t labels[] = {0, 10, 9};
    idx_file_write_set(folder, "train", 3, 4, 1);
    set_refused(BNCL_ERROR_FORMAT, WORDS("train-labels-idx1-ubyte", "3, got 4"));
    idx_file_write(folder, "train-labels-idx1-ubyte", 0x801, 1, three, labels, 3);
    set_refused(BNCL_ERROR_FORMAT, WORDS("train-labels-idx1-ubyte", "0 to 9", "got 10", "image 1"));
    idx_file_write_set(folder, "train", 1, 1, 1);
    set_refused(BNCL_ERROR_FORMAT, WORDS("expected 2 images or more, got 1"));
}

#define IN_FOLDER(function) cmocka_unit_test_setup_teardown(function, make_folder, harness_release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(plain_and_gzip_are_read),
        IN_FOLDER(no_values_are_fine),
        IN_FOLDER(what_is_no_file_is_refused),
        IN_FOLDER(a_fifo_is_refused_at_once),
        IN_FOLDER(truncation_is_refused_at_every_length),
        IN_FOLDER(damaged_compression_is_refused),
        IN_FOLDER(a_damaged_checksum_behind_all_values_is_refused),
        IN_FOLDER(a_header_that_does_not_fit_is_refused),
        IN_FOLDER(sizes_are_checked_before_memory_is_taken),
        IN_FOLDER(trailing_data_is_refused),
        IN_FOLDER(a_set_is_normalized),
        IN_FOLDER(the_packed_name_goes_first),
        IN_FOLDER(a_missing_set_names_the_package),
        IN_FOLDER(a_set_that_is_no_file_does_not),
        IN_FOLDER(a_set_that_does_not_agree_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
