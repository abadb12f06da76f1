/* Element types: every one has its facts, and no other number has any. */
#include <math.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/narrow.h"
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

/* Reading an element is exact, and writing what was read gives the same bits; against another
   decoder, over all numbers of the narrow formats. */
static void elements_are_read_and_written_exactly(void **state)
{
    (void)state;
    const narrow_format *const formats[] = {&narrow_f16, &narrow_bf16};
    const bncl_dtype dtypes[] = {BNCL_F16, BNCL_BF16};
    for (size_t i = 0; i < 2; ++i)
        for (uint32_t bits = 0; bits < 0x10000; ++bits) {
            const uint16_t element = (uint16_t)bits;
            const double expected = narrow_decode(formats[i], element);
            const double got = bncli_dtype_facts_of(dtypes[i])->decode(&element);
            if (isnan(expected) ? !isnan(got) : memcmp(&got, &expected, sizeof got) != 0)
                harness_fail("%s 0x%04x: got %g, expected %g", bncl_dtype_name(dtypes[i]),
                             (unsigned)bits, got, expected);
            uint16_t again = 0;
            bncli_dtype_facts_of(dtypes[i])->encode(got, &again);
            if (!isnan(got) && again != element)
                harness_fail("%s 0x%04x is written as 0x%04x", bncl_dtype_name(dtypes[i]),
                             (unsigned)bits, (unsigned)again);
        }
    const float f32 = -0x1.fffffep-130f;
    const double f64 = 0x1.fffffffffffffp-1030;
    assert_true(bncli_dtype_facts_of(BNCL_F32)->decode(&f32) == (double)f32);
    assert_true(bncli_dtype_facts_of(BNCL_F64)->decode(&f64) == f64);
    assert_true(bncli_dtype_facts_of(BNCL_I32)->decode == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(facts),
        HARNESS_TEST(numbers_are_settled),
        HARNESS_TEST(numbers_that_are_no_dtype),
        HARNESS_TEST(elements_are_read_and_written_exactly),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
