/* A network as the library's graph: see network_graph.h. */
#include "lib/network_graph.h"

#include <string.h>

#include "lib/compare.h"
#include "lib/harness.h"

/* ---- making ---- */

static bncl_status add_linear(bncl_graph *graph, const network_layer *layer,
                              const bncl_value *values, bncl_value *out, bncl_error *err)
{
    return bncl_graph_linear(graph, layer->name, values[layer->a], layer->features, !layer->bare,
                             out, err);
}

static bncl_status add_batch_norm(bncl_graph *graph, const network_layer *layer,
                                  const bncl_value *values, bncl_value *out, bncl_error *err)
{
    bncl_graph_batch_norm_options options = bncl_graph_batch_norm_options_default();
    options.gamma = !layer->bare && !layer->no_gamma;
    options.beta = !layer->bare && !layer->no_beta;
    options.track_running_stats = !layer->untracked;
    options.channels_last = layer->last;
    options.norm.cumulative = layer->cumulative;
    if (layer->eps != 0.0)
        options.norm.eps = layer->eps;
    if (layer->momentum != 0.0)
        options.norm.momentum = layer->momentum;
    return (layer->planes ? bncl_graph_batch_norm2d : bncl_graph_batch_norm)(
        graph, layer->name, values[layer->a], &options, out, err);
}

static bncl_status add_relu(bncl_graph *graph, const network_layer *layer, const bncl_value *values,
                            bncl_value *out, bncl_error *err)
{
    return bncl_graph_relu(graph, layer->name, values[layer->a], out, err);
}

static bncl_status add_flatten(bncl_graph *graph, const network_layer *layer,
                               const bncl_value *values, bncl_value *out, bncl_error *err)
{
    return bncl_graph_flatten(graph, layer->name, values[layer->a], out, err);
}

static bncl_status add_add(bncl_graph *graph, const network_layer *layer, const bncl_value *values,
                           bncl_value *out, bncl_error *err)
{
    return bncl_graph_add(graph, layer->name, values[layer->a], values[layer->b], out, err);
}

typedef bncl_status add_function(bncl_graph *graph, const network_layer *layer,
                                 const bncl_value *values, bncl_value *out, bncl_error *err);

static add_function *const add_of[NETWORK_KIND_COUNT] = {
    [NETWORK_LINEAR] = add_linear, [NETWORK_BATCH_NORM] = add_batch_norm,
    [NETWORK_RELU] = add_relu,     [NETWORK_FLATTEN] = add_flatten,
    [NETWORK_ADD] = add_add,
};

bncl_status network_layer_add(bncl_graph *graph, const network_layer *layer,
                              const bncl_value *values, bncl_value *out, bncl_error *err)
{
    return add_of[layer->kind](graph, layer, values, out, err);
}

static void release_graph(void *graph)
{
    bncl_graph_destroy(graph);
}

network_graph network_graph_build(device *d, const network *net, bncl_value *output)
{
    network_graph g = {.d = d, .net = net};
    bncl_value values[network_most_values];
    device_ok(d, bncl_graph_create(d->context, &g.graph, &d->err), "bncl_graph_create");
    device_hold(d, g.graph, release_graph);
    for (int i = 0; i < net->input_count; ++i) {
        const network_input *in = &net->inputs[i];
        device_ok(
            d,
            bncl_graph_input(g.graph, in->rank, in->dims, in->requires_grad, &values[i], &d->err),
            "bncl_graph_input");
    }
    for (int i = 0; i < net->layer_count; ++i)
        device_ok(d,
                  network_layer_add(g.graph, &net->layers[i], values, &values[net->input_count + i],
                                    &d->err),
                  net->layers[i].name);
    *output = values[net->input_count + net->layer_count - 1];
    return g;
}

network_graph network_graph_make(device *d, const network *net, uint64_t seed)
{
    bncl_value output;
    network_graph g = network_graph_build(d, net, &output);
    device_ok(d, bncl_graph_plan(g.graph, output, seed, d->queue, &d->err), net->name);
    return g;
}

network_data network_data_make(const network *net, size_t n, uint64_t seed)
{
    network_shape shapes[network_most_values];
    const int count = network_shapes(net, shapes);
    generator random = generator_seed(seed);
    network_data data = {.n = n, .labels = harness_memory(n, sizeof(int32_t))};
    for (int i = 0; i < net->input_count; ++i) {
        data.inputs[i] = harness_floats(n * shapes[i].sample);
        generate_normal(&random, 0.5, 1.5, data.inputs[i], n * shapes[i].sample);
        data.wide[i] = harness_widen(data.inputs[i], n * shapes[i].sample);
    }
    generate_labels(&random, (int32_t)shapes[count - 1].sample, data.labels, n);
    return data;
}

/* ---- parameters and state ---- */

bncl_graph_parameter_info network_graph_parameter(const network_graph *g, size_t index)
{
    bncl_graph_parameter_info info;
    device_ok(g->d, bncl_graph_parameter(g->graph, index, &info, &g->d->err),
              "bncl_graph_parameter");
    return info;
}

/* All of them in one write: see device_write. */
void network_graph_vary(network_graph *g, uint64_t seed)
{
    generator random = generator_seed(seed);
    bncl_tensor flat, gradients;
    device_ok(g->d, bncl_graph_parameters(g->graph, &flat, &gradients, &g->d->err),
              "bncl_graph_parameters");
    float *all = network_graph_read(g, &flat);
    for (size_t i = 0; i < bncl_graph_parameter_count(g->graph); ++i) {
        const bncl_graph_parameter_info p = network_graph_parameter(g, i);
        const bool gamma = strncmp(p.name, "bn", 2) == 0 && strstr(p.name, ".weight") != NULL;
        generate_uniform(&random, gamma ? 0.5 : -0.75, gamma ? 1.5 : 0.75, all + p.value.offset,
                         bncl_tensor_count(&p.value));
    }
    device_ok(g->d, bncl_tensor_write(g->d->queue, &flat, all, NULL, &g->d->err),
              "bncl_tensor_write");
    device_finish(g->d);
}

float *network_graph_read(const network_graph *g, const bncl_tensor *tensor)
{
    float *host = harness_floats(bncl_tensor_count(tensor));
    device_ok(g->d, bncl_tensor_read(g->d->queue, tensor, host, NULL, &g->d->err),
              "bncl_tensor_read");
    return host;
}

void network_graph_entry(const network_graph *g, const char *name, void *host, size_t bytes)
{
    device_ok(g->d, bncl_graph_state_read(g->graph, g->d->queue, name, host, bytes, &g->d->err),
              name);
}

/* A running statistic in double. */
static void copy_entry(const network_graph *g, const char *layer, const char *what, double *to,
                       size_t count)
{
    float *values = harness_floats(count);
    network_graph_entry(g, harness_text("%s.%s", layer, what), values, count * sizeof(float));
    for (size_t i = 0; i < count; ++i)
        to[i] = (double)values[i];
}

void network_graph_copy(network_graph *g, reference_graph *to)
{
    for (size_t i = 0; i < to->parameter_count; ++i) {
        const bncl_graph_parameter_info p = network_graph_parameter(g, i);
        const reference_parameter *r = &to->parameters[i];
        if (strcmp(p.name, r->name) != 0 || bncl_tensor_count(&p.value) != r->count)
            harness_fail("parameter %zu: expected %s, got %s", i, r->name, p.name);
        const double *values = harness_widen(network_graph_read(g, &p.value), r->count);
        memcpy(r->value, values, r->count * sizeof(double));
    }
    for (int i = 0; i < g->net->layer_count; ++i) {
        reference_norm *norm = &to->norms[i];
        const network_layer *layer = &g->net->layers[i];
        if (!norm->tracked)
            continue;
        const network_shape *in = &to->shapes[layer->a];
        const size_t channels = in->dims[layer->last ? in->rank - 1 : 0];
        int64_t batches;
        copy_entry(g, layer->name, "running_mean", norm->running_mean, channels);
        copy_entry(g, layer->name, "running_var", norm->running_var, channels);
        network_graph_entry(g, harness_text("%s.num_batches_tracked", layer->name), &batches,
                            sizeof batches);
        norm->batches = (double)batches;
    }
}

static bncl_state_entry entry_of(const network_graph *g, size_t index, size_t *bytes)
{
    bncl_state_entry entry;
    device_ok(g->d, bncl_graph_state_entry(g->graph, index, &entry, &g->d->err),
              "bncl_graph_state_entry");
    *bytes = bncl_dtype_size(entry.dtype);
    for (int i = 0; i < entry.rank; ++i)
        *bytes *= entry.dims[i];
    return entry;
}

network_state network_graph_state(const network_graph *g)
{
    network_state state = {.bytes = NULL};
    const size_t count = bncl_graph_state_count(g->graph);
    size_t bytes;
    for (size_t i = 0; i < count; ++i, state.count += bytes)
        entry_of(g, i, &bytes);
    state.bytes = harness_memory(state.count, 1);
    size_t at = 0;
    for (size_t i = 0; i < count; ++i, at += bytes) {
        const bncl_state_entry entry = entry_of(g, i, &bytes);
        network_graph_entry(g, entry.name, state.bytes + at, bytes);
    }
    return state;
}

void network_graph_expect(const network_graph *g, const network_state *before, const char *what)
{
    const network_state now = network_graph_state(g);
    size_t at = 0, bytes;
    if (now.count != before->count)
        harness_fail("%s: expected a state of %zu bytes, got %zu", what, before->count, now.count);
    for (size_t i = 0; i < bncl_graph_state_count(g->graph); ++i, at += bytes) {
        const bncl_state_entry entry = entry_of(g, i, &bytes);
        const size_t same = compare_bits(now.bytes + at, before->bytes + at, 1, bytes);
        if (same < bytes)
            harness_fail("%s: %s has changed, first in byte %zu of %zu", what, entry.name, same,
                         bytes);
    }
}

network_image network_graph_image(network_graph *g)
{
    network_image image = {.state = network_graph_state(g),
                           .data = network_data_make(g->net, 3, 777)};
    device_ok(g->d, bncl_graph_eval(g->graph, &g->d->err), "bncl_graph_eval");
    image.output = network_graph_forward(g, &image.data);
    return image;
}

void network_graph_expect_image(network_graph *g, const network_image *image, const char *what)
{
    network_graph_expect(g, &image->state, what);
    device_ok(g->d, bncl_graph_eval(g->graph, &g->d->err), "bncl_graph_eval");
    const float *output = network_graph_forward(g, &image->data);
    check_float_bits(harness_text("the output after: %s", what), output, image->output,
                     bncl_tensor_count(&g->output));
    network_graph_expect(g, &image->state, what);
}
