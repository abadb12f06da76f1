/* When values and gradients are needed, and where they lie; see liveness.h. */
#include "graph/liveness.h"

#include <stdint.h>

#include "graph/step.h"
#include "tensor/size.h"

/* ---- placing ---- */

static bool meet(const bncli_span *a, const bncli_span *b)
{
    return a->first <= b->last && b->first <= a->last && a->offset < b->offset + b->elements &&
           b->offset < a->offset + a->elements;
}

/* A span among those placed before it: beyond every one that it meets, until it meets none. */
static bool place(bncli_span *span, const bncli_span *spans, const bncli_span *end)
{
    const bncli_span *other = spans;
    span->offset = 0;
    while (other < end) {
        if (other == span || other->offset == SIZE_MAX || !meet(span, other)) {
            ++other;
            continue;
        }
        span->offset = other->offset + other->elements;
        if (span->offset > SIZE_MAX - span->elements)
            return false;
        other = spans;
    }
    return true;
}

/* The largest that has no place yet; NULL when all have. */
static bncli_span *largest(bncli_span *spans, size_t count)
{
    bncli_span *found = NULL;
    for (size_t i = 0; i < count; ++i)
        if (spans[i].offset == SIZE_MAX && (found == NULL || spans[i].elements > found->elements))
            found = &spans[i];
    return found;
}

bool bncli_spans_place(bncli_span *spans, size_t count, size_t *total)
{
    *total = 0;
    for (size_t i = 0; i < count; ++i)
        spans[i].offset = spans[i].elements > 0 ? SIZE_MAX : 0; /* SIZE_MAX: no place yet */
    for (bncli_span *span = largest(spans, count); span != NULL; span = largest(spans, count)) {
        if (!place(span, spans, spans + count))
            return false;
        const size_t end = span->offset + span->elements;
        *total = end > *total ? end : *total;
    }
    return true;
}

/* ---- what needs memory when ---- */

/* Elements of a value for batch size n, rounded up. */
static bool elements_of(const bncli_graph_value *value, size_t n, size_t *out)
{
    size_t sample, count;
    return bncli_size_product(value->shape.rank, value->shape.dims, &sample) &&
           bncli_size_mul(sample, n, &count) && bncli_align_elements(count, out);
}

/* The value in whose memory this one lies: an alias lies in its layer's operand. */
static bncl_value root_of(const bncl_graph *graph, bncl_value value)
{
    int producer = graph->values[value].producer;
    while (producer >= 0 && graph->layers[producer].kind->aliases) {
        value = graph->layers[producer].inputs[0];
        producer = graph->values[value].producer;
    }
    return value;
}

static void extend(bncli_span *span, size_t last)
{
    span->last = last > span->last ? last : span->last;
}

bool bncli_spans_of_values(const bncl_graph *graph, size_t n, bncli_span *spans)
{
    bncli_step s;
    for (size_t i = 0; i < graph->value_count; ++i)
        spans[i] = (bncli_span){0};
    for (size_t i = 0; i < graph->layer_count; ++i) {
        if (!bncli_step_of(graph, &graph->layers[i], &s))
            continue;
        bncli_span *span = &spans[s.output];
        span->first = span->last = i;
        if (!s.worker->kind->aliases && !elements_of(&graph->values[s.output], n, &span->elements))
            return false;
        for (size_t k = 0; k < s.count; ++k)
            extend(&spans[root_of(graph, s.operands[k])],
                   k == 0 && s.worker->kind->keeps_x ? SIZE_MAX : i);
    }
    extend(&spans[root_of(graph, graph->output)], SIZE_MAX);
    return true;
}

size_t bncli_gradient_spans(const bncl_graph *graph)
{
    return graph->value_count + graph->layer_count * BNCLI_LAYER_INPUTS;
}

size_t bncli_scratch_span(const bncl_graph *graph, size_t layer, size_t input)
{
    return graph->value_count + layer * BNCLI_LAYER_INPUTS + input;
}

/* The part of a value's gradient that a step's operand k gives: it begins the gradient's span, or
   is scratch. */
static bool span_operand(const bncl_graph *graph, const bncli_step *s, size_t k, size_t n,
                         bncli_span *spans)
{
    const bncl_value operand = s->operands[k];
    const bncli_graph_value *value = &graph->values[operand];
    bncli_span *span = &spans[operand];
    if (!value->requires_grad)
        return true;
    if (span->elements > 0)
        span = &spans[bncli_scratch_span(graph, s->at, k)];
    span->last = s->at;
    span->first = span != &spans[operand] ? s->at
                  : value->producer < 0   ? 0
                                          : (size_t)value->producer;
    return elements_of(value, n, &span->elements);
}

bool bncli_spans_of_gradients(const bncl_graph *graph, size_t n, bncli_span *spans)
{
    bncli_step s;
    for (size_t i = 0; i < bncli_gradient_spans(graph); ++i)
        spans[i] = (bncli_span){0};
    for (size_t i = graph->layer_count; i-- > 0;) {
        if (!bncli_step_of(graph, &graph->layers[i], &s) || !graph->values[s.output].requires_grad)
            continue;
        for (size_t k = 0; k < s.count; ++k)
            if (!span_operand(graph, &s, s.order[k], n, spans))
                return false;
    }
    return true;
}

typedef bool value_choice(const bncl_graph *graph, bncl_value value);

static bool is_given_by_layer(const bncl_graph *graph, bncl_value value)
{
    const int producer = graph->values[value].producer;
    return producer >= 0 && !graph->layers[producer].kind->aliases;
}

static bool has_gradient(const bncl_graph *graph, bncl_value value)
{
    return graph->values[value].requires_grad && value != graph->output;
}

static size_t naive_elements(const bncl_graph *graph, size_t n, value_choice *chosen)
{
    size_t sum = 0, elements = 0;
    for (size_t i = 0; i < graph->value_count; ++i)
        if (chosen(graph, (bncl_value)i) && elements_of(&graph->values[i], n, &elements))
            sum += elements;
    return sum;
}

size_t bncli_naive_values(const bncl_graph *graph, size_t n)
{
    return naive_elements(graph, n, is_given_by_layer);
}

size_t bncli_naive_gradients(const bncl_graph *graph, size_t n)
{
    return naive_elements(graph, n, has_gradient);
}
