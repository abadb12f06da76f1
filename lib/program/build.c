/* Building programs, and the context's list of those that are built. */
#include "program/build.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "program/kernel_table.h"
#include "program/source.h"
#include "runtime/context.h"

#define OPTIONS_SIZE 512

/* One built program of a context; the list is the context's attachment. */
typedef struct built {
    struct built *next;
    const bncli_program_row *row;
    char options[OPTIONS_SIZE];
    bncli_program *program;
} built;

static void built_destroy(void *list)
{
    for (built *entry = list; entry != NULL;) {
        built *next = entry->next;
        bncli_program_destroy(entry->program);
        bncli_free(entry);
        entry = next;
    }
}

/* No option that changes arithmetic: what is promised bit by bit rests on plain IEEE operations. */
static bncl_status write_options(const bncli_macro *macros, size_t count, char *out,
                                 bncl_error *err)
{
    size_t used = (size_t)snprintf(out, OPTIONS_SIZE, "-cl-std=CL1.2");
    for (size_t i = 0; i < count && used < OPTIONS_SIZE; ++i)
        used += (size_t)snprintf(out + used, OPTIONS_SIZE - used, " -D %s=%u", macros[i].name,
                                 macros[i].value);
    if (used >= OPTIONS_SIZE)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "too many macros for a kernel");
    return BNCL_OK;
}

static bncl_status build_row(bncl_context *context, const bncli_program_row *row,
                             const char *options, bncli_program **out, bncl_error *err)
{
    char *texts[BNCLI_PROGRAM_PARTS] = {NULL};
    const char *pieces[BNCLI_PROGRAM_PARTS];
    bncl_status status = BNCL_OK;
    size_t count = 0;
    for (; row->parts[count] != NULL && status == BNCL_OK; ++count) {
        status = bncli_source_text(row->parts[count], &texts[count], err);
        pieces[count] = texts[count];
    }
    if (status == BNCL_OK)
        status = bncli_program_create(context, bncli_program_row_name(row), pieces, count, options,
                                      out, err);
    for (size_t i = 0; i < count; ++i)
        bncli_free(texts[i]);
    return status;
}

/* Finds the program in the list, or builds it and puts it there. The list is locked. */
static bncl_status find_or_build(bncl_context *context, built **list, const bncli_program_row *row,
                                 const char *options, const bncli_program **out, bncl_error *err)
{
    for (built *entry = *list; entry != NULL; entry = entry->next)
        if (entry->row == row && strcmp(entry->options, options) == 0) {
            *out = entry->program;
            return BNCL_OK;
        }
    built *entry;
    bncl_status status = bncli_new(&entry, 1, sizeof *entry, err);
    if (status != BNCL_OK)
        return status;
    status = build_row(context, row, options, &entry->program, err);
    if (status != BNCL_OK) {
        bncli_free(entry);
        return status;
    }
    entry->row = row;
    snprintf(entry->options, sizeof entry->options, "%s", options);
    entry->next = *list;
    *list = entry;
    *out = entry->program;
    return BNCL_OK;
}

bncl_status bncli_kernel_build(bncl_context *context, const char *kernel, const bncli_macro *macros,
                               size_t count, bncli_kernel **out, bncl_error *err)
{
    const bncli_kernel_row *row = bncli_kernel_row_of(kernel);
    if (row == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "there is no kernel %s", kernel);
    char options[OPTIONS_SIZE];
    bncl_status status = write_options(macros, count, options, err);
    if (status != BNCL_OK)
        return status;
    void **attachment = bncli_context_attachment_lock(context);
    built *list = *attachment;
    const bncli_program *program = NULL;
    status = find_or_build(context, &list, row->program, options, &program, err);
    *attachment = list;
    if (status == BNCL_OK)
        status = bncli_kernel_create(program, row->name, out, err);
    bncli_context_attachment_unlock(context, built_destroy);
    return status;
}
