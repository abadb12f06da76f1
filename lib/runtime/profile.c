/* Profiles: rows of commands. */
#include "runtime/profile.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/recorder.h"

/* Makes room for more rows; false where there is no memory. A profile begins with room, so that
   few need more while they are taken. */
static bool grow(bncli_profile *profile)
{
    const size_t capacity = profile->capacity > 0 ? 2 * profile->capacity : 64;
    bncli_profile_row *rows = bncli_alloc(capacity, sizeof *rows);
    if (rows == NULL)
        return false;
    if (profile->count > 0)
        memcpy(rows, profile->rows, profile->count * sizeof *rows);
    bncli_free(profile->rows);
    profile->rows = rows;
    profile->capacity = capacity;
    return true;
}

bncl_status bncli_profile_begin(bncl_queue *queue, bncli_profile **out, bncl_error *err)
{
    if (queue->recorder != NULL && bncli_recorder_has_profile(queue->recorder))
        return bncli_fail(err, BNCL_ERROR_STATE, "the queue has a profile that has not ended");
    const bool alone = queue->recorder == NULL;
    bncli_profile *profile;
    bncl_status status = bncli_new(&profile, 1, sizeof *profile, err);
    if (status != BNCL_OK)
        return status;
    profile->by_device = true;
    if (!grow(profile))
        status = bncli_fail(err, BNCL_ERROR_MEMORY, "out of memory for a profile");
    if (status == BNCL_OK && alone)
        status = bncli_recorder_create(queue, err);
    if (status == BNCL_OK)
        status = bncli_recorder_set_profile(queue, profile, err);
    if (status == BNCL_OK) {
        profile->queue = queue;
        profile->began = bncli_host_time();
        *out = profile;
        return BNCL_OK;
    }
    if (alone)
        bncli_recorder_destroy(queue, false);
    bncli_profile_destroy(profile); /* its queue is not set yet */
    return status;
}

/* The recorder goes where no trace needs it. */
static void detach(bncli_profile *profile)
{
    bncl_queue *queue = profile->queue;
    profile->queue = NULL;
    bncli_recorder_drop_profile(queue);
    if (queue->context->trace == NULL)
        bncli_recorder_destroy(queue, false);
}

bncl_status bncli_profile_end(bncli_profile *profile, bncl_error *err)
{
    if (profile->queue == NULL)
        return bncli_fail(err, BNCL_ERROR_STATE, "the profile has ended, or its queue has");
    bncl_status status = bncli_cl_status(clFinish(profile->queue->cl), "clFinish", err);
    if (status != BNCL_OK)
        return status;
    bncli_recorder_collect(profile->queue, true);
    if (profile->incomplete)
        return bncli_fail(err, BNCL_ERROR_MEMORY, "out of memory for the profile's rows");
    detach(profile);
    profile->elapsed = bncli_host_time() - profile->began;
    return BNCL_OK;
}

void bncli_profile_destroy(bncli_profile *profile)
{
    if (profile == NULL)
        return;
    if (profile->queue != NULL)
        detach(profile);
    bncli_free(profile->rows);
    bncli_free(profile);
}

static bncli_profile_row *find(const bncli_profile *profile, const bncli_command *command)
{
    for (size_t i = 0; i < profile->count; ++i) {
        const bncli_command *row = &profile->rows[i].command;
        if (strcmp(row->name, command->name) == 0 && strcmp(row->layer, command->layer) == 0 &&
            strcmp(row->pass, command->pass) == 0)
            return &profile->rows[i];
    }
    return NULL;
}

/* A new row; NULL where there is no memory. */
static bncli_profile_row *add_row(bncli_profile *profile, const bncli_command *command)
{
    if (profile->count == profile->capacity && !grow(profile))
        return NULL;
    bncli_profile_row *row = &profile->rows[profile->count++];
    *row = (bncli_profile_row){.command = *command};
    return row;
}

void bncli_profile_add(bncli_profile *profile, const bncli_command *command,
                       const bncli_command_span *span)
{
    bncli_profile_row *row = find(profile, command);
    if (row == NULL)
        row = add_row(profile, command);
    if (row == NULL) {
        profile->incomplete = true;
        return;
    }
    ++row->count;
    row->nanoseconds += span->duration;
    row->bytes += command->bytes;
    profile->by_device = profile->by_device && span->by_device;
}
