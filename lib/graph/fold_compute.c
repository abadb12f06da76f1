/* Folding: the arithmetic, in double on the host. It must not know the topology. */
#include <math.h>

#include <bncl/buffer.h>

#include "base/alloc.h"
#include "base/error.h"
#include "graph/fold.h"
#include "tensor/geometry.h"

/* A batch norm as a map of its channels: y = scale·(x - mean) + beta. */
typedef struct affine {
    double *scale, *mean, *beta; /* [channels] each, in one allocation that scale begins */
    size_t channels, inner;      /* element j of a sample is of channel j / inner % channels */
} affine;

/* A Linear under way. */
typedef struct linear {
    bncli_folded values;
    size_t out, in;
} linear;

static linear linear_of(const bncli_fold *fold, size_t index)
{
    const bncli_parameter *weight = &fold->graph->layers[index].parameters[0];
    return (linear){.values = fold->linears[index], .out = weight->dims[0], .in = weight->dims[1]};
}

static size_t channel_of(const affine *norm, size_t element)
{
    return element / norm->inner % norm->channels;
}

/* Widens a parameter, or fills with what stands for it where it is absent. */
static void widen(const bncli_parameter *p, const float *values, double absent, size_t count,
                  double *out)
{
    for (size_t i = 0; i < count; ++i)
        out[i] = p != NULL ? (double)values[p->value.offset + i] : absent;
}

/* Reads row `row` of the running statistics, by way of `host`, [channels]. */
static bncl_status read_running(const bncli_batch_norm_state *state, size_t row, bncl_queue *queue,
                                float *host, double *out, bncl_error *err)
{
    const bncl_tensor tensor = bncli_running_row(state, row);
    bncl_status status = bncl_tensor_read(queue, &tensor, host, NULL, err);
    for (size_t i = 0; i < state->channels && status == BNCL_OK; ++i)
        out[i] = (double)host[i];
    return status;
}

/* Fills in norm's arrays; `var` and `host` have room for a value a channel. */
static bncl_status read_affine(const bncli_layer *layer, bncl_queue *queue, const float *values,
                               double *var, float *host, const affine *norm, bncl_error *err)
{
    const bncli_batch_norm_state *state = layer->of.batch_norm;
    const bncl_graph_batch_norm_options *options = &state->options;
    const bncli_parameter *gamma = options->gamma ? &layer->parameters[0] : NULL;
    const bncli_parameter *beta = options->beta ? &layer->parameters[gamma != NULL] : NULL;
    bncl_status status = read_running(state, 0, queue, host, norm->mean, err);
    if (status == BNCL_OK)
        status = read_running(state, 1, queue, host, var, err);
    if (status != BNCL_OK)
        return status;
    widen(gamma, values, 1.0, norm->channels, norm->scale);
    widen(beta, values, 0.0, norm->channels, norm->beta);
    for (size_t c = 0; c < norm->channels; ++c) {
        norm->scale[c] /=
            sqrt(var[c] + (double)(float)options->norm.eps); /* as batch norm has it */
        if (!isfinite(norm->scale[c]))
            return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                              "%s: cannot be folded: gamma/sqrt(running_var + eps) of channel %zu "
                              "is %g",
                              layer->name, c, norm->scale[c]);
    }
    return BNCL_OK;
}

/* *out is to be freed by its scale, whatever is returned. */
static bncl_status affine_of(const bncli_layer *layer, bncl_queue *queue, const float *values,
                             affine *out, bncl_error *err)
{
    const bncli_batch_norm_state *state = layer->of.batch_norm;
    const bncli_shape *shape = &layer->input_shape;
    const size_t channels = state->channels;
    size_t dims[BNCL_MAX_RANK] = {1};
    bncli_geometry geometry;
    float *host = NULL;
    for (int i = 0; i < shape->rank; ++i)
        dims[i + 1] = shape->dims[i];
    bncl_status status = bncli_geometry_of(state->layout, shape->rank + 1, dims, &geometry, err);
    if (status == BNCL_OK)
        status = bncli_new(&out->scale, 4 * channels, sizeof *out->scale, err);
    if (status == BNCL_OK)
        status = bncli_new(&host, channels, sizeof *host, err);
    if (status != BNCL_OK)
        return status;
    out->mean = out->scale + channels;
    out->beta = out->mean + channels;
    out->channels = channels;
    out->inner = geometry.inner;
    status = read_affine(layer, queue, values, out->beta + channels, host, out, err);
    bncli_free(host);
    return status;
}

/* norm(W·x + b): W' = scale·W by rows, b' = scale·(b - mean) + beta. */
static void fold_before(const linear *to, const affine *norm)
{
    for (size_t i = 0; i < to->out; ++i) {
        const size_t c = channel_of(norm, i);
        for (size_t j = 0; j < to->in; ++j)
            to->values.weight[i * to->in + j] *= norm->scale[c];
        to->values.bias[i] = norm->scale[c] * (to->values.bias[i] - norm->mean[c]) + norm->beta[c];
    }
}

/* W·norm(x) + b: W' = W·scale by columns, b' = b + W·(beta - scale·mean). */
static void fold_after(const linear *to, const affine *norm)
{
    for (size_t i = 0; i < to->out; ++i)
        for (size_t j = 0; j < to->in; ++j) {
            const size_t c = channel_of(norm, j);
            double *w = &to->values.weight[i * to->in + j];
            to->values.bias[i] += *w * (norm->beta[c] - norm->scale[c] * norm->mean[c]);
            *w *= norm->scale[c];
        }
}

/* The Linear's parameters in double, where they are not yet. */
static bncl_status begin_linear(bncli_fold *fold, size_t index, const float *values,
                                bncl_error *err)
{
    const bncli_layer *layer = &fold->graph->layers[index];
    bncli_folded *to = &fold->linears[index];
    const bncli_parameter *weight = &layer->parameters[0];
    const bncli_parameter *bias = layer->parameter_count > 1 ? &layer->parameters[1] : NULL;
    const size_t count = bncl_tensor_count(&weight->value);
    if (to->bias != NULL)
        return BNCL_OK;
    bncl_status status = bncli_new(&to->weight, count, sizeof(double), err);
    if (status == BNCL_OK)
        status = bncli_new(&to->bias, weight->dims[0], sizeof(double), err);
    if (status != BNCL_OK)
        return status;
    widen(weight, values, 0.0, count, to->weight);
    widen(bias, values, 0.0, weight->dims[0], to->bias);
    return BNCL_OK;
}

/* Whether all values round to finite ones. From the limit on they round to infinity: it is the
   largest f32 and half a unit in its last place. */
static bncl_status check_range(const char *layer, const char *name, const double *values,
                               size_t count, bncl_error *err)
{
    const double limit = 0x1.ffffffp127;
    for (size_t i = 0; i < count; ++i)
        if (!(fabs(values[i]) < limit))
            return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                              "%s.%s: element %zu becomes %g by folding, which f32 cannot hold",
                              layer, name, i, values[i]);
    return BNCL_OK;
}

static bncl_status make_step(bncli_fold *fold, const bncli_fold_step *step, bncl_queue *queue,
                             const float *values, bncl_error *err)
{
    affine norm = {.scale = NULL};
    bncl_status status = begin_linear(fold, step->linear, values, err);
    if (status == BNCL_OK)
        status = affine_of(&fold->graph->layers[step->norm], queue, values, &norm, err);
    if (status == BNCL_OK) {
        const linear to = linear_of(fold, step->linear);
        (step->after ? fold_after : fold_before)(&to, &norm);
    }
    bncli_free(norm.scale);
    return status;
}

bncl_status bncli_fold_compute(bncli_fold *fold, bncl_queue *queue, const float *values,
                               bncl_error *err)
{
    bncl_status status = BNCL_OK;
    for (size_t i = 0; i < fold->step_count && status == BNCL_OK; ++i)
        status = make_step(fold, &fold->steps[i], queue, values, err);
    for (size_t i = 0; i < fold->graph->layer_count && status == BNCL_OK; ++i) {
        if (fold->linears[i].bias == NULL)
            continue;
        const linear of = linear_of(fold, i);
        const char *name = fold->graph->layers[i].name;
        status = check_range(name, "weight", of.values.weight, of.out * of.in, err);
        if (status == BNCL_OK)
            status = check_range(name, "bias", of.values.bias, of.out, err);
    }
    return status;
}
