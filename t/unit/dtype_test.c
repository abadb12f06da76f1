/* Element types: every one has its facts, and no other number has any. */
#include <string.h>

#include "lib/harness.h"
#include "tensor/dtype.h"

static void facts(void **state)
{
    (void)state;
    static const struct {
        const char *name, *safetensors;
        size_t size;
        bncl_dtype accumulator;
    } expected[BNCL_DTYPE_COUNT] = {
        [BNCL_F32] = {"f32", "F32", 4, BNCL_F32},    [BNCL_I32] = {"i32", "I32", 4, BNCL_I32},
        [BNCL_I64] = {"i64", "I64", 8, BNCL_I64},    [BNCL_F16] = {"f16", "F16", 2, BNCL_F32},
        [BNCL_BF16] = {"bf16", "BF16", 2, BNCL_F32}, [BNCL_F64] = {"f64", "F64", 8, BNCL_F64},
        [BNCL_U8] = {"u8", "U8", 1, BNCL_U8},
    };
    for (int i = 0; i < BNCL_DTYPE_COUNT; ++i) {
        const bncli_dtype_facts *got = bncli_dtype_facts_of((bncl_dtype)i);
        assert_non_null(got);
        assert_string_equal(got->name, expected[i].name);
        assert_string_equal(got->safetensors, expected[i].safetensors);
        assert_true(got->size == expected[i].size);
        assert_true(got->accumulator == expected[i].accumulator);
        assert_true(got->in_kernels == (i != BNCL_I32 && i != BNCL_I64 && i != BNCL_U8));
        assert_true(got->needs_fp64 == (i == BNCL_F64));
        assert_true(bncl_dtype_size((bncl_dtype)i) == expected[i].size);
        assert_string_equal(bncl_dtype_name((bncl_dtype)i), expected[i].name);
    }
}

/* Numbers that programs have stored. */
static void numbers_are_settled(void **state)
{
    (void)state;
    assert_int_equal(BNCL_F32, 0);
    assert_int_equal(BNCL_I32, 1);
    assert_int_equal(BNCL_I64, 2);
    assert_int_equal(BNCL_F16, 3);
    assert_int_equal(BNCL_BF16, 4);
    assert_int_equal(BNCL_F64, 5);
    assert_int_equal(BNCL_U8, 6);
}

static void numbers_that_are_no_dtype(void **state)
{
    (void)state;
    const int numbers[] = {-1, BNCL_DTYPE_COUNT, 1000, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
        assert_null(bncli_dtype_facts_of((bncl_dtype)numbers[i]));
        assert_true(bncl_dtype_size((bncl_dtype)numbers[i]) == 0);
        assert_string_equal(bncl_dtype_name((bncl_dtype)numbers[i]), "unknown");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(facts),
        HARNESS_TEST(numbers_are_settled),
        HARNESS_TEST(numbers_that_are_no_dtype),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
