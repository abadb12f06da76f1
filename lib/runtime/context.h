/* Internal: what the upper floors may ask of a context. */
#ifndef BNCLI_CONTEXT_H
#define BNCLI_CONTEXT_H

#include <bncl/context.h>

#include "runtime/device.h"

/* The device's facts; borrowed, constant. */
const bncli_device_facts *bncli_context_facts(const bncl_context *context);

/* Locks the context for its attachment and gives the place where it is kept (NULL at first). Floor
   3 keeps its built programs there. */
void **bncli_context_attachment_lock(bncl_context *context);

/* Unlocks; `destroy` is what frees the attachment with the context. */
void bncli_context_attachment_unlock(bncl_context *context, void (*destroy)(void *));

#endif
