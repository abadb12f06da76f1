/* Programs from the binary cache compute, bit for bit, what the same programs from source do. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/device.h"
#include "lib/files.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "program/digest.h"

enum { ROWS = 40, CHANNELS = 5, LENGTH = 7, COUNT = ROWS * CHANNELS * LENGTH };

typedef struct results {
    float y[COUNT], dx[COUNT], dgamma[CHANNELS];
} results;

/* What lasts from test to test: the cache's folder, and what the tests before have computed. */
static char folder[4096];
static results from_source[2];
static uint64_t files_kept; /* the sum of their inodes: each file that is written has a new one */

static void release_context(void *context)
{
    bncl_context_destroy(context);
}

static void release_queue(void *queue)
{
    bncl_queue_destroy(queue);
}

static void release_norm(void *plan)
{
    bncl_batch_norm_destroy(plan);
}

/* Forward and backward of training on a context of its own, held: PoCL's programs are kept when it
   goes. */
static void compute(device *d, bncl_layout layout, int rank, const size_t *dims, results *out)
{
    device own = {.before = 0, .after = 0};
    generator g = generator_seed(5);
    float *values = harness_floats(COUNT);
    device_ok(d, bncl_context_create(NULL, &own.context, &d->err), "bncl_context_create");
    harness_hold(own.context, release_context);
    device_ok(d, bncl_queue_create(own.context, &own.queue, &d->err), "bncl_queue_create");
    harness_hold(own.queue, release_queue);
    bncl_batch_norm *plan;
    device_ok(
        &own,
        bncl_batch_norm_create(own.context, layout, BNCL_F32, rank, dims, NULL, &plan, &own.err),
        "bncl_batch_norm_create");
    harness_hold(plan, release_norm);
    const size_t channels = CHANNELS;
    generate_normal(&g, 3.0, 2.0, values, COUNT);
    const bncl_tensor x = device_tensor(&own, BNCL_F32, rank, dims, values);
    generate_normal(&g, 0.0, 1.0, values, COUNT);
    const bncl_tensor dy = device_tensor(&own, BNCL_F32, rank, dims, values);
    bncl_batch_norm_forward forward = {.x = x,
                                       .y = device_tensor(&own, BNCL_F32, rank, dims, NULL),
                                       .save_mean = device_vector(&own, channels, NULL),
                                       .save_mean_lo = device_vector(&own, channels, NULL),
                                       .save_invstd = device_vector(&own, channels, NULL)};
    bncl_batch_norm_backward backward = {.x = x,
                                         .dy = dy,
                                         .save_mean = forward.save_mean,
                                         .save_mean_lo = forward.save_mean_lo,
                                         .save_invstd = forward.save_invstd,
                                         .dx = device_tensor(&own, BNCL_F32, rank, dims, NULL),
                                         .dgamma = device_vector(&own, channels, NULL),
                                         .dbeta = device_vector(&own, channels, NULL)};
    device_ok(&own, bncl_batch_norm_forward_train(plan, own.queue, &forward, NULL, &own.err),
              "bncl_batch_norm_forward_train");
    device_ok(&own, bncl_batch_norm_backward_train(plan, own.queue, &backward, NULL, &own.err),
              "bncl_batch_norm_backward_train");
    device_read(&own, &forward.y, out->y);
    device_read(&own, &backward.dx, out->dx);
    device_read(&own, &backward.dgamma, out->dgamma);
}

static void compute_both(device *d, results out[2])
{
    compute(d, BNCL_LAYOUT_NC, 2, (const size_t[]){ROWS * LENGTH, CHANNELS}, &out[0]);
    compute(d, BNCL_LAYOUT_NCL, 3, (const size_t[]){ROWS, CHANNELS, LENGTH}, &out[1]);
}

static void skip_without_cache(void)
{
    unsigned char digest[BNCLI_DIGEST_SIZE];
    if (!bncli_digest(NULL, 0, digest))
        skip();
}

static uint64_t inodes(void)
{
    uint64_t sum = 0;
    const struct dirent *entry;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        sum += entry->d_name[0] != '.' ? entry->d_ino : 0;
    closedir(dir);
    return sum;
}

/* First, and again with what that has kept. */
static void programs_from_source(void **state)
{
    device *d = device_of(state);
    skip_without_cache();
    assert_int_equal(files_count(folder), 0);
    compute_both(d, from_source);
}

static void programs_from_the_cache(void **state)
{
    device *d = device_of(state);
    static results got[2];
    skip_without_cache();
    assert_true(files_count(folder) >= 2);
    files_kept = inodes();
    compute_both(d, got);
    assert_memory_equal(got, from_source, sizeof got);
}

static void none_was_compiled_again(void **state)
{
    device_of(state);
    skip_without_cache();
    assert_true(inodes() == files_kept);
}

static int open_with_cache(void **state)
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/bncl_test.XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(folder) == NULL || setenv("BNCL_CACHE_DIR", folder, 1) != 0 ||
        unsetenv("BNCL_CACHE") != 0)
        return -1;
    return device_open(state);
}

static int close_with_cache(void **state)
{
    const int closed = device_close(state);
    const struct dirent *entry;
    DIR *dir = opendir(folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        closedir(dir);
    return rmdir(folder) == 0 ? closed : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(programs_from_source),
        HARNESS_TEST(programs_from_the_cache),
        HARNESS_TEST(none_was_compiled_again),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, open_with_cache, close_with_cache);
}
