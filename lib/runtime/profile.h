/* Internal: what a queue's commands cost, added up by what they were. */
#ifndef BNCLI_PROFILE_H
#define BNCLI_PROFILE_H

#include <bncl/queue.h>

#include "runtime/command.h"

/* All commands of one name that one layer has enqueued in one pass. */
typedef struct bncli_profile_row {
    bncli_command command; /* the first of them: its name, layer, pass and kind say which */
    uint64_t count, nanoseconds, bytes;
} bncli_profile_row;

typedef struct bncli_profile {
    bncl_queue *queue; /* borrowed; NULL: it has ended, or the queue has */
    size_t count, capacity;
    bncli_profile_row *rows; /* in the order in which their first commands ran */
    uint64_t began, elapsed; /* nanoseconds on the host; elapsed once it has ended */
    bool by_device;          /* all times so far are the device's */
    bool incomplete;         /* a row was lost for want of memory */
} bncli_profile;

/* Begins a profile of what the queue is given from now on. Blocks until the queue has run what it
   has. Errors: MEMORY, OPENCL, STATE (there is one already). */
bncl_status bncli_profile_begin(bncl_queue *queue, bncli_profile **out, bncl_error *err);

/* Waits for the queue, and ends the profile; its rows stay. A call that could not wait can be made
   again. Errors: MEMORY (a row was lost: the profile is of no use), OPENCL, STATE (it has ended, or
   its queue was destroyed). */
bncl_status bncli_profile_end(bncli_profile *profile, bncl_error *err);

/* Ends it where it has not ended. NULL is fine. */
void bncli_profile_destroy(bncli_profile *profile);

/* Adds a command that has run. */
void bncli_profile_add(bncli_profile *profile, const bncli_command *command,
                       const bncli_command_span *span);

#endif
