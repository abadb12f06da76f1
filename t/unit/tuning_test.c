/* Tuning: a device's class gives it, what is kept changes it, then BNCL_TUNING; the device's limits
   cut it. */
#include <stdlib.h>
#include <string.h>

#include "lib/harness.h"
#include "program/tuning.h"
#include "program/tuning_text.h"

static const bncli_device_facts wide = {
    .native_vector = 8, .max_work_group = 4096, .max_items = {4096, 4096}, .local_bytes = 1 << 20};
static const bncli_device_facts lanes = {
    .native_vector = 1, .max_work_group = 1024, .max_items = {1024, 1024}, .local_bytes = 1 << 15};

static bncl_error err;

/* The tuning with this BNCL_TUNING and this kept; NULL: without. */
static bncli_tuning tuning_of_both(const bncli_device_facts *facts, const char *kept,
                                   const char *text)
{
    bncli_tuning tuning;
    if (text != NULL)
        assert_int_equal(setenv("BNCL_TUNING", text, 1), 0);
    else
        assert_int_equal(unsetenv("BNCL_TUNING"), 0);
    bncl_status status = bncli_tuning_choose(facts, kept, &tuning, &err);
    unsetenv("BNCL_TUNING");
    if (status != BNCL_OK)
        harness_fail("'%s': %s", text != NULL ? text : "", err.text);
    return tuning;
}

static bncli_tuning tuning_with(const bncli_device_facts *facts, const char *text)
{
    return tuning_of_both(facts, NULL, text);
}

/* What the kernels take for granted, whatever the device. */
static void expect_sound(const bncli_tuning *t, size_t max_work_group, const char *what)
{
    const unsigned all[] = {t->vector, t->vectors, t->lane_items,
                            t->lines,  t->group,   t->block_group};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
        if (all[i] == 0 || (all[i] & (all[i] - 1)) != 0)
            harness_fail("%s: field %zu is %u", what, i, all[i]);
    if (t->vector > 16 || t->vectors > 4 || t->vector * t->lane_items > 64 ||
        t->group > max_work_group || t->block_group > max_work_group ||
        t->lane_items > max_work_group)
        harness_fail("%s: vector %u, vectors %u, lane_items %u, group %u, block_group %u", what,
                     t->vector, t->vectors, t->lane_items, t->group, t->block_group);
}

static void classes(void **state)
{
    (void)state;
    const bncli_tuning a = tuning_with(&wide, NULL), b = tuning_with(&lanes, NULL);
    assert_true(a.vector == 16 && a.vectors == 4 && a.lane_items == 1);
    assert_true(b.vector == 1 && b.vectors == 1 && b.lane_items == 64);
    expect_sound(&a, wide.max_work_group, "wide");
    expect_sound(&b, lanes.max_work_group, "lanes");
}

/* Half the last cache, as a power of two; of processors only. */
static void results_stream(void **state)
{
    (void)state;
    bncli_device_facts facts = wide;
    assert_int_equal(tuning_with(&facts, NULL).stream, 0);
    facts.runs_native = true;
    assert_int_equal(tuning_with(&facts, NULL).stream, 0); /* no cache */
    facts.cache_bytes = (uint64_t)32 << 20;
    assert_int_equal(tuning_with(&facts, NULL).stream, 16 << 10);
    facts.cache_bytes = (uint64_t)36 << 20;
    assert_int_equal(tuning_with(&facts, NULL).stream, 16 << 10);
    assert_int_equal(tuning_with(&facts, "stream=8").stream, 8);
    facts.cache_bytes = (uint64_t)16 << 30;
    assert_int_equal(tuning_with(&facts, NULL).stream, 1 << 20); /* as much as BNCL_TUNING takes */
    facts.runs_native = false;
    assert_int_equal(tuning_with(&facts, NULL).stream, 0);
    assert_int_equal(tuning_with(&facts, "stream=8").stream, 0); /* cut to what it can run */
}

static void environment(void **state)
{
    (void)state;
    const bncli_tuning all =
        tuning_with(&wide, "vector=2,vectors=1,lane_items=8,lines=64,group=16,block_group=32");
    assert_true(all.vector == 2 && all.vectors == 1 && all.lane_items == 8 && all.lines == 64 &&
                all.group == 16 && all.block_group == 32);
    const bncli_tuning plain = tuning_with(&wide, NULL), some = tuning_with(&wide, "group=1");
    assert_true(some.group == 1 && some.vector == plain.vector && some.lines == plain.lines);
    const bncli_tuning empty = tuning_with(&wide, ""), last = tuning_with(&wide, "lines=2,");
    assert_memory_equal(&empty, &plain, sizeof plain);
    assert_true(last.lines == 2);
    const bncli_tuning twice = tuning_with(&wide, "lines=2,lines=4");
    assert_true(twice.lines == 4);
    const bncli_tuning apart = tuning_with(&wide, "whole=0,direct=0");
    assert_true(plain.whole > 0 && plain.direct > 0 && apart.whole == 0 && apart.direct == 0);
    assert_true(tuning_with(&wide, "whole=1048576").whole == 1048576);
}

/* Class, kept, BNCL_TUNING: field by field, the last that names it. */
static void the_last_word(void **state)
{
    (void)state;
    const bncli_tuning plain = tuning_with(&wide, NULL);
    const bncli_tuning kept = tuning_of_both(&wide, "vector=2,group=32", NULL);
    assert_true(kept.vector == 2 && kept.group == 32 && kept.lines == plain.lines);
    const bncli_tuning both = tuning_of_both(&wide, "vector=2,group=32", "vector=4,lines=1");
    assert_true(both.vector == 4 && both.group == 32 && both.lines == 1);
    const bncli_tuning lane = tuning_of_both(&lanes, "vector=2", NULL);
    assert_true(lane.lane_items == 64 && lane.vector == 1); /* cut, wherever it came from */
}

static void a_malformed_kept_is_none(void **state)
{
    (void)state;
    const bncli_tuning plain = tuning_with(&wide, NULL);
    const char *const texts[] = {"", "vector=3", "vector=2,", "vector=2,speed=1", "\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
        const bncli_tuning t = tuning_of_both(&wide, texts[i], NULL);
        assert_int_equal(memcmp(&t, &plain, sizeof t) == 0, i != 2);
    }
}

/* What is written reads as what it was, every field of it. */
static void texts_read_back(void **state)
{
    (void)state;
    const bncli_tuning all[] = {
        {1, 2, 4, 8, 16, 32, 64, 128, 256},
        {16, 4, 64, 1024, 1024, 1024, 1u << 20, 1u << 20, 1u << 20},
        {1, 1, 1, 1, 1, 1, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        char text[BNCL_TUNING_TEXT_SIZE];
        bncli_tuning back = {0};
        bncli_tuning_write(&all[i], text);
        assert_int_equal(bncli_tuning_read("text", text, &back, &err), BNCL_OK);
        assert_memory_equal(&back, &all[i], sizeof back);
    }
}

static void malformed(void **state)
{
    (void)state;
    const char *const texts[] = {
        "vector",         "vector=",          "vector=3",
        "vector=0",       "vector=32",        "vectors=8",
        "vector=-1",      "vector=two",       "group=2048",
        "lane_items=128", "lines=2048",       "vector =2",
        "vector=4 ",      "speed=2",          ",",
        "vector=4,,",     "vector=4;lines=2", "vector=18446744073709551617",
        "VECTOR=4",       "vector=4,lines=3", "vector=0x4",
        "whole=3",        "whole=2097152",    "direct=",
        "whole=-0",       "lines=00",         "direct=zero",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
        bncli_tuning tuning, before;
        memset(&tuning, 0x5a, sizeof tuning);
        before = tuning;
        err.text[0] = '\0';
        assert_int_equal(setenv("BNCL_TUNING", texts[i], 1), 0);
        bncl_status status = bncli_tuning_choose(&wide, NULL, &tuning, &err);
        unsetenv("BNCL_TUNING");
        if (status != BNCL_ERROR_ARGUMENT || strstr(err.text, "BNCL_TUNING") == NULL)
            harness_fail("'%s': %s (%s)", texts[i], bncl_status_string(status), err.text);
        assert_memory_equal(&tuning, &before, sizeof tuning);
    }
}

/* Every device gets what it can run, also the smallest. */
static void limits_of_the_device(void **state)
{
    (void)state;
    const char *const texts[] = {NULL, "group=1024,block_group=1024,lane_items=64,vector=1",
                                 "vector=16,lane_items=64", "vector=8,vectors=4,lane_items=32"};
    for (size_t most = 1; most <= 4096; most = most < 8 ? most + 1 : most * 2 - 3)
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i)
            for (int is_wide = 0; is_wide < 2; ++is_wide) {
                bncli_device_facts facts = is_wide ? wide : lanes;
                facts.max_work_group = most;
                const bncli_tuning t = tuning_with(&facts, texts[i]);
                expect_sound(&t, most, harness_text("work-groups of %zu, case %zu", most, i));
            }
}

/* Local memory for the tiles of a work-group, and its edges. */
static void local_memory_and_edges(void **state)
{
    (void)state;
    const char *const text = "vector=1,lane_items=2,group=1024";
    bncli_device_facts facts = lanes;
    const bncli_tuning plenty = tuning_with(&wide, text);
    assert_true(plenty.group == 1024 && plenty.lane_items == 2);
    assert_true(tuning_with(&facts, text).group == 64); /* 32 tiles of 1024 bytes */
    facts.local_bytes = 2048;
    assert_true(tuning_with(&facts, text).group == 4);
    assert_true(tuning_with(&facts, "vector=4,lane_items=1,group=1024").group == 1024);
    for (int d = 0; d < 2; ++d) {
        facts = lanes;
        facts.max_items[d] = 16;
        const bncli_tuning t = tuning_with(&facts, "block_group=64");
        assert_true(t.group == 16 && t.block_group == 16 && t.lane_items == 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(classes),
        HARNESS_TEST(results_stream),
        HARNESS_TEST(environment),
        HARNESS_TEST(the_last_word),
        HARNESS_TEST(a_malformed_kept_is_none),
        HARNESS_TEST(texts_read_back),
        HARNESS_TEST(malformed),
        HARNESS_TEST(limits_of_the_device),
        HARNESS_TEST(local_memory_and_edges),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
