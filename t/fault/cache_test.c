/* The binary cache under a device: its programs compute what those from source do; and whatever
   fails in it, or is wrong with its files, changes no result and fails no call. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "fault/faults.h"
#include "lib/cache_file.h"
#include "lib/files.h"
#include "lib/harness.h"

static void forget_environment(void *unused)
{
    (void)unused;
    unsetenv("BNCL_CACHE_DIR");
    setenv("BNCL_CACHE", "off", 1);
}

/* Switches the cache on, in an empty folder, until the test ends. */
static const char *use_cache(void)
{
    const char *folder = cache_file_new().folder;
    harness_hold(harness_memory(1, 1), forget_environment);
    setenv("BNCL_CACHE_DIR", folder, 1);
    unsetenv("BNCL_CACHE");
    return folder;
}

static void release_context(void *context)
{
    bncl_context_destroy(context);
}

/* 5 + 3 by an operation made in the context; or the status of making it. */
static bncl_status five_and_three(bncl_context *context, float *sum, bncl_error *err)
{
    static const float values[] = {5.0f, 3.0f}; /* read even after a clFinish that fails */
    const size_t one = 1;
    bncl_elementwise *op = NULL;
    bncl_status status = bncl_elementwise_create(context, BNCL_F32, &op, err);
    if (status != BNCL_OK)
        return status;
    bncl_buffer *buffer = NULL;
    bncl_queue *queue = NULL;
    bncl_tensor all, a, b;
    const size_t two = 2;
    if ((status = bncl_buffer_create(context, sizeof values, &buffer, err)) == BNCL_OK &&
        (status = bncl_queue_create(context, &queue, err)) == BNCL_OK &&
        (status = bncl_tensor_init(&all, buffer, 0, BNCL_F32, 1, &two, err)) == BNCL_OK &&
        (status = bncl_tensor_init(&a, buffer, 0, BNCL_F32, 1, &one, err)) == BNCL_OK &&
        (status = bncl_tensor_init(&b, buffer, 1, BNCL_F32, 1, &one, err)) == BNCL_OK &&
        (status = bncl_tensor_write(queue, &all, values, NULL, err)) == BNCL_OK &&
        (status = bncl_add(op, queue, &a, &b, &a, NULL, err)) == BNCL_OK)
        status = bncl_tensor_read(queue, &a, sum, NULL, err);
    bncl_queue_destroy(queue);
    bncl_buffer_destroy(buffer);
    bncl_elementwise_destroy(op);
    return status;
}

/* The same in a context of its own, which has to compute it. Returns how often the driver was given
   a binary. */
static unsigned long loads_of_a_sum(device *d)
{
    fault_layer *layer = faults_layer();
    float sum = 0.0f;
    bncl_context *context = NULL;
    device_ok(d, bncl_context_create(d->info.index, &context, &d->err), "bncl_context_create");
    layer->only = "clCreateProgramWithBinary";
    layer->calls = 0;
    bncl_status status = five_and_three(context, &sum, &d->err);
    const unsigned long loads = layer->calls;
    layer->only = NULL;
    bncl_context_destroy(context);
    device_ok(d, status, "5 + 3");
    assert_true(sum == 8.0f);
    return loads;
}

static void programs_are_kept_and_found(void **state)
{
    device *d = device_of(state);
    const char *folder = use_cache();
    assert_int_equal(loads_of_a_sum(d), 0);
    const size_t files = files_count(folder);
    assert_true(files > 0);
    assert_int_equal(loads_of_a_sum(d), files);
    assert_int_equal(files_count(folder), files);
    setenv("BNCL_CACHE", "off", 1);
    assert_int_equal(loads_of_a_sum(d), 0);
}

/* The folder's files, held; their number. */
static size_t list_files(const char *folder, const char *names[8])
{
    size_t count = 0;
    const struct dirent *entry;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && count < 8)
            names[count++] = harness_text("%s", entry->d_name);
    closedir(dir);
    return count;
}

static void a_damaged_file_is_made_anew(void **state)
{
    device *d = device_of(state);
    const char *folder = use_cache();
    const char *names[8];
    loads_of_a_sum(d);
    const size_t files = list_files(folder, names);
    size_t count;
    const char *path = files_path(folder, names[0]);
    unsigned char *bytes = files_read(path, &count);
    bytes[count / 2] ^= 0x10;
    files_write(path, bytes, count);
    assert_int_equal(loads_of_a_sum(d), files - 1);
    bytes[count / 2] ^= 0x10;
    files_write(path, bytes, count / 2);
    assert_int_equal(loads_of_a_sum(d), files - 1);
    assert_int_equal(loads_of_a_sum(d), files);
}

static bncli_cache_key key_named(const char *name)
{
    bncli_cache_key key;
    for (size_t i = 0; i < sizeof key.bytes; ++i) {
        unsigned byte = 0;
        assert_int_equal(sscanf(name + 2 * i, "%2x", &byte), 1);
        key.bytes[i] = (unsigned char)byte;
    }
    return key;
}

/* Two good binaries that have changed places, digests and all: each lacks the other's kernels. */
static void a_binary_without_the_kernel_is_made_anew(void **state)
{
    device *d = device_of(state);
    const char *folder = use_cache();
    const char *names[8];
    unsigned char *binaries[2] = {NULL};
    size_t bytes[2] = {0};
    loads_of_a_sum(d);
    const size_t files = list_files(folder, names);
    assert_true(files >= 2);
    bncli_cache *cache = cache_file_open_at(folder, "any");
    for (int i = 0; i < 2; ++i) {
        const bncli_cache_key key = key_named(names[i]);
        assert_true(bncli_cache_read(cache, &key, &binaries[i], &bytes[i]));
        harness_hold(binaries[i], bncli_free);
    }
    for (int i = 0; i < 2; ++i) {
        const bncli_cache_key key = key_named(names[i]);
        bncli_cache_write(cache, &key, binaries[1 - i], bytes[1 - i]);
    }
    assert_int_equal(loads_of_a_sum(d), files);
    assert_int_equal(files_count(folder), files);
    assert_int_equal(loads_of_a_sum(d), files);
}

/* ---- faults ---- */

enum { FAULTS = 52 }; /* more than there are calls or allocations in finding two programs */

static void switch_off(fault_layer *layer)
{
    layer->nth = 0;
    layer->sticky = false;
    bncli_alloc_fault(0, 0);
}

/* Makes the sum while the nth OpenCL call (or allocation) and, if sticky, all after it fail. It may
   fail as documented, or be right; nothing stays behind. */
static void sum_with_fault(device *d, unsigned long nth, bool memory, bool sticky)
{
    const unsigned documented = FAULT_STATUS(BNCL_ERROR_MEMORY) | FAULT_STATUS(BNCL_ERROR_OPENCL) |
                                FAULT_STATUS(BNCL_ERROR_DEVICE_MEMORY) |
                                FAULT_STATUS(BNCL_ERROR_BUILD);
    fault_layer *layer = faults_layer();
    const fault_layer before = *layer;
    float sum = 0.0f;
    bncl_context *context = NULL;
    device_ok(d, bncl_context_create(d->info.index, &context, &d->err), "bncl_context_create");
    layer->calls = 0;
    layer->sticky = sticky;
    layer->nth = memory ? 0 : nth;
    bncli_alloc_fault(memory ? nth : 0, sticky);
    bncl_status status = five_and_three(context, &sum, &d->err);
    switch_off(layer);
    if (status != BNCL_OK && (documented & FAULT_STATUS(status)) == 0)
        harness_fail("fault %lu: %s", nth, bncl_status_string(status));
    assert_true(status != BNCL_OK || sum == 8.0f);
    device_ok(d, five_and_three(context, &sum, &d->err), "5 + 3 in the same context");
    assert_true(sum == 8.0f);
    layer->calls = 0;
    layer->nth = memory ? 0 : nth;
    layer->sticky = sticky;
    bncli_alloc_fault(memory ? nth : 0, sticky);
    bncl_context_destroy(context); /* keeps what it has built, where the driver is PoCL */
    switch_off(layer);
    assert_memory_equal(layer->alive, before.alive, sizeof before.alive);
}

static void remove_files(const char *folder)
{
    const char *names[8];
    for (size_t i = 0, count = list_files(folder, names); i < count; ++i)
        assert_int_equal(unlink(files_path(folder, names[i])), 0);
}

static void try_faults(device *d, bool kept)
{
    const char *folder = use_cache();
    loads_of_a_sum(d);
    faults_layer()->failed = 0;
    for (unsigned long nth = 1; nth <= FAULTS; nth += d->small ? 7 : 1)
        for (int kind = 0; kind < 4; ++kind) {
            if (!kept)
                remove_files(folder);
            sum_with_fault(d, nth, kind % 2 == 1, kind > 1);
        }
    assert_true(faults_layer()->failed > FAULTS / 7);
    loads_of_a_sum(d);
    assert_int_equal(loads_of_a_sum(d), files_count(folder));
}

static void faults_while_programs_are_found(void **state)
{
    try_faults(device_of(state), true);
}

static void faults_while_programs_are_kept(void **state)
{
    try_faults(device_of(state), false);
}

/* A driver that refuses its own binary, as a new version of it may. */
static void a_refused_binary_is_made_anew(void **state)
{
    device *d = device_of(state);
    fault_layer *layer = faults_layer();
    const char *folder = use_cache();
    loads_of_a_sum(d);
    const size_t files = files_count(folder);
    bncl_context *context = NULL;
    float sum = 0.0f;
    device_ok(d, bncl_context_create(d->info.index, &context, &d->err), "bncl_context_create");
    harness_hold(context, release_context);
    layer->only = "clCreateProgramWithBinary";
    layer->calls = 0;
    layer->nth = 1;
    layer->sticky = true;
    bncl_status status = five_and_three(context, &sum, &d->err);
    const unsigned long refused = layer->calls;
    switch_off(layer);
    layer->only = NULL;
    device_ok(d, status, "5 + 3");
    assert_true(sum == 8.0f);
    assert_int_equal(refused, files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(programs_are_kept_and_found),
        HARNESS_TEST(a_damaged_file_is_made_anew),
        HARNESS_TEST(a_binary_without_the_kernel_is_made_anew),
        HARNESS_TEST(a_refused_binary_is_made_anew),
        HARNESS_TEST(faults_while_programs_are_found),
        HARNESS_TEST(faults_while_programs_are_kept),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
