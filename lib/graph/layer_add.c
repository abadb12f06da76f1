/* The sum of two values: a residual connection. */
#include <bncl/buffer.h>

#include "graph/layer.h"

static bncl_status forward(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err)
{
    (void)layer;
    return bncl_add(run->elementwise, run->queue, run->x[0], run->x[1], run->y, NULL, err);
}

static bncl_status backward(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    for (size_t i = 0; i < layer->input_count && status == BNCL_OK; ++i)
        if (run->dx[i].buffer != NULL)
            status = bncl_tensor_copy(run->queue, run->dy, &run->dx[i], NULL, err);
    return status;
}

const bncli_layer_kind bncli_layer_add = {.forward = forward, .backward = backward};
