/* How far folded results may be from unfolded ones: see fold_bound.h. */
#include "lib/fold_bound.h"

#include <math.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/tolerance.h"

/* Of one value, a number an element. */
typedef struct bound {
    double *magnitude; /* all terms taken positive, of the fold that is under way */
    double *error;
    size_t inputs; /* of the last Linear */
} bound;

static const double *parameter(const reference_graph *g, int layer, const char *suffix)
{
    const char *name = harness_text("%s.%s", g->net->layers[layer].name, suffix);
    for (size_t i = 0; i < g->parameter_count; ++i)
        if (strcmp(g->parameters[i].name, name) == 0)
            return g->parameters[i].value;
    return NULL;
}

static void through_linear(const reference_graph *g, int layer, const bound *x, bound *y)
{
    const size_t in = g->shapes[g->net->layers[layer].a].sample;
    const size_t out = g->net->layers[layer].features;
    const double *weight = parameter(g, layer, "weight"), *bias = parameter(g, layer, "bias");
    y->inputs = in;
    for (size_t n = 0; n < g->n; ++n)
        for (size_t i = 0; i < out; ++i) {
            const size_t at = n * out + i;
            y->magnitude[at] = bias != NULL ? fabs(bias[i]) : 0.0;
            y->error[at] = 0.0;
            for (size_t j = 0; j < in; ++j) {
                y->magnitude[at] += fabs(weight[i * in + j]) * x->magnitude[n * in + j];
                y->error[at] += fabs(weight[i * in + j]) * x->error[n * in + j];
            }
        }
}

static void through_batch_norm(const reference_graph *g, int layer, const bound *x, bound *y)
{
    const reference_norm *norm = &g->norms[layer];
    const double *gamma = parameter(g, layer, "weight"), *beta = parameter(g, layer, "bias");
    const size_t channels = norm->shape.channels;
    const size_t sample = g->shapes[g->net->layers[layer].a].sample, run = sample / channels;
    const bool last = g->net->layers[layer].last;
    y->inputs = x->inputs;
    for (size_t i = 0; i < g->n * sample; ++i) {
        const size_t c = last ? i % channels : i / run % channels;
        const double scale = fabs((gamma != NULL ? gamma[c] : 1.0) * norm->invstd[c]);
        y->magnitude[i] = scale * (x->magnitude[i] + fabs(norm->mean[c]));
        y->magnitude[i] += beta != NULL ? fabs(beta[c]) : 0.0;
        y->error[i] = scale * x->error[i];
    }
}

/* ReLU and Flatten hand on what they get, with `other` a sum adds it, which both networks round. */
static void pass(const double *values, size_t count, const bound *x, const bound *other, bound *y)
{
    y->inputs = x->inputs;
    for (size_t i = 0; i < count; ++i) {
        y->magnitude[i] = other != NULL ? fabs(values[i]) : x->magnitude[i];
        y->error[i] = x->error[i];
        if (other != NULL)
            y->error[i] += other->error[i] + tolerance_gamma(2.0) * fabs(values[i]);
    }
}

static void end_fold(const double *values, size_t count, bound *y)
{
    for (size_t i = 0; i < count; ++i) {
        y->error[i] += tolerance_fold(y->inputs, y->magnitude[i]);
        y->magnitude[i] = fabs(values[i]);
    }
}

double *fold_bound(const reference_graph *g, const char *ends)
{
    const int inputs = g->net->input_count;
    bound bounds[network_most_values];
    for (int v = 0; v < g->value_count; ++v) {
        const size_t count = g->n * g->shapes[v].sample;
        bounds[v] = (bound){harness_doubles(count), harness_doubles(count), 0};
        for (size_t i = 0; i < count && v < inputs; ++i)
            bounds[v].magnitude[i] = fabs(g->values[v][i]);
        if (v < inputs)
            continue;
        const network_layer *layer = &g->net->layers[v - inputs];
        const bound *x = &bounds[layer->a];
        if (layer->kind == NETWORK_LINEAR)
            through_linear(g, v - inputs, x, &bounds[v]);
        else if (layer->kind == NETWORK_BATCH_NORM)
            through_batch_norm(g, v - inputs, x, &bounds[v]);
        else
            pass(g->values[v], count, x, layer->kind == NETWORK_ADD ? &bounds[layer->b] : NULL,
                 &bounds[v]);
        if (strstr(ends, harness_text("%s ", layer->name)) != NULL)
            end_fold(g->values[v], count, &bounds[v]);
    }
    return bounds[g->value_count - 1].error;
}
