/* The example programs, as a user would run them: what they print, what they write, and how they
   end when something is wrong. fashion_mlp runs on a small set of its own making. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/command.h"
#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/idx_file.h"

#define TEST_IMAGES 100

static char *run(int expected, const char *example)
{
    return command_run("", expected, harness_text("examples/%s", example));
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
    command_said(run(0, "sequence"), "largest difference");
}

static bool holds(const unsigned char *bytes, size_t count, const char *text)
{
    for (size_t i = 0; i + strlen(text) <= count; ++i)
        if (memcmp(bytes + i, text, strlen(text)) == 0)
            return true;
    return false;
}

/* The file has no batch norm's entries. */
static void folding_gives_the_same(void **state)
{
    device_of(state);
    const char *folder = files_folder(), *path = files_path(folder, "folded");
    size_t count;
    command_said(run(0, "fold"), "13 entries in the state dict, 4 after folding");
    command_said(run(0, harness_text("fold %s", path)), "largest difference");
    const unsigned char *file = files_read(path, &count);
    assert_true(holds(file, count, "fc1.bias"));
    assert_false(holds(file, count, "bn1"));
    command_said(run(1, "fold /none/a"), "fold: ");
}

static void parts_are_the_whole_batch(void **state)
{
    device_of(state);
    command_said(run(0, "synchronized"), "in 3 parts and in one: largest difference");
}

static void interop_works_in_the_callers_memory(void **state)
{
    device_of(state);
    command_said(run(0, "interop"), "largest error");
    command_said(run(1, "interop 'no such platform'"), "no OpenCL device found");
}

static void without_a_device_they_say_what_helps(void **state)
{
    device_of(state);
    const char *const commands[] = {"batch_norm", "sequence", "synchronized", "fold", "interop"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; ++i) {
        const char *command = harness_text("examples/%s", commands[i]);
        const char *output = command_run("OCL_ICD_VENDORS=/nonexistent", 1, command);
        command_said(output, "no OpenCL device");
        command_said(output, "pocl-opencl-icd");
    }
}

static void the_tool_marks_the_device_that_is_taken(void **state)
{
    device_of(state);
    command_said(command_run("", 0, "tools/bncl devices"), "* 0:0 ");
    command_said(command_run("BNCL_GEMM=clblast", 0, "tools/bncl devices"),
                 "        matrix products: CLBlast\n");
    command_said(command_run("BNCL_GEMM=zzz", 1, "tools/bncl devices"),
                 "BNCL_GEMM: expected cblas or clblast, got 'zzz'");
    command_said(command_run("BNCL_TUNING=lines=2,group=4", 0, "tools/bncl devices"),
                 ",lines=2,group=4,");
    command_said(command_run("BNCL_TUNING=zzz", 1, "tools/bncl devices"), "BNCL_TUNING: expected");
    const char *output = command_run("BNCL_DEVICE=zzz", 1, "tools/bncl devices");
    command_said(output, "  0:0 ");
    command_said(output, "bncl: choosing a device: no OpenCL device matches 'zzz'");
    command_said(
        command_run("OCL_ICD_VENDORS=/nonexistent BNCL_DEVICE=zzz", 0, "tools/bncl devices"),
        "no OpenCL device: is a driver installed?");
}

static void the_command_line_is_checked(void **state)
{
    (void)state;
    command_said(run(0, "fashion_mlp --help"), "Usage: fashion_mlp");
    command_said(run(0, "fashion_mlp --version"), bncl_version());
    command_said(run(2, "fashion_mlp --batch=1"), "--batch: expected");
    command_said(run(2, "fashion_mlp --bogus"), "'--bogus'");
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
    command_said(output, "\nepoch 3/3 ");
    command_said(output, "same prediction and same logits, bit for bit, on all 100 test images");
    command_said(output, "without eval(), batches of 100 ");
    command_said(output, "without eval(), batches of 2 ");
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

/* Three steps an epoch, of which the first epoch's are told of; the network is the same. */
static void a_profile_is_shown(void **state)
{
    device_of(state);
    const char *folder = small_set(150), *file = files_path(folder, "a");
    const char *options = harness_text("--data %s --output %s --epochs 2 --batch 64", folder, file);
    size_t count, profiled_count;
    run(0, harness_text("fashion_mlp %s", options));
    const void *bytes = files_read(file, &count);
    const char *output = run(0, harness_text("fashion_mlp %s --profile", options));
    command_said(output, "\nlayer ");
    command_said(output, "\nfc1 ");
    command_said(output, " sgd_step ");
    command_said(output, " GB/s (3 steps; times are ");
    assert_true(strstr(output, "GB/s (3 steps") < strstr(output, "\nepoch 1/2 "));
    const void *profiled = files_read(file, &profiled_count);
    assert_int_equal(profiled_count, count);
    assert_memory_equal(profiled, bytes, count);
}

static void what_is_wrong_is_said(void **state)
{
    device_of(state);
    const char *folder = small_set(20);
    command_said(run(1, harness_text("fashion_mlp --data %s/none", folder)),
                 "dataset-fashion-mnist");
    command_said(run(1, harness_text("fashion_mlp --data %s --device 'no such device'", folder)),
                 "no such device");
    files_write(files_path(folder, "text"), "no network\n", 11);
    command_said(run(1, harness_text("fashion_mlp --data %s --load %s/text", folder, folder)),
                 harness_text("%s/text", folder));
    const char *steep = "--lr 1e6 --final-lr 1e6 --epochs 30";
    command_said(
        run(1, harness_text("fashion_mlp --data %s --output %s/a %s", folder, folder, steep)),
        "try a smaller --lr");
}

typedef struct hopeless {
    const char *option, *name; /* the name is in the test's folder, unless it begins with a slash */
    const char *words;         /* in the text */
} hopeless;

static const hopeless hopeless_files[] = {
    {"output", "none/a", "/none: No such file or directory"},
    {"output", "old/a", "/old is not a folder"},
    {"output", ".", "expected a file, got a folder"},
    {"output", "new/", "No such file or directory"},
    {"output", "/dev/null", "cannot replace /dev/null: not a regular file"},
    {"output", "/proc/a", "no file can be made in its folder /proc"},
    {"logits", "none/a", "/none: No such file or directory"},
    {"logits", ".", "expected a file, got a folder"},
    {"logits", "/proc/a", "no file can be made in its folder /proc"},
};

/* Before any training, and whatever else is wrong: here there is no data either. */
static void files_that_cannot_be_written_are_refused_first(void **state)
{
    device_of(state);
    const char *folder = files_folder();
    files_write(files_path(folder, "old"), "kept", 4);
    for (size_t i = 0; i < sizeof hopeless_files / sizeof hopeless_files[0]; ++i) {
        const hopeless *row = &hopeless_files[i];
        if (strncmp(row->name, "/proc", 5) == 0 && access("/proc/self", F_OK) != 0)
            continue;
        const char *path = row->name[0] == '/' ? row->name : files_path(folder, row->name);
        const char *output = run(1, harness_text("fashion_mlp --data %s --output %s/b --%s %s",
                                                 folder, folder, row->option, path));
        command_said(output, row->words);
        assert_null(strstr(output, "device "));
    }
    assert_int_equal(files_count(folder), 1);
    files_expect(files_path(folder, "old"), "kept", 4);
}

static void checking_leaves_no_trace(void **state)
{
    device_of(state);
    const char *folder = files_folder();
    files_write(files_path(folder, "old"), "kept", 4);
    assert_int_equal(symlink("nowhere/a", files_path(folder, "link")), 0);
    const char *const names[] = {"old", "new", "link"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        const char *path = files_path(folder, names[i]);
        const char *line = harness_text("fashion_mlp --check --output %s --logits %s", path, path);
        assert_string_equal(run(0, line), "");
    }
    assert_string_equal(run(0, "fashion_mlp --check --load x --output /none/a --logits /dev/null"),
                        "");
    command_said(run(2, "fashion_mlp --check --batch 1"), "--batch: expected");
    assert_int_equal(files_count(folder), 2);
    files_expect(files_path(folder, "old"), "kept", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(batch_norm_tracks_in_training_only),
        HARNESS_TEST(sequence_layouts_agree),
        HARNESS_TEST(folding_gives_the_same),
        HARNESS_TEST(parts_are_the_whole_batch),
        HARNESS_TEST(interop_works_in_the_callers_memory),
        HARNESS_TEST(without_a_device_they_say_what_helps),
        HARNESS_TEST(the_tool_marks_the_device_that_is_taken),
        HARNESS_TEST(the_command_line_is_checked),
        HARNESS_TEST(a_network_is_trained_saved_and_loaded),
        HARNESS_TEST(one_seed_gives_one_file),
        HARNESS_TEST(a_profile_is_shown),
        HARNESS_TEST(what_is_wrong_is_said),
        HARNESS_TEST(files_that_cannot_be_written_are_refused_first),
        HARNESS_TEST(checking_leaves_no_trace),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
