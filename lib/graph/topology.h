/* Internal to floor 5: who uses whose values. */
#ifndef BNCLI_TOPOLOGY_H
#define BNCLI_TOPOLOGY_H

#include "graph/graph.h"

/* Whether the layer has the value as an operand. */
bool bncli_layer_takes(const bncli_layer *layer, bncl_value value);

/* How often a value is used: by layers' operands, and as the graph's output. */
size_t bncli_value_uses(const bncl_graph *graph, bncl_value value);

/* The first layer that takes the value; NULL where none does. */
bncli_layer *bncli_value_consumer(const bncl_graph *graph, bncl_value value);

/* The layer's place among the graph's. */
size_t bncli_layer_index(const bncl_graph *graph, const bncli_layer *layer);

/* Refuses a graph with layers that its output does not depend on. Errors: SHAPE. */
bncl_status bncli_topology_check(const bncl_graph *graph, bncl_error *err);

#endif
