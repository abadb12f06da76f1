/* Text from outside: which bytes are UTF-8, and what of them goes into an error text. */
#include <string.h>

#include "base/foreign_text.h"
#include "lib/harness.h"

#define TEXT(text) text, sizeof(text) - 1

static void utf8_is_told_from_other_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length, valid;
    } rows[] = {
        {TEXT(""), 0},
        {TEXT("ascii\0too"), 9},
        {TEXT("\x7f\xc2\x80\xdf\xbf"), 5},
        {TEXT("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"), 12},
        {TEXT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), 8},
        {TEXT("a\x80"), 1}, /* no beginning */
        {TEXT("a\xc2"), 1}, /* no end */
        {TEXT("a\xe2\x82"), 1},
        {TEXT("a\xf0\x9f\x98"), 1},
        {TEXT("a\xc2"
              "b"),
         1},
        {TEXT("a\xe2\x82"
              "b"),
         1},
        {TEXT("a\xc0\xaf"), 1}, /* overlong */
        {TEXT("a\xc1\xbf"), 1},
        {TEXT("a\xe0\x9f\xbf"), 1},
        {TEXT("a\xf0\x8f\xbf\xbf"), 1},
        {TEXT("a\xed\xa0\x80"), 1}, /* surrogates */
        {TEXT("a\xed\xbf\xbf"), 1},
        {TEXT("a\xf4\x90\x80\x80"), 1}, /* beyond U+10FFFF */
        {TEXT("a\xf5\x80\x80\x80"), 1},
        {TEXT("a\xff"), 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        size_t valid = bncli_utf8_prefix(rows[i].bytes, rows[i].length);
        if (valid != rows[i].valid)
            harness_fail("row %zu: expected %zu valid bytes, got %zu", i, rows[i].valid, valid);
    }
}

static void control_characters_are_replaced(void **state)
{
    (void)state;
    bncli_excerpt out;
    assert_string_equal(bncli_excerpt_of("a\n\x1b[2J\x7f"
                                         "b",
                                         &out),
                        "a??[2J?b");
    assert_string_equal(bncli_excerpt_of("\xc2\x9b"
                                         "1m \xc3\xa9",
                                         &out),
                        "??1m \xc3\xa9");
    assert_string_equal(bncli_excerpt_of("", &out), "");
    assert_string_equal(bncli_excerpt_of("\xc2", &out), "\xc2");
}

static void a_long_text_loses_its_middle(void **state)
{
    (void)state;
    bncli_excerpt out;
    char text[1000];
    for (size_t length = 200; length < 600; ++length) {
        memset(text, 'm', length);
        memcpy(text, "head", 4);
        memcpy(text + length - 4, "tail", 5);
        size_t got = strlen(bncli_excerpt_of(text, &out));
        assert_int_equal(got, length < BNCLI_EXCERPT_SIZE ? length : BNCLI_EXCERPT_SIZE - 1);
        assert_memory_equal(out.text, "head", 4);
        assert_string_equal(out.text + got - 4, "tail");
        assert_int_equal(strstr(out.text, "...") != NULL, length >= BNCLI_EXCERPT_SIZE);
    }
}

static void no_character_is_cut_in_two(void **state)
{
    (void)state;
    bncli_excerpt out;
    char text[1000];
    for (size_t shift = 0; shift < 8; ++shift) {
        memset(text, 'm', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\x98\x80", 5);
        size_t length = strlen(bncli_excerpt_of(text, &out));
        assert_int_equal(bncli_utf8_prefix(out.text, length), length);
        assert_true(length > BNCLI_EXCERPT_SIZE - 10);
    }
    memset(text, 0x80, sizeof text - 1); /* and where all bytes look like a character's middle */
    text[sizeof text - 1] = '\0';
    assert_string_equal(bncli_excerpt_of(text, &out), "...");
}

static void a_subject_goes_before_the_text(void **state)
{
    (void)state;
    bncl_error err = {"reason"};
    assert_int_equal(bncli_fail_about(&err, BNCL_ERROR_IO, "a\tb"), BNCL_ERROR_IO);
    assert_string_equal(err.text, "a?b: reason");
    assert_int_equal(bncli_fail_about(NULL, BNCL_ERROR_KEY, "x"), BNCL_ERROR_KEY);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        HARNESS_TEST(utf8_is_told_from_other_bytes),  HARNESS_TEST(control_characters_are_replaced),
        HARNESS_TEST(a_long_text_loses_its_middle),   HARNESS_TEST(no_character_is_cut_in_two),
        HARNESS_TEST(a_subject_goes_before_the_text),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
