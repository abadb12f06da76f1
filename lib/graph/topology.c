/* Who uses whose values: questions about a graph's topology. */
#include "graph/topology.h"

#include "base/error.h"

bool bncli_layer_takes(const bncli_layer *layer, bncl_value value)
{
    for (size_t i = 0; i < layer->input_count; ++i)
        if (layer->inputs[i] == value)
            return true;
    return false;
}

size_t bncli_value_uses(const bncl_graph *graph, bncl_value value)
{
    size_t count = value == graph->output;
    for (size_t i = 0; i < graph->layer_count; ++i)
        for (size_t k = 0; k < graph->layers[i].input_count; ++k)
            count += graph->layers[i].inputs[k] == value;
    return count;
}

bncli_layer *bncli_value_consumer(const bncl_graph *graph, bncl_value value)
{
    for (size_t i = 0; i < graph->layer_count; ++i)
        if (bncli_layer_takes(&graph->layers[i], value))
            return &graph->layers[i];
    return NULL;
}

size_t bncli_layer_index(const bncl_graph *graph, const bncli_layer *layer)
{
    return (size_t)(layer - graph->layers);
}

bncl_status bncli_topology_check(const bncl_graph *graph, bncl_error *err)
{
    for (size_t i = 0; i < graph->layer_count; ++i)
        if (bncli_value_uses(graph, graph->layers[i].output) == 0)
            return bncli_fail(err, BNCL_ERROR_SHAPE, "the output does not depend on layer '%s'",
                              graph->layers[i].name);
    return BNCL_OK;
}
