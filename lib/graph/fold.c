/* Folding: a copy of a graph in which Linears do what batch norms did. */
#include <bncl/fold.h>

#include <string.h>

#include <bncl/buffer.h>

#include "base/alloc.h"
#include "base/error.h"
#include "graph/fold.h"
#include "ops/operand.h"
#include "runtime/buffer.h"

/* The content of the graph's parameter buffer, in new host memory. */
static bncl_status read_values(const bncl_graph *graph, bncl_queue *queue, float **out,
                               bncl_error *err)
{
    bncl_tensor values, gradients;
    bncl_status status = bncl_graph_parameters(graph, &values, &gradients, err);
    if (status == BNCL_OK)
        status = bncli_new(out, graph->parameter_elements, sizeof **out, err);
    return status == BNCL_OK ? bncl_tensor_read(queue, &values, *out, NULL, err) : status;
}

/* Adds a layer like `from`, whose operands are the values `inputs`. All of it is copied, but of a
   Linear, whose part `of` holds its graph's operator plans, and which may get a bias. (A batch norm
   is never copied.) */
static bncl_status copy_layer(const bncli_layer *from, const bncl_value *inputs, bool bias,
                              bncl_graph *to, bncl_value *out, bncl_error *err)
{
    if (from->kind == &bncli_layer_linear)
        return bncl_graph_linear(to, from->name, inputs[0], from->output_shape.dims[0], bias, out,
                                 err);
    bncli_layer layer = *from;
    memcpy(layer.inputs, inputs, sizeof layer.inputs);
    return bncli_graph_add_layer(to, &layer, out, err);
}

/* Adds all layers but the batch norms. values[v] is the new graph's value for the old one's v; a
   batch norm gives what it takes. */
static bncl_status copy_layers(const bncli_fold *fold, bncl_graph *to, bncl_value *values,
                               bncl_error *err)
{
    bncl_status status = BNCL_OK;
    for (size_t i = 0; i < fold->graph->layer_count && status == BNCL_OK; ++i) {
        const bncli_layer *from = &fold->graph->layers[i];
        bncl_value inputs[BNCLI_LAYER_INPUTS] = {0};
        for (size_t k = 0; k < from->input_count; ++k)
            inputs[k] = values[from->inputs[k]];
        values[from->output] = inputs[0];
        if (fold->removed[i])
            continue;
        const bool bias = from->parameter_count > 1 || fold->linears[i].bias != NULL;
        status = copy_layer(from, inputs, bias, to, &values[from->output], err);
    }
    return status;
}

static bncl_status copy_inputs(const bncl_graph *from, bncl_graph *to, bncl_value *values,
                               bncl_error *err)
{
    bncl_status status = BNCL_OK;
    for (size_t i = 0; i < from->input_count && status == BNCL_OK; ++i) {
        const bncli_graph_value *input = &from->values[from->inputs[i]];
        status = bncl_graph_input(to, input->shape.rank, input->shape.dims, input->requires_grad,
                                  &values[from->inputs[i]], err);
    }
    return status;
}

/* Writes all parameters of the new graph: those folded, rounded, and the others as in `values`. */
static bncl_status write_values(const bncli_fold *fold, const float *values, const bncl_graph *to,
                                bncl_queue *queue, bncl_error *err)
{
    bncl_tensor all, gradients;
    float *host = NULL;
    bncl_status status = bncl_graph_parameters(to, &all, &gradients, err);
    if (status == BNCL_OK)
        status = bncli_new(&host, to->parameter_elements, sizeof *host, err);
    if (status != BNCL_OK)
        return status;
    const bncli_layer *layer = to->layers;
    for (size_t i = 0; i < fold->graph->layer_count; ++i) {
        if (fold->removed[i])
            continue;
        const double *const folded[] = {fold->linears[i].weight, fold->linears[i].bias};
        for (size_t k = 0; k < layer->parameter_count; ++k) {
            const bncl_tensor *place = &layer->parameters[k].value;
            const size_t count = bncl_tensor_count(place);
            const float *same = values + fold->graph->layers[i].parameters[k].value.offset;
            for (size_t j = 0; j < count; ++j)
                host[place->offset + j] = folded[k] != NULL ? (float)folded[k][j] : same[j];
        }
        ++layer;
    }
    status = bncli_tensor_upload(queue, &all, host, err);
    bncli_free(host);
    return status;
}

/* Makes the graph in *out, also when it fails half-way. */
static bncl_status make(const bncli_fold *fold, const float *parameters, bncl_queue *queue,
                        bncl_graph **out, bncl_error *err)
{
    const bncl_graph *from = fold->graph;
    bncl_value *values = NULL;
    bncl_status status = bncl_graph_create(from->context, out, err);
    if (status == BNCL_OK)
        status = bncli_new(&values, from->value_count, sizeof *values, err);
    if (status == BNCL_OK)
        status = copy_inputs(from, *out, values, err);
    if (status == BNCL_OK)
        status = copy_layers(fold, *out, values, err);
    if (status == BNCL_OK)
        status = bncl_graph_plan(*out, values[from->output], 0, queue, err);
    if (status == BNCL_OK)
        status = write_values(fold, parameters, *out, queue, err);
    bncli_free(values);
    return status == BNCL_OK ? bncl_graph_eval(*out, err) : status;
}

bncl_status bncl_graph_fold(const bncl_graph *graph, bncl_queue *queue, bncl_graph **out,
                            bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph or out is NULL");
    bncl_status status = bncli_graph_require(graph, true, "bncl_graph_fold", err);
    if (status == BNCL_OK)
        status = bncli_queue_check(graph->context, queue, err);
    if (status == BNCL_OK)
        status = bncli_graph_require_eval(graph, "bncl_graph_fold", err);
    if (status != BNCL_OK)
        return status;
    bncli_fold fold = {.graph = graph};
    float *parameters = NULL;
    bncl_graph *folded = NULL;
    status = bncli_fold_find(&fold, err);
    if (status == BNCL_OK)
        status = read_values(graph, queue, &parameters, err);
    if (status == BNCL_OK)
        status = bncli_fold_compute(&fold, queue, parameters, err);
    if (status == BNCL_OK)
        status = make(&fold, parameters, queue, &folded, err);
    bncli_fold_destroy(&fold);
    bncli_free(parameters);
    if (status == BNCL_OK)
        *out = folded;
    else
        bncl_graph_destroy(folded);
    return status;
}
