/* The graph: its life, its mode, and what may be asked of it when. */
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "graph/buffer_plan.h"
#include "graph/fuse.h"
#include "graph/parameters.h"
#include "graph/pass.h"
#include "graph/topology.h"
#include "ops/operand.h"
#include "runtime/queue.h"

bncl_status bncl_graph_create(bncl_context *context, bncl_graph **out, bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context or out is NULL");
    bncl_graph *graph;
    bncl_status status = bncli_new(&graph, 1, sizeof *graph, err);
    if (status != BNCL_OK)
        return status;
    graph->context = context;
    graph->training = true;
    *out = graph;
    return BNCL_OK;
}

void bncl_graph_destroy(bncl_graph *graph)
{
    if (graph == NULL)
        return;
    bncli_plan_destroy(graph);
    bncli_parameters_destroy(graph);
    for (size_t i = 0; i < graph->layer_count; ++i)
        if (graph->layers[i].kind->destroy != NULL)
            graph->layers[i].kind->destroy(&graph->layers[i]);
    bncl_elementwise_destroy(graph->elementwise);
    bncli_free(graph->layers);
    bncli_free(graph->values);
    bncli_free(graph->inputs);
    bncli_free(graph);
}

bncl_status bncli_graph_require(const bncl_graph *graph, bool built, const char *call,
                                bncl_error *err)
{
    const bool is_built = graph->state != BNCLI_GRAPH_BUILDING;
    if (is_built == built)
        return BNCL_OK;
    return bncli_fail(err, BNCL_ERROR_STATE,
                      built ? "%s: the graph is still being built: call bncl_graph_plan first"
                            : "%s: the graph is already planned, nothing can be added to it",
                      call);
}

bncl_status bncli_graph_require_eval(const bncl_graph *graph, const char *call, bncl_error *err)
{
    if (!graph->training)
        return BNCL_OK;
    return bncli_fail(err, BNCL_ERROR_STATE,
                      "%s: the graph is in training mode: call bncl_graph_eval first", call);
}

bncl_status bncl_graph_plan(bncl_graph *graph, bncl_value output, uint64_t seed, bncl_queue *queue,
                            bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph is NULL");
    bncl_status status = bncli_graph_require(graph, false, "bncl_graph_plan", err);
    if (status == BNCL_OK)
        status = bncli_queue_check(graph->context, queue, err);
    if (status != BNCL_OK)
        return status;
    if (output < 0 || (size_t)output >= graph->value_count || graph->values[output].producer < 0)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%d is no value that a layer gives", output);
    graph->output = output;
    status = bncli_topology_check(graph, err);
    if (status == BNCL_OK && graph->elementwise == NULL)
        status = bncl_elementwise_create(graph->context, BNCL_F32, &graph->elementwise, err);
    if (status == BNCL_OK)
        status = bncli_parameters_create(graph, seed, queue, err);
    if (status != BNCL_OK)
        return status;
    bncli_fuse(graph);
    graph->state = BNCLI_GRAPH_PLANNED;
    return BNCL_OK;
}

static bncl_status set_training(bncl_graph *graph, bool training, bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph is NULL");
    graph->training = training;
    return BNCL_OK;
}

bncl_status bncl_graph_train(bncl_graph *graph, bncl_error *err)
{
    return set_training(graph, true, err);
}

bncl_status bncl_graph_eval(bncl_graph *graph, bncl_error *err)
{
    return set_training(graph, false, err);
}

bool bncli_graph_exchange_mode(bncl_graph *graph, bool training)
{
    const bool was = graph->training;
    graph->training = training;
    return was;
}

void bncli_graph_forget_pass(bncl_graph *graph)
{
    graph->state = BNCLI_GRAPH_PLANNED;
    graph->has_backward = false;
}

/* The layer of this name; NULL, with a text, when there is none. */
static bncli_layer *find_layer(bncl_graph *graph, const char *name, bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || name == NULL) {
        bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph or layer is NULL");
        return NULL;
    }
    for (size_t i = 0; i < graph->layer_count; ++i)
        if (strcmp(graph->layers[i].name, name) == 0)
            return &graph->layers[i];
    bncli_fail(err, BNCL_ERROR_ARGUMENT, "there is no layer '%.100s'", name);
    return NULL;
}

bncl_status bncl_graph_freeze(bncl_graph *graph, const char *layer, bool frozen, bncl_error *err)
{
    bncli_layer *found = find_layer(graph, layer, err);
    if (found == NULL)
        return BNCL_ERROR_ARGUMENT;
    found->frozen = frozen;
    return BNCL_OK;
}

bncl_status bncl_graph_fuse(bncl_graph *graph, bool fuse, bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph is NULL");
    bncl_status status = bncli_graph_require(graph, false, "bncl_graph_fuse", err);
    if (status == BNCL_OK)
        graph->unfused = !fuse;
    return status;
}

bncl_status bncl_graph_track_running_stats(bncl_graph *graph, const char *layer, bool track,
                                           bncl_error *err)
{
    const bncli_layer *found = find_layer(graph, layer, err);
    if (found == NULL)
        return BNCL_ERROR_ARGUMENT;
    bncli_batch_norm_state *state = bncli_tracked_state(found);
    if (state == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%s has no running statistics", layer);
    state->tracking = track;
    return BNCL_OK;
}

/* Checks one input against its declared shape, and that it has the batch size of the first. */
static bncl_status check_input(const bncl_graph *graph, const bncl_tensor *inputs, size_t index,
                               bncl_error *err)
{
    const bncl_tensor *input = &inputs[index];
    const bncli_shape *shape = &graph->values[graph->inputs[index]].shape;
    size_t dims[BNCL_MAX_RANK] = {inputs[0].rank > 0 ? inputs[0].dims[0] : 0};
    memcpy(dims + 1, shape->dims, (size_t)shape->rank * sizeof *dims);
    char name[32] = "input";
    if (graph->input_count > 1)
        snprintf(name, sizeof name, "input %zu", index);
    return bncli_operand_check(graph->context, (bncli_operand){input, name}, BNCL_F32,
                               shape->rank + 1, dims, err);
}

static bncl_status check_forward(const bncl_graph *graph, const bncl_queue *queue,
                                 const bncl_tensor *inputs, size_t count, bncl_error *err)
{
    if (graph == NULL || inputs == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph or inputs is NULL");
    bncl_status status = bncli_graph_require(graph, true, "bncl_graph_forward", err);
    if (status == BNCL_OK)
        status = bncli_queue_check(graph->context, queue, err);
    if (status == BNCL_OK && count != graph->input_count)
        status = bncli_fail(err, BNCL_ERROR_ARGUMENT, "expected %zu inputs, got %zu",
                            graph->input_count, count);
    for (size_t i = 0; i < count && status == BNCL_OK; ++i)
        status = check_input(graph, inputs, i, err);
    return status;
}

bncl_status bncl_graph_forward(bncl_graph *graph, bncl_queue *queue, const bncl_tensor *inputs,
                               size_t count, bncl_tensor *output, const bncl_sync *sync,
                               bncl_error *err)
{
    bncli_error_clear(err);
    bncl_status status = check_forward(graph, queue, inputs, count, err);
    if (status != BNCL_OK)
        return status;
    const size_t n = inputs[0].dims[0];
    size_t slot;
    graph->state = BNCLI_GRAPH_PLANNED;
    graph->has_backward = false;
    status = bncli_plan_forward(graph, n, &slot, err);
    if (status == BNCL_OK)
        status = bncli_queue_begin(queue, sync, err);
    if (status != BNCL_OK)
        return status;
    graph->slot = slot;
    graph->batch = n;
    status = bncli_pass_forward(graph, queue, inputs, graph->training, err);
    if (status == BNCL_OK)
        status = bncli_queue_end(queue, sync, err);
    if (status != BNCL_OK)
        return status;
    for (size_t i = 0; i < graph->layer_count; ++i)
        if (graph->layers[i].kind->commit != NULL)
            graph->layers[i].kind->commit(&graph->layers[i]);
    graph->state = BNCLI_GRAPH_READY;
    if (output != NULL)
        *output = graph->values[graph->output].value;
    return BNCL_OK;
}

bncl_status bncl_graph_backward(bncl_graph *graph, bncl_queue *queue, const bncl_tensor *dy,
                                const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || dy == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph or dy is NULL");
    if (graph->state != BNCLI_GRAPH_READY)
        return bncli_fail(err, BNCL_ERROR_STATE,
                          "bncl_graph_backward: call bncl_graph_forward first");
    bncl_status status = bncli_queue_check(graph->context, queue, err);
    const bncl_tensor *y = &graph->values[graph->output].value;
    if (status == BNCL_OK)
        status = bncli_operand_check(graph->context, (bncli_operand){dy, "dy"}, BNCL_F32, y->rank,
                                     y->dims, err);
    if (status != BNCL_OK)
        return status;
    graph->has_backward = false;
    status = bncli_plan_backward(graph, graph->batch, err);
    if (status == BNCL_OK)
        status = bncli_queue_begin(queue, sync, err);
    if (status == BNCL_OK)
        status = bncli_pass_backward(graph, queue, dy, err);
    if (status == BNCL_OK)
        status = bncli_queue_end(queue, sync, err);
    if (status == BNCL_OK)
        graph->has_backward = true;
    return status;
}

bncl_status bncl_graph_input_gradient(const bncl_graph *graph, size_t index, bncl_tensor *out,
                                      bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph or out is NULL");
    if (index >= graph->input_count)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "expected an index below %zu, got %zu",
                          graph->input_count, index);
    const bncli_graph_value *value = &graph->values[graph->inputs[index]];
    if (!value->requires_grad)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "input %zu does not require a gradient", index);
    if (!graph->has_backward)
        return bncli_fail(err, BNCL_ERROR_STATE,
                          "no bncl_graph_backward since the last bncl_graph_forward");
    *out = value->gradient;
    return BNCL_OK;
}
