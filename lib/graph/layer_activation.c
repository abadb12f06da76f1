/* The activation layers: ReLU, LeakyReLU, Hardtanh. */
#include "graph/layer.h"
#include "ops/activation.h"
#include "ops/operand.h"
#include "tensor/size.h"

/* A bit an element. The sample's size has been checked when the layer was added, the batch's when
   its buffers were laid out. */
static size_t mask_bytes(const bncli_layer *layer, size_t slot, size_t n)
{
    size_t sample = 0;
    (void)slot;
    bncli_size_product(layer->output_shape.rank, layer->output_shape.dims, &sample);
    return bncli_mask_line_bytes(n * sample);
}

static bncl_status forward(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err)
{
    return bncl_activation_forward(run->elementwise, run->queue, &layer->of.activation, run->x[0],
                                   run->y, &run->mask, NULL, err);
}

static bncl_status backward(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err)
{
    if (!bncli_present(&run->dx[0]))
        return BNCL_OK;
    return bncl_activation_backward(run->elementwise, run->queue, &layer->of.activation, &run->mask,
                                    run->dy, &run->dx[0], NULL, err);
}

const bncli_layer_kind bncli_layer_activation = {
    .mask_bytes = mask_bytes, .forward = forward, .backward = backward};
