/* Reading safetensors files: damaged in every byte, changed while open, not files at all, and with
   failing memory and system calls. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/alloc.h"
#include "lib/file_fault.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/safetensors_bytes.h"
#include "tensor/safetensors.h"

static const char good_header[] =
    "{\"__metadata__\":{\"k\":\"v\"},\"fc.w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":"
    "[8,32]},\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}}  ";
enum { good_data = 32, good_bytes = 8 + (int)sizeof good_header - 1 + good_data };

static const char *good_file(void)
{
    const char *path = files_path(files_folder(), "good.safetensors");
    safetensors_bytes_write(path, good_header, sizeof good_header - 1, good_data);
    return path;
}

/* Opens, which must give the status, and a text with `text` and the path in it. */
static void expect_failure(const char *path, bncl_status expected, const char *text)
{
    bncl_error err = {""};
    bncli_safetensors *file = NULL;
    bncl_status status = bncli_safetensors_open(path, &file, &err);
    if (status != expected || file != NULL || strstr(err.text, text) == NULL ||
        strncmp(err.text, path, strlen(path)) != 0)
        harness_fail("expected %s: %s, got %s: %s", bncl_status_string(expected), text,
                     bncl_status_string(status), err.text);
}

static void expect_good(const char *path)
{
    bncl_error err = {""};
    bncli_safetensors *file = NULL;
    if (bncli_safetensors_open(path, &file, &err) != BNCL_OK)
        harness_fail("%s", err.text);
    safetensors_bytes_check(file, good_bytes);
    assert_int_equal(file->count, 2);
    bncli_safetensors_close(file);
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    const char *path = good_file();
    expect_good(path);
    for (int size = good_bytes - 1; size >= 0; --size) {
        assert_int_equal(truncate(path, size), 0);
        expect_failure(path, BNCL_ERROR_FORMAT, "expected");
    }
}

static void a_file_that_is_too_long_is_refused(void **state)
{
    (void)state;
    const char *path = good_file();
    assert_int_equal(truncate(path, good_bytes + 1), 0);
    expect_failure(path, BNCL_ERROR_FORMAT, "expected 32 bytes of data, the file has 33");
}

/* All 255 other values of each byte: opening gives FORMAT, or a file that is still true to the
   format (a letter in a name, a digit in a length whose partner is not there to contradict). */
static void a_file_with_any_byte_changed_is_borne(void **state)
{
    (void)state;
    int opened = 0, refused = 0;
    const char *path = good_file();
    size_t count;
    const unsigned char *bytes = files_read(path, &count);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (size_t i = 0; i + good_data < count; ++i) {
        for (int change = 1; change < 256; ++change) {
            bncl_error err = {""};
            bncli_safetensors *file = NULL;
            unsigned char changed = (unsigned char)(bytes[i] ^ change);
            assert_int_equal(pwrite(fd, &changed, 1, (off_t)i), 1);
            bncl_status status = bncli_safetensors_open(path, &file, &err);
            if (status != BNCL_OK && status != BNCL_ERROR_FORMAT)
                harness_fail("byte %zu = 0x%02x: %s", i, changed, err.text);
            if (status == BNCL_OK)
                safetensors_bytes_check(file, count);
            opened += status == BNCL_OK;
            refused += status != BNCL_OK;
            bncli_safetensors_close(file);
        }
        assert_int_equal(pwrite(fd, &bytes[i], 1, (off_t)i), 1);
    }
    close(fd);
    harness_note("%d files opened, %d refused", opened, refused);
    expect_good(path);
}

static void put_length(const char *path, uint64_t length)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; ++i)
        bytes[i] = (unsigned char)(length >> (8 * i));
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, bytes, 8, 0), 8);
    close(fd);
}

static void a_false_header_length_is_refused(void **state)
{
    (void)state;
    const char *path = good_file();
    static const uint64_t lengths[] = {good_bytes - 7,    good_bytes,     UINT64_C(1) << 32,
                                       UINT64_C(1) << 63, UINT64_MAX - 7, UINT64_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; ++i) {
        put_length(path, lengths[i]);
        expect_failure(path, BNCL_ERROR_FORMAT,
                       harness_text("expected a header of at most %d bytes, got %ju",
                                    good_bytes - 8, (uintmax_t)lengths[i]));
    }
    put_length(path, 0);
    expect_failure(path, BNCL_ERROR_FORMAT, "begin with '{'");
    assert_int_equal(truncate(path, INT64_C(1) << 32), 0); /* a hole, no blocks */
    put_length(path, 100000001);
    expect_failure(path, BNCL_ERROR_FORMAT, "at most 100000000 bytes, got 100000001");
    put_length(path, sizeof good_header - 1);
    expect_failure(path, BNCL_ERROR_FORMAT, "expected 32 bytes of data, the file has");
}

static void what_is_no_regular_file_is_refused(void **state)
{
    (void)state;
    const char *folder = files_folder();
    const char *fifo = files_path(folder, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    alarm(20); /* ends the program, if opening a FIFO waits for a writer */
    expect_failure(fifo, BNCL_ERROR_IO, "expected a regular file, got another kind of file");
    alarm(0);
    expect_failure("/dev/null", BNCL_ERROR_IO, "expected a regular file");
    expect_failure(folder, BNCL_ERROR_IO, "expected a regular file, got a folder");
    expect_failure(files_path(folder, "none"), BNCL_ERROR_IO, strerror(ENOENT));
    expect_failure(files_path(fifo, "x"), BNCL_ERROR_IO, strerror(ENOTDIR));
    expect_failure("", BNCL_ERROR_IO, strerror(ENOENT));
    files_write(files_path(folder, "empty"), "", 0);
    expect_failure(files_path(folder, "empty"), BNCL_ERROR_FORMAT,
                   "expected at least 8 bytes, got 0");
}

static void a_link_to_a_file_is_followed(void **state)
{
    (void)state;
    const char *path = good_file();
    const char *link = harness_text("%s.link", path);
    assert_int_equal(symlink("good.safetensors", link), 0);
    expect_good(link);
}

/* The reason must not be crowded out of the text by a long path. */
static void a_long_path_leaves_room_for_the_reason(void **state)
{
    (void)state;
    char path[3000];
    bncl_error err = {""};
    bncli_safetensors *file = NULL;
    memset(path, 'x', sizeof path);
    for (size_t i = 100; i < sizeof path; i += 100)
        path[i] = '/';
    strcpy(path + sizeof path - 6, "\n.end");
    assert_int_equal(bncli_safetensors_open(path, &file, &err), BNCL_ERROR_IO);
    assert_non_null(strstr(err.text, strerror(ENOENT)));
    assert_non_null(strstr(err.text, "?.end: "));
    assert_null(file);
}

static void a_file_that_shrinks_while_open_is_told(void **state)
{
    (void)state;
    bncl_error err = {""};
    bncli_safetensors *file = NULL;
    const char *path = good_file();
    unsigned char bytes[24];
    assert_int_equal(bncli_safetensors_open(path, &file, &err), BNCL_OK);
    assert_int_equal(truncate(path, good_bytes - 1), 0);
    assert_int_equal(bncli_safetensors_read(file, &file->tensors[0], bytes, &err), BNCL_OK);
    assert_int_equal(bncli_safetensors_read(file, &file->tensors[1], bytes, &err),
                     BNCL_ERROR_FORMAT);
    assert_non_null(strstr(err.text, "shorter"));
    assert_non_null(strstr(err.text, "fc.w"));
    assert_non_null(strstr(err.text, path));
    assert_int_equal(bncli_safetensors_read(file, &file->tensors[1], bytes, NULL),
                     BNCL_ERROR_FORMAT);
    bncli_safetensors_close(file);
}

/* Opens with the nth allocation, and with `sticky` all after it, failing: true once n is past
   all. */
static bool opens_with_fault(const char *path, unsigned long n, int sticky)
{
    bncl_error err = {""};
    bncli_safetensors *file = NULL;
    bncli_alloc_fault(n, sticky);
    bncl_status status = bncli_safetensors_open(path, &file, &err);
    unsigned long calls = bncli_alloc_fault(0, 0);
    if (status == BNCL_OK) {
        bncli_safetensors_close(file);
        return calls < n;
    }
    assert_null(file);
    if (status != BNCL_ERROR_MEMORY || strstr(err.text, "out of memory") == NULL)
        harness_fail("allocation %lu: %s: %s", n, bncl_status_string(status), err.text);
    return false;
}

static void each_failing_allocation_is_told(void **state)
{
    (void)state;
    const char *path = good_file();
    size_t open_before = files_open();
    for (int sticky = 0; sticky < 2; ++sticky) {
        unsigned long n = 1;
        while (!opens_with_fault(path, n, sticky))
            ++n;
        assert_true(n > 5); /* file, path, header, tensors and two names */
    }
    assert_int_equal(files_open(), open_before);
    expect_good(path);
}

/* jansson's allocations: the nth fails, or all from it on. */
static struct {
    unsigned long nth, calls, live;
    bool sticky;
} json;

static void *json_memory(size_t bytes)
{
    ++json.calls;
    if (json.sticky ? json.calls >= json.nth : json.calls == json.nth)
        return NULL;
    ++json.live;
    return malloc(bytes);
}

static void json_release(void *memory)
{
    json.live -= memory != NULL;
    free(memory);
}

/* Opens with json.nth failing: true once that is past all of jansson's allocations. */
static bool opens_with_json_fault(const char *path, int *failures)
{
    bncl_error err = {""};
    bncli_safetensors *file = NULL;
    json.calls = 0;
    bncl_status status = bncli_safetensors_open(path, &file, &err);
    bncli_safetensors_close(file);
    bool hit = json.calls >= json.nth;
    *failures += status != BNCL_OK;
    /* Failing once, jansson may do without, or be asked again; from then on, it cannot. */
    if (status != BNCL_ERROR_MEMORY && (status != BNCL_OK || (json.sticky && hit)))
        harness_fail("jansson's allocation %lu: %s", json.nth, err.text);
    if (json.live != 0)
        harness_fail("jansson's allocation %lu: %lu blocks leak", json.nth, json.live);
    return !hit;
}

static void each_failing_allocation_of_jansson_is_told(void **state)
{
    (void)state;
    const char *path = good_file();
    json_malloc_t malloc_before;
    json_free_t free_before;
    int failures = 0;
    json_get_alloc_funcs(&malloc_before, &free_before);
    json_set_alloc_funcs(json_memory, json_release);
    for (int sticky = 0; sticky < 2; ++sticky) {
        json.sticky = sticky;
        json.nth = 1;
        while (!opens_with_json_fault(path, &failures))
            ++json.nth;
    }
    json_set_alloc_funcs(malloc_before, free_before);
    assert_true(failures > 20);
    expect_good(path);
}

static void failing_reads_are_told(void **state)
{
    (void)state;
    const char *path = good_file();
    size_t open_before = files_open();
    static const char *const calls[] = {"open", "pread"};
    for (size_t i = 0; i < 2; ++i) {
        file_fault_set(calls[i], 1, 1, EIO);
        expect_failure(path, BNCL_ERROR_IO, strerror(EIO));
        assert_int_equal(file_fault_clear(), 1);
    }
    file_fault_set("pread", 2, 1, EIO);
    expect_failure(path, BNCL_ERROR_IO, strerror(EIO));
    assert_int_equal(file_fault_clear(), 1);
    assert_int_equal(files_open(), open_before);
}

static void short_and_interrupted_reads_go_on(void **state)
{
    (void)state;
    const char *path = good_file();
    file_fault_shorten(1);
    file_fault_interrupt();
    expect_good(path);
    assert_true(file_fault_clear() > good_bytes);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        HARNESS_TEST(a_file_cut_anywhere_is_refused),
        HARNESS_TEST(a_file_that_is_too_long_is_refused),
        HARNESS_TEST(a_file_with_any_byte_changed_is_borne),
        HARNESS_TEST(a_false_header_length_is_refused),
        HARNESS_TEST(what_is_no_regular_file_is_refused),
        HARNESS_TEST(a_link_to_a_file_is_followed),
        HARNESS_TEST(a_long_path_leaves_room_for_the_reason),
        HARNESS_TEST(a_file_that_shrinks_while_open_is_told),
        HARNESS_TEST(each_failing_allocation_is_told),
        HARNESS_TEST(each_failing_allocation_of_jansson_is_told),
        HARNESS_TEST(failing_reads_are_told),
        HARNESS_TEST(short_and_interrupted_reads_go_on),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
