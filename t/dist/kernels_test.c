/* Every kernel builds alone, on each device, without a warning: with the defaults that its sources
   state and nothing else, and with vectors. The table and the sources name the same kernels. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "lib/device.h"
#include "lib/harness.h"
#include "program/kernel_table.h"
#include "program/source.h"
#include "runtime/context.h"
#include "runtime/program.h"

static void release_program(void *program)
{
    bncli_program_destroy(program);
}

static void release_kernel(void *kernel)
{
    bncli_kernel_destroy(kernel);
}

/* Builds the pieces; gives the program, or NULL and what the compiler said, warnings as well. */
static bncli_program *build(const device *d, const char *name, const char *const *pieces,
                            size_t count, const char *options, char *said, size_t size)
{
    char with_errors[256];
    const bool processor = bncli_context_facts(d->context)->runs_native;
    snprintf(with_errors, sizeof with_errors, "-cl-std=CL1.2 -Werror %s %s",
             processor ? "-D PROCESSOR=1 -D STREAM=1" : "", options);
    bncli_program *program = NULL;
    bncl_error err = {""};
    if (bncli_program_create(d->context, name, pieces, count, with_errors, &program, &err) !=
        BNCL_OK) {
        snprintf(said, size, "%s", err.text);
        return NULL;
    }
    harness_hold(program, release_program);
    device_ok(d, bncli_program_log(program, said, size, &err), "bncli_program_log");
    return strstr(said, "warning") == NULL ? program : NULL;
}

static bncli_program *build_row(const device *d, const bncli_program_row *row, const char *options)
{
    const char *pieces[BNCLI_PROGRAM_PARTS];
    size_t count = 0;
    bncl_error err = {""};
    for (; row->parts[count] != NULL; ++count) {
        char *text = NULL;
        device_ok(d, bncli_source_text(row->parts[count], &text, &err), row->parts[count]);
        pieces[count] = harness_hold(text, bncli_free);
    }
    char said[1024];
    const char *name = bncli_program_row_name(row);
    bncli_program *program = build(d, name, pieces, count, options, said, sizeof said);
    if (program == NULL)
        harness_fail("%s with \"%s\": %s", name, options, said);
    return program;
}

static bool text_has(const char *part, const char *word)
{
    char *text = NULL;
    bncl_error err = {""};
    if (bncli_source_text(part, &text, &err) != BNCL_OK)
        harness_fail("%s", err.text);
    harness_hold(text, bncli_free);
    return strstr(text, word) != NULL;
}

/* Whether one of the program's sources that have kernels has the word. */
static bool has_word(const bncli_program_row *row, const char *word)
{
    for (size_t i = 0; row->parts[i] != NULL; ++i)
        if (text_has(row->parts[i], "__kernel") && text_has(row->parts[i], word))
            return true;
    return false;
}

static bool has_part(const bncli_program_row *row, const char *part)
{
    for (size_t i = 0; row->parts[i] != NULL; ++i)
        if (strcmp(row->parts[i], part) == 0)
            return true;
    return false;
}

/* Vectors may be asked of the programs whose kernels compute with them, or move them. */
static bool has_vectors(const bncli_program_row *row)
{
    return has_word(row, "accv") || has_word(row, "VLOAD");
}

static bool all(const bncli_program_row *row)
{
    (void)row;
    return true;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Batch norm, activations and sums have values of other dtypes than f32. */
static bool has_dtypes(const bncli_program_row *row)
{
    const char *name = bncli_program_row_name(row);
    return begins(name, "batch_norm") || begins(name, "elementwise");
}

static bool has_activation(const bncli_program_row *row)
{
    return has_word(row, "ACTIVATION");
}

static bool has_vectors_and_dtypes(const bncli_program_row *row)
{
    return has_dtypes(row) && has_vectors(row);
}

/* Builds the programs that are wanted with every kernel of theirs; gives their number. The rows of
   one program stand together in the table. */
static size_t build_table(const device *d, const char *options,
                          bool (*wanted)(const bncli_program_row *row))
{
    const bncli_program *program = NULL;
    size_t programs = 0;
    for (const bncli_kernel_row *row = bncli_kernel_rows; row->name != NULL; ++row) {
        if (!wanted(row->program))
            continue;
        if (row == bncli_kernel_rows || row->program != row[-1].program) {
            program = build_row(d, row->program, options);
            ++programs;
        }
        bncli_kernel *kernel = NULL;
        bncl_error err = {""};
        device_ok(d, bncli_kernel_create(program, row->name, &kernel, &err), row->name);
        harness_hold(kernel, release_kernel);
    }
    return programs;
}

static void with_the_defaults(void **state)
{
    assert_true(build_table(device_of(state), "", all) > 0);
}

static void with_vectors(void **state)
{
    device *d = device_of(state);
    assert_true(build_table(d, "-D VEC=4 -D CHANNELS_INNERMOST=1", has_vectors) > 0);
    if (!d->small)
        assert_true(build_table(d, "-D VEC=16 -D LINE_VECTORS=2", has_vectors) > 0);
}

static void with_dtypes(void **state)
{
    device *d = device_of(state);
    const char *const dtypes[] = {"F16", "BF16", "F64"};
    const int count = bncli_context_facts(d->context)->has_fp64 ? 3 : 2;
    for (int i = 0; i < count; ++i) {
        const char *dtype = harness_text("-D DTYPE_%s=1", dtypes[i]);
        assert_true(build_table(d, dtype, has_dtypes) > 0);
        if (!d->small)
            assert_true(build_table(d, harness_text("%s -D VEC=8", dtype), has_vectors_and_dtypes) >
                        0);
    }
}

/* Every activation of f32, and every other dtype with one of them: what one adds to the sources
   does not meet what the other does, and drivers take a second a program. */
static void with_activations(void **state)
{
    device *d = device_of(state);
    const char *const dtypes[] = {"BF16", "F16", "F64"};
    const int count = bncli_context_facts(d->context)->has_fp64 ? 3 : 2;
    for (int kind = 1; kind < 4; ++kind) {
        const char *options = harness_text("-D ACTIVATION=%d -D VEC=4 -D LINE_VECTORS=2", kind);
        assert_true(build_table(d, options, has_activation) > 0);
        if (kind <= count)
            assert_true(build_table(d, harness_text("%s -D DTYPE_%s=1", options, dtypes[kind - 1]),
                                    has_activation) > 0);
    }
}

static void warnings_are_found(void **state)
{
    device *d = device_of(state);
    const char *piece = "__kernel void f(__global int *p) { *p = 1.5e30; }\n";
    char said[1024] = "";
    assert_null(build(d, "planted", &piece, 1, "", said, sizeof said));
    assert_string_not_equal(said, "");
}

static void errors_are_found(void **state)
{
    device *d = device_of(state);
    const char *piece = "__kernel void f(__global int *p) { *p = no_such_thing; }\n";
    char said[1024] = "";
    assert_null(build(d, "planted", &piece, 1, "", said, sizeof said));
    if (strstr(said, "no_such_thing") == NULL)
        harness_fail("the compiler's own words are missing: %s", said);
}

/* Kernels begin their line: "__kernel void NAME(". */
static void sources_and_table_agree(void **state)
{
    (void)state;
    size_t in_sources = 0;
    size_t in_table = 0;
    for (const bncli_source *source = bncli_sources; source->name != NULL; ++source)
        for (size_t i = 0; i < source->count; ++i) {
            char name[128];
            if (strstr(source->lines[i], "__kernel") == NULL)
                continue;
            if (sscanf(source->lines[i], "__kernel void %127[a-z0-9_](", name) != 1)
                harness_fail("%s.cl: not \"__kernel void name(\": %s", source->name,
                             source->lines[i]);
            const bncli_kernel_row *row = bncli_kernel_row_of(name);
            if (row == NULL)
                harness_fail("%s.cl: %s is not in the kernel table", source->name, name);
            if (!has_part(row->program, source->name))
                harness_fail("%s is in %s.cl, which is no part of its program", name, source->name);
            ++in_sources;
        }
    while (bncli_kernel_rows[in_table].name != NULL)
        ++in_table;
    assert_int_equal(in_sources, in_table);
    assert_true(in_table > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(sources_and_table_agree),
        HARNESS_TEST(with_the_defaults),
        HARNESS_TEST(with_vectors),
        HARNESS_TEST(with_dtypes),
        HARNESS_TEST(with_activations),
        HARNESS_TEST(warnings_are_found),
        HARNESS_TEST(errors_are_found),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
