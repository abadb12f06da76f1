/* The batch norm layer: its running statistics, and which ones a pass uses. */
#include <bncl/batch_norm.h>
#include <bncl/batch_norm_statistics.h>
#include <bncl/buffer.h>

#include "base/alloc.h"
#include "graph/layer.h"
#include "ops/operand.h"
#include "runtime/buffer.h"

/* Row `row` of a [rows][channels] buffer; absent when there is no buffer. */
static bncl_tensor row_of(bncl_buffer *buffer, size_t row, size_t channels)
{
    return (bncl_tensor){.buffer = buffer,
                         .offset = row * channels,
                         .dtype = BNCL_F32,
                         .rank = 1,
                         .dims = {channels}};
}

static bncl_status create_buffer(bncli_layer *layer, size_t rows, bncl_buffer **out,
                                 bncl_error *err)
{
    return bncl_buffer_create(layer->context, rows * layer->of.batch_norm->channels * sizeof(float),
                              out, err);
}

/* running_mean = 0, running_var = 1, in both buffers. */
static bncl_status reset_running(bncli_batch_norm_state *state, bncl_queue *queue, bncl_error *err)
{
    bncl_buffer *buffers[] = {state->running, state->next};
    bncl_status status = BNCL_OK;
    for (size_t i = 0; i < 4 && status == BNCL_OK; ++i) {
        const bncl_tensor row = row_of(buffers[i / 2], i % 2, state->channels);
        status = bncl_tensor_fill(queue, &row, (double)(i % 2), NULL, err);
    }
    return status;
}

static bncl_status create_state(bncli_layer *layer, bncl_queue *queue, bncl_error *err)
{
    bncli_batch_norm_state *state = layer->of.batch_norm;
    bncl_status status = create_buffer(layer, 3, &state->save, err);
    if (status != BNCL_OK || !state->options.track_running_stats)
        return status;
    status = create_buffer(layer, 2, &state->running, err);
    if (status == BNCL_OK)
        status = create_buffer(layer, 2, &state->next, err);
    return status == BNCL_OK ? reset_running(state, queue, err) : status;
}

static void unplan(bncli_layer *layer, size_t slot)
{
    bncl_batch_norm_destroy(layer->of.batch_norm->plans[slot]);
    layer->of.batch_norm->plans[slot] = NULL;
}

static void destroy_state(bncli_layer *layer)
{
    bncli_batch_norm_state *state = layer->of.batch_norm;
    bncl_buffer_destroy(state->running);
    bncl_buffer_destroy(state->next);
    bncl_buffer_destroy(state->save);
    state->running = state->next = state->save = NULL;
}

static void destroy(bncli_layer *layer)
{
    bncli_free(layer->of.batch_norm);
}

static bncl_status plan(bncli_layer *layer, size_t slot, size_t n, bncl_error *err)
{
    const bncli_batch_norm_state *state = layer->of.batch_norm;
    const bncli_shape *shape = &layer->input_shape;
    size_t dims[BNCL_MAX_RANK] = {n};
    for (int i = 0; i < shape->rank; ++i)
        dims[i + 1] = shape->dims[i];
    return bncl_batch_norm_create(layer->context, state->layout, BNCL_F32, shape->rank + 1, dims,
                                  &state->options.norm, &layer->of.batch_norm->plans[slot], err);
}

/* The layer's gamma and beta; parameters of absent tensors where it has none. */
static const bncli_parameter none;

static const bncli_parameter *gamma_of(const bncli_layer *layer)
{
    return layer->of.batch_norm->options.gamma ? &layer->parameters[0] : &none;
}

static const bncli_parameter *beta_of(const bncli_layer *layer)
{
    const bncl_graph_batch_norm_options *options = &layer->of.batch_norm->options;
    return options->beta ? &layer->parameters[options->gamma ? 1 : 0] : &none;
}

/* Training that hands its statistics over, and leaves the running ones. */
static bncl_status forward_collecting(bncli_batch_norm_state *state, const bncli_layer_run *run,
                                      const bncl_batch_norm_forward *args, bncl_error *err)
{
    bncl_batch_norm *op = state->plans[run->slot];
    const size_t count = bncl_tensor_count(&args->x) / state->channels;
    state->collected_count = (uint32_t)count; /* the plan has checked that it fits */
    bncl_status status =
        bncl_batch_norm_statistics(op, run->queue, &args->x, &state->collected, NULL, err);
    if (status == BNCL_OK)
        status =
            bncl_batch_norm_forward_with(op, run->queue, args, &state->collected, count, NULL, err);
    return status;
}

static size_t mask_bytes(const bncli_layer *layer, size_t slot, size_t n)
{
    (void)n;
    return bncl_batch_norm_mask_bytes(layer->of.batch_norm->plans[slot]);
}

/* Absent with no activation fused in. */
static bncl_tensor mask_of(const bncli_batch_norm_state *state, const bncli_layer_run *run)
{
    const bool none_wanted = state->options.norm.activation.kind == BNCL_ACTIVATION_NONE;
    return none_wanted ? (bncl_tensor){0} : run->mask;
}

static bncl_status forward(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err)
{
    bncli_batch_norm_state *state = layer->of.batch_norm;
    const size_t c = state->channels;
    state->updated = false;
    state->next_batches = state->batches;
    state->used_batch = run->training || state->running == NULL;
    const bool collects = run->training && bncli_present(&state->collected);
    const bool tracks = (state->tracking && !collects) || !run->training;
    bncl_buffer *running = tracks ? state->running : NULL;
    bncl_buffer *next = tracks ? state->next : NULL;
    bncl_batch_norm_forward args = {
        .x = *run->x[0],
        .y = *run->y,
        .residual = run->x[1] != NULL ? *run->x[1] : (bncl_tensor){0},
        .mask = mask_of(state, run),
        .gamma = gamma_of(layer)->value,
        .beta = beta_of(layer)->value,
        .running_mean = row_of(running, 0, c),
        .running_var = row_of(running, 1, c),
        .next_mean = row_of(next, 0, c),
        .next_var = row_of(next, 1, c),
        .save_mean = row_of(state->save, 0, c),
        .save_mean_lo = row_of(state->save, 1, c),
        .save_invstd = row_of(state->save, 2, c),
        .num_batches_tracked = tracks ? &state->next_batches : NULL,
    };
    bncl_batch_norm *op = state->plans[run->slot];
    if (collects)
        return forward_collecting(state, run, &args, err);
    if (!run->training)
        return bncl_batch_norm_forward_eval(op, run->queue, &args, NULL, err);
    bncl_status status = bncl_batch_norm_forward_train(op, run->queue, &args, NULL, err);
    state->updated = status == BNCL_OK && running != NULL;
    return status;
}

static void commit(bncli_layer *layer)
{
    bncli_batch_norm_state *state = layer->of.batch_norm;
    if (!state->updated)
        return;
    bncli_buffer_swap(state->running, state->next);
    state->batches = state->next_batches;
    state->updated = false;
}

static bncl_status backward(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err)
{
    const bncli_batch_norm_state *state = layer->of.batch_norm;
    const size_t c = state->channels;
    const bncl_batch_norm_backward args = {
        .x = *run->x[0],
        .dy = *run->dy,
        .mask = mask_of(state, run),
        .gamma = gamma_of(layer)->value,
        .running_mean = row_of(state->running, 0, c),
        .running_var = row_of(state->running, 1, c),
        .save_mean = row_of(state->save, 0, c),
        .save_mean_lo = row_of(state->save, 1, c),
        .save_invstd = row_of(state->save, 2, c),
        .dx = run->dx[0],
        .dresidual = run->dx[1],
        .dgamma = gamma_of(layer)->gradient,
        .dbeta = beta_of(layer)->gradient,
        .accumulate_parameters = run->accumulate,
    };
    bncl_batch_norm *op = state->plans[run->slot];
    if (state->used_batch)
        return bncl_batch_norm_backward_train(op, run->queue, &args, NULL, err);
    return bncl_batch_norm_backward_eval(op, run->queue, &args, NULL, err);
}

const bncli_layer_kind bncli_layer_batch_norm = {.plan = plan,
                                                 .unplan = unplan,
                                                 .mask_bytes = mask_bytes,
                                                 .forward = forward,
                                                 .backward = backward,
                                                 .create_state = create_state,
                                                 .destroy_state = destroy_state,
                                                 .commit = commit,
                                                 .destroy = destroy,
                                                 .keeps_x = true};

bncli_batch_norm_state *bncli_tracked_state(const bncli_layer *layer)
{
    if (layer->kind != &bncli_layer_batch_norm)
        return NULL;
    bncli_batch_norm_state *state = layer->of.batch_norm;
    return state->options.track_running_stats ? state : NULL;
}

bncl_tensor bncli_running_row(const bncli_batch_norm_state *state, size_t row)
{
    return row_of(state->running, row, state->channels);
}
