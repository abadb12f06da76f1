/* The reader of recorded vectors: it reads what it should and names the line of anything else. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/vectors.h"

/* A file with this text, removed when the test ends. */
static void remove_file(void *path)
{
    unlink(path);
}

static const char *written(const char *text, size_t bytes)
{
    const char *folder = getenv("TMPDIR");
    char *path = harness_memory(256, 1);
    snprintf(path, 256, "%s/vectors.XXXXXX", folder != NULL ? folder : "/tmp");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    harness_hold(path, remove_file);
    assert_true(write(fd, text, bytes) == (ssize_t)bytes);
    assert_int_equal(close(fd), 0);
    return path;
}

static const char good[] = "# a comment\n"
                           "\n"
                           "case first\n"
                           "number eps 0x1p-3\n"
                           "f32 x 2 3\n"
                           "  0x1p+0 -0x0p+0 nan inf\n"
                           "  -inf 0x1.8p+1\n"
                           "f64 x 1\n"
                           "  0x1.999999999999ap-4\n"
                           "f32 none 0 3\n"
                           "i32 labels 2\n"
                           "  0x0p+0 -0x1p+1\n"
                           "end\n"
                           "case second\n"
                           "end\n";

static void release_vectors(void *v)
{
    vectors_destroy(v);
}

static void reads_what_is_written(void **state)
{
    (void)state;
    char error[vectors_error_size] = "";
    vectors *v = vectors_read(written(good, strlen(good)), error);
    assert_string_equal(error, "");
    assert_non_null(v);
    harness_hold(v, release_vectors);
    assert_int_equal(v->count, 2);
    const vectors_case *c = &v->cases[0];
    assert_string_equal(c->name, "first");
    assert_true(vectors_number_of(c, "eps") == 0.125);

    const vectors_tensor *x = vectors_get(c, VECTORS_F32, "x");
    assert_true(x->rank == 2 && x->dims[0] == 2 && x->dims[1] == 3 && x->count == 6);
    assert_true(x->values[0] == 1.0 && signbit(x->values[1]) && isnan(x->values[2]));
    assert_true(x->values[3] == INFINITY && x->values[4] == -INFINITY && x->values[5] == 3.0);
    assert_true(vectors_get(c, VECTORS_F64, "x")->values[0] == 0.1);
    assert_int_equal(vectors_get(c, VECTORS_F32, "none")->count, 0);
    assert_true(vectors_get(c, VECTORS_I32, "labels")->values[1] == -2.0);
    assert_null(vectors_find(c, VECTORS_F32, "labels"));
    assert_true(vectors_floats(c, "x")[5] == 3.0f && vectors_floats(c, "absent") == NULL);
}

static void expect_error_at(const char *text, size_t line, const char *words)
{
    char error[vectors_error_size] = "";
    char place[32];
    vectors *v = vectors_read(written(text, strlen(text)), error);
    snprintf(place, sizeof place, ":%zu: ", line);
    if (v != NULL || strstr(error, place) == NULL || strstr(error, words) == NULL)
        harness_fail("expected \"…%s%s…\" of \"%s\", got \"%s\"", place, words, text, error);
}

static void names_the_line_of_an_error(void **state)
{
    (void)state;
    expect_error_at("# nothing\n", 1, "found none");
    expect_error_at("number eps 0x1p+0\n", 1, "expected \"case\"");
    expect_error_at("case a\ncase b\n", 2, "expected \"end\"");
    expect_error_at("case a\n", 1, "before the end of the file");
    expect_error_at("case\n", 1, "expected a name");
    expect_error_at("case a b\n", 1, "expected the end of the line, got \"b\"");
    expect_error_at("case a\nf16 x 1\n", 2, "got \"f16\"");
    expect_error_at("case a\nnumber eps 1e-5\nend\n", 2, "hexadecimal");
    expect_error_at("case a\nnumber eps 0x1p+0z\nend\n", 2, "hexadecimal");
    expect_error_at("case a\nnumber eps 0x1p+5000\nend\n", 2, "hexadecimal");
    expect_error_at("case a\nnumber eps\nend\n", 2, "expected a value");
    expect_error_at("case a\nf32 x 2\n  0x1p+0\nend\n", 4, "more values");
    expect_error_at("case a\nf32 x 1\n  0x1p+0 0x1p+0\nend\n", 3, "no more values");
    expect_error_at("case a\nf32 x 1\n  0x1p+0\n  0x1p+0\nend\n", 4, "no values here");
    expect_error_at("case a\nf32 x 1\n  0x1.999999999999ap-4\nend\n", 3, "its type");
    expect_error_at("case a\ni32 x 1\n  0x1p-1\nend\n", 3, "its type");
    expect_error_at("case a\nf32 x\nend\n", 2, "1 to 4 dimensions");
    expect_error_at("case a\nf32 x 1 1 1 1 1\nend\n", 2, "at most 4");
    expect_error_at("case a\nf32 x -1\nend\n", 2, "a dimension");
    expect_error_at("case a\nf32 x 1000000 1000000\nend\n", 2, "1000000 values");
    expect_error_at("case a\nend", 2, "cut");
}

/* Every prefix of a good file is an error or a file of fewer cases, never a crash. */
static void every_cut_is_noticed(void **state)
{
    (void)state;
    const char *second = strstr(good, "case second");
    for (size_t bytes = 0; bytes < strlen(good); ++bytes) {
        char error[vectors_error_size] = "";
        vectors *v = vectors_read(written(good, bytes), error);
        bool whole = good + bytes == second;
        assert_true((v != NULL) == whole);
        assert_true((error[0] == '\0') == whole);
        vectors_destroy(v);
    }
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    char error[vectors_error_size] = "";
    assert_null(vectors_read("/no/such/file", error));
    assert_non_null(strstr(error, "/no/such/file"));
    assert_non_null(strstr(error, "No such file"));
}

static void the_recorded_files_are_read(void **state)
{
    (void)state;
    const char *const names[] = {"batch_norm.txt", "linear.txt", "relu.txt", "cross_entropy.txt",
                                 "sgd.txt"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i)
        assert_true(vectors_open(names[i])->count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(reads_what_is_written),       HARNESS_TEST(names_the_line_of_an_error),
        HARNESS_TEST(every_cut_is_noticed),        HARNESS_TEST(a_missing_file_is_named),
        HARNESS_TEST(the_recorded_files_are_read),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
