/* The operations of a pass; see step.h. */
#include "graph/step.h"

#include "graph/topology.h"

bool bncli_step_of(const bncl_graph *graph, const bncli_layer *layer, bncli_step *out)
{
    const bncl_value residual = layer->fusion.residual;
    if (layer->fusion.absorbed)
        return false;
    *out = (bncli_step){.worker = &graph->layers[layer->fusion.worker],
                        .output = layer->output,
                        .at = bncli_layer_index(graph, layer)};
    out->count = out->worker->input_count;
    for (size_t i = 0; i < out->count; ++i) {
        out->operands[i] = out->worker->inputs[i];
        out->order[i] = i;
    }
    if (residual >= 0) {
        out->operands[out->count++] = residual;
        out->order[0] = 1;
        out->order[1] = 0;
    }
    return true;
}
