/* Events. */
#include <bncl/event.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/objects.h"

bncl_status bncli_event_prepare(bncl_event **wanted, bncl_event **out, bncl_error *err)
{
    *out = NULL;
    if (wanted == NULL)
        return BNCL_OK;
    return bncli_new(out, 1, sizeof **out, err);
}

bncl_status bncli_event_deliver(bncl_event *prepared, bncl_event **wanted, bncl_status status)
{
    if (prepared == NULL)
        return status;
    if (status == BNCL_OK)
        *wanted = prepared;
    else
        bncli_free(prepared);
    return status;
}

bncl_status bncl_event_wait(bncl_event *event, bncl_error *err)
{
    bncli_error_clear(err);
    if (event == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "event is NULL");
    return bncli_cl_status(clWaitForEvents(1, &event->cl), "clWaitForEvents", err);
}

void bncl_event_destroy(bncl_event *event)
{
    if (event == NULL)
        return;
    clReleaseEvent(event->cl);
    bncli_free(event);
}
