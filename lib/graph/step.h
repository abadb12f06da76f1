/* Internal to floor 5: the operations of a pass, one after another. */
#ifndef BNCLI_STEP_H
#define BNCLI_STEP_H

#include "graph/graph.h"

/* One operation of a pass: a layer, or a fused group where its last layer stands. */
typedef struct bncli_step {
    bncli_layer *worker;
    bncl_value output;
    size_t at;    /* index of the layer that it stands for */
    size_t count; /* of operands */
    bncl_value operands[BNCLI_LAYER_INPUTS];
    size_t order[BNCLI_LAYER_INPUTS]; /* in which their gradients are added up: a residual's
                                              before those of what batch norm takes, as it stands
                                              behind it */
} bncli_step;

/* False for a layer that runs with another one. */
bool bncli_step_of(const bncl_graph *graph, const bncli_layer *layer, bncli_step *out);

#endif
