/* Copies from any strides to any others: every bit is compared, around the elements as well. */
#include <string.h>

#include "lib/device.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/tuning.h"

typedef struct copy_row {
    int rank;
    size_t dims[BNCL_MAX_RANK];
    size_t x[BNCL_MAX_RANK], y[BNCL_MAX_RANK]; /* strides; all 0: dense */
} copy_row;

/* Lengths about a vector's and a work-item's share; what PyTorch's noncontiguous() makes; padding,
   permutations, dims that merge in one tensor alone, and strides of dims of one element. */
static const copy_row copies[] = {
    {0, {0}, {0}, {0}},
    {1, {1}, {0}, {0}},
    {1, {77}, {0}, {0}},
    {1, {65}, {2}, {0}},
    {1, {65}, {0}, {3}},
    {2, {5, 7}, {14, 2}, {0}},
    {2, {5, 7}, {0}, {9, 1}},
    {2, {6, 33}, {40, 1}, {35, 1}},
    {2, {33, 6}, {1, 33}, {0}},
    {2, {6, 17}, {0}, {1, 6}},
    {2, {6, 17}, {1, 6}, {1, 8}},
    {3, {3, 4, 5}, {40, 10, 2}, {0}},
    {3, {3, 4, 5}, {1, 3, 12}, {25, 6, 1}},
    {3, {3, 1, 5}, {5, 999, 1}, {0}},
    {3, {1, 4, 5}, {7, 10, 2}, {3, 5, 1}},
    {4, {2, 3, 4, 5}, {120, 40, 10, 2}, {0}},
    {4, {2, 3, 4, 5}, {60, 1, 15, 3}, {0}},
    {4, {2, 3, 4, 5}, {61, 20, 5, 1}, {1, 2, 30, 6}},
    {4, {3, 2, 17, 3}, {102, 51, 3, 1}, {110, 55, 3, 1}},
    {4, {2, 2, 2, 70}, {1, 150, 300, 2}, {600, 300, 150, 2}},
};
enum { copy_count = sizeof copies / sizeof copies[0] };

static size_t count_of(const copy_row *row)
{
    size_t count = 1;
    for (int i = 0; i < row->rank; ++i)
        count *= row->dims[i];
    return count;
}

/* Random bits, among which are NaNs of any payload, and infinities. */
static unsigned char *random_bits(size_t bytes)
{
    generator g = generator_seed(bytes);
    unsigned char *bits = harness_memory(bytes, 1);
    for (size_t i = 0; i < bytes; ++i)
        bits[i] = (unsigned char)(generator_word(&g) >> 56);
    return bits;
}

static bncl_tensor place(device *d, bncl_dtype dtype, const copy_row *row, const size_t *strides,
                         const void *host)
{
    for (int i = 0; i < row->rank; ++i)
        if (strides[i] != 0)
            return device_strided(d, dtype, row->rank, row->dims, strides, host);
    return device_tensor(d, dtype, row->rank, row->dims, host);
}

static void expect_bits(device *d, const char *what, const bncl_tensor *tensor, const void *bits)
{
    const size_t bytes = bncl_tensor_count(tensor) * bncl_dtype_size(tensor->dtype);
    unsigned char *got = harness_memory(bytes, 1);
    device_read(d, tensor, got);
    if (memcmp(got, bits, bytes) != 0)
        harness_fail("%s: other bits", what);
}

static void copy_row_of(device *d, bncl_elementwise *op, int index, bncl_dtype dtype)
{
    const copy_row *row = &copies[index];
    unsigned char *bits = random_bits(count_of(row) * bncl_dtype_size(dtype));
    const bncl_tensor x = place(d, dtype, row, row->x, bits);
    const bncl_tensor y = place(d, dtype, row, row->y, NULL);
    device_ok(d, bncl_copy(op, d->queue, &x, &y, NULL, &d->err), "bncl_copy");
    expect_bits(d, harness_text("copy %d, %s, y", index, bncl_dtype_name(dtype)), &y, bits);
    expect_bits(d, harness_text("copy %d, %s, x", index, bncl_dtype_name(dtype)), &x, bits);
}

static void any_strides_and_dtypes(void **state)
{
    device *d = device_of(state);
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    for (int i = 0; i < copy_count; ++i)
        for (int dtype = 0; dtype < BNCL_DTYPE_COUNT; ++dtype)
            copy_row_of(d, op, i, (bncl_dtype)dtype);
}

/* Who copies what changes nothing. */
static void any_tuning(void **state)
{
    device *d = device_of(state);
    for (int t = 0; t < tuning_count; ++t) {
        tune(tunings[t]);
        bncl_elementwise *op = device_elementwise(d, BNCL_F32);
        for (int i = 0; i < copy_count; ++i) {
            copy_row_of(d, op, i, BNCL_BF16);
            copy_row_of(d, op, i, BNCL_F32);
        }
        harness_release(NULL);
    }
}

/* More elements than a small grid has, whose runs begin and end anywhere in a work-item's share. */
static void many_elements(void **state)
{
    device *d = device_of(state);
    const copy_row row = {4, {7, 11, 13, d->small ? 3 : 37}, {0}, {0}};
    const size_t length = row.dims[3];
    const size_t strides[] = {13 * 11 * 2 * length, 2 * length, 11 * 2 * length, 2};
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    unsigned char *bits = random_bits(count_of(&row) * sizeof(float));
    const bncl_tensor x = place(d, BNCL_F32, &row, strides, bits);
    const bncl_tensor y = place(d, BNCL_F32, &row, row.y, NULL);
    const bncl_tensor back = place(d, BNCL_F32, &row, strides, NULL);
    device_ok(d, bncl_copy(op, d->queue, &x, &y, NULL, &d->err), "there");
    device_ok(d, bncl_copy(op, d->queue, &y, &back, NULL, &d->err), "and back");
    expect_bits(d, "y", &y, bits);
    expect_bits(d, "and back", &back, bits);
}

/* A stride of 0 repeats: a bias as a row for each sample, as PyTorch's expand() has it. */
static void repeated_elements(void **state)
{
    device *d = device_of(state);
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    const float values[] = {1.0f, 2.0f, 3.0f, 4.0f};
    const size_t dims[] = {3, 4, 2}, strides[] = {0, 1, 0};
    float expected[24];
    for (size_t i = 0; i < 24; ++i)
        expected[i] = values[i / 2 % 4];
    const bncl_tensor vector = device_vector(d, 4, values);
    const bncl_tensor y = device_tensor(d, BNCL_F32, 3, dims, NULL);
    bncl_tensor x;
    device_ok(d,
              bncl_tensor_init_strided(&x, vector.buffer, vector.offset, BNCL_F32, 3, dims, strides,
                                       &d->err),
              "bncl_tensor_init_strided");
    device_ok(d, bncl_copy(op, d->queue, &x, &y, NULL, &d->err), "bncl_copy");
    expect_bits(d, "y", &y, expected);
    device_refused(d, bncl_copy(op, d->queue, &y, &x, NULL, &d->err), BNCL_ERROR_UNSUPPORTED,
                   "y: its elements overlap");
    expect_bits(d, "the vector", &vector, values);
}

/* One half of a buffer's elements into the other, between which they lie; a tensor onto itself. */
static void within_one_buffer(void **state)
{
    device *d = device_of(state);
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    enum { count = 50 };
    const size_t dims[] = {5, 5}, strides[] = {10, 2};
    float values[count], expected[count];
    for (size_t i = 0; i < count; ++i) {
        values[i] = (float)i;
        expected[i] = (float)(i - i % 2);
    }
    const bncl_tensor all = device_vector(d, count, values);
    bncl_tensor even, odd;
    device_ok(d,
              bncl_tensor_init_strided(&even, all.buffer, all.offset, BNCL_F32, 2, dims, strides,
                                       &d->err),
              "even");
    odd = even;
    ++odd.offset;
    device_ok(d, bncl_copy(op, d->queue, &even, &even, NULL, &d->err), "onto itself");
    expect_bits(d, "onto itself", &all, values);
    device_ok(d, bncl_copy(op, d->queue, &even, &odd, NULL, &d->err), "into the other half");
    expect_bits(d, "both halves", &all, expected);
}

static void nothing_to_do(void **state)
{
    device *d = device_of(state);
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    const size_t dims[] = {3, 0, 2}, strides[] = {0, 4, 0};
    const bncl_tensor none = device_tensor(d, BNCL_F32, 3, dims, NULL);
    bncl_tensor strided = none;
    memcpy(strided.strides, strides, sizeof strides);
    device_ok(d, bncl_copy(op, d->queue, &none, &strided, NULL, &d->err), "bncl_copy");
    device_ok(d, bncl_copy(op, d->queue, &strided, &none, NULL, &d->err), "bncl_copy");
    device_read(d, &none, harness_memory(1, 1));
}

/* A tensor of [3,4] in the buffer of `all`. */
static bncl_tensor part_of(device *d, const bncl_tensor *all, size_t at, size_t row, size_t column)
{
    const size_t dims[] = {3, 4}, strides[] = {row, column};
    bncl_tensor part;
    device_ok(d,
              bncl_tensor_init_strided(&part, all->buffer, all->offset + at, BNCL_F32, 2, dims,
                                       strides, &d->err),
              "bncl_tensor_init_strided");
    return part;
}

static void overlaps(void **state)
{
    device *d = device_of(state);
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    const bncl_tensor all = device_vector(d, 64, NULL), other = device_vector(d, 64, NULL);
    const struct {
        size_t x[3], y[3]; /* begin, strides */
    } rows[] = {
        {{0, 4, 1}, {1, 4, 1}},   {{1, 4, 1}, {0, 4, 1}},  {{0, 4, 1}, {0, 1, 3}},
        {{0, 8, 2}, {0, 16, 2}},  {{0, 8, 2}, {22, 4, 1}}, {{5, 8, 2}, {0, 4, 1}},
        {{20, 4, 1}, {10, 8, 2}}, {{3, 4, 1}, {0, 1, 3}},  {{13, 4, 1}, {0, 16, 4}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        const bncl_tensor x = part_of(d, &all, rows[i].x[0], rows[i].x[1], rows[i].x[2]);
        const bncl_tensor y = part_of(d, &all, rows[i].y[0], rows[i].y[1], rows[i].y[2]);
        const bncl_tensor apart = part_of(d, &other, rows[i].y[0], rows[i].y[1], rows[i].y[2]);
        device_refused(d, bncl_copy(op, d->queue, &x, &y, NULL, &d->err), BNCL_ERROR_ARGUMENT,
                       "y overlaps x");
        device_ok(d, bncl_copy(op, d->queue, &x, &apart, NULL, &d->err), "apart");
    }
    device_untouched(d, "all", &all);
}

static void refused(void **state)
{
    device *d = device_of(state);
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    const bncl_tensor all = device_vector(d, 64, NULL);
    const bncl_tensor other = device_vector(d, 64, NULL), x = part_of(d, &other, 0, 8, 2);
    const size_t large[] = {(size_t)1 << 16, ((size_t)1 << 15) + 1}, steps[] = {0, 1};
    bncl_tensor y = part_of(d, &all, 0, 3, 1), many;
    device_refused(d, bncl_copy(op, d->queue, &x, &y, NULL, &d->err), BNCL_ERROR_UNSUPPORTED,
                   "y: its elements overlap");
    y = part_of(d, &all, 0, 1, 1);
    device_refused(d, bncl_copy(op, d->queue, &x, &y, NULL, &d->err), BNCL_ERROR_UNSUPPORTED,
                   "y: its elements overlap");
    y = part_of(d, &all, 0, 4, 1);
    y.dtype = BNCL_I32;
    device_refused(d, bncl_copy(op, d->queue, &x, &y, NULL, &d->err), BNCL_ERROR_DTYPE,
                   "y: expected f32, got i32");
    y = part_of(d, &all, 0, 4, 1);
    y.dims[1] = 3;
    device_refused(d, bncl_copy(op, d->queue, &x, &y, NULL, &d->err), BNCL_ERROR_SHAPE,
                   "y: expected [3, 4], got [3, 3]");
    y = part_of(d, &all, 0, 300, 1);
    device_refused(d, bncl_copy(op, d->queue, &x, &y, NULL, &d->err), BNCL_ERROR_SHAPE,
                   "y ends beyond its buffer");
    device_untouched(d, "all", &all);
    const bncl_tensor row = device_vector(d, large[1], NULL);
    device_ok(
        d,
        bncl_tensor_init_strided(&many, row.buffer, row.offset, BNCL_F32, 2, large, steps, &d->err),
        "bncl_tensor_init_strided");
    device_refused(d, bncl_copy(op, d->queue, &many, &many, NULL, &d->err), BNCL_ERROR_SHAPE,
                   "at most 2^31 elements");
    device_untouched(d, "row", &row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(any_strides_and_dtypes),
        HARNESS_TEST(any_tuning),
        HARNESS_TEST(many_elements),
        HARNESS_TEST(repeated_elements),
        HARNESS_TEST(within_one_buffer),
        HARNESS_TEST(nothing_to_do),
        HARNESS_TEST(overlaps),
        HARNESS_TEST(refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
