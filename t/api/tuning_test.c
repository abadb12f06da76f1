/* Bad arguments to what tells, keeps and forgets a device's tuning, and what good ones do. */
#include <string.h>

#include "api/api.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/tuning.h"

typedef struct tuning_args {
    bncl_context *context;
    const char *text;
    bncl_tuning_info info, *out;
} tuning_args;

static bncl_status get(void *of, bncl_error *err)
{
    tuning_args *args = of;
    return bncl_tuning_get(args->context, args->out, err);
}

static bncl_status keep(void *of, bncl_error *err)
{
    tuning_args *args = of;
    return bncl_tuning_keep(args->context, args->text, err);
}

static bncl_status forget(void *of, bncl_error *err)
{
    tuning_args *args = of;
    return bncl_tuning_forget(args->context, err);
}

static void forget_folder(void *unused)
{
    (void)unused;
    unsetenv("BNCL_CACHE_DIR");
    setenv("BNCL_CACHE", "off", 1);
}

/* A folder for tunings, until the test ends; empty. */
static const char *use_folder(void)
{
    const char *folder = files_folder();
    harness_hold(harness_memory(1, 1), forget_folder);
    setenv("BNCL_CACHE_DIR", folder, 1);
    unsetenv("BNCL_CACHE");
    return folder;
}

static void release_context(void *context)
{
    bncl_context_destroy(context);
}

/* Another context of the device, held: the program's may have read of a test before. */
static bncl_context *new_context(const api *a)
{
    bncl_context *context = NULL;
    device_ok(a->d, bncl_context_create(a->d->info.index, &context, &a->d->err),
              "bncl_context_create");
    return harness_hold(context, release_context);
}

static void expect(const api *a, bncl_context *context, const char *origin, const char *part)
{
    bncl_tuning_info info;
    device_ok(a->d, bncl_tuning_get(context, &info, &a->d->err), "bncl_tuning_get");
    if (strcmp(info.origin, origin) != 0 || strstr(info.text, part) == NULL)
        harness_fail("expected %s with %s, got %s: %s", origin, part, info.origin, info.text);
}

static void get_tells(void **state)
{
    api *a = api_of(state);
    tuning_args args = {.context = new_context(a), .out = &args.info};
    api_call call = {.function = "bncl_tuning_get", .run = get, .args = &args};
    memset(&args.info, 0x5a, sizeof args.info);
    api_output(&call, "out", &args.info, sizeof args.info);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.out, "out");
    tune("vector=3");
    api_refuses(&call, BNCL_ERROR_ARGUMENT, "BNCL_TUNING: expected");
    tune("block_group=2,vector=1");
    api_accepts(&call);
    assert_non_null(strstr(args.info.text, ",block_group=2,"));
    assert_string_equal(args.info.origin, "BNCL_TUNING");
    assert_false(args.info.can_keep); /* BNCL_CACHE=off */
    tune("");
    expect(a, args.context, "default", "vector=");
    char before[BNCL_TUNING_TEXT_SIZE];
    device_ok(a->d, get(&args, &a->d->err), "bncl_tuning_get");
    memcpy(before, args.info.text, sizeof before);
    tune(before); /* it says every field */
    expect(a, args.context, "BNCL_TUNING", before);
}

static void keep_keeps(void **state)
{
    api *a = api_of(state);
    tuning_args args = {.context = new_context(a), .text = "group=4"};
    api_call call = {.function = "bncl_tuning_keep", .run = keep, .args = &args};
    api_refuses(&call, BNCL_ERROR_UNSUPPORTED, "BNCL_CACHE");
    const char *folder = use_folder();
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.text, "text");
    const char *const malformed[] = {"group", "group=3", "group=4;", " group=4", ",", "group=4\n"};
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; ++i)
        api_refuses_bytes(&call, &args.text, &malformed[i], sizeof malformed[i],
                          BNCL_ERROR_ARGUMENT, "text: expected");
    char *longest = harness_memory(BNCL_TUNING_TEXT_SIZE + 8, 1);
    while (strlen(longest) < BNCL_TUNING_TEXT_SIZE)
        memcpy(longest + strlen(longest), "group=4,", 8);
    api_refuses_bytes(&call, &args.text, &longest, sizeof args.text, BNCL_ERROR_ARGUMENT,
                      "text: expected less than 256 bytes, got 256");
    assert_int_equal(files_count(folder), 0);
    setenv("BNCL_CACHE_DIR", "/dev/null/none", 1);
    api_refuses(&call, BNCL_ERROR_IO, "/dev/null/none");
    setenv("BNCL_CACHE_DIR", folder, 1);
    expect(a, args.context, "default", "vector=");
    api_accepts(&call);
    assert_int_equal(files_count(folder), 1);
    expect(a, args.context, "kept", ",group=4,");
    longest[strlen(longest) - 8] = '\0';
    args.text = longest;
    api_accepts(&call);
}

static void forget_forgets(void **state)
{
    api *a = api_of(state);
    tuning_args args = {.context = new_context(a), .text = "group=4"};
    api_call call = {.function = "bncl_tuning_forget", .run = forget, .args = &args};
    api_refuses(&call, BNCL_ERROR_UNSUPPORTED, "BNCL_CACHE");
    const char *folder = use_folder();
    api_accepts(&call); /* nothing */
    device_ok(a->d, keep(&args, &a->d->err), "bncl_tuning_keep");
    expect(a, args.context, "kept", ",group=4,");
    api_refuses_null(&call, &args.context, "context");
    expect(a, args.context, "kept", ",group=4,");
    api_accepts(&call);
    expect(a, args.context, "default", "vector=");
    assert_int_equal(files_count(folder), 0);
}

/* What a context has read stays with it; the next one reads anew. BNCL_TUNING has the last word. */
static void a_context_reads_once(void **state)
{
    api *a = api_of(state);
    use_folder();
    bncl_context *first = new_context(a), *second = new_context(a);
    expect(a, first, "default", "vector=");
    device_ok(a->d, bncl_tuning_keep(second, "lines=2,group=4", &a->d->err), "bncl_tuning_keep");
    expect(a, first, "default", "vector=");
    bncl_context *third = new_context(a);
    expect(a, third, "kept", ",lines=2,group=4,");
    device_ok(a->d, bncl_tuning_forget(first, &a->d->err), "bncl_tuning_forget");
    expect(a, third, "kept", ",lines=2,group=4,");
    tune("lines=8");
    expect(a, third, "BNCL_TUNING", ",lines=8,group=4,");
    tune(NULL);
    setenv("BNCL_CACHE", "off", 1);
    expect(a, third, "default", "vector=");
    unsetenv("BNCL_CACHE");
    expect(a, new_context(a), "default", "vector=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(get_tells),
        HARNESS_TEST(keep_keeps),
        HARNESS_TEST(forget_forgets),
        HARNESS_TEST(a_context_reads_once),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
