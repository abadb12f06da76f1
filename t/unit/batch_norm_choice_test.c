/* Where training and evaluation are one launch and where several, and what a work-item takes of a
   line, on a processor and on a GPU: shapes and what is chosen for them. */
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

/* What is chosen by: held until the test ends. */
static const bncl_batch_norm *plan_of(const bncli_device_facts *facts, bncl_layout layout, int rank,
                                      const size_t *dims, bncl_dtype dtype, const char *kept)
{
    struct bncl_context *context = harness_memory(1, sizeof *context);
    struct bncl_batch_norm *plan = harness_memory(1, sizeof *plan);
    bncl_error err;
    context->facts = *facts;
    plan->context = context;
    plan->dtype = dtype;
    assert_int_equal(bncli_geometry_of(layout, rank, dims, &plan->geometry, &err), BNCL_OK);
    assert_int_equal(bncli_tuning_choose(facts, kept, &plan->tuning, &err), BNCL_OK);
    return plan;
}

static bool takes_whole(const bncli_device_facts *facts, const choice_row *row, const char *kept)
{
    return bncli_batch_norm_takes_whole(
        plan_of(facts, row->layout, row->rank, row->dims, row->dtype, kept));
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

typedef struct evaluation_row {
    bncl_layout layout;
    int rank;
    size_t dims[3];
    bool direct, on_a_gpu;
    unsigned steps; /* of 64 elements, of NCL on a processor */
    const char *why;
} evaluation_row;

static void evaluation(void **state)
{
    (void)state;
    const evaluation_row rows[] = {
        {NC(32, 256), true, true, 1, "small"},
        {NC(4096, 1024), false, false, 1, "large"},
        {NLC(64, 1024, 128), false, false, 1, "likewise"},
        {NCL(8, 16, 512), true, true, 2, "small: few steps, that work-items are left"},
        {NCL(1, 1024, 476), true, false, 8, "eight steps of a line, the last one shorter"},
        {NCL(1, 256, 1024), true, false, 8, "as few work-items as may be left"},
        {NCL(1, 255, 1024), true, false, 4, "fewer: half as many steps"},
        {NCL(64, 128, 300), true, false, 8, "a line in one go"},
        {NCL(64, 128, 256), true, false, 4, "likewise"},
        {NCL(64, 128, 1024), false, false, 1, "results go past the caches"},
        {NCL(32, 128, 100), true, false, 1, "32 lines of 64 values"},
        {NCL(3, 4096, 64), false, false, 1, "three of them"},
        {NCL(4, 4096, 64), true, false, 1, "four"},
        {NCL(4352, 64, 64), false, false, 1, "likewise, a line an item"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        const evaluation_row *r = &rows[i];
        const bncl_batch_norm *own =
            plan_of(&processor, r->layout, r->rank, r->dims, BNCL_F32, NULL);
        const bncl_batch_norm *others = plan_of(&gpu, r->layout, r->rank, r->dims, BNCL_F32, NULL);
        const bncl_batch_norm *apart =
            plan_of(&processor, r->layout, r->rank, r->dims, BNCL_F32, "direct=0");
        const unsigned lines = bncli_batch_norm_inner_lines(own);
        const unsigned steps = bncli_batch_norm_line_steps(own, lines, 64);
        if (bncli_batch_norm_is_direct(own) != r->direct ||
            bncli_batch_norm_is_direct(others) != r->on_a_gpu ||
            bncli_batch_norm_is_direct(apart) || steps != r->steps ||
            bncli_batch_norm_line_steps(others, 1, 1) != 1)
            harness_fail("[%zu, %zu, %zu] (%s): direct %d, on a GPU %d, with direct=0 %d, %u steps",
                         r->dims[0], r->dims[1], r->dims[2], r->why,
                         bncli_batch_norm_is_direct(own), bncli_batch_norm_is_direct(others),
                         bncli_batch_norm_is_direct(apart), steps);
    }
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
        HARNESS_TEST(evaluation),
        HARNESS_TEST(caches_are_shared),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
