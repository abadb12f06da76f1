/* Internal to floor 5: what a layer is. A kind of layer is one file with one table of functions. */
#ifndef BNCLI_LAYER_H
#define BNCLI_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bncl/elementwise.h>
#include <bncl/graph.h>

#define BNCLI_LAYER_INPUTS 2
#define BNCLI_LAYER_PARAMETERS 2
#define BNCLI_LAYER_NAME 128

typedef struct bncli_layer bncli_layer;

/* A value's shape without the batch. */
typedef struct bncli_shape {
    int rank; /* 1 … BNCL_MAX_RANK - 1 */
    size_t dims[BNCL_MAX_RANK - 1];
} bncli_shape;

/* How a parameter begins. */
typedef enum bncli_initialization { BNCLI_UNIFORM, BNCLI_ONES, BNCLI_ZEROS } bncli_initialization;

/* A parameter of a layer: declared when the layer is added, placed when the graph is planned. */
typedef struct bncli_parameter {
    char name[BNCLI_LAYER_NAME + 16]; /* "fc1.weight" */
    int rank;
    size_t dims[2];
    bncli_initialization initialization;
    float bound; /* BNCLI_UNIFORM: in ±bound */
    bncl_tensor value, gradient;
} bncli_parameter;

/* How a layer takes part in a fused group: batch norm, a sum with its residual or none, an
   activation or none. The batch norm does the work, where the last of them stands; the values
   between them are not made. See fuse.c. */
typedef struct bncli_fusion {
    bool absorbed; /* in a group, and not its last layer */
    size_t worker; /* index of the layer that does the work: the group's batch norm, or itself */
    bncl_value residual; /* of a group's last layer: what is added; -1: nothing */
} bncli_fusion;

/* What a layer works on during one call. */
typedef struct bncli_layer_run {
    bncl_queue *queue;
    bncl_elementwise *elementwise;
    size_t slot;     /* which of the layer's operator plans: see plan() */
    bool training;   /* of this layer: false when the graph evaluates or the layer is frozen */
    bool accumulate; /* backward adds to the parameters' gradients */
    const bncl_tensor *x[BNCLI_LAYER_INPUTS]; /* a fused batch norm's x[1]: the residual, or NULL */
    const bncl_tensor *y;
    bncl_tensor mask;                   /* of mask_bytes; absent: not wanted */
    const bncl_tensor *dy;              /* backward only, as dx */
    bncl_tensor dx[BNCLI_LAYER_INPUTS]; /* absent: not wanted */
} bncli_layer_run;

/* How many batch sizes a graph keeps operator plans for. */
#define BNCLI_PLAN_SLOTS 4

typedef struct bncli_layer_kind {
    /* Makes the operator plan for a batch of n in the slot; the slot is empty. May be NULL. */
    bncl_status (*plan)(bncli_layer *layer, size_t slot, size_t n, bncl_error *err);
    /* Empties the slot. May be NULL. */
    void (*unplan)(bncli_layer *layer, size_t slot);
    /* Bytes that forward leaves to backward for a batch of n; the slot is filled. NULL: none. */
    size_t (*mask_bytes)(const bncli_layer *layer, size_t slot, size_t n);
    bncl_status (*forward)(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err);
    bncl_status (*backward)(bncli_layer *layer, const bncli_layer_run *run, bncl_error *err);
    /* Allocates and fills what the layer keeps besides parameters. May be NULL. */
    bncl_status (*create_state)(bncli_layer *layer, bncl_queue *queue, bncl_error *err);
    /* Frees it, also where create_state has failed half-way. May be NULL. */
    void (*destroy_state)(bncli_layer *layer);
    /* After a whole forward pass has been enqueued: takes the new state over. Cannot fail. May be
       NULL. */
    void (*commit)(bncli_layer *layer);
    /* Frees what adding the layer allocated, the state already destroyed. May be NULL. */
    void (*destroy)(bncli_layer *layer);
    bool aliases; /* y lies in x's memory, reshaped: forward does nothing */
    bool keeps_x; /* backward reads x[0]; no backward reads any other x, or y */
} bncli_layer_kind;

/* What batch norm keeps: running_mean and running_var in one buffer [2][channels], and a second one
   into which training writes the new ones until the whole pass is enqueued. */
typedef struct bncli_batch_norm_state {
    bncl_graph_batch_norm_options options;
    bncl_layout layout;
    size_t channels;
    bool tracking; /* training moves the running statistics */
    bncl_buffer *running, *next;
    bncl_buffer *save;                    /* save_mean, save_mean_lo, save_invstd: [3][channels] */
    int64_t batches, next_batches;        /* num_batches_tracked */
    char names[3][BNCLI_LAYER_NAME + 24]; /* state dict keys: running_mean, running_var, counter */
    bncl_tensor collected;    /* [3][channels]: where training puts the batch's statistics, instead
                                 of moving the running ones; absent, but while recalibrating */
    uint32_t collected_count; /* values of a channel behind them */
    bool updated;             /* `next` holds new statistics that are not committed */
    bool used_batch;          /* the last forward used batch statistics */
    bncl_batch_norm *plans[BNCLI_PLAN_SLOTS];
} bncli_batch_norm_state;

struct bncli_layer {
    const bncli_layer_kind *kind;
    bncl_context *context; /* borrowed */
    char name[BNCLI_LAYER_NAME];
    size_t input_count;
    bncl_value inputs[BNCLI_LAYER_INPUTS];
    bncl_value output;
    bncli_shape input_shape, output_shape;
    bncli_fusion fusion;
    size_t scratch_offset[BNCLI_LAYER_INPUTS]; /* elements into the graph's value_gradients: where
                                                  dx goes to be added to what has arrived before */
    bool frozen;
    size_t parameter_count;
    bncli_parameter parameters[BNCLI_LAYER_PARAMETERS];
    /* What a kind alone has. Folding copies the layers of other kinds than these two as they are:
       a third that owns something here must be told apart there. */
    union {
        struct bncl_linear *linear[BNCLI_PLAN_SLOTS];
        bncli_batch_norm_state *batch_norm;
        bncl_activation activation;
    } of;
};

extern const bncli_layer_kind bncli_layer_linear, bncli_layer_batch_norm, bncli_layer_activation,
    bncli_layer_flatten, bncli_layer_add;

/* The batch norm state of a layer that tracks statistics; NULL for all others. */
bncli_batch_norm_state *bncli_tracked_state(const bncli_layer *layer);

/* Its running_mean (row 0) or running_var (row 1), [C]. */
bncl_tensor bncli_running_row(const bncli_batch_norm_state *state, size_t row);

#endif
