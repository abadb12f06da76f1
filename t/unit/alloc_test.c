/* Host memory and its fault point. */
#include <string.h>

#include "base/alloc.h"
#include "lib/harness.h"

static void *kept[32];

static void memory_is_zeroed(void **state)
{
    (void)state;
    for (int round = 0; round < 20; ++round) {
        unsigned char *memory = bncli_alloc(100, 7);
        assert_non_null(memory);
        for (size_t i = 0; i < 700; ++i)
            assert_true(memory[i] == 0);
        memset(memory, 0xff, 700);
        bncli_free(memory);
    }
    bncli_free(NULL);
}

static void empty_requests_give_memory(void **state)
{
    (void)state;
    const size_t rows[][2] = {{0, 0}, {0, 8}, {8, 0}};
    for (size_t i = 0; i < 3; ++i) {
        void *memory = bncli_alloc(rows[i][0], rows[i][1]);
        assert_non_null(memory);
        bncli_free(memory);
    }
}

static void overflowing_requests_fail(void **state)
{
    (void)state;
    bncl_error err;
    void *memory = &err;
    assert_null(bncli_alloc(SIZE_MAX / 2 + 1, 2));
    assert_null(bncli_alloc(SIZE_MAX, SIZE_MAX));
    assert_true(bncli_new(&memory, SIZE_MAX / 4 + 1, 4, &err) == BNCL_ERROR_MEMORY);
    assert_null(memory);
    assert_non_null(strstr(err.text, "4 bytes"));
    assert_true(bncli_new(&memory, SIZE_MAX / 4 + 1, 4, NULL) == BNCL_ERROR_MEMORY);
}

static void copies_of_strings(void **state)
{
    (void)state;
    const char *const texts[] = {"", "a", "some longer text"};
    for (size_t i = 0; i < 3; ++i) {
        char *copy = bncli_strdup(texts[i]);
        assert_non_null(copy);
        assert_true(copy != texts[i]);
        assert_string_equal(copy, texts[i]);
        bncli_free(copy);
    }
}

/* Ten calls; which of them gave memory, as bits. */
static unsigned ten_calls(void)
{
    unsigned given = 0;
    for (unsigned i = 0; i < 10; ++i) {
        kept[i] = bncli_alloc(1, 1);
        given |= (unsigned)(kept[i] != NULL) << i;
        bncli_free(kept[i]);
    }
    return given;
}

static void nth_call_fails(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 10; ++n) {
        bncli_alloc_fault(n, 0);
        assert_true(ten_calls() == (0x3ffu & ~(1u << (n - 1))));
        assert_true(bncli_alloc_fault(n, 1) == 10);
        assert_true(ten_calls() == (1u << (n - 1)) - 1);
        assert_true(bncli_alloc_fault(0, 0) == 10);
    }
    assert_true(ten_calls() == 0x3ffu);
    assert_true(bncli_alloc_fault(0, 0) == 10);
    assert_true(bncli_alloc_fault(0, 1) == 0);
    assert_true(ten_calls() == 0x3ffu);
    bncli_alloc_fault(0, 0);
}

static void every_way_to_memory_counts(void **state)
{
    (void)state;
    bncl_error err;
    int *memory;
    bncli_alloc_fault(1, 1);
    char *text = bncli_strdup("text");
    bncl_status status = bncli_new(&memory, 1, sizeof *memory, &err);
    const unsigned long calls = bncli_alloc_fault(0, 0);
    assert_null(text);
    assert_null(memory);
    assert_true(status == BNCL_ERROR_MEMORY && calls == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(memory_is_zeroed),
        HARNESS_TEST(empty_requests_give_memory),
        HARNESS_TEST(overflowing_requests_fail),
        HARNESS_TEST(copies_of_strings),
        HARNESS_TEST(nth_call_fails),
        HARNESS_TEST(every_way_to_memory_counts),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
