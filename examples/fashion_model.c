/* The network of fashion_mlp; see fashion_model.h. */
#include "fashion_model.h"

#include "fashion_data.h"

/* A hidden layer: Linear, batch norm, ReLU. BNCL_OK is 0: the first failure ends the chain. */
static bncl_status add_hidden(bncl_graph *graph, const char *linear, const char *norm,
                              const char *relu, size_t features, bncl_value *value, bncl_error *err)
{
    bncl_status status;
    if ((status = bncl_graph_linear(graph, linear, *value, features, true, value, err)) ||
        (status = bncl_graph_batch_norm(graph, norm, *value, NULL, value, err)) ||
        (status = bncl_graph_relu(graph, relu, *value, value, err)))
        return status;
    return BNCL_OK;
}

static bncl_status add_layers(bncl_graph *graph, bncl_value *value, bncl_error *err)
{
    const size_t pixels = FASHION_PIXELS;
    bncl_status status;
    if ((status = bncl_graph_input(graph, 1, &pixels, false, value, err)) ||
        (status = add_hidden(graph, "fc1", "bn1", "relu1", 256, value, err)) ||
        (status = add_hidden(graph, "fc2", "bn2", "relu2", 128, value, err)) ||
        (status = bncl_graph_linear(graph, "fc3", *value, FASHION_CLASSES, true, value, err)))
        return status;
    return BNCL_OK;
}

bncl_status fashion_model_create(bncl_context *context, bncl_queue *queue, uint64_t seed,
                                 bncl_graph **out, bncl_error *err)
{
    bncl_graph *graph = NULL;
    bncl_value value;
    bncl_status status;
    if ((status = bncl_graph_create(context, &graph, err)) ||
        (status = add_layers(graph, &value, err)) ||
        (status = bncl_graph_plan(graph, value, seed, queue, err))) {
        bncl_graph_destroy(graph);
        return status;
    }
    *out = graph;
    return BNCL_OK;
}
