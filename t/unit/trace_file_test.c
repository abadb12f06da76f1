/* Files of trace events: whole JSON at any time, shared by the contexts of a process, ended and
   still whole where the disk is full. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json_text.h"
#include "base/trace_file.h"
#include "lib/file_fault.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/json_file.h"

static void release_json(void *object)
{
    json_decref(object);
}

/* The file's events; it must be whole. */
static json_t *events_of(const char *path)
{
    return json_object_get(json_file(path), "traceEvents");
}

static bncli_trace_file *open_trace(const char *path)
{
    bncl_error err = {""};
    bncli_trace_file *file = NULL;
    if (bncli_trace_file_open(path, "a \"device\"", &file, &err) != BNCL_OK)
        harness_fail("%s", err.text);
    return file;
}

static void add(bncli_trace_file *file, int number)
{
    char event[128];
    snprintf(event, sizeof event, "{\"name\":\"e\",\"ph\":\"X\",\"pid\":%llu,\"n\":%d}",
             bncli_trace_file_number(file), number);
    bncli_trace_file_add(file, event);
}

/* How many events of this pid the file has, the one that names it not counted; they must be in
   order. */
static int count_of(const char *path, unsigned long long pid)
{
    json_t *events = events_of(path), *event;
    size_t i;
    int count = 0;
    json_array_foreach(events, i, event)
    {
        if (json_integer_value(json_object_get(event, "pid")) != (json_int_t)pid ||
            strcmp(json_string_value(json_object_get(event, "ph")), "X") != 0)
            continue;
        assert_int_equal(json_integer_value(json_object_get(event, "n")), count);
        ++count;
    }
    return count;
}

/* ---- texts ---- */

static char *decoded(const char *text, size_t size)
{
    char *out = harness_memory(size, 1);
    const size_t length = bncli_json_text(text, out, size);
    assert_true(length == strlen(out) && length < size);
    json_t *value = json_loads(out, JSON_DECODE_ANY, NULL);
    if (value == NULL)
        harness_fail("'%s' as %zu bytes: no JSON: %s", text, size, out);
    harness_hold(value, release_json);
    return (char *)harness_text("%s", json_string_value(value));
}

static void texts_come_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "batch_norm_apply", "a\"b\\c/", "\n\t\x01\x1f\x7f",
                                        "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i)
        assert_string_equal(decoded(texts[i], 200), texts[i]);
}

static void what_is_no_utf8_is_replaced(void **state)
{
    (void)state;
    assert_string_equal(decoded("a\xff"
                                "b",
                                200),
                        "a\xef\xbf\xbd"
                        "b");
    assert_string_equal(decoded("\xe2\x82", 200), "\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(decoded("\xc0\x80", 200), "\xef\xbf\xbd\xef\xbf\xbd");
}

static void a_text_is_cut_between_characters(void **state)
{
    (void)state;
    const char *text = "a\"\xe2\x82\xac\n\xf0\x9f\x98\x80\xff";
    for (size_t size = 3; size < 40; ++size) {
        const char *got = decoded(text, size);
        const size_t length = strlen(got);
        if (length <= strlen("a\"\xe2\x82\xac\n\xf0\x9f\x98\x80"))
            assert_memory_equal(got, text, length);
    }
    assert_string_equal(decoded(text, 3), "");
    assert_string_equal(decoded(text, 5), "a");
    assert_string_equal(decoded(text, 6), "a\"");
}

/* ---- files ---- */

static void a_file_is_whole_at_any_time(void **state)
{
    (void)state;
    const char *path = files_path(files_folder(), "t.json");
    bncli_trace_file *file = open_trace(path);
    json_t *first = json_array_get(events_of(path), 0);
    assert_int_equal(json_array_size(events_of(path)), 1);
    assert_string_equal(json_string_value(json_object_get(first, "name")), "process_name");
    assert_string_equal(json_string_value(json_object_get(json_object_get(first, "args"), "name")),
                        "a \"device\"");
    const unsigned long long pid = bncli_trace_file_number(file);
    for (int i = 0; i < 5000; ++i) {
        add(file, i);
        if (i % 700 == 0) {
            bncli_trace_file_flush(file);
            assert_int_equal(count_of(path, pid), i + 1);
        }
    }
    assert_true(count_of(path, pid) > 4201); /* a full buffer was written */
    bncli_trace_file_close(file);
    assert_int_equal(count_of(path, pid), 5000);
}

static void contexts_of_a_process_share_a_file(void **state)
{
    (void)state;
    const char *path = files_path(files_folder(), "t.json");
    files_write(path, "what an older run has left", 26);
    bncli_trace_file *a = open_trace(path), *b = open_trace(path);
    const unsigned long long pids[] = {bncli_trace_file_number(a), bncli_trace_file_number(b)};
    for (int i = 0; i < 10; ++i) {
        add(a, i);
        add(b, i);
        bncli_trace_file_flush(i % 2 == 0 ? a : b);
    }
    bncli_trace_file_close(a);
    bncli_trace_file_close(b);
    bncli_trace_file *c = open_trace(path);
    add(c, 0);
    assert_true(pids[0] != pids[1] && bncli_trace_file_number(c) != pids[0] &&
                bncli_trace_file_number(c) != pids[1]);
    bncli_trace_file_close(c);
    assert_int_equal(count_of(path, pids[0]), 10);
    assert_int_equal(count_of(path, pids[1]), 10);
    assert_int_equal(json_array_size(events_of(path)), 3 + 21);
}

static void *write_many(void *of)
{
    for (int i = 0; i < 3000; ++i) {
        add(of, i);
        if (i % 10 == 0)
            bncli_trace_file_flush(of);
    }
    return NULL;
}

static void threads_share_a_file(void **state)
{
    (void)state;
    const char *path = files_path(files_folder(), "t.json");
    bncli_trace_file *files[2];
    unsigned long long pids[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; ++i) {
        files[i] = open_trace(path);
        pids[i] = bncli_trace_file_number(files[i]);
    }
    for (int i = 0; i < 2; ++i)
        if (pthread_create(&threads[i], NULL, write_many, files[i]) != 0)
            abort();
    for (int i = 0; i < 2; ++i)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; ++i)
        bncli_trace_file_close(files[i]);
    for (int i = 0; i < 2; ++i)
        assert_int_equal(count_of(path, pids[i]), 3000);
}

/* Runs `function` in a child, which must end well. */
static void in_child(void (*function)(const char *path, bncli_trace_file *inherited),
                     const char *path, bncli_trace_file *inherited)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        function(path, inherited);
        _exit(0);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void take_over(const char *path, bncli_trace_file *inherited)
{
    bncli_trace_file *file = NULL;
    (void)inherited;
    if (bncli_trace_file_open(path, "child", &file, NULL) != BNCL_OK)
        _exit(1);
    add(file, 0);
    bncli_trace_file_close(file);
}

static void close_inherited(const char *path, bncli_trace_file *inherited)
{
    (void)path;
    add(inherited, 7);
    bncli_trace_file_close(inherited);
}

static void a_forked_child_leaves_the_file(void **state)
{
    (void)state;
    const char *path = files_path(files_folder(), "t.json");
    bncli_trace_file *file = open_trace(path);
    const unsigned long long pid = bncli_trace_file_number(file);
    add(file, 0);
    in_child(close_inherited, path, file);
    assert_int_equal(count_of(path, pid), 0);
    add(file, 1);
    bncli_trace_file_close(file);
    assert_int_equal(count_of(path, pid), 2);
}

static void another_process_takes_the_file_over(void **state)
{
    (void)state;
    const char *path = files_path(files_folder(), "t.json");
    bncli_trace_file *file = open_trace(path);
    add(file, 0);
    bncli_trace_file_flush(file);
    in_child(take_over, path, NULL);
    add(file, 1);
    bncli_trace_file_close(file);
    json_t *events = events_of(path);
    assert_int_equal(json_array_size(events), 2);
    json_t *arguments = json_object_get(json_array_get(events, 0), "args");
    assert_string_equal(json_string_value(json_object_get(arguments, "name")), "child");
}

static void names_may_have_the_process(void **state)
{
    (void)state;
    const char *folder = files_folder();
    bncli_trace_file_close(open_trace(files_path(folder, "a%p%%%p.%q%")));
    const char *path =
        files_path(folder, harness_text("a%ld%%%ld.%%q%%", (long)getpid(), (long)getpid()));
    assert_int_equal(json_array_size(events_of(path)), 1);
    assert_int_equal(files_count(folder), 1);
}

/* ---- what goes wrong ---- */

static void expect_refused(const char *path, bncl_status expected, const char *words)
{
    bncl_error err = {""};
    bncli_trace_file *file = NULL;
    const size_t open_before = files_open();
    bncl_status status = bncli_trace_file_open(path, "x", &file, &err);
    assert_null(file);
    if (status != expected || strstr(err.text, words) == NULL)
        harness_fail("%s: %s: %s", path, bncl_status_string(status), err.text);
    assert_int_equal(files_open(), open_before);
}

static void files_that_cannot_be_are_refused(void **state)
{
    (void)state;
    const char *folder = files_folder(), *pipe = files_path(folder, "pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    expect_refused(folder, BNCL_ERROR_IO, folder);
    expect_refused(files_path(folder, "none/t.json"), BNCL_ERROR_IO, "none/t.json: BNCL_TRACE");
    expect_refused(pipe, BNCL_ERROR_IO, pipe);
    const int reader = open(pipe, O_RDONLY | O_NONBLOCK);
    expect_refused(pipe, BNCL_ERROR_IO, pipe);
    close(reader);
    expect_refused("/dev/null", BNCL_ERROR_IO, "/dev/null");
    const char *path = files_path(folder, "t.json");
    static const char *const calls[] = {"open", "flock", "pwrite"};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; ++i) {
        file_fault_set(calls[i], 1, 1000, ENOSPC);
        expect_refused(path, BNCL_ERROR_IO, strerror(ENOSPC));
        assert_true(file_fault_clear() > 0);
    }
    for (unsigned long n = 1; n <= 2; ++n) {
        bncli_alloc_fault(n, 0);
        expect_refused(path, BNCL_ERROR_MEMORY, "out of memory");
        bncli_alloc_fault(0, 0);
    }
}

/* The disk fills up at the nth write, and in the middle of one. */
static void a_full_disk_ends_a_whole_file(void **state)
{
    (void)state;
    static const size_t pieces[] = {0, 1, 100, 4096};
    const char *path = files_path(files_folder(), "t.json");
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; ++p)
        for (unsigned long nth = 1; nth < 4; ++nth) {
            unlink(path);
            bncli_trace_file *file = open_trace(path);
            const unsigned long long pid = bncli_trace_file_number(file);
            add(file, 0);
            bncli_trace_file_flush(file);
            add(file, 1);
            file_fault_shorten(pieces[p]);
            file_fault_set("pwrite", nth, 1, ENOSPC);
            bncli_trace_file_flush(file);
            const bool failed = file_fault_clear() > 0;
            assert_true(failed == (nth == 1 || pieces[p] == 1)); /* the others hold it whole */
            assert_int_equal(count_of(path, pid), failed ? 1 : 2);
            add(file, 2);
            bncli_trace_file_close(file);
            assert_int_equal(count_of(path, pid), failed ? 1 : 3);
        }
}

static void interrupted_calls_are_made_again(void **state)
{
    (void)state;
    const char *path = files_path(files_folder(), "t.json");
    file_fault_interrupt();
    file_fault_shorten(50);
    bncli_trace_file *file = open_trace(path);
    const unsigned long long pid = bncli_trace_file_number(file);
    add(file, 0);
    add(file, 1);
    bncli_trace_file_close(file);
    assert_true(file_fault_clear() > 0);
    assert_int_equal(count_of(path, pid), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(texts_come_back),
        HARNESS_TEST(what_is_no_utf8_is_replaced),
        HARNESS_TEST(a_text_is_cut_between_characters),
        HARNESS_TEST(a_file_is_whole_at_any_time),
        HARNESS_TEST(contexts_of_a_process_share_a_file),
        HARNESS_TEST(threads_share_a_file),
        HARNESS_TEST(a_forked_child_leaves_the_file),
        HARNESS_TEST(another_process_takes_the_file_over),
        HARNESS_TEST(names_may_have_the_process),
        HARNESS_TEST(files_that_cannot_be_are_refused),
        HARNESS_TEST(a_full_disk_ends_a_whole_file),
        HARNESS_TEST(interrupted_calls_are_made_again),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
