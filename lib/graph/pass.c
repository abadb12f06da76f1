/* A pass over the layers: where each finds its operands and leaves its results, and how gradients
   that arrive at one value are added up. */
#include "graph/pass.h"

#include "base/error.h"
#include "graph/buffer_plan.h"
#include "graph/step.h"
#include "ops/operand.h"
#include "runtime/queue.h"

/* Points every value at its memory for this pass. */
static void place_values(bncl_graph *graph, const bncl_tensor *inputs)
{
    const size_t n = graph->batch;
    for (size_t i = 0; i < graph->input_count; ++i)
        graph->values[graph->inputs[i]].value = inputs[i];
    for (size_t i = 0; i < graph->layer_count; ++i) {
        const bncli_layer *layer = &graph->layers[i];
        bncli_graph_value *y = &graph->values[layer->output];
        if (layer->kind->aliases) {
            const bncl_tensor *x = &graph->values[layer->inputs[0]].value;
            y->value = bncli_value_tensor(x->buffer, x->offset, n, &y->shape);
        } else {
            y->value = bncli_value_tensor(graph->activations, y->value_offset, n, &y->shape);
        }
    }
}

static bncl_tensor mask_of(const bncl_graph *graph, const bncli_step *s)
{
    const bncli_graph_value *y = &graph->values[s->output];
    if (!y->requires_grad || s->worker->kind->mask_bytes == NULL)
        return (bncl_tensor){0};
    const size_t bytes = s->worker->kind->mask_bytes(s->worker, graph->slot, graph->batch);
    return (bncl_tensor){.buffer = graph->masks,
                         .offset = y->mask_offset,
                         .dtype = BNCL_U8,
                         .rank = 1,
                         .dims = {bytes}};
}

static bncli_layer_run run_of(const bncl_graph *graph, const bncli_step *s, bncl_queue *queue)
{
    bncli_layer_run run = {.queue = queue,
                           .elementwise = graph->elementwise,
                           .slot = graph->slot,
                           .accumulate = graph->accumulate,
                           .y = &graph->values[s->output].value,
                           .mask = mask_of(graph, s)};
    for (size_t i = 0; i < s->count; ++i)
        run.x[i] = &graph->values[s->operands[i]].value;
    return run;
}

bncl_status bncli_pass_forward(bncl_graph *graph, bncl_queue *queue, const bncl_tensor *inputs,
                               bool training, bncl_error *err)
{
    bncli_step s;
    place_values(graph, inputs);
    for (size_t i = 0; i < graph->layer_count; ++i) {
        if (!bncli_step_of(graph, &graph->layers[i], &s))
            continue;
        bncli_layer_run run = run_of(graph, &s, queue);
        run.training = training && !s.worker->frozen;
        bncli_queue_label(queue, s.worker->name, "forward");
        bncl_status status = s.worker->kind->forward(s.worker, &run, err);
        bncli_queue_label(queue, NULL, NULL);
        if (status != BNCL_OK)
            return bncli_fail_within(err, status, s.worker->name);
    }
    return BNCL_OK;
}

/* Where the gradients with respect to a step's operands go: the value's own gradient when it is the
   first to arrive there, else scratch, to be added. Absent when nobody asks for it. */
static void place_gradients(const bncl_graph *graph, const bncli_step *s, bncli_layer_run *run)
{
    for (size_t k = 0; k < s->count; ++k) {
        const size_t i = s->order[k];
        const bncli_graph_value *x = &graph->values[s->operands[i]];
        if (!x->requires_grad)
            continue;
        const bool first = !x->has_gradient && !(k > 0 && s->operands[1] == s->operands[0]);
        run->dx[i] =
            bncli_value_tensor(graph->value_gradients,
                               first ? x->gradient_offset : graph->layers[s->at].scratch_offset[i],
                               graph->batch, &x->shape);
    }
}

/* Adds what went to scratch, and marks what has arrived. */
static bncl_status collect_gradients(bncl_graph *graph, const bncli_step *s,
                                     const bncli_layer_run *run, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    for (size_t k = 0; k < s->count && status == BNCL_OK; ++k) {
        const size_t i = s->order[k];
        bncli_graph_value *x = &graph->values[s->operands[i]];
        if (!bncli_present(&run->dx[i]))
            continue;
        if (x->has_gradient)
            status = bncl_add(graph->elementwise, run->queue, &x->gradient, &run->dx[i],
                              &x->gradient, NULL, err);
        else
            x->gradient = run->dx[i];
        x->has_gradient = true;
    }
    return status;
}

bncl_status bncli_pass_backward(bncl_graph *graph, bncl_queue *queue, const bncl_tensor *dy,
                                bncl_error *err)
{
    bncli_step s;
    for (size_t i = 0; i < graph->value_count; ++i)
        graph->values[i].has_gradient = false;
    graph->values[graph->output].gradient = *dy;
    graph->values[graph->output].has_gradient = true;
    for (size_t i = graph->layer_count; i-- > 0;) {
        if (!bncli_step_of(graph, &graph->layers[i], &s) || !graph->values[s.output].requires_grad)
            continue;
        bncli_layer_run run = run_of(graph, &s, queue);
        run.dy = &graph->values[s.output].gradient;
        place_gradients(graph, &s, &run);
        bncli_queue_label(queue, s.worker->name, "backward");
        bncl_status status = s.worker->kind->backward(s.worker, &run, err);
        if (status == BNCL_OK)
            status = collect_gradients(graph, &s, &run, err);
        bncli_queue_label(queue, NULL, NULL);
        if (status != BNCL_OK)
            return bncli_fail_within(err, status, s.worker->name);
    }
    return BNCL_OK;
}
