/* bench/accuracy as a user would run it, in small: it measures, it finds a kernel that breaks a
   promise, and it says what is missing; and bench/versus. */
#include <stdio.h>
#include <string.h>

#include "lib/command.h"
#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"

enum { QUICK_ROWS = 30 };

static char *run(const char *environment, int expected, const char *arguments)
{
    return command_run(environment, expected, harness_text("bench/accuracy %s", arguments));
}

/* The lines after the heading, the fields "layout,n,channels,offset,y,peer,peer,…" of each. */
static size_t check_csv(const char *path)
{
    size_t bytes, rows = 0;
    const char *bytes_read = (const char *)files_read(path, &bytes);
    char *text = harness_memory(bytes + 1, 1);
    memcpy(text, bytes_read, bytes);
    const char *heading = "layout,n,channels,offset,y_libbncl,y_PyTorch,y_oneDNN,mean,var,dgamma,"
                          "dbeta,constant\n";
    if (strncmp(text, heading, strlen(heading)) != 0)
        harness_fail("another heading: %s", text);
    for (char *line = strtok(text + strlen(heading), "\n"); line; line = strtok(NULL, "\n")) {
        char layout[8] = "";
        double offset, y, mean, var, dgamma, dbeta, constant;
        unsigned long n, channels;
        if (sscanf(line, "%7[A-Z],%lu,%lu,%lf,%lf,,,%lf,%lf,%lf,%lf,%lf", layout, &n, &channels,
                   &offset, &y, &mean, &var, &dgamma, &dbeta, &constant) != 10)
            harness_fail("not a row without peers: %s", line);
        assert_true(n == 64 || n == 4096);
        /* Real errors: none is exactly 0, and all are as promised. */
        assert_true(y > 0.0 && y <= 2e-6);
        assert_true(mean > 0.0 && mean <= 8.0 && dgamma > 0.0 && dgamma <= 8.0);
        assert_true(dbeta > 0.0 && dbeta <= 8.0 && var > 0.0 && var <= 33.6);
        assert_true(constant == 0.0);
        ++rows;
    }
    return rows;
}

/* The digest was the same on PoCL, rusticl and Oclgrind; it changes when the arithmetic's tree
   does, as t/vectors/hashes.txt. */
static void the_library_keeps_its_promises(void **state)
{
    device_of(state);
    const char *csv = files_path(files_folder(), "table.csv");
    const char *output = run("", 0, harness_text("--quick --alone --csv %s", csv));
    assert_int_equal(check_csv(csv), QUICK_ROWS);
    command_said(output, "promised, at most");
    command_said(output, "bits: 518150f831dc46c4");
}

/* Without the mean's second float, y breaks its promise, and is the only one that does. */
static void a_broken_promise_is_found(void **state)
{
    device_of(state);
    const char *kernels = files_folder(), *source = getenv("top_srcdir");
    const char *line = harness_text(
        "cp %s/kernels/*.cl %s && sed 's/ - k\\[u\\].lo;/;/' %s/kernels/batch_norm_normalize.cl "
        ">%s/batch_norm_normalize.cl && ! cmp -s %s/kernels/batch_norm_normalize.cl "
        "%s/batch_norm_normalize.cl",
        source, kernels, source, kernels, source, kernels);
    if (source == NULL || system(line) != 0)
        harness_fail("there is nothing to change in the kernel, or no copy: %s", line);
    const char *output = run(harness_text("BNCL_KERNEL_DIR=%s", kernels), 1, "--quick --alone");
    command_said(output, "accuracy: broken: layout NCL, n 4096, offset 1e4: y has ");
    assert_null(strstr(output, ": mean has"));
}

static void a_missing_peer_is_told(void **state)
{
    device_of(state);
    const char *output = run("", 0, "--quick --python /nonexistent/python3");
    command_said(output, "PyTorch is not here: /nonexistent/python3 cannot be started: No such");
    command_said(output, "oneDNN ");
}

/* A gnuplot of our own, which draws what it is sent: the data. */
static void the_picture_is_drawn_by_gnuplot(void **state)
{
    device_of(state);
    const char *folder = files_folder();
    const char *svg = files_path(folder, "a.svg");
    const char *path = command_stand_in(folder, "gnuplot", "#!/bin/sh\ncat\n");
    const char *arguments = harness_text("--quick --alone --plot %s", svg);
    run(path, 0, arguments);
    size_t count;
    char *drawn = (char *)files_read(svg, &count);
    command_said(harness_text("%.*s", (int)count, drawn), "shown = '1'\n$worst << END\n0 ");
    command_stand_in(folder, "gnuplot", "#!/bin/sh\nexit 3\n");
    command_said(run(path, 1, arguments), "apt-get install gnuplot-nox");
}

static void the_command_line_is_checked(void **state)
{
    device_of(state);
    command_said(run("", 0, "--help"), "Usage: accuracy");
    command_said(run("", 2, "--bogus"), "bogus");
    command_said(run("", 2, "--quick more"), "expected options only, got 'more'");
    command_said(run("", 1, "--quick --csv /nonexistent/table.csv"), "/nonexistent/table.csv: ");
    command_said(run("", 1, "--quick --device 'no such device'"), "no such device");
}

static void kernels_are_timed_beside_others(void **state)
{
    device_of(state);
    const char *output = command_run("", 0, "bench/versus $top_srcdir/kernels 3 2 40 5");
    command_said(output, "library ");
    command_said(output, "library/folder: ");
    command_said(command_run("", 0, "bench/versus --help"), "Usage: versus FOLDER");
    command_said(command_run("", 2, "bench/versus"), "Usage: versus FOLDER");
    command_said(command_run("", 2, "bench/versus /tmp 3 none"), "got 'none'");
    command_said(command_run("", 1, "bench/versus /nonexistent 3 2 40"), "/nonexistent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(the_library_keeps_its_promises), HARNESS_TEST(a_broken_promise_is_found),
        HARNESS_TEST(a_missing_peer_is_told),         HARNESS_TEST(the_picture_is_drawn_by_gnuplot),
        HARNESS_TEST(the_command_line_is_checked),    HARNESS_TEST(kernels_are_timed_beside_others),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
