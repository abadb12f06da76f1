/* BUILDING: inputs and layers are added, their shapes worked out. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <bncl/linear.h>

#include "base/alloc.h"
#include "base/error.h"
#include "graph/graph.h"
#include "ops/activation.h"
#include "tensor/size.h"

bncl_graph_batch_norm_options bncl_graph_batch_norm_options_default(void)
{
    return (bncl_graph_batch_norm_options){.norm = bncl_batch_norm_options_default(),
                                           .gamma = true,
                                           .beta = true,
                                           .track_running_stats = true,
                                           .channels_last = false};
}

bncl_status bncli_grow(void *array, size_t size, size_t count, size_t *capacity, bncl_error *err)
{
    if (count < *capacity)
        return BNCL_OK;
    void *old;
    memcpy(&old, array, sizeof old);
    const size_t larger = *capacity == 0 ? 8 : 2 * *capacity;
    void *grown;
    bncl_status status = bncli_new(&grown, larger, size, err);
    if (status != BNCL_OK)
        return status;
    if (count > 0)
        memcpy(grown, old, count * size);
    bncli_free(old);
    memcpy(array, &grown, sizeof grown);
    *capacity = larger;
    return BNCL_OK;
}

/* A value that nothing has been added for yet: its index is the graph's count. */
static bncl_status add_value(bncl_graph *graph, const bncli_shape *shape, int producer,
                             bool requires_grad, bncl_value *out, bncl_error *err)
{
    bncl_status status = bncli_grow(&graph->values, sizeof *graph->values, graph->value_count,
                                    &graph->value_capacity, err);
    if (status != BNCL_OK)
        return status;
    graph->values[graph->value_count] =
        (bncli_graph_value){.shape = *shape, .producer = producer, .requires_grad = requires_grad};
    *out = (bncl_value)graph->value_count++;
    return BNCL_OK;
}

bncl_status bncl_graph_input(bncl_graph *graph, int rank_of_sample, const size_t *dims,
                             bool requires_grad, bncl_value *out, bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || dims == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph, dims or out is NULL");
    bncl_status status = bncli_graph_require(graph, false, "bncl_graph_input", err);
    if (status != BNCL_OK)
        return status;
    if (rank_of_sample < 1 || rank_of_sample > BNCL_MAX_RANK - 1)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "expected a sample of 1 to %d dims, got %d",
                          BNCL_MAX_RANK - 1, rank_of_sample);
    bncli_shape shape = {.rank = rank_of_sample};
    memcpy(shape.dims, dims, (size_t)rank_of_sample * sizeof *dims);
    size_t count;
    if (!bncli_size_product(rank_of_sample, dims, &count))
        return bncli_fail(err, BNCL_ERROR_SHAPE, "the sample's size overflows");
    status = bncli_grow(&graph->inputs, sizeof *graph->inputs, graph->input_count,
                        &graph->input_capacity, err);
    bncl_value value;
    if (status == BNCL_OK)
        status = add_value(graph, &shape, -1, requires_grad, &value, err);
    if (status != BNCL_OK)
        return status;
    graph->inputs[graph->input_count++] = value;
    *out = value;
    return BNCL_OK;
}

static bncl_status check_name(const bncl_graph *graph, const char *name, bncl_error *err)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    if (name == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "the layer's name is NULL");
    size_t length = strlen(name);
    if (length == 0 || length >= BNCLI_LAYER_NAME || strspn(name, legal) != length)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                          "'%.64s': expected a name of 1 to %d letters, digits, '_' and '.'", name,
                          BNCLI_LAYER_NAME - 1);
    for (size_t i = 0; i < graph->layer_count; ++i)
        if (strcmp(graph->layers[i].name, name) == 0)
            return bncli_fail(err, BNCL_ERROR_ARGUMENT, "there is already a layer '%s'", name);
    return BNCL_OK;
}

/* Checks what every layer has, and begins *layer with it; nothing is added yet. */
static bncl_status begin_layer(const bncl_graph *graph, const bncli_layer_kind *kind,
                               const char *name, bncl_value x, const bncl_value *out,
                               bncli_layer *layer, bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph or out is NULL");
    bncl_status status = bncli_graph_require(graph, false, "adding a layer", err);
    if (status == BNCL_OK)
        status = check_name(graph, name, err);
    if (status != BNCL_OK)
        return status;
    if (x < 0 || (size_t)x >= graph->value_count)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%s: %d is no value of this graph", name, x);
    *layer = (bncli_layer){.kind = kind, .context = graph->context, .input_count = 1};
    snprintf(layer->name, sizeof layer->name, "%s", name);
    layer->inputs[0] = x;
    layer->input_shape = graph->values[x].shape;
    layer->output_shape = layer->input_shape;
    return BNCL_OK;
}

bncl_status bncli_graph_add_layer(bncl_graph *graph, bncli_layer *layer, bncl_value *out,
                                  bncl_error *err)
{
    bool requires_grad = layer->parameter_count > 0;
    for (size_t i = 0; i < layer->input_count; ++i)
        requires_grad = requires_grad || graph->values[layer->inputs[i]].requires_grad;
    bncl_status status = bncli_grow(&graph->layers, sizeof *graph->layers, graph->layer_count,
                                    &graph->layer_capacity, err);
    if (status == BNCL_OK)
        status = add_value(graph, &layer->output_shape, (int)graph->layer_count, requires_grad,
                           &layer->output, err);
    if (status != BNCL_OK)
        return status;
    graph->layers[graph->layer_count++] = *layer;
    *out = layer->output;
    return BNCL_OK;
}

static void add_parameter(bncli_layer *layer, const char *suffix, int rank, size_t dim0,
                          size_t dim1, bncli_initialization initialization, float bound)
{
    bncli_parameter *p = &layer->parameters[layer->parameter_count++];
    *p = (bncli_parameter){
        .rank = rank, .dims = {dim0, dim1}, .initialization = initialization, .bound = bound};
    snprintf(p->name, sizeof p->name, "%s.%s", layer->name, suffix);
}

bncl_status bncl_graph_linear(bncl_graph *graph, const char *name, bncl_value x,
                              size_t out_features, bool bias, bncl_value *out, bncl_error *err)
{
    bncli_layer layer;
    bncl_status status = begin_layer(graph, &bncli_layer_linear, name, x, out, &layer, err);
    if (status != BNCL_OK)
        return status;
    const size_t in = layer.input_shape.dims[0];
    if (layer.input_shape.rank != 1)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: expected [N, in], got a sample of %d dims",
                          name, layer.input_shape.rank);
    if (in == 0 || out_features == 0)
        return bncli_fail(err, BNCL_ERROR_SHAPE,
                          "%s: expected at least 1 input and 1 output feature, got %zu and %zu",
                          name, in, out_features);
    const float bound = 1.0f / sqrtf((float)in);
    add_parameter(&layer, "weight", 2, out_features, in, BNCLI_UNIFORM, bound);
    if (bias)
        add_parameter(&layer, "bias", 1, out_features, 0, BNCLI_UNIFORM, bound);
    layer.output_shape = (bncli_shape){.rank = 1, .dims = {out_features}};
    return bncli_graph_add_layer(graph, &layer, out, err);
}

/* Finds the layout and the number of channels of a batch norm layer's input, which has `planes`
   (BatchNorm2d) or not, in PyTorch's words. */
static bncl_status batch_norm_shape(const bncli_layer *layer, bool planes,
                                    bncli_batch_norm_state *state, bncl_error *err)
{
    static const bncl_layout layouts[][2] = {{BNCL_LAYOUT_NC, BNCL_LAYOUT_NC},
                                             {BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC},
                                             {BNCL_LAYOUT_NCHW, BNCL_LAYOUT_NHWC}};
    const bncli_shape *shape = &layer->input_shape;
    if (planes != (shape->rank == 3))
        return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: expected %s input (got %dD input)",
                          layer->name, planes ? "4D" : "2D or 3D", shape->rank + 1);
    const bool last = state->options.channels_last;
    state->layout = layouts[shape->rank - 1][last];
    state->channels = shape->dims[last ? shape->rank - 1 : 0];
    if (state->channels == 0)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: expected at least 1 channel, got 0",
                          layer->name);
    if (state->channels > INT32_MAX)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: expected at most %d channels, got %zu",
                          layer->name, INT32_MAX, state->channels);
    return BNCL_OK;
}

/* The graph finds out itself what to fuse. */
static bncl_status check_no_activation(const bncli_layer *layer,
                                       const bncli_batch_norm_state *state, bncl_error *err)
{
    if (state->options.norm.activation.kind == BNCL_ACTIVATION_NONE)
        return BNCL_OK;
    return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                      "%s: expected no activation: it is a layer of its own in a graph",
                      layer->name);
}

/* The layer's parameters and the names of its state. */
static void add_batch_norm_entries(bncli_layer *layer, bncli_batch_norm_state *state)
{
    static const char *const names[] = {"running_mean", "running_var", "num_batches_tracked"};
    for (size_t i = 0; i < 3; ++i)
        snprintf(state->names[i], sizeof state->names[i], "%s.%s", layer->name, names[i]);
    if (state->options.gamma)
        add_parameter(layer, "weight", 1, state->channels, 0, BNCLI_ONES, 0.0f);
    if (state->options.beta)
        add_parameter(layer, "bias", 1, state->channels, 0, BNCLI_ZEROS, 0.0f);
}

static bncl_status add_batch_norm(bncl_graph *graph, const char *name, bncl_value x, bool planes,
                                  const bncl_graph_batch_norm_options *options, bncl_value *out,
                                  bncl_error *err)
{
    bncli_layer layer;
    bncl_status status = begin_layer(graph, &bncli_layer_batch_norm, name, x, out, &layer, err);
    bncli_batch_norm_state *state = NULL;
    if (status == BNCL_OK)
        status = bncli_new(&state, 1, sizeof *state, err);
    if (status != BNCL_OK)
        return status;
    layer.of.batch_norm = state;
    state->options = options != NULL ? *options : bncl_graph_batch_norm_options_default();
    state->tracking = state->options.track_running_stats;
    status = check_no_activation(&layer, state, err);
    if (status == BNCL_OK)
        status = batch_norm_shape(&layer, planes, state, err);
    if (status == BNCL_OK) {
        add_batch_norm_entries(&layer, state);
        status = bncli_graph_add_layer(graph, &layer, out, err);
    }
    if (status != BNCL_OK)
        bncli_free(state);
    return status;
}

bncl_status bncl_graph_batch_norm(bncl_graph *graph, const char *name, bncl_value x,
                                  const bncl_graph_batch_norm_options *options, bncl_value *out,
                                  bncl_error *err)
{
    return add_batch_norm(graph, name, x, false, options, out, err);
}

bncl_status bncl_graph_batch_norm2d(bncl_graph *graph, const char *name, bncl_value x,
                                    const bncl_graph_batch_norm_options *options, bncl_value *out,
                                    bncl_error *err)
{
    return add_batch_norm(graph, name, x, true, options, out, err);
}

static bncl_status add_activation(bncl_graph *graph, const char *name, bncl_value x,
                                  bncl_activation activation, bncl_value *out, bncl_error *err)
{
    bncli_layer layer;
    bncl_status status = begin_layer(graph, &bncli_layer_activation, name, x, out, &layer, err);
    if (status == BNCL_OK)
        status = bncli_activation_check(&activation, err);
    if (status != BNCL_OK)
        return status;
    layer.of.activation = activation;
    return bncli_graph_add_layer(graph, &layer, out, err);
}

bncl_status bncl_graph_relu(bncl_graph *graph, const char *name, bncl_value x, bncl_value *out,
                            bncl_error *err)
{
    return add_activation(graph, name, x, bncl_activation_relu(), out, err);
}

bncl_status bncl_graph_leaky_relu(bncl_graph *graph, const char *name, bncl_value x,
                                  double negative_slope, bncl_value *out, bncl_error *err)
{
    return add_activation(graph, name, x, bncl_activation_leaky_relu(negative_slope), out, err);
}

bncl_status bncl_graph_hardtanh(bncl_graph *graph, const char *name, bncl_value x, double min,
                                double max, bncl_value *out, bncl_error *err)
{
    return add_activation(graph, name, x, bncl_activation_hardtanh(min, max), out, err);
}

bncl_status bncl_graph_flatten(bncl_graph *graph, const char *name, bncl_value x, bncl_value *out,
                               bncl_error *err)
{
    bncli_layer layer;
    bncl_status status = begin_layer(graph, &bncli_layer_flatten, name, x, out, &layer, err);
    if (status != BNCL_OK)
        return status;
    size_t count = 0;
    bncli_size_product(layer.input_shape.rank, layer.input_shape.dims, &count);
    layer.output_shape = (bncli_shape){.rank = 1, .dims = {count}};
    return bncli_graph_add_layer(graph, &layer, out, err);
}

bncl_status bncl_graph_add(bncl_graph *graph, const char *name, bncl_value a, bncl_value b,
                           bncl_value *out, bncl_error *err)
{
    bncli_layer layer;
    bncl_status status = begin_layer(graph, &bncli_layer_add, name, a, out, &layer, err);
    if (status != BNCL_OK)
        return status;
    if (b < 0 || (size_t)b >= graph->value_count)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%s: %d is no value of this graph", name, b);
    const bncli_shape *other = &graph->values[b].shape;
    if (other->rank != layer.input_shape.rank ||
        memcmp(other->dims, layer.input_shape.dims, (size_t)other->rank * sizeof(size_t)) != 0)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: expected two values of one shape", name);
    layer.inputs[1] = b;
    layer.input_count = 2;
    return bncli_graph_add_layer(graph, &layer, out, err);
}
