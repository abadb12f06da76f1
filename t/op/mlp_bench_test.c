/* bench/mlp in small: it runs its cases, asks PyTorch, writes its file. How fast anything is, no
   test asks. */
#include <jansson.h>
#include <string.h>

#include "lib/command.h"
#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/json_file.h"

/* Any spread will do where a machine may be busy. */
#define TINY "--rounds 1 --spread 1e9 --images 70 "

static char *run(int expected, const char *arguments)
{
    return command_run("", expected, harness_text("bench/mlp %s", arguments));
}

/* A peer of our own, which says that any number of calls takes a quarter of a second. */
static const char peer[] = "#!/bin/sh\n"
                           "echo PyTorch of our own\n"
                           "while read -r what rest; do\n"
                           "    case $what in\n"
                           "    prepare) echo \"$rest\" >>\"$0.asked\"; echo ok ;;\n"
                           "    run) echo 0.25 ;;\n"
                           "    esac\n"
                           "done\n";

/* A step, eval and an epoch; times are times, and the ratio is one of them by the other. */
static void cases_run_beside_a_peer(void **state)
{
    device_of(state);
    static const char *const names[] = {"mlp_train_32", "mlp_eval_32", "mlp_epoch_128"};
    static const char *const parts[] = {"train_32", "eval_32", "epoch"};
    static const char asked[] = "train 32\neval 32\nepoch 128 70\n";
    const char *folder = files_folder(), *python = files_path(folder, "python");
    const char *path = files_path(folder, "a.json");
    command_stand_in(folder, "python", peer);
    for (size_t i = 0; i < 3; ++i) {
        char *output =
            run(0, harness_text(TINY "--only %s --python %s --json %s", parts[i], python, path));
        command_said(output, "PyTorch of our own");
        json_t *root = json_file(path), *one = json_array_get(root, 0);
        double own, low, high, theirs, ratio;
        const char *name;
        int noisy;
        json_int_t launches;
        assert_int_equal(json_array_size(root), 1);
        assert_int_equal(json_unpack(one, "{s:s, s:b, s:I, s:{s:F, s:F, s:F}, s:{s:F}, s:{s:F}}",
                                     "name", &name, "noisy", &noisy, "launches", &launches,
                                     "libbncl", "median", &own, "low", &low, "high", &high,
                                     "pytorch", "median", &theirs, "ratio", "median", &ratio),
                         0);
        assert_string_equal(name, names[i]);
        assert_true(!noisy && launches > 0 && own > 0.0 && low <= own && own <= high);
        assert_true(theirs > 0.0 && ratio > 0.0);
        assert_true(ratio / (theirs / own) > 0.999 && ratio / (theirs / own) < 1.001);
    }
    files_expect(files_path(folder, "python.asked"), asked, sizeof asked - 1);
}

static void a_missing_peer_is_told(void **state)
{
    device_of(state);
    const char *path = files_path(files_folder(), "a.json");
    const char *output =
        run(0, harness_text(TINY "--only eval_32 --python /nonexistent/python3 --json %s", path));
    command_said(output, "PyTorch is not here: /nonexistent/python3 cannot be started: No such");
    json_t *one = json_array_get(json_file(path), 0);
    assert_null(json_object_get(one, "ratio"));
    assert_non_null(json_object_get(one, "libbncl"));
}

/* No sample is exactly like the next one. */
static void noise_is_no_result(void **state)
{
    device_of(state);
    command_said(run(3, "--only eval_32 --rounds 4 --spread 1e-9 --no-peers"), " ~\n");
}

static void the_command_line_is_checked(void **state)
{
    device_of(state);
    static const struct {
        const char *arguments, *said;
    } wrong[] = {
        {"--bogus", "bogus"},
        {"more", "expected options only, got 'more'"},
        {"--rounds 0", "expected --rounds of 1 to 1001, got '0'"},
        {"--rounds -1", "got '-1'"},
        {"--rounds 3x", "got '3x'"},
        {"--images 1", "expected --images of 2 to 1000000, got '1'"},
        {"--spread 0", "expected --spread above 0, such as 0.15, got '0'"},
        {"--spread x", "got 'x'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i)
        command_said(run(2, wrong[i].arguments), wrong[i].said);
    command_said(run(0, "--help"), "Usage: mlp");
    command_said(run(1, TINY "--only eval_32 --no-peers --json /nonexistent/a.json"),
                 "/nonexistent/a.json cannot be written");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(cases_run_beside_a_peer),
        HARNESS_TEST(a_missing_peer_is_told),
        HARNESS_TEST(noise_is_no_result),
        HARNESS_TEST(the_command_line_is_checked),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
