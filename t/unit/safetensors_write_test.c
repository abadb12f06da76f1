/* Writing safetensors files: their bytes, what is refused, and failing memory, disk and system
   calls, none of which may touch an old file or leave anything behind. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "lib/file_fault.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/safetensors_bytes.h"
#include "tensor/safetensors.h"

static const float weights[6] = {1.5f, -2.0f, 0.0f, 1e-45f, 3.4e38f, -0.0f};
static const int64_t tracked = 469;
static const int32_t labels[3] = {7, -1, 2147483647};

/* A state dict in small: an odd number of floats before the int64. */
static const bncli_safetensor tensors[] = {
    {.name = "fc1.weight",
     .dtype = BNCL_F32,
     .rank = 2,
     .dims = {1, 3},
     .data = weights,
     .bytes = 12},
    {.name = "bn1.num_batches_tracked", .dtype = BNCL_I64, .data = &tracked, .bytes = 8},
    {.name = "labels", .dtype = BNCL_I32, .rank = 1, .dims = {3}, .data = labels, .bytes = 12},
    {.name = "nothing", .dtype = BNCL_F32, .rank = 3, .dims = {2, 0, 3}},
    {.name = "sch\xc3\xb6n \"\\\n\x01",
     .dtype = BNCL_F32,
     .rank = 4,
     .dims = {1, 1, 1, 3},
     .data = weights + 3,
     .bytes = 12},
};
enum { tensor_count = sizeof tensors / sizeof tensors[0] };

static const char expected_header[] =
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"fc1.weight\":{\"dtype\":\"F32\",\"shape\":[1,3],\"data_offsets\":[8,20]},"
    "\"bn1.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
    "\"labels\":{\"dtype\":\"I32\",\"shape\":[3],\"data_offsets\":[20,32]},"
    "\"nothing\":{\"dtype\":\"F32\",\"shape\":[2,0,3],\"data_offsets\":[32,32]},"
    "\"sch\xc3\xb6n "
    "\\\"\\\\\\u000a\\u0001\":{\"dtype\":\"F32\",\"shape\":[1,1,1,3],\"data_offsets\":"
    "[32,44]}}";

static void the_bytes_are_the_formats(void **state)
{
    (void)state;
    unsigned char expected[1024] = {0};
    size_t length = sizeof expected_header - 1;
    memcpy(expected + 8, expected_header, length);
    while (length % 8 != 0)
        expected[8 + length++] = ' ';
    expected[0] = (unsigned char)length;
    expected[1] = (unsigned char)(length >> 8);
    unsigned char *data = expected + 8 + length;
    memcpy(data, &tracked, 8);
    memcpy(data + 8, weights, 12);
    memcpy(data + 20, labels, 12);
    memcpy(data + 32, weights + 3, 12);
    const char *path = files_path(files_folder(), "x.safetensors");
    for (int times = 0; times < 2; ++times) {
        assert_int_equal(bncli_safetensors_write(path, tensors, tensor_count, NULL), BNCL_OK);
        files_expect(path, expected, 8 + length + 44);
    }
}

static void expect_tensor(const bncli_safetensors *file, const bncli_safetensor *expected)
{
    char bytes[64];
    const bncli_safetensor *got = file->tensors;
    while (got < file->tensors + file->count && strcmp(got->name, expected->name) != 0)
        ++got;
    if (got == file->tensors + file->count)
        harness_fail("%s is not in the file", expected->name);
    if (got->dtype != expected->dtype || got->rank != expected->rank ||
        memcmp(got->dims, expected->dims, sizeof got->dims) != 0 || got->bytes != expected->bytes)
        harness_fail("%s has another dtype or shape", expected->name);
    if (got->begin % 4 != 0 || (got->dtype == BNCL_I64 && got->begin % 8 != 0))
        harness_fail("%s is not aligned", expected->name);
    assert_int_equal(bncli_safetensors_read(file, got, bytes, NULL), BNCL_OK);
    if (got->bytes > 0)
        assert_memory_equal(bytes, expected->data, got->bytes);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    bncli_safetensors *file = NULL;
    const char *path = files_path(files_folder(), "x.safetensors");
    size_t bytes;
    assert_int_equal(bncli_safetensors_write(path, tensors, tensor_count, NULL), BNCL_OK);
    assert_int_equal(bncli_safetensors_open(path, &file, NULL), BNCL_OK);
    files_read(path, &bytes);
    safetensors_bytes_check(file, bytes);
    assert_int_equal(file->count, tensor_count);
    for (size_t i = 0; i < tensor_count; ++i)
        expect_tensor(file, &tensors[i]);
    bncli_safetensors_close(file);
    assert_int_equal(bncli_safetensors_write(path, NULL, 0, NULL), BNCL_OK);
    assert_int_equal(bncli_safetensors_open(path, &file, NULL), BNCL_OK);
    assert_int_equal(file->count, 0);
    bncli_safetensors_close(file);
}

static void what_could_not_be_read_is_not_written(void **state)
{
    (void)state;
    static const struct {
        bncli_safetensor tensor;
        const char *text;
    } bad[] = {
        {{.name = NULL}, "the name of tensor 1 is NULL"},
        {{.name = "fc", .dtype = BNCL_F32, .data = weights, .bytes = 4}, "fc: two tensors"},
        {{.name = "__metadata__", .data = weights, .bytes = 4}, "no tensor may have this name"},
        {{.name = "a\xff", .data = weights, .bytes = 4}, "the name is no UTF-8"},
        {{.name = "a", .dtype = BNCL_DTYPE_COUNT, .data = weights, .bytes = 4}, "a: 7 is no dtype"},
        {{.name = "a", .rank = -1, .data = weights, .bytes = 4}, "rank of 0 to 4, got -1"},
        {{.name = "a", .rank = 5, .data = weights, .bytes = 4}, "rank of 0 to 4, got 5"},
        {{.name = "a", .data = weights, .bytes = 8}, "a: expected 4 bytes for its dims, got 8"},
        {{.name = "a", .rank = 2, .dims = {SIZE_MAX, 2}, .data = weights}, "overflows"},
        {{.name = "a", .rank = 1, .dims = {SIZE_MAX / 2}, .data = weights}, "overflows"},
        {{.name = "a", .rank = 1, .dims = {2}, .bytes = 8}, "a: data is NULL"},
    };
    const char *folder = files_folder();
    const char *path = files_path(folder, "x.safetensors");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
        bncl_error err = {""};
        bncli_safetensor two[2] = {{.name = "fc", .data = weights, .bytes = 4}, bad[i].tensor};
        bncl_status status = bncli_safetensors_write(path, two, 2, &err);
        if (status != BNCL_ERROR_ARGUMENT || strstr(err.text, bad[i].text) == NULL)
            harness_fail("expected %s, got %s: %s", bad[i].text, bncl_status_string(status),
                         err.text);
    }
    assert_int_equal(files_count(folder), 0);
}

/* A folder with an old file in it, "x.safetensors", or without one. */
typedef struct scene {
    const char *folder, *path;
    bool old;
    size_t open;
} scene;

static const char old_content[] = "what was there before";

static scene make_scene(bool old)
{
    const char *folder = files_folder();
    scene s = {folder, files_path(folder, "x.safetensors"), old, files_open()};
    if (old)
        files_write(s.path, old_content, sizeof old_content);
    return s;
}

/* The write failed, and nothing has changed. */
static void expect_untouched(const scene *s)
{
    assert_int_equal(files_count(s->folder), s->old ? 1 : 0);
    assert_int_equal(files_open(), s->open);
    if (s->old)
        files_expect(s->path, old_content, sizeof old_content);
}

static void expect_written(const scene *s)
{
    bncli_safetensors *file = NULL;
    assert_int_equal(files_count(s->folder), 1);
    assert_int_equal(files_open(), s->open);
    assert_int_equal(bncli_safetensors_open(s->path, &file, NULL), BNCL_OK);
    assert_int_equal(file->count, tensor_count);
    bncli_safetensors_close(file);
}

static void each_failing_allocation_changes_nothing(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; ++variant) {
        scene s = make_scene(variant & 1);
        unsigned long n = 0, calls;
        bncl_status status;
        do {
            bncl_error err = {""};
            bncli_alloc_fault(++n, variant >> 1);
            status = bncli_safetensors_write(s.path, tensors, tensor_count, &err);
            calls = bncli_alloc_fault(0, 0);
            if (status == BNCL_OK)
                break;
            assert_int_equal(status, BNCL_ERROR_MEMORY);
            assert_non_null(strstr(err.text, "out of memory"));
            expect_untouched(&s);
        } while (true);
        assert_true(calls < n); /* no fault was swallowed */
        assert_true(n > 5);     /* begins, header, file, its two paths */
        expect_written(&s);
    }
}

/* Writes with the nth `call` failing. Returns whether the failure was told. */
static bool fails_at(const scene *s, const char *call, unsigned long n)
{
    bncl_error err = {""};
    file_fault_set(call, n, 1, ENOSPC);
    bncl_status status = bncli_safetensors_write(s->path, tensors, tensor_count, &err);
    file_fault_clear();
    if (status == BNCL_OK) {
        expect_written(s);
        return false;
    }
    if (status != BNCL_ERROR_IO || strncmp(err.text, s->path, strlen(s->path)) != 0 ||
        strstr(err.text, strerror(ENOSPC)) == NULL)
        harness_fail("%s %lu: %s: %s", call, n, bncl_status_string(status), err.text);
    expect_untouched(s);
    return true;
}

/* The last open, fsync and close are the folder's, after the rename, and may fail unheard. */
static void each_failing_call_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        unsigned long told;
    } calls[] = {{"open", 1}, {"write", 5}, {"fsync", 1}, {"close", 1}, {"rename", 1}};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; ++i)
        for (int old = 0; old < 2; ++old) {
            unsigned long n = 1;
            scene s = make_scene(old);
            while (fails_at(&s, calls[i].call, n))
                ++n;
            if (n - 1 != calls[i].told)
                harness_fail("%s: expected %lu failures to be told, got %lu", calls[i].call,
                             calls[i].told, n - 1);
        }
}

static void short_and_interrupted_writes_go_on(void **state)
{
    (void)state;
    scene s = make_scene(true), plain = make_scene(false);
    size_t bytes;
    file_fault_shorten(1);
    file_fault_interrupt();
    bncl_status status = bncli_safetensors_write(s.path, tensors, tensor_count, NULL);
    unsigned long interrupted = file_fault_clear();
    assert_int_equal(status, BNCL_OK);
    assert_int_equal(bncli_safetensors_write(plain.path, tensors, tensor_count, NULL), BNCL_OK);
    const unsigned char *expected = files_read(plain.path, &bytes);
    files_expect(s.path, expected, bytes);
    assert_true(interrupted >= bytes);
    expect_written(&s);
}

/* A file size limit stands for the full disk: write() first writes less, then fails. */
static void a_full_disk_changes_nothing(void **state)
{
    (void)state;
    enum { count = 25000 };
    const bncli_safetensor large = {.name = "large",
                                    .rank = 1,
                                    .dims = {count},
                                    .data = harness_floats(count),
                                    .bytes = 4 * count};
    for (int old = 0; old < 2; ++old) {
        bncl_error err = {""};
        struct rlimit before, limit;
        scene s = make_scene(old);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        limit = (struct rlimit){.rlim_cur = 65536, .rlim_max = before.rlim_max};
        void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        bncl_status status = bncli_safetensors_write(s.path, &large, 1, &err);
        setrlimit(RLIMIT_FSIZE, &before);
        signal(SIGXFSZ, handler);
        if (status != BNCL_ERROR_IO || strstr(err.text, strerror(EFBIG)) == NULL ||
            strstr(err.text, s.path) == NULL)
            harness_fail("%s: %s", bncl_status_string(status), err.text);
        expect_untouched(&s);
        assert_int_equal(bncli_safetensors_write(s.path, &large, 1, &err), BNCL_OK);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        HARNESS_TEST(the_bytes_are_the_formats),
        HARNESS_TEST(what_is_written_is_read_back),
        HARNESS_TEST(what_could_not_be_read_is_not_written),
        HARNESS_TEST(each_failing_allocation_changes_nothing),
        HARNESS_TEST(each_failing_call_changes_nothing),
        HARNESS_TEST(short_and_interrupted_writes_go_on),
        HARNESS_TEST(a_full_disk_changes_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
