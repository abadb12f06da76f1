/* Which tuning a device gets, and what its context has read of the file that keeps one. */
#include "program/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bncl/tuning.h>

#include "base/alloc.h"
#include "base/error.h"
#include "program/tuning_file.h"
#include "program/tuning_text.h"
#include "runtime/context.h"
#include "runtime/program.h"

/* Results of a tensor so large that no cache keeps them go past them: of half the last one. (Fields
   of a class's row that depend on more than the class are 0 there.) */
static unsigned stream_for(const bncli_device_facts *facts)
{
    const unsigned most = 1u << 20; /* of bncl/tuning.h */
    unsigned kib = 1;
    while (kib < most && facts->cache_bytes / 2 / 1024 >= 2 * (uint64_t)kib)
        kib *= 2;
    return facts->cache_bytes > 0 ? kib : 0;
}

/* Where a work-item is a loop body with vector registers of its own (PoCL): wide vectors, few
   items. Where it is one lane of many (GPUs, llvmpipe): no vectors, many items. */
static const bncli_tuning wide_tuning = {.vector = 16,
                                         .vectors = 4,
                                         .lane_items = 1,
                                         .lines = 32,
                                         .group = 8,
                                         .block_group = 1,
                                         .whole = 4096,
                                         .direct = 1024};
static const bncli_tuning lane_tuning = {.vector = 1,
                                         .vectors = 1,
                                         .lane_items = 64,
                                         .lines = 8,
                                         .group = 64,
                                         .block_group = 64,
                                         .whole = 16,
                                         .direct = 256};

/* ---- a device's tuning ---- */

/* Halves a power of two until it is at most `most`. */
static void cut(unsigned *value, size_t most)
{
    while (*value > 1 && *value > most)
        *value /= 2;
}

static void cut_to_device(const bncli_device_facts *facts, bncli_tuning *tuning)
{
    enum { lanes = 64, tile_bytes = 2 * lanes * sizeof(double) }; /* of a tile, at most */
    cut(&tuning->group, facts->max_work_group);
    cut(&tuning->block_group, facts->max_work_group);
    cut(&tuning->lane_items, facts->max_work_group);
    for (int d = 0; d < 2; ++d) {
        cut(&tuning->group, facts->max_items[d]);
        cut(&tuning->block_group, facts->max_items[d]);
        cut(&tuning->lane_items, facts->max_items[d]);
    }
    if (tuning->lane_items > 1)
        cut(&tuning->group, facts->local_bytes / tile_bytes * tuning->lane_items);
    while (tuning->vector > lanes / tuning->lane_items)
        tuning->vector /= 2;
    if (!facts->runs_native) /* whose caches nobody can speak to */
        tuning->stream = 0;
}

bncl_status bncli_tuning_choose(const bncli_device_facts *facts, const char *kept,
                                bncli_tuning *out, bncl_error *err)
{
    bncli_tuning tuning = facts->native_vector > 1 ? wide_tuning : lane_tuning;
    tuning.stream = stream_for(facts);
    (void)bncli_tuning_read("kept", kept, &tuning, NULL);
    bncl_status status = bncli_tuning_read("BNCL_TUNING", getenv("BNCL_TUNING"), &tuning, err);
    if (status != BNCL_OK)
        return status;
    cut_to_device(facts, &tuning);
    *out = tuning;
    return BNCL_OK;
}

/* ---- what is kept, as a context knows it ---- */

/* The context's attachment. */
typedef struct tuned {
    char kept[BNCL_TUNING_TEXT_SIZE]; /* "": nothing */
} tuned;

/* The context's, *place: made, of what the file says, at the first request. */
static bncl_status open_tuned(const char *identity, void **place, bncl_error *err)
{
    tuned *known;
    if (*place != NULL)
        return BNCL_OK;
    bncl_status status = bncli_new(&known, 1, sizeof *known, err);
    if (status == BNCL_OK)
        status = bncli_tuning_file_read(identity, known->kept, err);
    if (status == BNCL_OK)
        *place = known;
    else
        bncli_free(known);
    return status;
}

/* With BNCL_CACHE=off nothing is kept, and nothing asked of the driver for it. That a driver does
   not tell its device from others is no error: then nothing is kept for it. */
static bncl_status copy_kept(bncl_context *context, char out[BNCL_TUNING_TEXT_SIZE],
                             bncl_error *err)
{
    char identity[BNCLI_IDENTITY_SIZE];
    out[0] = '\0';
    if (!bncli_tuning_file_possible())
        return BNCL_OK;
    bncl_status status = BNCL_OK;
    void **place = bncli_context_attachment_lock(context, BNCLI_ATTACHED_TUNING);
    if (*place == NULL &&
        bncli_program_identity(context, identity, sizeof identity, NULL) == BNCL_OK)
        status = open_tuned(identity, place, err);
    if (*place != NULL)
        memcpy(out, ((const tuned *)*place)->kept, BNCL_TUNING_TEXT_SIZE);
    bncli_context_attachment_unlock(context, BNCLI_ATTACHED_TUNING, bncli_free);
    return status;
}

bncl_status bncli_tuning_of(bncl_context *context, bncli_tuning *out, bncl_error *err)
{
    char kept[BNCL_TUNING_TEXT_SIZE];
    bncl_status status = copy_kept(context, kept, err);
    if (status != BNCL_OK)
        return status;
    return bncli_tuning_choose(bncli_context_facts(context), kept, out, err);
}

/* Writes the file, or with a NULL removes it; then the context knows it, too. */
static bncl_status replace_kept(bncl_context *context, const char *text, bncl_error *err)
{
    char identity[BNCLI_IDENTITY_SIZE];
    bncl_status status = bncli_program_identity(context, identity, sizeof identity, err);
    if (status != BNCL_OK)
        return status;
    void **place = bncli_context_attachment_lock(context, BNCLI_ATTACHED_TUNING);
    status = open_tuned(identity, place, err);
    if (status == BNCL_OK)
        status = text != NULL ? bncli_tuning_file_write(identity, text, err)
                              : bncli_tuning_file_remove(identity, err);
    if (status == BNCL_OK)
        snprintf(((tuned *)*place)->kept, BNCL_TUNING_TEXT_SIZE, "%s", text != NULL ? text : "");
    bncli_context_attachment_unlock(context, BNCLI_ATTACHED_TUNING, bncli_free);
    return status;
}

/* ---- the public face ---- */

bncl_status bncl_tuning_get(bncl_context *context, bncl_tuning_info *out, bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context or out is NULL");
    char kept[BNCL_TUNING_TEXT_SIZE];
    bncli_tuning tuning;
    bncl_status status = copy_kept(context, kept, err);
    if (status == BNCL_OK)
        status = bncli_tuning_choose(bncli_context_facts(context), kept, &tuning, err);
    if (status != BNCL_OK)
        return status;
    const char *wanted = getenv("BNCL_TUNING");
    const bool is_wanted = wanted != NULL && *wanted != '\0';
    bncli_tuning_write(&tuning, out->text);
    snprintf(out->origin, sizeof out->origin, "%s",
             is_wanted         ? "BNCL_TUNING"
             : kept[0] != '\0' ? "kept"
                               : "default");
    out->can_keep = bncli_tuning_file_possible();
    return BNCL_OK;
}

bncl_status bncl_tuning_keep(bncl_context *context, const char *text, bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL || text == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context or text is NULL");
    bncli_tuning checked = wide_tuning;
    bncl_status status = bncli_tuning_read("text", text, &checked, err);
    if (status != BNCL_OK)
        return status;
    if (strlen(text) >= BNCL_TUNING_TEXT_SIZE)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "text: expected less than %d bytes, got %zu",
                          BNCL_TUNING_TEXT_SIZE, strlen(text));
    return replace_kept(context, text, err);
}

bncl_status bncl_tuning_forget(bncl_context *context, bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context is NULL");
    return replace_kept(context, NULL, err);
}
