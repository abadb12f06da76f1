/* Internal to floor 5: what a graph is made of. */
#ifndef BNCLI_GRAPH_H
#define BNCLI_GRAPH_H

#include <stdbool.h>

#include <bncl/buffer.h>
#include <bncl/elementwise.h>
#include <bncl/graph.h>

#include "graph/layer.h"

/* Legal transitions:
     BUILDING -> PLANNED  bncl_graph_plan
     PLANNED  -> READY    bncl_graph_forward
     READY    -> READY    bncl_graph_forward, bncl_graph_backward
   A failed call keeps the state, but for a failed forward: READY -> PLANNED, since the activations
   are no longer those of one pass. */
typedef enum bncli_graph_state {
    BNCLI_GRAPH_BUILDING,
    BNCLI_GRAPH_PLANNED,
    BNCLI_GRAPH_READY
} bncli_graph_state;

typedef struct bncli_graph_value {
    bncli_shape shape;
    int producer;                         /* index of the layer that gives it, or -1: an input */
    bool requires_grad;                   /* of an input: asked for; else: of anything before it */
    bool has_gradient;                    /* this backward pass has written to gradient */
    size_t value_offset, gradient_offset; /* elements into the graph's buffers */
    size_t mask_offset;                   /* bytes into its masks */
    bncl_tensor value;                    /* of the last forward */
    bncl_tensor gradient;                 /* of the last backward */
} bncli_graph_value;

struct bncl_graph {
    bncl_context *context; /* borrowed */
    bncli_graph_state state;
    bool training;   /* the graph's mode: read in graph.c alone */
    bool accumulate; /* backward adds to the parameters' gradients */
    bool unfused;    /* every layer runs by itself */
    bncli_layer *layers;
    size_t layer_count, layer_capacity;
    bncli_graph_value *values;
    size_t value_count, value_capacity;
    bncl_value *inputs;
    size_t input_count, input_capacity;
    bncl_value output;
    bncl_elementwise *elementwise;

    bncl_buffer *parameters, *gradients; /* flat, f32 */
    size_t parameter_elements;
    size_t parameter_count;

    size_t batch;                        /* of the last forward */
    size_t slot;                         /* its operator plans */
    size_t slot_batch[BNCLI_PLAN_SLOTS]; /* batch size of each slot */
    bool slot_used[BNCLI_PLAN_SLOTS];
    unsigned long slot_age[BNCLI_PLAN_SLOTS], clock;
    size_t activation_batch; /* batch size that the buffers can hold; 0: none */
    size_t gradient_batch;
    bncl_buffer *activations;     /* the values that layers give: see liveness.h */
    bncl_buffer *masks;           /* what layers leave to backward */
    bncl_buffer *value_gradients; /* the values' gradients, and scratch, likewise */
    bool has_backward;            /* since the last forward */
};

/* Elements between two parameters' or values' begins are a multiple of this: 256 bytes, so that
   vectors and lines never straddle two of them. */
#define BNCLI_ALIGN_ELEMENTS 64

/* Rounds up to BNCLI_ALIGN_ELEMENTS; false where that overflows. */
bool bncli_align_elements(size_t count, size_t *out);

/* Refuses a call in the wrong state, with a text that names the call. */
bncl_status bncli_graph_require(const bncl_graph *graph, bool built, const char *call,
                                bncl_error *err);

/* Refuses a call in training mode, with a text that names the call. */
bncl_status bncli_graph_require_eval(const bncl_graph *graph, const char *call, bncl_error *err);

/* Adds a layer, but for its value complete and checked, and its value, *out; on failure the layer
   stays the caller's. Errors: MEMORY. */
bncl_status bncli_graph_add_layer(bncl_graph *graph, bncli_layer *layer, bncl_value *out,
                                  bncl_error *err);

/* Sets the graph's mode; returns what it was. */
bool bncli_graph_exchange_mode(bncl_graph *graph, bool training);

/* READY -> PLANNED, and PLANNED stays: backward then needs a new forward. */
void bncli_graph_forget_pass(bncl_graph *graph);

/* Makes room for one more element: *array grows when count == *capacity. Errors: MEMORY. */
bncl_status bncli_grow(void *array, size_t size, size_t count, size_t *capacity, bncl_error *err);

#endif
