/* What the fault tests of the graph share: see graph_world.h. */
#include "fault/graph_world.h"

#include <string.h>

#include "lib/generate.h"
#include "lib/harness.h"

graph_world *graph_world_make(void **state)
{
    graph_world *w = harness_memory(1, sizeof *w);
    size_t dims[3];
    generator g = generator_seed(5);
    float *values = harness_floats(fixture_input_count(graph_world_batch_most));
    w->d = device_of(state);
    w->batch = 6;
    w->sync.signal = &w->event;
    generate_normal(&g, 1.0, 2.0, values, fixture_input_count(graph_world_batch_most));
    fixture_input_dims(graph_world_batch_most, dims);
    w->inputs = device_tensor(w->d, BNCL_F32, 3, dims, values);
    fixture_output_dims(graph_world_batch_most, dims);
    w->gradients = device_tensor(w->d, BNCL_F32, 2, dims, values);
    return w;
}

/* The first n of the largest batch. */
static bncl_tensor first(const bncl_tensor *tensor, size_t n)
{
    bncl_tensor part = *tensor;
    part.dims[0] = n;
    return part;
}

bncl_status graph_world_forward(graph_world *w, size_t n, const bncl_sync *sync, bncl_error *err)
{
    const bncl_tensor x = first(&w->inputs, n);
    return bncl_graph_forward(w->graph, w->d->queue, &x, 1, &w->output, sync, err);
}

bncl_status graph_world_backward(graph_world *w, size_t n, const bncl_sync *sync, bncl_error *err)
{
    const bncl_tensor dy = first(&w->gradients, n);
    return bncl_graph_backward(w->graph, w->d->queue, &dy, sync, err);
}

void graph_world_record_outputs(graph_world *w, fault_record *record)
{
    fault_record_bytes(record, "the event", &w->event, sizeof w->event);
    fault_record_bytes(record, "the graph made", &w->made, sizeof w->made);
    fault_record_bytes(record, "the value", &w->value, sizeof w->value);
    fault_record_bytes(record, "the output", &w->output, sizeof w->output);
}

void graph_world_lasting(void *of, fault_record *record)
{
    graph_world *w = of;
    graph_world_record_outputs(w, record);
    fault_record_state(record, w->d, w->graph);
}

void graph_world_record_gradients(graph_world *w, fault_record *record)
{
    bncl_tensor values, gradients, dx;
    device_ok(w->d, bncl_graph_parameters(w->graph, &values, &gradients, &w->d->err),
              "bncl_graph_parameters");
    device_ok(w->d, bncl_graph_input_gradient(w->graph, 0, &dx, &w->d->err),
              "bncl_graph_input_gradient");
    fault_record_tensor(record, "the parameters", w->d, &values);
    fault_record_tensor(record, "the parameters' gradients", w->d, &gradients);
    fault_record_tensor(record, "the input's gradient", w->d, &dx);
}

void graph_world_record_pass(void *of, fault_record *record)
{
    graph_world *w = of;
    fault_record_state(record, w->d, w->graph);
    device_ok(w->d, graph_world_forward(w, 6, NULL, &w->d->err), "bncl_graph_forward");
    fault_record_tensor(record, "y", w->d, &w->output);
}

void graph_world_destroy_event(void *of)
{
    graph_world *w = of;
    bncl_event_destroy(w->event);
}

void graph_world_destroy_graph(void *of)
{
    graph_world *w = of;
    bncl_graph_destroy(w->graph);
    w->graph = NULL;
}

void graph_world_spoil(graph_world *w)
{
    w->event = FAULT_SENTINEL;
    w->made = FAULT_SENTINEL;
    w->value = -77;
    memset(&w->output, 0, sizeof w->output);
    memset(w->read, 0x5a, sizeof w->read);
}

/* A planned graph that has made its training passes. */
void graph_world_prepare(void *of)
{
    graph_world *w = of;
    graph_world_spoil(w);
    device_ok(w->d,
              fixture_graph(w->d->context, w->d->queue, graph_world_seed, &w->graph, &w->d->err),
              "fixture_graph");
    for (size_t i = 0; w->warm[i] > 0; ++i) {
        device_ok(w->d, graph_world_forward(w, w->warm[i], NULL, &w->d->err), "bncl_graph_forward");
        device_ok(w->d, graph_world_backward(w, w->warm[i], NULL, &w->d->err),
                  "bncl_graph_backward");
    }
    memset(&w->output, 0, sizeof w->output);
    if (w->evaluating)
        device_ok(w->d, bncl_graph_eval(w->graph, &w->d->err), "bncl_graph_eval");
}
