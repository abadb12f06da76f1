/* The flatten layer: y is x under another shape, in the same memory. */
#include <bncl/buffer.h>

#include "graph/layer.h"

static bncl_status forward(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err)
{
    (void)layer;
    (void)run;
    (void)err;
    return BNCL_OK;
}

static bncl_status backward(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err)
{
    (void)layer;
    if (run->dx[0].buffer == NULL)
        return BNCL_OK;
    return bncl_tensor_copy(run->queue, run->dy, &run->dx[0], NULL, err);
}

const bncli_layer_kind bncli_layer_flatten = {
    .forward = forward, .backward = backward, .aliases = true};
