/* Internal to floor 5: the graph's parameters and the rest of its lasting state. */
#ifndef BNCLI_PARAMETERS_H
#define BNCLI_PARAMETERS_H

#include "graph/graph.h"

/* Allocates parameters, gradients and the layers' state, and initializes them. On failure nothing
   of it is left. Blocks. */
bncl_status bncli_parameters_create(bncl_graph *graph, uint64_t seed, bncl_queue *queue,
                                    bncl_error *err);

/* Frees all of it; also what was made half-way. */
void bncli_parameters_destroy(bncl_graph *graph);

#endif
