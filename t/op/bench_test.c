/* bncl-bench as a user would run it, in small: it measures, writes its files, draws, and says what
   is wrong with a command line. How fast anything is, no test asks. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "lib/command.h"
#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/json_file.h"

/* Any spread will do where a machine may be busy. */
#define TINY "--shape 6x5 --dtype f32 --rounds 2 --spread 1e9 "

static char *run(const char *environment, int expected, const char *arguments)
{
    return command_run(environment, expected, harness_text("bench/bncl-bench %s", arguments));
}

/* Times are times: positive, in order, and libbncl's ratio to itself is 1. */
static void check_timing(json_t *one, const char *name)
{
    double low, median, high, ratio, alone;
    json_int_t calls;
    if (json_unpack(one, "{s:{s:{s:{s:F,s:F,s:F},s:{s:F},s:{s:F},s:I}}}", "timings", name,
                    "seconds", "low", &low, "median", &median, "high", &high, "ratio", "median",
                    &ratio, "alone", "median", &alone, "calls", &calls) != 0)
        harness_fail("no timing of %s in %s", name,
                     json_string_value(json_object_get(one, "name")));
    assert_true(low > 0.0 && low <= median && median <= high && alone > 0.0 && calls >= 1);
    assert_true(strcmp(name, "libbncl") == 0 ? ratio == 1.0 : ratio > 0.0);
}

/* What takes [6,5]: 4 directions of batch norm, 6 with more fused, 3 by elements, the loss. */
static void every_operator_is_timed(void **state)
{
    device_of(state);
    const char *path = files_path(files_folder(), "a.json");
    const char *output = run("", 0, harness_text(TINY "--no-peers --json %s", path));
    command_said(output, "batch_norm/train/f32/NC/6x5 ");
    command_said(output, "cross_entropy/step/f32/6x5 ");
    json_t *cases = json_object_get(json_file(path), "cases"), *one;
    size_t i;
    assert_int_equal(json_array_size(cases), 14);
    json_array_foreach(cases, i, one)
    {
        assert_true(json_integer_value(json_object_get(one, "launches")) >= 1);
        assert_true(json_number_value(json_object_get(one, "bytes")) >= 2 * 30 * 4);
        check_timing(one, "libbncl");
        check_timing(one, "limit");
        check_timing(one, "empty");
        assert_null(json_object_get(json_object_get(one, "timings"), "pytorch"));
    }
}

/* An optimizer's step is one launch, by sgd.h. */
static void launches_are_counted(void **state)
{
    device_of(state);
    const char *path = files_path(files_folder(), "a.json");
    run("", 0,
        harness_text("--operator sgd --shape 99 --rounds 1 --spread 1e9 --no-peers --json %s",
                     path));
    json_t *one = json_array_get(json_object_get(json_file(path), "cases"), 0);
    assert_int_equal(json_integer_value(json_object_get(one, "launches")), 1);
}

/* Fields of a line, of which every one has as many. */
static size_t count_fields(const char *line)
{
    size_t fields = 1;
    for (; *line != '\0' && *line != '\n'; ++line)
        fields += *line == ',';
    return fields;
}

static void csv_has_a_line_a_case(void **state)
{
    device_of(state);
    const char *heading = "operator,direction,dtype,layout,shape,bytes,flops,launches,noisy,";
    char *text = run("", 0, TINY "--operator add --no-peers --csv -");
    if (strncmp(text, heading, strlen(heading)) != 0)
        harness_fail("another heading: %s", text);
    char *row = strchr(text, '\n') + 1;
    command_said(row, "add,forward,f32,,6x5,360,30,1,0,");
    assert_int_equal(count_fields(row), count_fields(text));
    assert_string_equal(strchr(row, '\n'), "\n"); /* and no table */
}

/* A peer of our own, which says that any number of calls takes a quarter of a second. */
static void peers_are_asked(void **state)
{
    device_of(state);
    const char *folder = files_folder(), *python = files_path(folder, "python");
    const char *path = files_path(folder, "a.json");
    const char script[] = "#!/bin/sh\n"
                          "echo PyTorch of our own\n"
                          "while read -r what rest; do\n"
                          "    case $what in\n"
                          "    prepare) echo \"$rest\" >>\"$0.asked\"; echo ok 3-D ;;\n"
                          "    run) echo 0.25 ;;\n"
                          "    esac\n"
                          "done\n";
    command_stand_in(folder, "python", script);
    const char *output =
        run("", 0, harness_text(TINY "--operator add --python %s --json %s", python, path));
    command_said(output, "PyTorch of our own");
    json_t *one = json_array_get(json_object_get(json_file(path), "cases"), 0);
    double seconds;
    const char *way;
    assert_int_equal(json_unpack(one, "{s:{s:{s:s,s:{s:F}}}}", "timings", "pytorch", "way", &way,
                                 "seconds", "median", &seconds),
                     0);
    assert_string_equal(way, "3-D");
    assert_true(seconds == 0.25);
    const char asked[] = "add forward f32 NC 6 5\n";
    files_expect(files_path(folder, "python.asked"), asked, sizeof asked - 1);
}

static void a_missing_peer_is_told(void **state)
{
    device_of(state);
    const char *output = run("", 0, TINY "--operator add --python /nonexistent/python3");
    command_said(output, "PyTorch is not here: /nonexistent/python3 cannot be started: No such");
    command_said(output, "oneDNN ");
}

/* No sample is exactly like the next one. */
static void noise_is_no_result(void **state)
{
    device_of(state);
    const char *output = run("", 3,
                             "--shape 6x5 --dtype f32 --rounds 4 --spread 1e-9 --operator add "
                             "--no-peers");
    command_said(output, "1 of 1 cases are noisy, so no results");
    command_said(output, "~ ");
}

/* A gnuplot of our own, which draws what it is sent. */
static void the_picture_is_drawn_by_gnuplot(void **state)
{
    device_of(state);
    const char *folder = files_folder();
    const char *svg = files_path(folder, "a.svg");
    const char *path = command_stand_in(folder, "gnuplot", "#!/bin/sh\ncat\n");
    const char *arguments = harness_text(TINY "--operator add --no-peers --plot %s", svg);
    run(path, 0, arguments);
    size_t count;
    char *drawn = (char *)files_read(svg, &count);
    const char *text = harness_text("%.*s", (int)count, drawn);
    command_said(text, "count = 1\nroof = ");
    command_said(text, "shown = ' 1'\n$cases << END\nadd/forward/f32/6x5 ");
    command_said(text, "set multiplot");
    command_stand_in(folder, "gnuplot", "#!/bin/sh\nexit 3\n");
    command_said(run(path, 1, arguments), "apt-get install gnuplot-nox");
}

/* ---- tuning ---- */

/* What follows `begin` in the output, to the line's end; held. */
static const char *line_after(const char *output, const char *begin)
{
    command_said(output, begin);
    const char *line = strstr(output, begin) + strlen(begin);
    return harness_text("%.*s", (int)strcspn(line, "\n"), line);
}

/* Which of them is taken, in so few rounds, is chance. */
static void a_tuning_is_kept_for_the_next_process(void **state)
{
    device_of(state);
    const char *folder = files_folder();
    const char *where = harness_text("BNCL_CACHE= BNCL_CACHE_DIR=%s", folder);
    const char *put = harness_text("%s BNCL_TUNING=lines=2", where);
    const char *output = run(put, 0, "--tune --operator add " TINY);
    command_said(output, "cases: 1\nfrom vector=");
    command_said(output, "(BNCL_TUNING)\n");
    command_said(output, "\n  whole=");
    command_said(output, "\n  lines=");
    command_said(output, "\nkept for this device");
    const char *kept = line_after(output, "\nBNCL_TUNING=");
    assert_int_equal(files_count(folder), 1); /* and no program that was tried */
    /* In the library's order, which bncl devices has, a tuning reads otherwise. */
    const char *found = line_after(command_run(where, 0, "tools/bncl devices"), "tuning    ");
    const char *same = harness_text("BNCL_CACHE=off BNCL_TUNING=%s", kept);
    const char *expected = line_after(command_run(same, 0, "tools/bncl devices"), "tuning    ");
    assert_non_null(strstr(found, " (kept)"));
    command_said(run(where, 0, TINY "--operator add --no-peers"), "tuning (kept): vector=");
    assert_memory_equal(found, expected, (size_t)(strstr(found, " (kept)") - found));
    const size_t files = files_count(folder);
    run(where, 0, "--forget-tuning");
    assert_int_equal(files_count(folder), files - 1);
    command_said(command_run(where, 0, "tools/bncl devices"), " (default)\n");
}

static void a_dry_run_keeps_nothing(void **state)
{
    device_of(state);
    const char *folder = files_folder();
    const char *where = harness_text("BNCL_CACHE= BNCL_CACHE_DIR=%s", folder);
    const char *output =
        run(where, 0, "--tune --dry-run --operator sgd --shape 99 --rounds 1 --spread 1e9");
    command_said(output, "cases: 1\nfrom ");
    command_said(output, "not kept: --dry-run\n");
    assert_int_equal(files_count(folder), 0);
    command_said(run("BNCL_CACHE=off", 1, "--tune " TINY), "no folder to keep a tuning in");
    command_said(run("BNCL_CACHE=off", 1, "--forget-tuning"), "BNCL_CACHE is off");
}

static void the_command_line_is_checked(void **state)
{
    device_of(state);
    static const struct {
        const char *arguments, *said;
    } wrong[] = {
        {"--bogus", "bogus"},
        {"more", "expected options only, got 'more'"},
        {"--operator norm", "expected --operator of those that --help lists, got 'norm'"},
        {"--dtype i32", "expected --dtype f32, f16, bf16 or f64, got 'i32'"},
        {"--layout NCHW", "expected --layout NC, NCL or NLC, got 'NCHW'"},
        {"--direction up", "expected --direction train, eval,"},
        {"--rounds 0", "expected --rounds of 1 to 1001, got '0'"},
        {"--rounds 1002", "got '1002'"},
        {"--rounds 3x", "got '3x'"},
        {"--spread 0", "expected --spread above 0, such as 0.15, got '0'"},
        {"--spread nan", "got 'nan'"},
        {"--shape 3x", "expected --shape of one to three numbers, such as 64x128x1024, got '3x'"},
        {"--csv - --json -", "expected one of --csv and --json on standard output"},
        {"--only nothing", "expected a choice that leaves a case, got none"},
        {"--tune --only nothing", "expected a choice that leaves a case, got none"},
        {"--dry-run", "expected --dry-run with --tune"},
        {"--tune --forget-tuning", "expected one of --tune and --forget-tuning"},
        {"--tune --csv -", "expected no --csv, --json or --plot with a tuning"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i)
        command_said(run("", 2, wrong[i].arguments), wrong[i].said);
    command_said(run("", 0, "--help"), "Usage: bncl-bench");
    command_said(run("", 0, "--version"), bncl_version());
    command_said(run("", 0, "--list --quick"), "batch_norm/train/f32/NC/32x256\n");
    command_said(run("", 0, "--tune --list"), "batch_norm/backward/f32/NLC/64x128x1024\n");
    command_said(run("", 1, TINY "--csv /nonexistent/a.csv"), "/nonexistent/a.csv: ");
    command_said(run("", 1, TINY "--device 'no such device'"), "no such device");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(every_operator_is_timed),
        HARNESS_TEST(launches_are_counted),
        HARNESS_TEST(csv_has_a_line_a_case),
        HARNESS_TEST(peers_are_asked),
        HARNESS_TEST(a_missing_peer_is_told),
        HARNESS_TEST(noise_is_no_result),
        HARNESS_TEST(the_picture_is_drawn_by_gnuplot),
        HARNESS_TEST(the_command_line_is_checked),
        HARNESS_TEST(a_tuning_is_kept_for_the_next_process),
        HARNESS_TEST(a_dry_run_keeps_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
