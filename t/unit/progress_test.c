/* The line of the examples' progress bar, for terminals of any width. */
#include <math.h>
#include <string.h>

#include "lib/harness.h"

#include "../examples/progress.h"

static void expect_line(int columns, double fraction, const char *expected)
{
    char line[512];
    progress_format(line, sizeof line, columns, "epoch 1/5", fraction, "loss 0.5");
    assert_string_equal(line, expected);
}

static void the_bar_fills(void **state)
{
    (void)state;
    expect_line(32, 0.0, "epoch 1/5 [..........] loss 0.5");
    expect_line(32, 0.55, "epoch 1/5 [#####.....] loss 0.5");
    expect_line(32, 1.0, "epoch 1/5 [##########] loss 0.5");
}

static void a_fraction_out_of_range_stays_in_the_bar(void **state)
{
    (void)state;
    expect_line(32, -3.0, "epoch 1/5 [..........] loss 0.5");
    expect_line(32, 7.0, "epoch 1/5 [##########] loss 0.5");
    expect_line(32, (double)NAN, "epoch 1/5 [..........] loss 0.5");
}

static void narrow_terminals_lose_the_bar_then_text(void **state)
{
    (void)state;
    expect_line(27, 0.5, "epoch 1/5 [##...] loss 0.5");
    expect_line(26, 0.5, "epoch 1/5 loss 0.5");
    expect_line(10, 0.5, "epoch 1/5");
    expect_line(2, 0.5, "e");
    expect_line(1, 0.5, "");
    expect_line(0, 0.5, "");
}

static void expect_parts(int columns, const char *expected)
{
    char line[512];
    progress_format(line, sizeof line, columns, "epoch 1/5", 0.5,
                    "loss 0.4321  accuracy 0.8765  12345 samples/s");
    assert_string_equal(line, expected);
}

static void narrow_terminals_lose_the_last_part_first(void **state)
{
    (void)state;
    expect_parts(64, "epoch 1/5 [##...] loss 0.4321  accuracy 0.8765  12345 samples/s");
    expect_parts(63, "epoch 1/5 [##########...........] loss 0.4321  accuracy 0.8765");
    expect_parts(47, "epoch 1/5 [##...] loss 0.4321  accuracy 0.8765");
    expect_parts(46, "epoch 1/5 [##########...........] loss 0.4321");
    expect_parts(30, "epoch 1/5 [##...] loss 0.4321");
    expect_parts(29, "epoch 1/5 loss 0.4321");
}

static void no_width_overflows_the_line(void **state)
{
    (void)state;
    for (int columns = 0; columns <= 600; ++columns) {
        char line[64 + 1];
        line[64] = '!';
        progress_format(line, 64, columns, "epoch 1/5", 0.5, "loss 0.5");
        assert_int_equal(line[64], '!');
        assert_true(strlen(line) < 64);
        assert_true((int)strlen(line) < (columns > 1 ? columns : 1));
    }
}

static void nothing_is_drawn_without_a_terminal(void **state)
{
    (void)state;
    progress bar = {.stream = NULL};
    assert_false(progress_due(&bar));
    progress_draw(&bar, "left", 0.5, "right");
    assert_false(bar.visible);
    progress_clear(&bar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(the_bar_fills),
        HARNESS_TEST(a_fraction_out_of_range_stays_in_the_bar),
        HARNESS_TEST(narrow_terminals_lose_the_bar_then_text),
        HARNESS_TEST(narrow_terminals_lose_the_last_part_first),
        HARNESS_TEST(no_width_overflows_the_line),
        HARNESS_TEST(nothing_is_drawn_without_a_terminal),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
