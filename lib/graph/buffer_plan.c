/* Buffers and operator plans for a batch size. */
#include "graph/buffer_plan.h"

#include "base/alloc.h"
#include "base/error.h"
#include "graph/liveness.h"
#include "tensor/size.h"

bool bncli_align_elements(size_t count, size_t *out)
{
    size_t padded;
    if (!bncli_size_add(count, BNCLI_ALIGN_ELEMENTS - 1, &padded))
        return false;
    *out = padded / BNCLI_ALIGN_ELEMENTS * BNCLI_ALIGN_ELEMENTS;
    return true;
}

bncl_tensor bncli_value_tensor(bncl_buffer *buffer, size_t offset, size_t n,
                               const bncli_shape *shape)
{
    bncl_tensor tensor = {
        .buffer = buffer, .offset = offset, .dtype = BNCL_F32, .rank = shape->rank + 1};
    tensor.dims[0] = n;
    for (int i = 0; i < shape->rank; ++i)
        tensor.dims[i + 1] = shape->dims[i];
    return tensor;
}

/* Takes `count` elements from a buffer that is being laid out. */
static bool take(size_t *used, size_t count, size_t *offset)
{
    *offset = *used;
    return bncli_size_add(*used, count, used);
}

static bncl_status too_large(size_t n, bncl_error *err)
{
    return bncli_fail(err, BNCL_ERROR_SHAPE, "the buffers for a batch of %zu overflow", n);
}

static bncl_status create_floats(bncl_graph *graph, size_t elements, size_t n, bncl_buffer **out,
                                 bncl_error *err)
{
    size_t bytes;
    if (!bncli_size_mul(elements, sizeof(float), &bytes))
        return too_large(n, err);
    return bncl_buffer_create(graph->context, bytes, out, err);
}

/* Lays the masks out for batch size n, in bytes; the operator plans are in the slot. With `commit`
   the offsets are kept. */
static bool lay_out_masks(bncl_graph *graph, size_t n, size_t slot, bool commit, size_t *used)
{
    size_t bytes, offset;
    *used = 0;
    for (size_t i = 0; i < graph->layer_count; ++i) {
        const bncli_layer *layer = &graph->layers[i];
        const bncli_layer *worker = &graph->layers[layer->fusion.worker];
        bncli_graph_value *value = &graph->values[layer->output];
        if (layer->fusion.absorbed || !value->requires_grad || worker->kind->mask_bytes == NULL)
            continue;
        if (!bncli_align_elements(worker->kind->mask_bytes(worker, slot, n), &bytes) ||
            !take(used, bytes, &offset))
            return false;
        if (commit)
            value->mask_offset = offset;
    }
    return true;
}

/* Puts values for batch size n where `spans` has room, and masks beside them. */
static bncl_status place_activations(bncl_graph *graph, size_t n, size_t slot, bncli_span *spans,
                                     bncl_error *err)
{
    size_t elements, bytes;
    bncl_buffer *values = NULL, *masks = NULL;
    if (!bncli_spans_of_values(graph, n, spans) ||
        !bncli_spans_place(spans, graph->value_count, &elements) ||
        !lay_out_masks(graph, n, slot, false, &bytes))
        return too_large(n, err);
    bncl_status status = create_floats(graph, elements, n, &values, err);
    if (status == BNCL_OK)
        status = bncl_buffer_create(graph->context, bytes, &masks, err);
    if (status != BNCL_OK) {
        bncl_buffer_destroy(values);
        return status;
    }
    for (size_t i = 0; i < graph->value_count; ++i)
        graph->values[i].value_offset = spans[i].offset;
    lay_out_masks(graph, n, slot, true, &bytes);
    bncl_buffer_destroy(graph->activations);
    bncl_buffer_destroy(graph->masks);
    graph->activations = values;
    graph->masks = masks;
    graph->activation_batch = n;
    return BNCL_OK;
}

static bncl_status plan_activations(bncl_graph *graph, size_t n, size_t slot, bncl_error *err)
{
    bncli_span *spans;
    if (graph->activations != NULL && n <= graph->activation_batch)
        return BNCL_OK;
    bncl_status status = bncli_new(&spans, graph->value_count, sizeof *spans, err);
    if (status != BNCL_OK)
        return status;
    status = place_activations(graph, n, slot, spans, err);
    bncli_free(spans);
    return status;
}

/* Puts gradients for batch size n, and scratch, where `spans` has room. */
static bncl_status place_gradients(bncl_graph *graph, size_t n, bncli_span *spans, bncl_error *err)
{
    size_t elements;
    if (!bncli_spans_of_gradients(graph, n, spans) ||
        !bncli_spans_place(spans, bncli_gradient_spans(graph), &elements))
        return too_large(n, err);
    bncl_buffer *buffer;
    bncl_status status = create_floats(graph, elements, n, &buffer, err);
    if (status != BNCL_OK)
        return status;
    for (size_t i = 0; i < graph->value_count; ++i)
        graph->values[i].gradient_offset = spans[i].offset;
    for (size_t i = 0; i < graph->layer_count; ++i)
        for (size_t k = 0; k < BNCLI_LAYER_INPUTS; ++k)
            graph->layers[i].scratch_offset[k] = spans[bncli_scratch_span(graph, i, k)].offset;
    bncl_buffer_destroy(graph->value_gradients);
    graph->value_gradients = buffer;
    graph->gradient_batch = n;
    return BNCL_OK;
}

bncl_status bncli_plan_backward(bncl_graph *graph, size_t n, bncl_error *err)
{
    bncli_span *spans;
    if (graph->value_gradients != NULL && n <= graph->gradient_batch)
        return BNCL_OK;
    bncl_status status = bncli_new(&spans, bncli_gradient_spans(graph), sizeof *spans, err);
    if (status != BNCL_OK)
        return status;
    status = place_gradients(graph, n, spans, err);
    bncli_free(spans);
    return status;
}

/* ---- what it takes ---- */

bncl_status bncl_graph_memory(const bncl_graph *graph, bncl_graph_memory_info *out, bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph or out is NULL");
    bncl_status status = bncli_graph_require(graph, true, "bncl_graph_memory", err);
    if (status != BNCL_OK)
        return status;
    *out = (bncl_graph_memory_info){
        .values = bncl_buffer_size(graph->activations) + bncl_buffer_size(graph->masks),
        .gradients = bncl_buffer_size(graph->value_gradients),
        .naive_values = bncli_naive_values(graph, graph->activation_batch) * sizeof(float),
        .naive_gradients = bncli_naive_gradients(graph, graph->gradient_batch) * sizeof(float)};
    return BNCL_OK;
}

/* ---- operator plans ---- */

static void empty_slot(bncl_graph *graph, size_t slot)
{
    for (size_t i = 0; i < graph->layer_count; ++i)
        if (graph->layers[i].kind->unplan != NULL)
            graph->layers[i].kind->unplan(&graph->layers[i], slot);
    graph->slot_used[slot] = false;
}

/* A free slot, or the one that was used longest ago. */
static size_t choose_slot(const bncl_graph *graph)
{
    size_t oldest = 0;
    for (size_t slot = 0; slot < BNCLI_PLAN_SLOTS; ++slot) {
        if (!graph->slot_used[slot])
            return slot;
        if (graph->slot_age[slot] < graph->slot_age[oldest])
            oldest = slot;
    }
    return oldest;
}

/* Plans every layer's operator for batch size n in a slot. */
static bncl_status plan_slot(bncl_graph *graph, size_t n, size_t slot, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    empty_slot(graph, slot);
    for (size_t i = 0; i < graph->layer_count && status == BNCL_OK; ++i) {
        bncli_layer *layer = &graph->layers[i];
        if (layer->kind->plan == NULL)
            continue;
        status = layer->kind->plan(layer, slot, n, err);
        if (status != BNCL_OK)
            bncli_fail_within(err, status, layer->name);
    }
    if (status != BNCL_OK) {
        empty_slot(graph, slot);
        return status;
    }
    graph->slot_used[slot] = true;
    graph->slot_batch[slot] = n;
    return BNCL_OK;
}

bncl_status bncli_plan_forward(bncl_graph *graph, size_t n, size_t *slot, bncl_error *err)
{
    size_t found = 0;
    while (found < BNCLI_PLAN_SLOTS && !(graph->slot_used[found] && graph->slot_batch[found] == n))
        ++found;
    bncl_status status = BNCL_OK;
    if (found == BNCLI_PLAN_SLOTS) {
        found = choose_slot(graph);
        status = plan_slot(graph, n, found, err);
    }
    if (status == BNCL_OK)
        status = plan_activations(graph, n, found, err);
    if (status != BNCL_OK)
        return status;
    graph->slot_age[found] = ++graph->clock;
    *slot = found;
    return BNCL_OK;
}

void bncli_plan_destroy(bncl_graph *graph)
{
    for (size_t slot = 0; slot < BNCLI_PLAN_SLOTS; ++slot)
        if (graph->slot_used[slot])
            empty_slot(graph, slot);
    bncl_buffer_destroy(graph->activations);
    bncl_buffer_destroy(graph->masks);
    bncl_buffer_destroy(graph->value_gradients);
}
