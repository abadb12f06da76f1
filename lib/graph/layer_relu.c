/* The ReLU layer. */
#include "graph/layer.h"

static bncl_status forward(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err)
{
    (void)layer;
    return bncl_relu_forward(run->elementwise, run->queue, run->x[0], run->y, NULL, err);
}

static bncl_status backward(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err)
{
    (void)layer;
    if (run->dx[0].buffer == NULL)
        return BNCL_OK;
    return bncl_relu_backward(run->elementwise, run->queue, run->y, run->dy, &run->dx[0], NULL,
                              err);
}

const bncli_layer_kind bncli_layer_relu = {.forward = forward, .backward = backward};
