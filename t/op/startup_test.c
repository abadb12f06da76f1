/* bench/startup as a user would run it, in small: it times both programs and writes its file,
   leaves nothing behind, and refuses what it does not know. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "lib/command.h"
#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/json_file.h"

static double number(const json_t *figure, const char *of, const char *name)
{
    const json_t *value = json_object_get(json_object_get(figure, of), name);
    if (!json_is_number(value))
        harness_fail("%s has no %s", of, name);
    return json_number_value(value);
}

static void both_are_timed(void **state)
{
    device_of(state);
    const char *folder = files_folder(), *path = files_path(folder, "a.json");
    const char *output =
        command_run(harness_text("TMPDIR=%s", folder), 0,
                    harness_text("bench/startup --rounds 3 --cold 0 --json %s", path));
    command_said(output, "startup_warm, 3 rounds\n");
    assert_null(strstr(output, "startup_cold"));
    json_t *file = json_file(path);
    assert_int_equal(json_array_size(file), 1);
    const json_t *figure = json_array_get(file, 0);
    assert_string_equal(json_string_value(json_object_get(figure, "name")), "startup_warm");
    assert_true(json_is_boolean(json_object_get(figure, "noisy")));
    static const char *const summaries[] = {"ratio", "bare_seconds", "library_seconds"};
    for (int i = 0; i < 3; ++i) {
        const double low = number(figure, summaries[i], "low");
        const double median = number(figure, summaries[i], "median");
        assert_true(low > 0 && median >= low && number(figure, summaries[i], "high") >= median);
    }
    assert_int_equal(files_count(folder), 1);
}

static void the_command_line_is_checked(void **state)
{
    device_of(state);
    static const char *const wrong[] = {"--bogus",  "more",        "--rounds 0", "--rounds 1001",
                                        "--cold x", "--cold '-1'", "--rounds ''"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i)
        command_said(command_run("", 2, harness_text("bench/startup %s", wrong[i])),
                     "Usage: startup");
    command_said(command_run("", 0, "bench/startup --help"), "Usage: startup");
    const char *folder = files_folder();
    command_said(command_run(harness_text("BNCL_DEVICE=nosuchdevice TMPDIR=%s", folder), 1,
                             "bench/startup --rounds 1 --cold 0"),
                 "nosuchdevice");
    assert_int_equal(files_count(folder), 0);
    command_said(command_run("", 2, "bench/startup_bare"), "Usage: startup_bare");
    command_said(command_run("", 1, "bench/startup_bare 99:0"), "the platform: ");
}

/* bench/command_buffer, beside it: two times and their ratio, or why there are none. */
static void command_buffers_are_timed(void **state)
{
    const device *d = device_of(state);
    command_said(command_run("", 2, "bench/command_buffer"), "Usage: command_buffer");
    command_said(command_run("", 1, "bench/command_buffer 99:0"), "the platform: ");
    const char *output = command_run("", 0, harness_text("bench/command_buffer %s", d->info.index));
    double apart = 0.0, together = 0.0, ratio = 0.0, low = 0.0, high = 0.0;
    if (strstr(output, "command buffers") != NULL)
        skip();
    const char *colon = strchr(output, ':');
    assert_non_null(colon);
    assert_int_equal(sscanf(colon,
                            ": %lf us one by one, %lf us as a command buffer, which is %lf (%lf to "
                            "%lf) times as fast",
                            &apart, &together, &ratio, &low, &high),
                     5);
    assert_true(apart > 0.0 && together > 0.0 && low > 0.0 && low <= ratio && ratio <= high);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(both_are_timed),
        HARNESS_TEST(the_command_line_is_checked),
        HARNESS_TEST(command_buffers_are_timed),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
