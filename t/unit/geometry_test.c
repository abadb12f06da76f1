/* Layouts as {outer, channels, inner}: every layout, what is refused, and sizes that overflow. */
#include <string.h>

#include "lib/harness.h"
#include "tensor/geometry.h"

static bncl_error err;

static void expect(bncl_layout layout, int rank, const size_t *dims, size_t outer, size_t channels,
                   size_t inner)
{
    bncli_geometry g;
    bncl_status status = bncli_geometry_of(layout, rank, dims, &g, &err);
    if (status != BNCL_OK)
        harness_fail("%s: %s", bncl_layout_name(layout), err.text);
    if (g.outer != outer || g.channels != channels || g.inner != inner ||
        g.count != outer * inner || g.total != outer * inner * channels)
        harness_fail("%s: got %zu, %zu, %zu with %zu and %zu", bncl_layout_name(layout), g.outer,
                     g.channels, g.inner, g.count, g.total);
}

static void refuse(bncl_layout layout, int rank, const size_t *dims, bncl_status expected,
                   const char *words)
{
    bncli_geometry g, before;
    memset(&g, 0x5a, sizeof g);
    before = g;
    err.text[0] = '\0';
    bncl_status status = bncli_geometry_of(layout, rank, dims, &g, &err);
    if (status != expected || strstr(err.text, words) == NULL)
        harness_fail("expected \"%s: …%s…\", got \"%s: %s\"", bncl_status_string(expected), words,
                     bncl_status_string(status), err.text);
    assert_memory_equal(&g, &before, sizeof g);
    assert_true(bncli_geometry_of(layout, rank, dims, &g, NULL) == expected);
}

static void layouts(void **state)
{
    (void)state;
    const size_t two[] = {7, 5}, three[] = {7, 5, 3}, four[] = {7, 5, 3, 2};
    expect(BNCL_LAYOUT_NC, 2, two, 7, 5, 1);
    expect(BNCL_LAYOUT_NCL, 3, three, 7, 5, 3);
    expect(BNCL_LAYOUT_NLC, 3, three, 35, 3, 1);
    expect(BNCL_LAYOUT_NCHW, 4, four, 7, 5, 6);
    expect(BNCL_LAYOUT_NHWC, 4, four, 105, 2, 1);
}

/* [N,C,1] is [N,C], in either order of the last two. */
static void one_position(void **state)
{
    (void)state;
    const size_t first[] = {7, 5, 1}, last[] = {7, 1, 5};
    const size_t first2d[] = {7, 5, 1, 1}, last2d[] = {7, 1, 1, 5};
    expect(BNCL_LAYOUT_NCL, 3, first, 7, 5, 1);
    expect(BNCL_LAYOUT_NLC, 3, last, 7, 5, 1);
    expect(BNCL_LAYOUT_NCHW, 4, first2d, 7, 5, 1);
    expect(BNCL_LAYOUT_NHWC, 4, last2d, 7, 5, 1);
}

static void empty(void **state)
{
    (void)state;
    const size_t samples[] = {0, 5, 3}, positions[] = {7, 5, 0}, both[] = {0, 5, 0};
    expect(BNCL_LAYOUT_NC, 2, samples, 0, 5, 1);
    expect(BNCL_LAYOUT_NCL, 3, samples, 0, 5, 3);
    expect(BNCL_LAYOUT_NCL, 3, positions, 7, 5, 0);
    expect(BNCL_LAYOUT_NCL, 3, both, 0, 5, 0);
    expect(BNCL_LAYOUT_NLC, 3, samples, 0, 3, 1);
    expect(BNCL_LAYOUT_NCHW, 4, (const size_t[]){7, 5, 0, 2}, 7, 5, 0);
    expect(BNCL_LAYOUT_NHWC, 4, (const size_t[]){7, 5, 0, 2}, 0, 2, 1);
    refuse(BNCL_LAYOUT_NC, 2, (const size_t[]){7, 0}, BNCL_ERROR_SHAPE, "channel");
    refuse(BNCL_LAYOUT_NCL, 3, (const size_t[]){7, 0, 3}, BNCL_ERROR_SHAPE, "channel");
    refuse(BNCL_LAYOUT_NLC, 3, positions, BNCL_ERROR_SHAPE, "channel");
    refuse(BNCL_LAYOUT_NC, 2, (const size_t[]){0, 0}, BNCL_ERROR_SHAPE, "channel");
}

/* In PyTorch's words. */
static void ranks(void **state)
{
    (void)state;
    const size_t dims[] = {2, 3, 4, 5, 6};
    for (int rank = -1; rank <= 5; ++rank)
        for (int layout = 0; layout < BNCL_LAYOUT_COUNT; ++layout) {
            const int right = (int)strlen(bncl_layout_name((bncl_layout)layout));
            if (rank == right)
                continue;
            const char *words = harness_text("(got %dD input)", rank);
            refuse((bncl_layout)layout, rank, dims, BNCL_ERROR_SHAPE, words);
            if (right == 4 || (rank != 2 && rank != 3))
                refuse((bncl_layout)layout, rank, dims, BNCL_ERROR_SHAPE,
                       harness_text("expected %s input (got %dD input)",
                                    right == 4 ? "4D" : "2D or 3D", rank));
        }
}

static void numbers_that_are_no_layout(void **state)
{
    (void)state;
    const size_t dims[] = {2, 3, 4};
    const int numbers[] = {-1, BNCL_LAYOUT_COUNT, 1000, INT32_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
        refuse((bncl_layout)numbers[i], 2, dims, BNCL_ERROR_ARGUMENT, "layout");
        assert_string_equal(bncl_layout_name((bncl_layout)numbers[i]), "unknown");
    }
    assert_string_equal(bncl_layout_name(BNCL_LAYOUT_NC), "NC");
    assert_string_equal(bncl_layout_name(BNCL_LAYOUT_NCL), "NCL");
    assert_string_equal(bncl_layout_name(BNCL_LAYOUT_NLC), "NLC");
}

/* n stays below 2³¹, and what the kernels count in 32 bits does not overflow. */
static void sizes(void **state)
{
    (void)state;
    const size_t most = INT32_MAX, huge = SIZE_MAX / 2 + 1;
    expect(BNCL_LAYOUT_NC, 2, (const size_t[]){most, 1}, most, 1, 1);
    expect(BNCL_LAYOUT_NCL, 3, (const size_t[]){1, 1, most}, 1, 1, most);
    expect(BNCL_LAYOUT_NLC, 3, (const size_t[]){1, most, 1}, most, 1, 1);
    refuse(BNCL_LAYOUT_NC, 2, (const size_t[]){most + 1, 1}, BNCL_ERROR_SHAPE, "2^31");
    refuse(BNCL_LAYOUT_NCL, 3, (const size_t[]){1 << 16, 1, 1 << 15}, BNCL_ERROR_SHAPE, "2^31");
    refuse(BNCL_LAYOUT_NLC, 3, (const size_t[]){1 << 16, 1 << 15, 1}, BNCL_ERROR_SHAPE, "2^31");
    refuse(BNCL_LAYOUT_NCL, 3, (const size_t[]){huge, 1, 2}, BNCL_ERROR_SHAPE, "");
    refuse(BNCL_LAYOUT_NLC, 3, (const size_t[]){huge, 2, 1}, BNCL_ERROR_SHAPE, "overflow");
    refuse(BNCL_LAYOUT_NCL, 3, (const size_t[]){2, huge, 3}, BNCL_ERROR_SHAPE, "overflow");
    refuse(BNCL_LAYOUT_NC, 2, (const size_t[]){1, most + 1}, BNCL_ERROR_SHAPE, "overflow");
    refuse(BNCL_LAYOUT_NHWC, 4, (const size_t[]){huge, 2, 1, 1}, BNCL_ERROR_SHAPE, "overflow");
    refuse(BNCL_LAYOUT_NCHW, 4, (const size_t[]){1, 1, huge, 2}, BNCL_ERROR_SHAPE, "overflow");
    refuse(BNCL_LAYOUT_NCHW, 4, (const size_t[]){1, 1, 1 << 16, 1 << 15}, BNCL_ERROR_SHAPE, "2^31");
    refuse(BNCL_LAYOUT_NC, 2, (const size_t[]){0, SIZE_MAX}, BNCL_ERROR_SHAPE, "overflow");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(layouts), HARNESS_TEST(one_position), HARNESS_TEST(empty),
        HARNESS_TEST(ranks),   HARNESS_TEST(sizes),        HARNESS_TEST(numbers_that_are_no_layout),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
