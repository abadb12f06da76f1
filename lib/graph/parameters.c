/* The graph's parameters: one flat buffer, one for the gradients, and how they begin. */
#include "graph/parameters.h"

#include <bncl/random.h>

#include "base/alloc.h"
#include "base/error.h"
#include "ops/operand.h"
#include "runtime/buffer.h"
#include "tensor/size.h"

/* The index-th parameter; index is below graph->parameter_count. */
static bncli_parameter *parameter_at(const bncl_graph *graph, size_t index)
{
    const size_t count = graph->layer_count;
    for (size_t i = 0; i < count; ++i) {
        if (index < graph->layers[i].parameter_count)
            return &graph->layers[i].parameters[index];
        index -= graph->layers[i].parameter_count;
    }
    return NULL;
}

/* Gives every parameter its place; *elements is what all take, *count how many there are. */
static bncl_status place(bncl_graph *graph, size_t *elements, size_t *count, bncl_error *err)
{
    *elements = *count = 0;
    for (size_t i = 0; i < graph->layer_count; ++i)
        *count += graph->layers[i].parameter_count;
    for (size_t i = 0; i < *count; ++i) {
        bncli_parameter *p = parameter_at(graph, i);
        size_t size, padded, end;
        if (!bncli_size_product(p->rank, p->dims, &size) || !bncli_align_elements(size, &padded) ||
            !bncli_size_add(*elements, padded, &end) || end > SIZE_MAX / sizeof(float))
            return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: the parameters' size overflows", p->name);
        p->value = (bncl_tensor){.offset = *elements,
                                 .dtype = BNCL_F32,
                                 .rank = p->rank,
                                 .dims = {p->dims[0], p->dims[1]}};
        p->gradient = p->value;
        *elements = end;
    }
    return BNCL_OK;
}

static void fill(const bncli_parameter *p, uint64_t seed, uint32_t stream, float *out)
{
    const size_t count = bncl_tensor_count(&p->value);
    if (p->initialization == BNCLI_UNIFORM)
        bncl_random_uniform(seed, stream, -p->bound, p->bound, out, count);
    for (size_t i = 0; i < count && p->initialization == BNCLI_ONES; ++i)
        out[i] = 1.0f;
}

/* Writes the initial values; the padding between them is zero. Each parameter draws from a stream
   of its own, so that its values do not depend on other layers' sizes. */
static bncl_status initialize(bncl_graph *graph, size_t elements, size_t count, uint64_t seed,
                              bncl_queue *queue, bncl_error *err)
{
    float *host;
    bncl_status status = bncli_new(&host, elements, sizeof *host, err);
    if (status != BNCL_OK)
        return status;
    for (size_t i = 0; i < count; ++i) {
        const bncli_parameter *p = parameter_at(graph, i);
        fill(p, seed, (uint32_t)i, host + p->value.offset);
    }
    const bncl_tensor all = {
        .buffer = graph->parameters, .dtype = BNCL_F32, .rank = 1, .dims = {elements}};
    bncl_tensor gradients = all;
    gradients.buffer = graph->gradients;
    status = bncli_tensor_upload(queue, &all, host, err);
    bncli_free(host);
    return status == BNCL_OK ? bncl_tensor_fill(queue, &gradients, 0.0, NULL, err) : status;
}

static bncl_status create(bncl_graph *graph, uint64_t seed, bncl_queue *queue, bncl_error *err)
{
    size_t elements, count;
    bncl_status status = place(graph, &elements, &count, err);
    if (status == BNCL_OK)
        status =
            bncl_buffer_create(graph->context, elements * sizeof(float), &graph->parameters, err);
    if (status == BNCL_OK)
        status =
            bncl_buffer_create(graph->context, elements * sizeof(float), &graph->gradients, err);
    if (status == BNCL_OK)
        status = initialize(graph, elements, count, seed, queue, err);
    for (size_t i = 0; i < graph->layer_count && status == BNCL_OK; ++i)
        if (graph->layers[i].kind->create_state != NULL)
            status = graph->layers[i].kind->create_state(&graph->layers[i], queue, err);
    if (status == BNCL_OK)
        status = bncl_queue_finish(queue, err);
    if (status != BNCL_OK)
        return status;
    for (size_t i = 0; i < count; ++i) {
        parameter_at(graph, i)->value.buffer = graph->parameters;
        parameter_at(graph, i)->gradient.buffer = graph->gradients;
    }
    graph->parameter_elements = elements;
    graph->parameter_count = count;
    return BNCL_OK;
}

bncl_status bncli_parameters_create(bncl_graph *graph, uint64_t seed, bncl_queue *queue,
                                    bncl_error *err)
{
    bncl_status status = create(graph, seed, queue, err);
    if (status != BNCL_OK)
        bncli_parameters_destroy(graph);
    return status;
}

void bncli_parameters_destroy(bncl_graph *graph)
{
    for (size_t i = 0; i < graph->layer_count; ++i)
        if (graph->layers[i].kind->destroy_state != NULL)
            graph->layers[i].kind->destroy_state(&graph->layers[i]);
    bncl_buffer_destroy(graph->parameters);
    bncl_buffer_destroy(graph->gradients);
    graph->parameters = graph->gradients = NULL;
}

size_t bncl_graph_parameter_count(const bncl_graph *graph)
{
    return graph != NULL ? graph->parameter_count : 0;
}

bncl_status bncl_graph_parameter(const bncl_graph *graph, size_t index,
                                 bncl_graph_parameter_info *out, bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph or out is NULL");
    bncl_status status = bncli_graph_require(graph, true, "bncl_graph_parameter", err);
    if (status != BNCL_OK)
        return status;
    if (index >= graph->parameter_count)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "expected an index below %zu, got %zu",
                          graph->parameter_count, index);
    const bncli_parameter *p = parameter_at(graph, index);
    *out = (bncl_graph_parameter_info){.name = p->name, .value = p->value, .gradient = p->gradient};
    return BNCL_OK;
}

bncl_status bncl_graph_parameters(const bncl_graph *graph, bncl_tensor *values,
                                  bncl_tensor *gradients, bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || values == NULL || gradients == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph, values or gradients is NULL");
    bncl_status status = bncli_graph_require(graph, true, "bncl_graph_parameters", err);
    if (status != BNCL_OK)
        return status;
    *values = (bncl_tensor){.buffer = graph->parameters,
                            .dtype = BNCL_F32,
                            .rank = 1,
                            .dims = {graph->parameter_elements}};
    *gradients = *values;
    gradients->buffer = graph->gradients;
    return BNCL_OK;
}

bncl_status bncl_graph_accumulate(bncl_graph *graph, bool accumulate, bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph is NULL");
    graph->accumulate = accumulate;
    return BNCL_OK;
}

bncl_status bncl_graph_zero_gradients(bncl_graph *graph, bncl_queue *queue, const bncl_sync *sync,
                                      bncl_error *err)
{
    bncl_tensor values, gradients;
    bncl_status status = bncl_graph_parameters(graph, &values, &gradients, err);
    if (status == BNCL_OK)
        status = bncli_queue_check(graph->context, queue, err);
    return status == BNCL_OK ? bncl_tensor_fill(queue, &gradients, 0.0, sync, err) : status;
}
