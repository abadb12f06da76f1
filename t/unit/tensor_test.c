/* Tensors as values, and arithmetic on sizes. No buffer is touched: one that is not there will
   do. */
#include <string.h>

#include <bncl/tensor.h>

#include "lib/harness.h"
#include "tensor/size.h"

static bncl_error err;

static void fields(void **state)
{
    (void)state;
    bncl_buffer *const buffer = (bncl_buffer *)&err;
    const size_t dims[] = {2, 3, 4, 5};
    size_t count = 1;
    for (int rank = 0; rank <= BNCL_MAX_RANK; ++rank) {
        bncl_tensor t;
        memset(&t, 0x5a, sizeof t);
        strcpy(err.text, "from before");
        assert_true(bncl_tensor_init(&t, buffer, 7, BNCL_I64, rank, dims, &err) == BNCL_OK);
        assert_true(err.text[0] == '\0');
        assert_true(t.buffer == buffer && t.offset == 7 && t.dtype == BNCL_I64 && t.rank == rank);
        for (int i = 0; i < rank; ++i)
            assert_true(t.dims[i] == dims[i]);
        assert_true(bncl_tensor_count(&t) == count);
        count *= rank < 4 ? dims[rank] : 1;
    }
}

static void scalars_need_no_dims(void **state)
{
    (void)state;
    bncl_tensor t;
    assert_true(bncl_tensor_init(&t, NULL, 0, BNCL_F32, 0, NULL, &err) == BNCL_OK);
    assert_true(t.rank == 0 && t.buffer == NULL && bncl_tensor_count(&t) == 1);
}

static void refused(void **state)
{
    (void)state;
    const size_t dims[] = {2, 3, 4, 5, 6}, quarter = SIZE_MAX / 4 + 1;
    const size_t product[] = {quarter, 4}, zero_too[] = {quarter, 4, 0}, bytes[] = {quarter};
    const struct {
        size_t offset;
        int dtype, rank;
        const size_t *dims;
        bncl_status status;
    } rows[] = {
        {0, BNCL_F32, -1, dims, BNCL_ERROR_ARGUMENT},
        {0, BNCL_F32, BNCL_MAX_RANK + 1, dims, BNCL_ERROR_ARGUMENT},
        {0, BNCL_F32, 1, NULL, BNCL_ERROR_ARGUMENT},
        {0, -1, 1, dims, BNCL_ERROR_DTYPE},
        {0, BNCL_DTYPE_COUNT, 1, dims, BNCL_ERROR_DTYPE},
        {0, BNCL_F32, 2, product, BNCL_ERROR_ARGUMENT},
        {0, BNCL_F32, 3, zero_too, BNCL_ERROR_ARGUMENT},
        {0, BNCL_F32, 1, bytes, BNCL_ERROR_ARGUMENT},
        {SIZE_MAX, BNCL_F32, 1, dims, BNCL_ERROR_ARGUMENT},
        {SIZE_MAX / 4, BNCL_F32, 1, dims, BNCL_ERROR_ARGUMENT},
        {SIZE_MAX / 8 - 1, BNCL_I64, 1, dims, BNCL_ERROR_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        bncl_tensor t, before;
        memset(&t, 0x5a, sizeof t);
        before = t;
        err.text[0] = '\0';
        bncl_status status = bncl_tensor_init(&t, NULL, rows[i].offset, (bncl_dtype)rows[i].dtype,
                                              rows[i].rank, rows[i].dims, &err);
        if (status != rows[i].status || err.text[0] == '\0')
            harness_fail("row %zu: %s", i, bncl_status_string(status));
        assert_memory_equal(&t, &before, sizeof t);
    }
    assert_true(bncl_tensor_init(NULL, NULL, 0, BNCL_F32, 1, dims, &err) == BNCL_ERROR_ARGUMENT);
    assert_true(bncl_tensor_init(NULL, NULL, 0, BNCL_F32, 1, dims, NULL) == BNCL_ERROR_ARGUMENT);
}

/* As large as can be. */
static void largest(void **state)
{
    (void)state;
    bncl_tensor t;
    const size_t most = SIZE_MAX / 4, dims[] = {most}, none[] = {0, SIZE_MAX};
    assert_true(bncl_tensor_init(&t, NULL, 0, BNCL_F32, 1, dims, &err) == BNCL_OK);
    assert_true(bncl_tensor_count(&t) == most);
    assert_true(bncl_tensor_init(&t, NULL, most, BNCL_F32, 2, none, &err) == BNCL_OK);
    assert_true(bncl_tensor_count(&t) == 0);
}

/* Of what bncl_tensor_init has not made. */
static void count_of_nonsense(void **state)
{
    (void)state;
    bncl_tensor t = {.rank = 2, .dims = {SIZE_MAX, 2}};
    assert_true(bncl_tensor_count(NULL) == 0);
    assert_true(bncl_tensor_count(&t) == 0);
    t = (bncl_tensor){.rank = -1};
    assert_true(bncl_tensor_count(&t) == 0);
    t = (bncl_tensor){.rank = BNCL_MAX_RANK + 1, .dims = {1, 1, 1, 1}};
    assert_true(bncl_tensor_count(&t) == 0);
}

static void size_arithmetic(void **state)
{
    (void)state;
    size_t out = 7;
    assert_true(bncli_size_mul(SIZE_MAX, 1, &out) && out == SIZE_MAX);
    assert_true(bncli_size_mul(0, SIZE_MAX, &out) && out == 0);
    assert_true(bncli_size_mul(SIZE_MAX, 0, &out) && out == 0);
    assert_true(bncli_size_mul(SIZE_MAX / 3, 3, &out) && out == SIZE_MAX / 3 * 3);
    out = 7;
    assert_false(bncli_size_mul(SIZE_MAX / 3 + 1, 3, &out));
    assert_false(bncli_size_mul(SIZE_MAX, SIZE_MAX, &out));
    assert_false(bncli_size_add(SIZE_MAX, 1, &out));
    assert_false(bncli_size_product(3, (const size_t[]){SIZE_MAX, 2, 0}, &out));
    assert_false(bncli_size_product(3, (const size_t[]){0, SIZE_MAX, 2}, &out));
    assert_true(out == 7);
    assert_true(bncli_size_add(SIZE_MAX, 0, &out) && out == SIZE_MAX);
    assert_true(bncli_size_add(1, 2, &out) && out == 3);
    assert_true(bncli_size_product(0, NULL, &out) && out == 1);
    assert_true(bncli_size_product(2, (const size_t[]){SIZE_MAX, 0}, &out) && out == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(fields),  HARNESS_TEST(scalars_need_no_dims), HARNESS_TEST(refused),
        HARNESS_TEST(largest), HARNESS_TEST(count_of_nonsense),    HARNESS_TEST(size_arithmetic),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
