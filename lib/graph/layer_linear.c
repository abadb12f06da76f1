/* The linear layer. */
#include <bncl/linear.h>

#include "graph/layer.h"

static bncl_status plan(bncli_layer *layer, size_t slot, size_t n, bncl_error *err)
{
    return bncl_linear_create(layer->context, n, layer->input_shape.dims[0],
                              layer->output_shape.dims[0], &layer->of.linear[slot], err);
}

static void unplan(bncli_layer *layer, size_t slot)
{
    bncl_linear_destroy(layer->of.linear[slot]);
    layer->of.linear[slot] = NULL;
}

static bncl_status forward(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err)
{
    return bncl_linear_forward(layer->of.linear[run->slot], run->queue, run->x[0],
                               &layer->parameters[0].value, &layer->parameters[1].value, run->y,
                               NULL, err);
}

static bncl_status backward(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err)
{
    const bncl_linear_backward_args args = {
        .x = *run->x[0],
        .weight = layer->parameters[0].value,
        .dy = *run->dy,
        .dx = run->dx[0],
        .dweight = layer->parameters[0].gradient,
        .dbias = layer->parameters[1].gradient,
        .accumulate_parameters = run->accumulate,
    };
    return bncl_linear_backward(layer->of.linear[run->slot], run->queue, &args, NULL, err);
}

const bncli_layer_kind bncli_layer_linear = {
    .plan = plan, .unplan = unplan, .forward = forward, .backward = backward, .keeps_x = true};
