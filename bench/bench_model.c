/* The least that must be done; see bench_model.h. */
#include "bench_model.h"

#include <stdio.h>

#define LINE_BYTES 256.0 /* of a row, that a work-group takes at once where channels lie together */

int bench_count_wholes(unsigned wholes)
{
    int count = 0;
    for (; wholes != 0; wholes &= wholes - 1)
        ++count;
    return count;
}

bool bench_slab_fits(const bench_case *c, int tensors, const bench_device_facts *facts)
{
    const double size = (double)bncl_dtype_size(c->dtype),
                 channels = (double)bench_case_channels(c);
    double together = c->has_layout && c->layout == BNCL_LAYOUT_NCL ? 1.0 : LINE_BYTES / size;
    if (together > channels)
        together = channels;
    const double slabs = channels / together;
    const double busy = slabs < facts->compute_units ? slabs : facts->compute_units;
    const double bytes = busy * together * (double)bench_case_values(c) * size * tensors;
    return bytes <= 0.5 * (double)facts->cache_bytes;
}

/* One pass, or first one that only reads, if the slab does not stay. */
static void add_statistics_passes(bench_model *model, const bench_case *c, unsigned statistics,
                                  bench_pass apply, const bench_device_facts *facts)
{
    if (!bench_slab_fits(c, bench_count_wholes(statistics), facts))
        model->passes[model->pass_count++] = (bench_pass){statistics, 0};
    model->passes[model->pass_count++] = apply;
}

/* flops an element: the mean 1, the deviation's square 3, normalizing 3; backward's sums 5, dx 5;
   one for a residual, one for the activation. */
static void model_batch_norm(bench_model *model, const bench_case *c,
                             const bench_device_facts *facts)
{
    const bool adds = c->kind == BENCH_BATCH_NORM_ADD_RELU;
    const unsigned residual = adds ? BENCH_RESIDUAL : 0, dresidual = adds ? BENCH_DRESIDUAL : 0;
    const bench_pass forward = {BENCH_X | residual, BENCH_Y};
    const bench_pass backward = {BENCH_X | BENCH_DY, BENCH_Y | dresidual};
    const double extra = (c->kind != BENCH_BATCH_NORM ? 1.0 : 0.0) + (adds ? 1.0 : 0.0);
    switch (c->direction) {
    case BENCH_TRAIN:
        add_statistics_passes(model, c, BENCH_X, forward, facts);
        model->flops = 7.0 + extra;
        break;
    case BENCH_BACKWARD:
        add_statistics_passes(model, c, BENCH_X | BENCH_DY, backward, facts);
        model->flops = 10.0 + extra;
        break;
    case BENCH_FROZEN:
        model->passes[model->pass_count++] = (bench_pass){BENCH_DY, BENCH_Y};
        model->flops = 1.0;
        break;
    default:
        model->passes[model->pass_count++] = forward;
        model->flops = 3.0 + extra;
    }
}

/* Bytes of masks: a bit an element, written by training, read by each pass of backward. */
static double mask_bytes(const bench_model *model, const bench_case *c)
{
    const double mask = (double)bench_case_elements(c) / 8.0;
    if (c->kind == BENCH_ACTIVATION)
        return mask;
    if (c->kind != BENCH_BATCH_NORM_RELU && c->kind != BENCH_BATCH_NORM_ADD_RELU)
        return 0.0;
    if (c->direction == BENCH_TRAIN)
        return mask;
    return c->direction == BENCH_BACKWARD ? mask * model->pass_count : 0.0;
}

/* Of [rows, in, out]: each matrix once, and two flops a product and sum. */
static bench_model model_linear(const bench_case *c)
{
    const double rows = (double)c->shape.dims[0], in = (double)c->shape.dims[1],
                 out = (double)c->shape.dims[2];
    const double x = rows * in, y = rows * out, w = in * out, product = 2.0 * rows * in * out;
    const double size = (double)bncl_dtype_size(c->dtype);
    if (c->direction == BENCH_BACKWARD)
        return (bench_model){.bytes = size * (2.0 * x + y + 2.0 * w), .flops = 2.0 * product + y};
    return (bench_model){.bytes = size * (x + y + w), .flops = product + y};
}

bench_model bench_model_of(const bench_case *c, const bench_device_facts *facts)
{
    bench_model model = {.pass_count = 0};
    static const struct {
        bench_pass pass;
        double flops;
    } single[BENCH_KINDS] = {
        [BENCH_ACTIVATION] = {{BENCH_X, BENCH_Y}, 1.0},
        [BENCH_ADD] = {{BENCH_X | BENCH_DY, BENCH_Y}, 1.0},
        [BENCH_CROSS_ENTROPY] = {{BENCH_X, BENCH_Y}, 5.0},
        /* w and its momentum change in place. */
        [BENCH_SGD] = {{BENCH_X | BENCH_DY | BENCH_Y, BENCH_X | BENCH_Y}, 4.0},
    };
    if (c->kind == BENCH_LINEAR)
        return model_linear(c);
    if (bench_kind_is_batch_norm(c->kind))
        model_batch_norm(&model, c, facts);
    else {
        model.passes[model.pass_count++] = single[c->kind].pass;
        model.flops = single[c->kind].flops;
    }
    int moved = 0;
    for (int i = 0; i < model.pass_count; ++i)
        moved +=
            bench_count_wholes(model.passes[i].reads) + bench_count_wholes(model.passes[i].writes);
    const double elements = (double)bench_case_elements(c);
    model.flops *= elements;
    model.bytes = elements * (double)bncl_dtype_size(c->dtype) * moved + mask_bytes(&model, c);
    return model;
}

void bench_model_name(const bench_model *model, char out[BENCH_NAME_SIZE])
{
    int at = snprintf(out, BENCH_NAME_SIZE, "%s", model->pass_count == 0 ? "-" : "");
    for (int i = 0; i < model->pass_count; ++i) {
        const int reads = bench_count_wholes(model->passes[i].reads);
        const int writes = bench_count_wholes(model->passes[i].writes);
        at += snprintf(out + at, BENCH_NAME_SIZE - (size_t)at, "%s%dR", i > 0 ? ", " : "", reads);
        if (writes > 0)
            at += snprintf(out + at, BENCH_NAME_SIZE - (size_t)at, "+%dW", writes);
    }
}
