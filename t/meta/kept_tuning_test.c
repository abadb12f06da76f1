/* A kept tuning is what plans are made with, and gives the bits of the device's own. */
#include "lib/files.h"
#include "lib/fingerprint.h"
#include "lib/harness.h"
#include "lib/launch_log.h"
#include "lib/tuning.h"

/* Cases with a channel's values apart, and together. */
static const size_t chosen[] = {0, 8};

static void forget_folder(void *unused)
{
    (void)unused;
    unsetenv("BNCL_CACHE_DIR");
    setenv("BNCL_CACHE", "off", 1);
}

static void release_context(void *context)
{
    bncl_context_destroy(context);
}

static void release_queue(void *queue)
{
    bncl_queue_destroy(queue);
}

/* Another context of the device, with a queue, both held: one that has read nothing yet. */
static device another(const device *d)
{
    device own = {.before = d->before, .after = d->after};
    device_ok(&own, bncl_context_create(d->info.index, &own.context, &own.err),
              "bncl_context_create");
    harness_hold(own.context, release_context);
    device_ok(&own, bncl_queue_create(own.context, &own.queue, &own.err), "bncl_queue_create");
    harness_hold(own.queue, release_queue);
    return own;
}

/* Training, and how many kernels it launches. */
static size_t train(device *d, size_t index, batch_norm_fingerprint *out)
{
    batch_norm_case c = fingerprint_case(index);
    batch_norm_data data = batch_norm_data_make(&c);
    launch_log_clear();
    batch_norm_run_train(d, &c, &data);
    *out = batch_norm_fingerprint_of(&c, &data);
    return launch_log_so_far()->count;
}

static void plans_are_made_with_it(void **state)
{
    device *d = device_of(state);
    enum { apart, whole, ways }; /* of t/lib/tuning.c's: never in one launch, and always */
    size_t launches[ways];
    setenv("BNCL_CACHE_DIR", files_folder(), 1);
    harness_hold(harness_memory(1, 1), forget_folder);
    for (size_t i = 0; i < sizeof chosen / sizeof chosen[0]; ++i) {
        batch_norm_fingerprint expected, got;
        setenv("BNCL_CACHE", "off", 1);
        device own = another(d);
        train(&own, chosen[i], &expected);
        unsetenv("BNCL_CACHE");
        for (int way = 0; way < ways; ++way) {
            device before = another(d), after = another(d);
            device_ok(&before, bncl_tuning_keep(before.context, tunings[way], &before.err),
                      "bncl_tuning_keep");
            launches[way] = train(&after, chosen[i], &got);
            for (int r = 0; r < fingerprint_results; ++r)
                if (got.of[r] != expected.of[r])
                    harness_fail("case %zu, %s: other bits in %s", chosen[i], tunings[way],
                                 fingerprint_names[r]);
        }
        assert_true(launches[whole] < launches[apart]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(plans_are_made_with_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
