/* Internal: what the upper floors may ask of a context. */
#ifndef BNCLI_CONTEXT_H
#define BNCLI_CONTEXT_H

#include <bncl/context.h>

#include "runtime/device.h"

/* The device's facts; borrowed, constant. */
const bncli_device_facts *bncli_context_facts(const bncl_context *context);

/* What floor 3 keeps with a context. */
typedef enum bncli_attachment {
    BNCLI_ATTACHED_PROGRAMS,
    BNCLI_ATTACHED_TUNING,
    BNCLI_ATTACHMENTS
} bncli_attachment;

/* Locks the context's attachments and gives the place where one is kept (NULL at first). */
void **bncli_context_attachment_lock(bncl_context *context, bncli_attachment which);

/* Unlocks; `destroy` is what frees the attachment with the context. */
void bncli_context_attachment_unlock(bncl_context *context, bncli_attachment which,
                                     void (*destroy)(void *));

#endif
