/* The way through two tensors: order, dims that merge, and what shares a place. */
#include <string.h>

#include "lib/harness.h"
#include "tensor/walk.h"

enum { most = BNCL_MAX_RANK };

static bncl_tensor tensor(int rank, const size_t *dims, const size_t *strides)
{
    bncl_tensor t = {.rank = rank};
    memcpy(t.dims, dims, (size_t)rank * sizeof *dims);
    memcpy(t.strides, strides, (size_t)rank * sizeof *strides);
    return t;
}

static const struct {
    int rank;
    size_t dims[most], from[most], to[most];
    bncli_walk walk;
} rows[] = {
    /* a scalar; one element of many dims */
    {0, {0}, {0}, {0}, {{1, 1, 1, 1}, {0}, {0}}},
    {3, {1, 1, 1}, {9, 8, 7}, {0}, {{1, 1, 1, 1}, {0}, {0}}},
    /* dense to dense is one dim, dims of one element or not */
    {4, {2, 3, 4, 5}, {0}, {0}, {{1, 1, 1, 120}, {0, 0, 0, 1}, {0, 0, 0, 1}}},
    {3, {2, 1, 5}, {5, 77, 1}, {0}, {{1, 1, 1, 10}, {0, 0, 0, 1}, {0, 0, 0, 1}}},
    /* every second element: one dim still */
    {3, {3, 4, 5}, {40, 10, 2}, {0}, {{1, 1, 1, 60}, {0, 0, 0, 2}, {0, 0, 0, 1}}},
    /* padding between rows, in one tensor alone */
    {3, {3, 4, 5}, {24, 6, 1}, {0}, {{1, 1, 12, 5}, {0, 0, 6, 1}, {0, 0, 5, 1}}},
    {3, {3, 4, 5}, {0}, {30, 5, 1}, {{1, 1, 3, 20}, {0, 0, 20, 1}, {0, 0, 30, 1}}},
    /* channels last, read as channels second and written dense; and the other way round, where the
       order is the written one's */
    {3, {3, 4, 5}, {20, 1, 4}, {0}, {{1, 3, 4, 5}, {0, 20, 1, 4}, {0, 20, 5, 1}}},
    {3, {3, 4, 5}, {0}, {20, 1, 4}, {{1, 3, 5, 4}, {0, 20, 1, 5}, {0, 20, 4, 1}}},
    /* both permuted alike: one dim */
    {3, {3, 4, 5}, {20, 1, 4}, {20, 1, 4}, {{1, 1, 1, 60}, {0, 0, 0, 1}, {0, 0, 0, 1}}},
    /* repeated elements do not merge with others, but with each other */
    {3, {3, 4, 5}, {0, 0, 1}, {0}, {{1, 1, 12, 5}, {0, 0, 0, 1}, {0, 0, 5, 1}}},
    /* all four */
    {4,
     {2, 3, 4, 5},
     {1, 2, 6, 30},
     {500, 100, 20, 3},
     {{2, 3, 4, 5}, {1, 2, 6, 30}, {500, 100, 20, 3}}},
};

static void ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        const bncl_tensor from = tensor(rows[i].rank, rows[i].dims, rows[i].from);
        const bncl_tensor to = tensor(rows[i].rank, rows[i].dims, rows[i].to);
        bncli_walk got;
        memset(&got, 0x5a, sizeof got);
        bncli_walk_of(&from, &to, &got);
        if (memcmp(&got, &rows[i].walk, sizeof got) != 0)
            harness_fail("row %zu: dims %zu %zu %zu %zu, from %zu %zu %zu %zu, to %zu %zu %zu %zu",
                         i, got.dims[0], got.dims[1], got.dims[2], got.dims[3], got.from[0],
                         got.from[1], got.from[2], got.from[3], got.to[0], got.to[1], got.to[2],
                         got.to[3]);
    }
}

/* A stride whose product with its dim overflows merges with nothing. */
static void huge_strides(void **state)
{
    (void)state;
    const size_t dims[] = {2, 2}, strides[] = {1, SIZE_MAX / 2 + 1};
    const bncl_tensor t = tensor(2, dims, strides);
    bncli_walk walk;
    bncli_walk_of(&t, &t, &walk);
    assert_true(walk.dims[2] == 2 && walk.dims[3] == 2);
    assert_true(walk.to[2] == SIZE_MAX / 2 + 1 && walk.to[3] == 1);
}

static bool injective(size_t dim0, size_t dim1, size_t dim2, size_t a, size_t b, size_t c)
{
    const size_t dims[] = {dim0, dim1, dim2}, strides[] = {a, b, c};
    const bncl_tensor t = tensor(3, dims, strides);
    bncli_walk walk;
    bncli_walk_of(&t, &t, &walk);
    return bncli_walk_is_injective(&walk);
}

static void shared_places(void **state)
{
    (void)state;
    assert_true(injective(2, 3, 4, 0, 0, 0)); /* dense */
    assert_true(injective(2, 3, 4, 12, 4, 1));
    assert_true(injective(2, 3, 4, 1, 2, 6));
    assert_true(injective(2, 3, 4, 21, 7, 2));
    assert_true(injective(1, 3, 4, 0, 4, 1));
    assert_false(injective(2, 3, 4, 0, 4, 1));
    assert_false(injective(2, 3, 4, 11, 4, 1));
    assert_false(injective(2, 3, 4, 12, 3, 1));
    assert_false(injective(2, 3, 4, 12, 1, 1));
    assert_false(injective(2, 3, 4, 20, 7, 2));
    assert_false(injective(2, 3, 4, 21, 7, 3));
}

/* Every interval, against every element. */
static void meeting(void **state)
{
    (void)state;
    const size_t dims[] = {2, 3, 4};
    const size_t strides[][3] = {{0, 0, 0}, {1, 2, 6}, {25, 8, 2}, {2, 33, 5}, {40, 10, 3}};
    for (size_t row = 0; row < sizeof strides / sizeof strides[0]; ++row) {
        const bncl_tensor t = tensor(3, dims, strides[row]);
        bncli_walk walk;
        bool is_element[100] = {false};
        bncli_walk_of(&t, &t, &walk);
        for (size_t i = 0; i < 24; ++i)
            is_element[row == 0 ? i
                                : i / 12 * strides[row][0] + i / 4 % 3 * strides[row][1] +
                                      i % 4 * strides[row][2]] = true;
        for (size_t begin = 0; begin < 100; ++begin) {
            bool met = false;
            for (size_t end = begin; end < 100; met = met || is_element[end], ++end)
                if (bncli_walk_meets(&walk, begin, end) != met)
                    harness_fail("row %zu: %zu to %zu", row, begin, end);
        }
    }
}

/* Strides of which none clears the other: nothing that lies within is missed. */
static void meeting_interleaved(void **state)
{
    (void)state;
    const size_t dims[] = {2, 4}, strides[] = {100, 60};
    const bncl_tensor a = tensor(2, dims, strides);
    bncli_walk walk;
    bncli_walk_of(&a, &a, &walk);
    for (size_t i = 0; i < 2; ++i)
        for (size_t j = 0; j < 4; ++j)
            assert_true(bncli_walk_meets(&walk, 100 * i + 60 * j, 100 * i + 60 * j + 1));
    assert_true(bncli_walk_meets(&walk, 118, 126));
    assert_false(bncli_walk_meets(&walk, 281, 300));
}

static void staying(void **state)
{
    (void)state;
    const size_t dims[] = {3, 1, 5}, dense[] = {0, 0, 0}, same[] = {5, 99, 1}, other[] = {1, 99, 3};
    const bncl_tensor a = tensor(3, dims, dense), b = tensor(3, dims, same),
                      c = tensor(3, dims, other);
    bncli_walk walk;
    bncli_walk_of(&a, &b, &walk);
    assert_true(bncli_walk_stays(&walk));
    bncli_walk_of(&a, &c, &walk);
    assert_false(bncli_walk_stays(&walk));
    bncli_walk_of(&c, &c, &walk);
    assert_true(bncli_walk_stays(&walk));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(ways),    HARNESS_TEST(huge_strides),        HARNESS_TEST(shared_places),
        HARNESS_TEST(meeting), HARNESS_TEST(meeting_interleaved), HARNESS_TEST(staying),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
