/* The reference of a whole graph: see reference_graph.h. It must not know the library. */
#include "lib/reference_graph.h"

#include <math.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/tolerance.h"

static void fill(double *values, size_t count, double value)
{
    for (size_t i = 0; i < count; ++i)
        values[i] = value;
}

static size_t elements(const reference_graph *g, int value)
{
    return g->n * g->shapes[value].sample;
}

/* Moves results by what f32 will have at most: `terms` roundings, of which as many go up as go
   down, so that they add up as their root (Higham and Mary, "A new approach to probabilistic
   rounding error analysis", 2019), each of the size of the largest result's, and two more. */
static void disturb(reference_graph *g, double *values, size_t count, size_t terms)
{
    double largest = 0.0;
    if (g->noise == NULL)
        return;
    for (size_t i = 0; i < count; ++i)
        largest = fmax(largest, fabs(values[i]));
    const double most = tolerance_gamma(sqrt((double)terms) + 2.0) * largest;
    for (size_t i = 0; i < count; ++i)
        values[i] += most * (2.0 * generator_unit(g->noise) - 1.0);
}

/* ---- making ---- */

static size_t channels_of(const network_layer *layer, const network_shape *shape)
{
    return shape->dims[layer->last ? shape->rank - 1 : 0];
}

static void add_parameter(reference_graph *g, const network_layer *layer, const char *suffix,
                          size_t count, double value)
{
    if (g->parameter_count == network_most_parameters)
        harness_fail("%s has too many parameters", g->net->name);
    reference_parameter *p = &g->parameters[g->parameter_count++];
    *p = (reference_parameter){harness_text("%s.%s", layer->name, suffix), count,
                               harness_doubles(count), harness_doubles(count),
                               harness_doubles(count)};
    fill(p->value, count, value);
}

static void add_norm(reference_graph *g, int index)
{
    const network_layer *layer = &g->net->layers[index];
    const size_t channels = channels_of(layer, &g->shapes[layer->a]);
    reference_norm *norm = &g->norms[index];
    norm->mean = harness_doubles(channels);
    norm->invstd = harness_doubles(channels);
    norm->tracked = !layer->untracked;
    if (norm->tracked) {
        norm->running_mean = harness_doubles(channels);
        norm->running_var = harness_doubles(channels);
        fill(norm->running_var, channels, 1.0);
    }
    if (!layer->bare && !layer->no_gamma)
        add_parameter(g, layer, "weight", channels, 1.0);
    if (!layer->bare && !layer->no_beta)
        add_parameter(g, layer, "bias", channels, 0.0);
}

static void add_linear(reference_graph *g, int index)
{
    const network_layer *layer = &g->net->layers[index];
    add_parameter(g, layer, "weight", layer->features * g->shapes[layer->a].sample, 0.0);
    if (!layer->bare)
        add_parameter(g, layer, "bias", layer->features, 0.0);
}

reference_graph *reference_graph_make(const network *net, size_t most)
{
    reference_graph *g = harness_memory(1, sizeof *g);
    size_t largest = 0;
    g->net = net;
    g->most = most;
    g->value_count = network_shapes(net, g->shapes);
    for (int i = 0; i < g->value_count; ++i) {
        const size_t sample = g->shapes[i].sample;
        g->values[i] = harness_doubles(most * sample);
        g->gradients[i] = harness_doubles(most * sample);
        largest = sample > largest ? sample : largest;
    }
    g->scratch = harness_doubles(most * largest);
    for (int i = 0; i < net->layer_count; ++i) {
        g->first_parameter[i] = (int)g->parameter_count;
        if (net->layers[i].kind == NETWORK_LINEAR)
            add_linear(g, i);
        if (net->layers[i].kind == NETWORK_BATCH_NORM)
            add_norm(g, i);
    }
    return g;
}

/* The layer's weight (0) or bias (1); a parameter of NULLs where it has none. */
static reference_parameter parameter_of(const reference_graph *g, int index, int which)
{
    const network_layer *layer = &g->net->layers[index];
    const bool bare = layer->bare && (layer->kind == NETWORK_BATCH_NORM || which == 1);
    const bool none = bare || (which == 0 ? layer->no_gamma : layer->no_beta);
    return none ? (reference_parameter){.name = NULL}
                : g->parameters[g->first_parameter[index] + (layer->no_gamma ? 0 : which)];
}

/* ---- forward ---- */

/* What a layer works on: x (and the second operand) to y, and the gradients likewise. */
typedef struct layer_run {
    int index;
    const network_layer *layer;
    const double *x, *other;
    double *y;
    const double *dy;
    double *dx; /* of one operand at a time; backward sums them up */
    size_t x_count, y_count;
    bool training;
} layer_run;

static reference_linear linear_shape(const reference_graph *g, const network_layer *layer)
{
    return (reference_linear){g->n, g->shapes[layer->a].sample, layer->features};
}

static void linear_forward(reference_graph *g, const layer_run *run)
{
    const reference_linear shape = linear_shape(g, run->layer);
    reference_linear_forward(&shape, run->x, parameter_of(g, run->index, 0).value,
                             parameter_of(g, run->index, 1).value, run->y);
    disturb(g, run->y, run->y_count, shape.in_features);
}

static double factor_of(const network_layer *layer, const reference_norm *norm)
{
    if (layer->cumulative)
        return 1.0 / norm->batches;
    return layer->momentum != 0.0 ? layer->momentum : 0.1;
}

static void batch_norm_forward(reference_graph *g, const layer_run *run)
{
    const network_shape *in = &g->shapes[run->layer->a];
    reference_norm *norm = &g->norms[run->index];
    const size_t channels = channels_of(run->layer, in);
    const double eps = run->layer->eps != 0.0 ? run->layer->eps : 1e-5;
    double *var = harness_doubles(channels);
    norm->shape = (reference_shape){g->n, channels, in->sample / channels, run->layer->last};
    const bool training = run->training && !norm->frozen;
    norm->used_batch = training || !norm->tracked;
    if (norm->used_batch) {
        reference_statistics(&norm->shape, run->x, norm->mean, var);
    } else {
        memcpy(norm->mean, norm->running_mean, channels * sizeof(double));
        memcpy(var, norm->running_var, channels * sizeof(double));
    }
    for (size_t c = 0; c < channels; ++c)
        norm->invstd[c] = reference_invstd(var[c], eps, norm->used_batch);
    reference_normalize(&norm->shape, run->x, norm->mean, norm->invstd,
                        parameter_of(g, run->index, 0).value, parameter_of(g, run->index, 1).value,
                        run->y);
    disturb(g, run->y, run->y_count, 16);
    if (!training || !norm->tracked)
        return;
    norm->batches += 1.0;
    reference_running(&norm->shape, norm->mean, var, factor_of(run->layer, norm),
                      norm->running_mean, norm->running_var);
    disturb(g, norm->running_mean, channels, 16);
    disturb(g, norm->running_var, channels, 16);
}

static void relu_forward(reference_graph *g, const layer_run *run)
{
    (void)g;
    reference_relu(run->y_count, run->x, run->y);
}

static void flatten_forward(reference_graph *g, const layer_run *run)
{
    (void)g;
    memcpy(run->y, run->x, run->y_count * sizeof(double));
}

static void add_forward(reference_graph *g, const layer_run *run)
{
    reference_add(run->y_count, run->x, run->other, run->y);
    disturb(g, run->y, run->y_count, 1);
}

/* ---- backward: dx of the first operand ---- */

static void linear_backward(reference_graph *g, const layer_run *run)
{
    const reference_linear shape = linear_shape(g, run->layer);
    const reference_parameter weight = parameter_of(g, run->index, 0);
    const reference_parameter bias = parameter_of(g, run->index, 1);
    reference_linear_backward(&shape, run->x, weight.value, run->dy, run->dx, weight.gradient,
                              bias.gradient);
    disturb(g, run->dx, run->x_count, shape.out_features);
    disturb(g, weight.gradient, weight.count, g->n);
    disturb(g, bias.gradient, bias.count, g->n);
}

static void batch_norm_backward(reference_graph *g, const layer_run *run)
{
    const reference_norm *norm = &g->norms[run->index];
    const reference_parameter gamma = parameter_of(g, run->index, 0);
    const reference_parameter beta = parameter_of(g, run->index, 1);
    const reference_batch_norm_gradient gradient = {run->x,         run->dy,      gamma.value,
                                                    norm->mean,     norm->invstd, run->dx,
                                                    gamma.gradient, beta.gradient};
    if (norm->used_batch)
        reference_batch_norm_backward(&norm->shape, &gradient);
    else
        reference_batch_norm_backward_frozen(&norm->shape, &gradient);
    disturb(g, run->dx, run->x_count, 16);
    disturb(g, gamma.gradient, gamma.count, 16);
    disturb(g, beta.gradient, beta.count, 16);
}

static void relu_backward(reference_graph *g, const layer_run *run)
{
    (void)g;
    reference_relu_backward(run->y_count, run->y, run->dy, run->dx);
}

static void pass_backward(reference_graph *g, const layer_run *run)
{
    (void)g;
    memcpy(run->dx, run->dy, run->y_count * sizeof(double));
}

typedef struct kind_row {
    void (*forward)(reference_graph *g, const layer_run *run);
    void (*backward)(reference_graph *g, const layer_run *run);
} kind_row;

static const kind_row kinds[NETWORK_KIND_COUNT] = {
    [NETWORK_LINEAR] = {linear_forward, linear_backward},
    [NETWORK_BATCH_NORM] = {batch_norm_forward, batch_norm_backward},
    [NETWORK_RELU] = {relu_forward, relu_backward},
    [NETWORK_FLATTEN] = {flatten_forward, pass_backward},
    [NETWORK_ADD] = {add_forward, pass_backward},
};

static layer_run run_of(const reference_graph *g, int index, bool training)
{
    const network_layer *layer = &g->net->layers[index];
    const int y = g->net->input_count + index;
    return (layer_run){.index = index,
                       .layer = layer,
                       .x = g->values[layer->a],
                       .other = g->values[layer->b],
                       .y = g->values[y],
                       .dy = g->gradients[y],
                       .dx = g->scratch,
                       .x_count = elements(g, layer->a),
                       .y_count = elements(g, y),
                       .training = training};
}

const double *reference_graph_forward(reference_graph *g, size_t n, double *const *inputs,
                                      bool training)
{
    if (n > g->most)
        harness_fail("the reference has room for %zu samples, not for %zu", g->most, n);
    g->n = n;
    for (int i = 0; i < g->net->input_count; ++i)
        memcpy(g->values[i], inputs[i], elements(g, i) * sizeof(double));
    for (int i = 0; i < g->net->layer_count; ++i) {
        const layer_run run = run_of(g, i, training);
        kinds[run.layer->kind].forward(g, &run);
    }
    return g->values[g->value_count - 1];
}

static void add_to(double *sum, const double *term, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        sum[i] += term[i];
}

void reference_graph_backward(reference_graph *g, const double *dy)
{
    const int output = g->value_count - 1;
    for (int i = 0; i < g->value_count; ++i)
        fill(g->gradients[i], elements(g, i), 0.0);
    memcpy(g->gradients[output], dy, elements(g, output) * sizeof(double));
    for (int i = g->net->layer_count; i-- > 0;) {
        const layer_run run = run_of(g, i, false);
        kinds[run.layer->kind].backward(g, &run);
        add_to(g->gradients[run.layer->a], run.dx, run.x_count);
        if (run.layer->kind == NETWORK_ADD)
            add_to(g->gradients[run.layer->b], run.dx, run.x_count);
    }
}

double reference_graph_loss(reference_graph *g, const int32_t *labels, bool backward)
{
    const int output = g->value_count - 1;
    const size_t classes = g->shapes[output].sample;
    double *dy = backward ? harness_doubles(elements(g, output)) : NULL;
    double loss = reference_cross_entropy(g->n, classes, g->values[output], labels, NULL, dy);
    if (backward) {
        disturb(g, dy, elements(g, output), classes);
        reference_graph_backward(g, dy);
    }
    return loss;
}

void reference_graph_step(reference_graph *g, const reference_sgd *options)
{
    for (size_t i = 0; i < g->parameter_count; ++i) {
        const reference_parameter *p = &g->parameters[i];
        reference_sgd_step(options, g->steps, p->count, p->gradient, p->buf, p->value);
        disturb(g, p->value, p->count, 8);
    }
    ++g->steps;
}

double reference_graph_margin(const reference_graph *g)
{
    double margin = INFINITY;
    for (int i = 0; i < g->net->layer_count; ++i) {
        const layer_run run = run_of(g, i, false);
        for (size_t k = 0; run.layer->kind == NETWORK_RELU && k < run.x_count; ++k)
            margin = fmin(margin, fabs(run.x[k]));
    }
    return margin;
}

void reference_graph_copy(const reference_graph *from, reference_graph *to)
{
    to->steps = from->steps;
    for (size_t i = 0; i < from->parameter_count; ++i) {
        const reference_parameter *a = &from->parameters[i];
        memcpy(to->parameters[i].value, a->value, a->count * sizeof(double));
        memcpy(to->parameters[i].buf, a->buf, a->count * sizeof(double));
    }
    for (int i = 0; i < from->net->layer_count; ++i) {
        const reference_norm *a = &from->norms[i];
        reference_norm *b = &to->norms[i];
        b->frozen = a->frozen;
        b->batches = a->batches;
        if (!a->tracked)
            continue;
        const network_layer *layer = &from->net->layers[i];
        const size_t channels = channels_of(layer, &from->shapes[layer->a]);
        memcpy(b->running_mean, a->running_mean, channels * sizeof(double));
        memcpy(b->running_var, a->running_var, channels * sizeof(double));
    }
}
