/* Internal to floor 5: buffers and operator plans for a batch size. */
#ifndef BNCLI_BUFFER_PLAN_H
#define BNCLI_BUFFER_PLAN_H

#include "graph/graph.h"

/* Makes the graph ready for forward passes of batch size n: finds or makes operator plans (*slot),
   and buffers for all values. What is there for other batch sizes is reused; on failure the graph
   is as before, but for a plan of an older batch size that made room. Blocks when it has to
   allocate or build. Errors: MEMORY, DEVICE_MEMORY, BUILD, … */
bncl_status bncli_plan_forward(bncl_graph *graph, size_t n, size_t *slot, bncl_error *err);

/* Makes buffers for the gradients of a backward pass after a forward of batch size n. */
bncl_status bncli_plan_backward(bncl_graph *graph, size_t n, bncl_error *err);

/* Frees all of it. */
void bncli_plan_destroy(bncl_graph *graph);

/* A view of `shape` with batch size n at an element offset of a buffer. */
bncl_tensor bncli_value_tensor(bncl_buffer *buffer, size_t offset, size_t n,
                               const bncli_shape *shape);

#endif
