/* Where training is one launch and where several, on a processor and on a GPU: shapes and what is
   chosen for them. */
#include "lib/harness.h"
#include "ops/batch_norm_choice.h"
#include "runtime/device_query.h"
#include "runtime/objects.h"

#define MIB ((uint64_t)1 << 20)

static const bncli_device_facts processor = {.native_vector = 16,
                                             .max_work_group = 4096,
                                             .max_items = {4096, 4096, 4096},
                                             .local_bytes = MIB,
                                             .cache_bytes = 32 * MIB,
                                             .compute_units = 2,
                                             .runs_native = true};
static const bncli_device_facts gpu = {.native_vector = 1,
                                       .max_work_group = 1024,
                                       .max_items = {1024, 1024, 64},
                                       .local_bytes = 1 << 15,
                                       .cache_bytes = 4 * MIB,
                                       .compute_units = 40};

typedef struct choice_row {
    bncl_layout layout;
    int rank;
    size_t dims[3];
    bncl_dtype dtype;
    bool whole;
    const char *why;
} choice_row;

#define NC(n, c)                                                                                   \
    BNCL_LAYOUT_NC, 2,                                                                             \
    {                                                                                              \
        n, c, 0                                                                                    \
    }
#define NCL(n, c, l)                                                                               \
    BNCL_LAYOUT_NCL, 3,                                                                            \
    {                                                                                              \
        n, c, l                                                                                    \
    }
#define NLC(n, l, c)                                                                               \
    BNCL_LAYOUT_NLC, 3,                                                                            \
    {                                                                                              \
        n, l, c                                                                                    \
    }

static bool takes_whole(const bncli_device_facts *facts, const choice_row *row, const char *kept)
{
    struct bncl_context context = {.facts = *facts};
    struct bncl_batch_norm plan = {.context = &context, .dtype = row->dtype};
    bncl_error err;
    assert_int_equal(bncli_geometry_of(row->layout, row->rank, row->dims, &plan.geometry, &err),
                     BNCL_OK);
    assert_int_equal(bncli_tuning_choose(facts, kept, &plan.tuning, &err), BNCL_OK);
    return bncli_batch_norm_takes_whole(&plan);
}

static void check_rows(const bncli_device_facts *facts, const choice_row *rows, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        const choice_row *r = &rows[i];
        if (takes_whole(facts, r, NULL) != r->whole)
            harness_fail("[%zu, %zu, %zu] %s (%s): expected %s", r->dims[0], r->dims[1], r->dims[2],
                         bncl_dtype_name(r->dtype), r->why,
                         r->whole ? "one launch" : "several launches");
        if (takes_whole(facts, r, "whole=0"))
            harness_fail("[%zu, %zu, %zu]: one launch with whole=0", r->dims[0], r->dims[1],
                         r->dims[2]);
    }
}

static void on_a_processor(void **state)
{
    (void)state;
    const choice_row rows[] = {
        {NC(32, 256), BNCL_F32, true, "launches cost more than memory"},
        {NC(512, 256), BNCL_F32, true, "512 KiB"},
        {NC(513, 256), BNCL_F32, false, "a little more"},
        {NC(513, 256), BNCL_BF16, true, "half as many bytes"},
        {NC(257, 256), BNCL_F64, false, "twice as many"},
        {NC(16384, 256), BNCL_F32, false, "large"},
        {NLC(2, 256, 256), BNCL_F32, true, "rows of another name"},
        {NLC(64, 1024, 128), BNCL_F32, false, "likewise"},
        {NCL(32, 128, 100), BNCL_F32, true, "channels that stay in a cache"},
        {NCL(64, 128, 1024), BNCL_F32, true, "likewise"},
        {NCL(255, 64, 2047), BNCL_F32, true, "the most lines"},
        {NCL(256, 64, 2047), BNCL_F32, false, "one more"},
        {NCL(256, 64, 2048), BNCL_F32, true, "lines of two pages"},
        {NCL(256, 64, 4095), BNCL_BF16, false, "and of less"},
        {NCL(300, 8, 16), BNCL_F32, true, "many lines, but small"},
        {NCL(64, 4, 16384), BNCL_F32, true, "4 MiB a channel"},
        {NCL(64, 4, 16385), BNCL_F32, false, "a little more"},
        {NCL(64, 3, 4096), BNCL_F32, false, "one unit of two would idle"},
        {NCL(64, 9, 4096), BNCL_F32, true, "for a tenth of the time only"},
        {NCL(4, 3, 1024), BNCL_F32, true, "three channels, but small"},
    };
    check_rows(&processor, rows, sizeof rows / sizeof *rows);
}

static void on_a_gpu(void **state)
{
    (void)state;
    const choice_row rows[] = {
        {NC(32, 256), BNCL_F32, true, "launches cost more than memory"},
        {NC(64, 512), BNCL_F32, true, "16 KiB a work-group, and small"},
        {NC(65, 512), BNCL_F32, false, "more than 16 KiB"},
        {NC(64, 2560), BNCL_F32, true, "as many groups as units"},
        {NC(64, 1280), BNCL_F32, false, "half as many, and not small"},
        {NCL(4, 4096, 1024), BNCL_F32, true, "many channels of 16 KiB"},
        {NCL(4, 4096, 1025), BNCL_F32, false, "a little more"},
        {NCL(4, 50, 1024), BNCL_F32, false, "ten units of forty would run alone"},
        {NCL(300, 4096, 8), BNCL_F32, true, "lines cost a GPU no pages"},
    };
    check_rows(&gpu, rows, sizeof rows / sizeof *rows);
}

/* Of a server's cache a virtual machine has its share. */
static void caches_are_shared(void **state)
{
    (void)state;
    assert_true(bncli_cache_of_units(480 * MIB, 2) == 32 * MIB);
    assert_true(bncli_cache_of_units(32 * MIB, 2) == 32 * MIB);
    assert_true(bncli_cache_of_units(480 * MIB, 30) == 480 * MIB);
    assert_true(bncli_cache_of_units(MIB, 2) == MIB);
    assert_true(bncli_cache_of_units(0, 2) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(on_a_processor),
        HARNESS_TEST(on_a_gpu),
        HARNESS_TEST(caches_are_shared),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
