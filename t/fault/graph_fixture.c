/* A small graph with every kind of layer: see graph_fixture.h. */
#include "fault/graph_fixture.h"

/* Values are numbered in the order that they are added: the input is 0, layer i gives i + 1. */
enum { INPUT, NORMED, FLAT, HIDDEN, HIDDEN_NORMED, POSITIVE, MIXED, SUM, LOGITS };

static bncl_status add_cumulative(bncl_graph *graph, bncl_value *value, bncl_error *err)
{
    bncl_graph_batch_norm_options options = bncl_graph_batch_norm_options_default();
    options.norm.cumulative = true;
    return bncl_graph_batch_norm(graph, "bn0", INPUT, &options, value, err);
}

bncl_status fixture_add_layer(bncl_graph *graph, size_t index, bncl_value *value, bncl_error *err)
{
    const bncl_value x = (bncl_value)index;
    switch (index + 1) {
    case NORMED:
        return add_cumulative(graph, value, err);
    case FLAT:
        return bncl_graph_flatten(graph, "flatten", x, value, err);
    case HIDDEN:
        return bncl_graph_linear(graph, "fc1", x, 5, true, value, err);
    case HIDDEN_NORMED:
        return bncl_graph_batch_norm(graph, "bn1", x, NULL, value, err);
    case POSITIVE:
        return bncl_graph_relu(graph, "relu", x, value, err);
    case MIXED:
        return bncl_graph_linear(graph, "fc2", x, 5, false, value, err);
    case SUM:
        return bncl_graph_add(graph, "sum", x, POSITIVE, value, err);
    default:
        return bncl_graph_linear(graph, "fc3", x, fixture_classes, true, value, err);
    }
}

bncl_status fixture_add_layers(bncl_graph *graph, size_t layers, bncl_value *value, bncl_error *err)
{
    const size_t dims[] = {fixture_channels, fixture_positions};
    bncl_status status = bncl_graph_input(graph, 2, dims, true, value, err);
    for (size_t i = 0; i < layers && status == BNCL_OK; ++i)
        status = fixture_add_layer(graph, i, value, err);
    return status;
}

bncl_status fixture_graph(bncl_context *context, bncl_queue *queue, uint64_t seed, bncl_graph **out,
                          bncl_error *err)
{
    bncl_graph *graph = NULL;
    bncl_value value;
    bncl_status status = bncl_graph_create(context, &graph, err);
    if (status == BNCL_OK)
        status = fixture_add_layers(graph, fixture_layers, &value, err);
    if (status == BNCL_OK)
        status = bncl_graph_plan(graph, value, seed, queue, err);
    if (status != BNCL_OK) {
        bncl_graph_destroy(graph);
        return status;
    }
    *out = graph;
    return BNCL_OK;
}

void fixture_input_dims(size_t n, size_t dims[3])
{
    dims[0] = n;
    dims[1] = fixture_channels;
    dims[2] = fixture_positions;
}

void fixture_output_dims(size_t n, size_t dims[2])
{
    dims[0] = n;
    dims[1] = fixture_classes;
}

size_t fixture_input_count(size_t n)
{
    return n * fixture_channels * fixture_positions;
}

size_t fixture_output_count(size_t n)
{
    return n * fixture_classes;
}
