/* Which device a text selects among made-up ones, and what a machine without any gives. Shows the
   ICD loader no driver at all. */
#include "runtime/device_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/harness.h"

enum { count = 5 };

static bncli_device_entry entries[count];

static void set_entry(size_t i, const char *index, const char *type, const char *match)
{
    memset(&entries[i], 0, sizeof entries[i]);
    snprintf(entries[i].info.index, sizeof entries[i].info.index, "%s", index);
    snprintf(entries[i].info.type, sizeof entries[i].info.type, "%s", type);
    snprintf(entries[i].match, sizeof entries[i].match, "%s", match);
}

static int make_entries(void **state)
{
    (void)state;
    set_entry(0, "0:0", "cpu", "pthread-znver\nAMD\nPortable Computing Language\nOpenCL 3.0 PoCL");
    set_entry(1, "0:1", "cpu", "basic\nAMD\nPortable Computing Language\nOpenCL 3.0 PoCL");
    set_entry(2, "1:0", "accelerator", "Board 2:0\nFPGA and Sons\nFPGA\nOpenCL 1.2");
    set_entry(3, "2:0", "gpu", "Graphics One\nNVIDIA\nCUDA\nOpenCL 3.0");
    set_entry(4, "2:1", "gpu", "Graphics Two\nNVIDIA\nCUDA\nOpenCL 3.0");
    return 0;
}

/* Fails unless the first `among` entries give this one; -1: none. */
static void expect(const char *selection, size_t among, int expected)
{
    const bncli_device_entry *got = bncli_device_select(entries, among, selection);
    int index = got != NULL ? (int)(got - entries) : -1;
    if (index != expected)
        harness_fail("'%s' of %zu devices: expected %d, got %d", selection ? selection : "NULL",
                     among, expected, index);
}

static void nothing_selected(void **state)
{
    (void)state;
    expect(NULL, count, 3); /* a GPU first */
    expect("", count, 3);
    expect(NULL, 3, 2); /* then an accelerator */
    expect(NULL, 2, 0); /* then any */
    expect(NULL, 0, -1);
    expect("", 0, -1);
}

static void by_type(void **state)
{
    (void)state;
    expect("cpu", count, 0);
    expect("gpu", count, 3);
    expect("accelerator", count, 2);
    expect("GPU", count, 3);
    expect("Cpu", count, 0);
    expect("gpu", 3, -1);
    expect("accelerator", 2, -1);
    expect("cpu", 0, -1);
}

/* A type is no part of a name, though a device be called so. */
static void a_type_is_no_name(void **state)
{
    (void)state;
    set_entry(0, "0:0", "cpu", "gpu emulator\nSomebody\nEmulation\nOpenCL 1.2");
    expect("gpu", 1, -1);
    expect("gpu e", 1, 0);
    make_entries(NULL);
}

static void by_index(void **state)
{
    (void)state;
    expect("0:0", count, 0);
    expect("0:1", count, 1);
    expect("1:0", count, 2);
    expect("2:1", count, 4);
    expect("3:0", count, -1);
    expect("0:2", count, -1);
    expect("0", count, -1);
    expect("0:", count, -1);
    expect(":0", count, -1);
    expect("00:0", count, -1);
    expect("2:0", 3, -1); /* not the one that is called so */
}

static void by_name(void **state)
{
    (void)state;
    expect("basic", count, 1);
    expect("pocl", count, 0); /* the first of two */
    expect("PORTABLE", count, 0);
    expect("nvidia", count, 3);
    expect("graphics two", count, 4);
    expect("cuda\nopencl", count, 3);
    expect("fpga", count, 2);
    expect("rusticl", count, -1);
    expect("graphics  two", count, -1);
    expect("opencl 3.0 poclx", count, -1); /* ends beyond the text */
    expect("nvidia", 3, -1);
}

/* ---- no driver ---- */

static void expect_none(const char *selection)
{
    bncl_context *context = (bncl_context *)(void *)entries, *before = context;
    bncl_error err = {{0}};
    bncl_status status = bncl_context_create(selection, &context, &err);
    if (status != BNCL_ERROR_NO_DEVICE || strstr(err.text, "driver") == NULL ||
        strstr(err.text, "pocl-opencl-icd") == NULL)
        harness_fail("expected no device and a way to get one, got \"%s: %s\"",
                     bncl_status_string(status), err.text);
    assert_ptr_equal(context, before);
    assert_int_equal(bncl_context_create(selection, &context, NULL), BNCL_ERROR_NO_DEVICE);
}

static void no_device(void **state)
{
    (void)state;
    expect_none(NULL);
    expect_none("");
    expect_none("gpu");
    expect_none("0:0");
    expect_none("pocl");
}

static void an_empty_list(void **state)
{
    (void)state;
    size_t devices = 77;
    bncl_error err = {"old"};
    assert_int_equal(bncl_device_list(NULL, 0, &devices, &err), BNCL_OK);
    assert_int_equal(devices, 0);
    assert_string_equal(err.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(nothing_selected), HARNESS_TEST(by_type), HARNESS_TEST(a_type_is_no_name),
        HARNESS_TEST(by_index),         HARNESS_TEST(by_name), HARNESS_TEST(no_device),
        HARNESS_TEST(an_empty_list),
    };
    setenv("OCL_ICD_VENDORS", "/nonexistent", 1); /* before the loader's first call */
    unsetenv("OCL_ICD_FILENAMES");
    unsetenv("BNCL_DEVICE");
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_entries, NULL);
}
