/* Internal to floor 5: running the layers, forward and backward. */
#ifndef BNCLI_PASS_H
#define BNCLI_PASS_H

#include "graph/graph.h"

/* Runs all layers on checked inputs, for the graph's batch and slot. Enqueues. */
bncl_status bncli_pass_forward(bncl_graph *graph, bncl_queue *queue, const bncl_tensor *inputs,
                               bool training, bncl_error *err);

/* Runs them back from dy, the gradient of the output. Enqueues. */
bncl_status bncli_pass_backward(bncl_graph *graph, bncl_queue *queue, const bncl_tensor *dy,
                                bncl_error *err);

#endif
