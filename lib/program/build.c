/* Building programs, or finding them: in the context's list of those that it has, then in the
   binary cache. */
#include "program/build.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "program/cache.h"
#include "program/kernel_table.h"
#include "program/source.h"
#include "runtime/context.h"

#define OPTIONS_SIZE 512

/* Where a program came from, and whether the binary cache has it. */
typedef enum program_origin {
    COMPILED,   /* from source; not to be kept, or kept already */
    TO_BE_KEPT, /* from source; the cache lacks it */
    CACHED      /* made of the cache's binary */
} program_origin;

/* One built program of a context. */
typedef struct built {
    struct built *next;
    const bncli_program_row *row;
    char options[OPTIONS_SIZE];
    bncli_program *program;
    bncli_cache_key key; /* while TO_BE_KEPT */
    program_origin origin;
} built;

/* The context's attachment. */
typedef struct programs {
    built *first;
    bncli_cache *cache; /* NULL: there is none */
    bool keeps_at_end;
} programs;

/* Drivers to which giving a binary is work: they are asked when the context ends, so that nobody
   waits for it before the first result. PoCL 3.1 compiles each kernel of the program, used or not,
   a second time, 0.1 to 0.5 s each. (A binary has the kernels that were run in it, and the code of
   all others, so that none is compiled again.) All others have the binary at hand. It pays on every
   driver: a program costs PoCL 22 ms even with its own cache warm, since clang's preprocessor runs
   each time, rusticl 25 ms and Oclgrind 40, and 3, 4 and 3 ms from a binary. */
static const char *const slow_platforms[] = {"Portable Computing Language"};

static bool gives_slowly(const bncl_context *context)
{
    bncl_device_info info;
    bool slow = false;
    if (bncl_context_device(context, &info, NULL) != BNCL_OK)
        return true;
    for (size_t i = 0; i < sizeof slow_platforms / sizeof slow_platforms[0]; ++i)
        slow = slow || strcmp(info.platform, slow_platforms[i]) == 0;
    return slow;
}

static void keep(const bncli_cache *cache, built *entry)
{
    unsigned char *binary = NULL;
    size_t bytes = 0;
    if (bncli_program_binary(entry->program, &binary, &bytes, NULL) == BNCL_OK)
        bncli_cache_write(cache, &entry->key, binary, bytes);
    bncli_free(binary);
    entry->origin = COMPILED;
}

static void programs_destroy(void *attachment)
{
    programs *all = attachment;
    for (built *entry = all->first; entry != NULL;) {
        built *next = entry->next;
        if (entry->origin == TO_BE_KEPT)
            keep(all->cache, entry);
        bncli_program_destroy(entry->program);
        bncli_free(entry);
        entry = next;
    }
    bncli_cache_close(all->cache);
    bncli_free(all);
}

/* The context's programs, *place: made at the first request. That there is no cache is no error. */
static bncl_status open_programs(bncl_context *context, void **place, programs **out,
                                 bncl_error *err)
{
    programs *all = *place;
    if (all == NULL) {
        char identity[BNCLI_IDENTITY_SIZE];
        bncl_status status = bncli_new(&all, 1, sizeof *all, err);
        if (status != BNCL_OK)
            return status;
        if (bncli_cache_is_on() &&
            bncli_program_identity(context, identity, sizeof identity, NULL) == BNCL_OK)
            all->cache = bncli_cache_open(identity);
        all->keeps_at_end = gives_slowly(context);
        *place = all;
    }
    *out = all;
    return BNCL_OK;
}

/* No option that changes arithmetic: what is promised bit by bit rests on plain IEEE operations. */
static bncl_status write_options(const bncl_context *context, const bncli_macro *macros,
                                 size_t count, char *out, bncl_error *err)
{
    const bool processor = bncli_context_facts(context)->runs_native;
    size_t used = (size_t)snprintf(out, OPTIONS_SIZE, "-cl-std=CL1.2%s",
                                   processor ? " -D PROCESSOR=1" : "");
    for (size_t i = 0; i < count && used < OPTIONS_SIZE; ++i)
        used += (size_t)snprintf(out + used, OPTIONS_SIZE - used, " -D %s=%u", macros[i].name,
                                 macros[i].value);
    if (used >= OPTIONS_SIZE)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "too many macros for a kernel");
    return BNCL_OK;
}

/* Makes the program of the binary that the cache has under the entry's key. */
static bool load(bncl_context *context, const bncli_cache *cache, built *entry)
{
    unsigned char *binary = NULL;
    size_t bytes = 0;
    if (!bncli_cache_read(cache, &entry->key, &binary, &bytes))
        return false;
    bncl_status status =
        bncli_program_load(context, binary, bytes, entry->options, &entry->program, NULL);
    bncli_free(binary);
    return status == BNCL_OK;
}

/* Makes the program of the pieces, or of its binary where `from_cache` lets it. */
static bncl_status make_program(bncl_context *context, const programs *all, built *entry,
                                const char *const *pieces, size_t count, bool from_cache,
                                bncl_error *err)
{
    const bool keyed = bncli_cache_key_of(all->cache, pieces, count, entry->options, &entry->key);
    if (keyed && from_cache && load(context, all->cache, entry)) {
        entry->origin = CACHED;
        return BNCL_OK;
    }
    bncl_status status = bncli_program_create(context, bncli_program_row_name(entry->row), pieces,
                                              count, entry->options, &entry->program, err);
    entry->origin = keyed ? TO_BE_KEPT : COMPILED;
    if (status == BNCL_OK && keyed && !all->keeps_at_end)
        keep(all->cache, entry);
    return status;
}

/* Fills entry->program and its origin in; its row and options are there. */
static bncl_status build_entry(bncl_context *context, const programs *all, built *entry,
                               bool from_cache, bncl_error *err)
{
    char *texts[BNCLI_PROGRAM_PARTS] = {NULL};
    const char *pieces[BNCLI_PROGRAM_PARTS];
    bncl_status status = BNCL_OK;
    size_t count = 0;
    for (; entry->row->parts[count] != NULL && status == BNCL_OK; ++count) {
        status = bncli_source_text(entry->row->parts[count], &texts[count], err);
        pieces[count] = texts[count];
    }
    if (status == BNCL_OK)
        status = make_program(context, all, entry, pieces, count, from_cache, err);
    for (size_t i = 0; i < count; ++i)
        bncli_free(texts[i]);
    return status;
}

/* Finds the program in the list, or builds it and puts it there. The list is locked. */
static bncl_status find_or_build(bncl_context *context, programs *all, const bncli_program_row *row,
                                 const char *options, built **out, bncl_error *err)
{
    for (built *entry = all->first; entry != NULL; entry = entry->next)
        if (entry->row == row && strcmp(entry->options, options) == 0) {
            *out = entry;
            return BNCL_OK;
        }
    built *entry;
    bncl_status status = bncli_new(&entry, 1, sizeof *entry, err);
    if (status != BNCL_OK)
        return status;
    entry->row = row;
    snprintf(entry->options, sizeof entry->options, "%s", options);
    status = build_entry(context, all, entry, true, err);
    if (status != BNCL_OK) {
        bncli_free(entry);
        return status;
    }
    entry->next = all->first;
    all->first = entry;
    *out = entry;
    return BNCL_OK;
}

/* Puts a program from source in the place of one from the cache. */
static bncl_status rebuild(bncl_context *context, const programs *all, built *entry,
                           bncl_error *err)
{
    built fresh = *entry;
    bncli_cache_remove(all->cache, &entry->key);
    bncl_status status = build_entry(context, all, &fresh, false, err);
    if (status != BNCL_OK)
        return status;
    bncli_program_destroy(entry->program);
    *entry = fresh;
    return BNCL_OK;
}

/* A binary that lacks the kernel is not one of ours, whatever its digest says. */
static bncl_status make_kernel(bncl_context *context, const programs *all, built *entry,
                               const char *name, bncli_kernel **out, bncl_error *err)
{
    bncl_status status = bncli_kernel_create(entry->program, name, out, err);
    if (status == BNCL_OK || entry->origin != CACHED)
        return status;
    bncli_error_clear(err);
    status = rebuild(context, all, entry, err);
    return status == BNCL_OK ? bncli_kernel_create(entry->program, name, out, err) : status;
}

bncl_status bncli_kernel_build(bncl_context *context, const char *kernel, const bncli_macro *macros,
                               size_t count, bncli_kernel **out, bncl_error *err)
{
    const bncli_kernel_row *row = bncli_kernel_row_of(kernel);
    if (row == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "there is no kernel %s", kernel);
    char options[OPTIONS_SIZE];
    bncl_status status = write_options(context, macros, count, options, err);
    if (status != BNCL_OK)
        return status;
    programs *all = NULL;
    built *entry = NULL;
    status = open_programs(context, bncli_context_attachment_lock(context, BNCLI_ATTACHED_PROGRAMS),
                           &all, err);
    if (status == BNCL_OK)
        status = find_or_build(context, all, row->program, options, &entry, err);
    if (status == BNCL_OK)
        status = make_kernel(context, all, entry, row->name, out, err);
    bncli_context_attachment_unlock(context, BNCLI_ATTACHED_PROGRAMS, programs_destroy);
    return status;
}
