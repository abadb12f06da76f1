/* Statuses have names; error texts are written whole, cut where they do not fit, and never run
   over. */
#include <string.h>

#include <bncl/bncl.h>

#include "base/error.h"
#include "lib/harness.h"

static void names(void **state)
{
    (void)state;
    assert_string_equal(bncl_status_string(BNCL_OK), "success");
    for (int i = 0; i < BNCL_STATUS_COUNT; ++i) {
        const char *name = bncl_status_string((bncl_status)i);
        assert_non_null(name);
        assert_true(strlen(name) > 0 && strcmp(name, "unknown status") != 0);
        for (int k = 0; k < i; ++k)
            assert_string_not_equal(name, bncl_status_string((bncl_status)k));
    }
    const int numbers[] = {-1, BNCL_STATUS_COUNT, 1000, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i)
        assert_string_equal(bncl_status_string((bncl_status)numbers[i]), "unknown status");
}

static void texts(void **state)
{
    (void)state;
    bncl_error err;
    memset(&err, 'x', sizeof err);
    assert_true(bncli_fail(&err, BNCL_ERROR_SHAPE, "expected %d, got %s", 3, "four") ==
                BNCL_ERROR_SHAPE);
    assert_string_equal(err.text, "expected 3, got four");
    assert_true(bncli_fail_within(&err, BNCL_ERROR_SHAPE, "bn1") == BNCL_ERROR_SHAPE);
    assert_string_equal(err.text, "bn1: expected 3, got four");
    bncli_error_clear(&err);
    assert_string_equal(err.text, "");
}

/* What a text quotes may hold anything. */
static void quotations(void **state)
{
    (void)state;
    bncl_error err;
    bncli_fail(&err, BNCL_ERROR_KEY, "no key '%s'", "a\nb\x1b[2Jc\td\x7f\xc3\xa9");
    assert_string_equal(err.text, "no key 'a?b?[2Jc d?\xc3\xa9'");
    bncli_fail(&err, BNCL_ERROR_BUILD, "%s", "line 1\nline\x1b 2");
    assert_string_equal(err.text, "line 1\nline? 2");
}

static void no_place_for_a_text(void **state)
{
    (void)state;
    assert_true(bncli_fail(NULL, BNCL_ERROR_IO, "%s", "text") == BNCL_ERROR_IO);
    assert_true(bncli_fail_within(NULL, BNCL_ERROR_IO, "text") == BNCL_ERROR_IO);
    bncli_error_clear(NULL);
}

/* An error between two others, of which no byte may change. */
static void long_texts_are_cut(void **state)
{
    (void)state;
    bncl_error errors[3];
    char text[2 * BNCL_ERROR_TEXT_SIZE];
    for (size_t length = BNCL_ERROR_TEXT_SIZE - 3; length < sizeof text;
         length += 1 + length / 64) {
        memset(errors, 0x5a, sizeof errors);
        memset(text, 'a', length);
        text[length] = '\0';
        bncli_fail(&errors[1], BNCL_ERROR_IO, "%s", text);
        const size_t most = BNCL_ERROR_TEXT_SIZE - 1;
        assert_true(strlen(errors[1].text) == (length < most ? length : most));
        bncli_fail_within(&errors[1], BNCL_ERROR_IO, "prefix");
        assert_true(strlen(errors[1].text) == most);
        assert_true(strncmp(errors[1].text, "prefix: aaa", 11) == 0);
        bncli_fail_within(&errors[1], BNCL_ERROR_IO, text);
        assert_true(strlen(errors[1].text) == most);
        for (size_t i = 0; i < sizeof errors[0]; ++i)
            assert_true(errors[0].text[i] == 0x5a && errors[2].text[i] == 0x5a);
    }
}

/* The text of a prefix is taken as it is. */
static void percent_signs(void **state)
{
    (void)state;
    bncl_error err;
    bncli_fail(&err, BNCL_ERROR_IO, "%s", "100%s %n");
    bncli_fail_within(&err, BNCL_ERROR_IO, "%d");
    assert_string_equal(err.text, "%d: 100%s %n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(names),
        HARNESS_TEST(texts),
        HARNESS_TEST(quotations),
        HARNESS_TEST(no_place_for_a_text),
        HARNESS_TEST(long_texts_are_cut),
        HARNESS_TEST(percent_signs),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
