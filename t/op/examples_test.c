/* The example programs, as a user would run them: what they print, what they write, and how they
   end when something is wrong. fashion_mlp runs on a small set of its own making. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/idx_file.h"

#define OUTPUT_SIZE 65536
#define TEST_IMAGES 100

/* Runs examples/COMMAND, which ends with its arguments, and expects the exit status. Returns what
   it wrote to stdout and stderr, held. */
static char *run(int expected, const char *command)
{
    const char *build = getenv("top_builddir");
    const char *line = harness_text("%s/examples/%s 2>&1", build != NULL ? build : ".", command);
    char *output = harness_memory(OUTPUT_SIZE, 1);
    FILE *pipe = popen(line, "r");
    if (pipe == NULL)
        harness_fail("%s: cannot be started", line);
    size_t length = fread(output, 1, OUTPUT_SIZE - 1, pipe);
    int status = pclose(pipe);
    output[length] = '\0';
    if (!WIFEXITED(status) || WEXITSTATUS(status) != expected)
        harness_fail("%s: expected exit status %d, got wait status 0x%x and: %s", line, expected,
                     (unsigned)status, output);
    return output;
}

static void expect_text(const char *output, const char *text)
{
    if (strstr(output, text) == NULL)
        harness_fail("expected \"%s\" in: %s", text, output);
}

static void batch_norm_tracks_in_training_only(void **state)
{
    device_of(state);
    int trained = 0, evaluated = 0;
    const char *before = "";
    for (char *line = strtok(run(0, "batch_norm"), "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *running = strstr(line, "running");
        trained += strncmp(line, "  train", 7) == 0;
        if (strncmp(line, "  eval", 6) == 0) {
            ++evaluated;
            assert_non_null(running);
            assert_string_equal(running, before);
        }
        before = running != NULL ? running : "";
    }
    assert_int_equal(trained, 5 * 5);
    assert_int_equal(evaluated, 5);
}

static void sequence_layouts_agree(void **state)
{
    device_of(state);
    expect_text(run(0, "sequence"), "largest difference");
}

static void interop_works_in_the_callers_memory(void **state)
{
    device_of(state);
    expect_text(run(0, "interop"), "largest error");
    expect_text(run(1, "interop 'no such platform'"), "OpenCL error -1");
}

static void the_command_line_is_checked(void **state)
{
    (void)state;
    expect_text(run(0, "fashion_mlp --help"), "Usage: fashion_mlp");
    expect_text(run(0, "fashion_mlp --version"), bncl_version());
    expect_text(run(2, "fashion_mlp --batch=1"), "--batch: expected");
    expect_text(run(2, "fashion_mlp --bogus"), "'--bogus'");
}

/* A folder with a set of `images` to train on and TEST_IMAGES to test, held. */
static const char *small_set(uint32_t images)
{
    const char *folder = files_folder();
    idx_file_write_set(folder, "train", images, images, 1);
    idx_file_write_set(folder, "t10k", TEST_IMAGES, TEST_IMAGES, 2);
    return folder;
}

static const char *last_line(const char *output)
{
    size_t end = strlen(output);
    while (end > 0 && output[end - 1] == '\n')
        --end;
    while (end > 0 && output[end - 1] != '\n')
        --end;
    return output + end;
}

/* 321 images in batches of 64: a last one of a single image, which is left out. */
static void a_network_is_trained_saved_and_loaded(void **state)
{
    device_of(state);
    const char *folder = small_set(321), *logits = files_path(folder, "logits");
    const char *output = run(0, harness_text("fashion_mlp --data %s --output %s/a --logits %s "
                                             "--epochs 3 --batch 64",
                                             folder, folder, logits));
    expect_text(output, "\nepoch 3/3 ");
    expect_text(output, "same prediction and same logits, bit for bit, on all 100 test images");
    expect_text(output, "without eval(), batches of 2");
    double accuracy = -1.0;
    assert_int_equal(sscanf(last_line(output), "test accuracy: %lf", &accuracy), 1);
    assert_true(accuracy >= 0.8 && accuracy <= 1.0);

    size_t count, count_again;
    const void *values = files_read(logits, &count);
    assert_int_equal(count, TEST_IMAGES * 10 * sizeof(float));
    const char *again = run(
        0, harness_text("fashion_mlp --data %s --load %s/a --logits %s", folder, folder, logits));
    assert_string_equal(last_line(again), last_line(output));
    assert_memory_equal(files_read(logits, &count_again), values, count);
}

/* 150 images in batches of 64: a smaller last batch. */
static void one_seed_gives_one_file(void **state)
{
    device_of(state);
    const char *folder = small_set(150), *names[] = {"a", "b", "c"};
    const int seeds[] = {7, 7, 8};
    size_t counts[3];
    unsigned char *bytes[3];
    for (int i = 0; i < 3; ++i) {
        const char *file = files_path(folder, names[i]);
        run(0, harness_text("fashion_mlp --data %s --output %s --epochs 2 --batch 64 --seed %d",
                            folder, file, seeds[i]));
        bytes[i] = files_read(file, &counts[i]);
    }
    assert_int_equal(counts[0], counts[1]);
    assert_int_equal(counts[0], counts[2]);
    assert_memory_equal(bytes[0], bytes[1], counts[0]);
    assert_memory_not_equal(bytes[0], bytes[2], counts[0]);
}

static void what_is_wrong_is_said(void **state)
{
    device_of(state);
    const char *folder = small_set(20);
    expect_text(run(1, harness_text("fashion_mlp --data %s/none", folder)),
                "dataset-fashion-mnist");
    expect_text(run(1, harness_text("fashion_mlp --data %s --device 'no such device'", folder)),
                "no such device");
    expect_text(run(1, harness_text("fashion_mlp --data %s --output %s/none/a", folder, folder)),
                harness_text("%s/none/a", folder));
    files_write(files_path(folder, "text"), "no network\n", 11);
    expect_text(run(1, harness_text("fashion_mlp --data %s --load %s/text", folder, folder)),
                harness_text("%s/text", folder));
    const char *steep = "--lr 1e6 --final-lr 1e6 --epochs 30";
    expect_text(
        run(1, harness_text("fashion_mlp --data %s --output %s/a %s", folder, folder, steep)),
        "try a smaller --lr");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(batch_norm_tracks_in_training_only),
        HARNESS_TEST(sequence_layouts_agree),
        HARNESS_TEST(interop_works_in_the_callers_memory),
        HARNESS_TEST(the_command_line_is_checked),
        HARNESS_TEST(a_network_is_trained_saved_and_loaded),
        HARNESS_TEST(one_seed_gives_one_file),
        HARNESS_TEST(what_is_wrong_is_said),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
