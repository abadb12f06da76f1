/* Internal: how a call begins and ends on a queue. */
#ifndef BNCLI_QUEUE_H
#define BNCLI_QUEUE_H

#include <stdbool.h>

#include <bncl/queue.h>

/* The queue's context; borrowed. */
bncl_context *bncli_queue_context(const bncl_queue *queue);

/* Says that what is enqueued from now on is a layer's, in this pass (static text), for traces and
   profiles; NULL: no layer's. The name must stay until it is another. */
void bncli_queue_label(bncl_queue *queue, const char *layer, const char *pass);

/* Makes what follows wait for sync's events (NULL: for nothing). On an out-of-order queue it also
   waits for what the queue holds, so that calls keep their order. Errors: ARGUMENT, OPENCL. */
bncl_status bncli_queue_begin(bncl_queue *queue, const bncl_sync *sync, bncl_error *err);

/* Gives sync->signal, if one is wanted, the event of a marker. For calls whose last command cannot
   signal itself, and that would leave nothing changed if the marker failed. Errors:
   MEMORY, OPENCL. */
bncl_status bncli_queue_end(bncl_queue *queue, const bncl_sync *sync, bncl_error *err);

/* Where the call's last command puts its event: sync->signal, or NULL. */
static inline bncl_event **bncli_sync_signal(const bncl_sync *sync)
{
    return sync != NULL ? sync->signal : NULL;
}

#endif
