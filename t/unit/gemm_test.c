/* Who multiplies matrices: what the device can and BNCL_GEMM says. */
#include <stdlib.h>
#include <string.h>

#include "lib/harness.h"
#include "ops/gemm.h"

#ifdef HAVE_OPENBLAS
enum { has_openblas = true };
#else
enum { has_openblas = false };
#endif

static const bncli_device_facts host_processor = {.runs_native = true};
static const bncli_device_facts anything_else = {.runs_native = false};

static bncl_error err;

/* The choice with this BNCL_GEMM; NULL: without. */
static bncl_status choose(const bncli_device_facts *facts, const char *wanted,
                          const bncli_gemm_provider **out)
{
    if (wanted != NULL)
        assert_int_equal(setenv("BNCL_GEMM", wanted, 1), 0);
    else
        assert_int_equal(unsetenv("BNCL_GEMM"), 0);
    err.text[0] = '\0';
    bncl_status status = bncli_gemm_choose(facts, out, &err);
    unsetenv("BNCL_GEMM");
    return status;
}

static void expect(const bncli_device_facts *facts, const char *wanted, const char *name)
{
    const bncli_gemm_provider *chosen = NULL;
    bncl_status status = choose(facts, wanted, &chosen);
    if (status != BNCL_OK)
        harness_fail("'%s': %s", wanted != NULL ? wanted : "unset", err.text);
    assert_string_equal(chosen->name, name);
    assert_null(chosen->obstacle(facts));
}

static void expect_refused(const bncli_device_facts *facts, const char *wanted,
                           bncl_status expected, const char *words)
{
    const bncli_gemm_provider *const before = (const bncli_gemm_provider *)&err;
    const bncli_gemm_provider *chosen = before;
    bncl_status status = choose(facts, wanted, &chosen);
    if (status != expected || strstr(err.text, "BNCL_GEMM: expected") == NULL ||
        strstr(err.text, words) == NULL)
        harness_fail("'%s': %s (%s)", wanted, bncl_status_string(status), err.text);
    assert_ptr_equal(chosen, before);
}

static void by_the_device(void **state)
{
    (void)state;
    const char *const nothing[] = {NULL, ""};
    for (int i = 0; i < 2; ++i) {
        expect(&host_processor, nothing[i], has_openblas ? "cblas" : "clblast");
        expect(&anything_else, nothing[i], "clblast");
    }
}

static void by_name(void **state)
{
    (void)state;
    expect(&host_processor, "clblast", "clblast");
    expect(&anything_else, "clblast", "clblast");
    if (has_openblas)
        expect(&host_processor, "cblas", "cblas");
    else
        expect_refused(&host_processor, "cblas", BNCL_ERROR_UNSUPPORTED, "built with OpenBLAS");
    expect_refused(&anything_else, "cblas", BNCL_ERROR_UNSUPPORTED,
                   has_openblas ? "native kernels" : "built with OpenBLAS");
}

static void names_that_there_are_not(void **state)
{
    (void)state;
    const char *const names[] = {"CBLAS", "blas", "cblas ", "clblast,cblas", "0", "openblas"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i)
        expect_refused(&host_processor, names[i], BNCL_ERROR_ARGUMENT, names[i]);
}

static void descriptions(void **state)
{
    (void)state;
    const char *const names[] = {"cblas", "clblast"};
    for (int i = has_openblas ? 0 : 1; i < 2; ++i) {
        const bncli_gemm_provider *chosen = NULL;
        char text[64], cut[8];
        assert_int_equal(choose(&host_processor, names[i], &chosen), BNCL_OK);
        chosen->describe(text, sizeof text);
        chosen->describe(cut, sizeof cut);
        assert_int_equal(strncmp(text, cut, sizeof cut - 1), 0);
        assert_int_equal(strlen(cut), strlen(text) < sizeof cut ? strlen(text) : sizeof cut - 1);
        if (i == 1)
            assert_string_equal(text, "CLBlast");
        else
            assert_true(strncmp(text, "OpenBLAS ", 9) == 0 && text[9] >= '0' && text[9] <= '9' &&
                        strstr(text, " (native kernel)") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(by_the_device),
        HARNESS_TEST(by_name),
        HARNESS_TEST(names_that_there_are_not),
        HARNESS_TEST(descriptions),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
