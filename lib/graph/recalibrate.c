/* Running statistics from data: every batch norm layer that tracks hands its batches' statistics
   over instead of moving its running ones, and gets new ones when all batches have passed. */
#include <bncl/recalibrate.h>

#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/exact_moments.h"
#include "graph/graph.h"
#include "ops/operand.h"
#include "runtime/buffer.h"

#define ROWS 3 /* of a batch's statistics: mean, its rounding error, M2 */

typedef struct recalibration {
    bncl_graph *graph;
    bncl_queue *queue;
    size_t channels;              /* of all layers taken together */
    bncl_tensor collected;        /* [ROWS·channels] on the device: [ROWS][C] a layer */
    float *batch;                 /* the same on the host */
    bncli_exact_moments *moments; /* [channels] */
    float *running;               /* [2][C] of a layer */
    bncl_tensor *inputs;
    int64_t batches;
} recalibration;

/* The state of a layer that is to take part: it tracks, and follows the graph's mode. */
static bncli_batch_norm_state *chosen_state(const bncli_layer *layer)
{
    bncli_batch_norm_state *state = bncli_tracked_state(layer);
    return state != NULL && state->tracking && !layer->frozen ? state : NULL;
}

/* The same of a layer that was chosen when the recalibration began. */
static bncli_batch_norm_state *state_of(const bncli_layer *layer)
{
    bncli_batch_norm_state *state = bncli_tracked_state(layer);
    return state != NULL && bncli_present(&state->collected) ? state : NULL;
}

static size_t count_channels(const bncl_graph *graph)
{
    size_t channels = 0;
    for (size_t i = 0; i < graph->layer_count; ++i) {
        const bncli_batch_norm_state *state = chosen_state(&graph->layers[i]);
        channels += state != NULL ? state->channels : 0;
    }
    return channels;
}

/* Each layer's running statistics exist twice on the device: sizes like theirs cannot overflow. */
static bncl_status create(recalibration *r, bncl_error *err)
{
    const size_t elements = ROWS * r->channels;
    bncl_buffer *buffer = NULL;
    bncl_status status = bncli_new(&r->batch, elements, sizeof *r->batch, err);
    if (status == BNCL_OK)
        status = bncli_new(&r->moments, r->channels, sizeof *r->moments, err);
    if (status == BNCL_OK)
        status = bncli_new(&r->running, 2 * r->channels, sizeof *r->running, err);
    if (status == BNCL_OK)
        status = bncli_new(&r->inputs, r->graph->input_count, sizeof *r->inputs, err);
    if (status == BNCL_OK)
        status = bncl_buffer_create(r->graph->context, elements * sizeof(float), &buffer, err);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&r->collected, buffer, 0, BNCL_F32, 1, &elements, err);
    return status;
}

/* Points the layers at where their statistics go. */
static void begin(recalibration *r)
{
    size_t offset = 0;
    for (size_t i = 0; i < r->graph->layer_count; ++i) {
        bncli_batch_norm_state *state = chosen_state(&r->graph->layers[i]);
        if (state == NULL)
            continue;
        state->collected = (bncl_tensor){.buffer = r->collected.buffer,
                                         .offset = offset,
                                         .dtype = BNCL_F32,
                                         .rank = 2,
                                         .dims = {ROWS, state->channels}};
        offset += ROWS * state->channels;
    }
}

static void end(recalibration *r)
{
    for (size_t i = 0; i < r->graph->layer_count; ++i) {
        bncli_batch_norm_state *state = state_of(&r->graph->layers[i]);
        if (state != NULL)
            state->collected = (bncl_tensor){0};
    }
    bncl_buffer_destroy(r->collected.buffer);
    bncli_free(r->inputs);
    bncli_free(r->running);
    bncli_free(r->moments);
    bncli_free(r->batch);
}

/* Adds a batch's statistics of all layers to what there is. */
static void add(recalibration *r)
{
    const float *rows = r->batch;
    bncli_exact_moments *moments = r->moments;
    for (size_t i = 0; i < r->graph->layer_count; ++i) {
        const bncli_batch_norm_state *state = state_of(&r->graph->layers[i]);
        if (state == NULL)
            continue;
        const size_t channels = state->channels;
        for (size_t c = 0; c < channels; ++c)
            bncli_exact_moments_add(&moments[c], state->collected_count, rows[c],
                                    rows[channels + c], rows[2 * channels + c]);
        rows += ROWS * channels;
        moments += channels;
    }
}

/* Waits until the batch has passed, so that the source may do with its tensors what it likes. */
static bncl_status run_batch(recalibration *r, bncl_error *err)
{
    bncl_status status =
        bncl_graph_forward(r->graph, r->queue, r->inputs, r->graph->input_count, NULL, NULL, err);
    if (status == BNCL_OK)
        status = bncl_tensor_read(r->queue, &r->collected, r->batch, NULL, err);
    if (status == BNCL_OK)
        status = bncl_queue_finish(r->queue, err);
    if (status != BNCL_OK) {
        bncl_queue_finish(r->queue, NULL); /* earlier layers' commands may still read the inputs */
        return status;
    }
    add(r);
    ++r->batches;
    return BNCL_OK;
}

static bncl_status run_batches(recalibration *r, bncl_graph_source *source, void *user,
                               bncl_error *err)
{
    for (;;) {
        bool more = false;
        for (size_t i = 0; i < r->graph->input_count; ++i)
            r->inputs[i] = (bncl_tensor){0};
        bncli_error_clear(err);
        bncl_status status = source(user, r->inputs, r->graph->input_count, &more, err);
        if (status != BNCL_OK && err != NULL && err->text[0] == '\0')
            bncli_fail(err, status, "the source of batches: %s", bncl_status_string(status));
        if (status == BNCL_OK && more)
            status = run_batch(r, err);
        if (status != BNCL_OK || !more)
            return status;
    }
}

/* Writes a layer's new running statistics to where it keeps those that are not committed. */
static bncl_status write_next(recalibration *r, bncli_layer *layer,
                              const bncli_exact_moments *moments, bncl_error *err)
{
    bncli_batch_norm_state *state = layer->of.batch_norm;
    const size_t channels = state->channels;
    if (moments[0].count == 0)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: no values to estimate its statistics from",
                          layer->name);
    for (size_t c = 0; c < channels; ++c)
        bncli_exact_moments_result(&moments[c], &r->running[c], &r->running[channels + c]);
    const bncl_tensor next = {
        .buffer = state->next, .dtype = BNCL_F32, .rank = 2, .dims = {2, channels}};
    return bncli_tensor_upload(r->queue, &next, r->running, err);
}

/* All layers' or none's: the exchange at the end cannot fail. */
static bncl_status take_over(recalibration *r, bncl_error *err)
{
    const bncli_exact_moments *moments = r->moments;
    for (size_t i = 0; i < r->graph->layer_count; ++i) {
        const bncli_batch_norm_state *state = state_of(&r->graph->layers[i]);
        if (state == NULL)
            continue;
        bncl_status status = write_next(r, &r->graph->layers[i], moments, err);
        if (status != BNCL_OK)
            return status;
        moments += state->channels;
    }
    for (size_t i = 0; i < r->graph->layer_count; ++i) {
        bncli_layer *layer = &r->graph->layers[i];
        bncli_batch_norm_state *state = state_of(layer);
        if (state == NULL)
            continue;
        state->updated = true;
        state->next_batches = r->batches;
        layer->kind->commit(layer);
    }
    return BNCL_OK;
}

static bncl_status recalibrate(recalibration *r, bncl_graph_source *source, void *user,
                               bncl_error *err)
{
    bncl_status status = create(r, err);
    if (status == BNCL_OK) {
        begin(r);
        const bool training = bncli_graph_exchange_mode(r->graph, true);
        status = run_batches(r, source, user, err);
        bncli_graph_exchange_mode(r->graph, training);
        bncli_graph_forget_pass(r->graph);
    }
    if (status == BNCL_OK)
        status = take_over(r, err);
    end(r);
    return status;
}

bncl_status bncl_graph_recalibrate(bncl_graph *graph, bncl_queue *queue, bncl_graph_source *source,
                                   void *user, bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || source == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph or source is NULL");
    bncl_status status = bncli_graph_require(graph, true, "bncl_graph_recalibrate", err);
    if (status == BNCL_OK)
        status = bncli_queue_check(graph->context, queue, err);
    if (status != BNCL_OK)
        return status;
    recalibration r = {.graph = graph, .queue = queue, .channels = count_channels(graph)};
    return r.channels > 0 ? recalibrate(&r, source, user, err) : BNCL_OK;
}
