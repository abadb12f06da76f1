/* Internal to floor 5: from when to when each value and each gradient is needed, and where they lie
   so that those needed at one time lie apart. */
#ifndef BNCLI_LIVENESS_H
#define BNCLI_LIVENESS_H

#include "graph/graph.h"

/* Something that needs memory from step `first` to step `last`, both included; a step's time is the
   index of its layer, in backward passes as well. */
typedef struct bncli_span {
    size_t first, last;
    size_t elements; /* 0: it needs none */
    size_t offset;   /* elements, once it is placed */
} bncli_span;

/* Gives every span its place, the largest first, each as low as it fits; *total is the end of the
   highest. False where that overflows. */
bool bncli_spans_place(bncli_span *spans, size_t count, size_t *total);

/* The values that layers give, in the order of the graph's, for batch size n: those that backward
   reads, and the output, are needed to the end. False where a size overflows. */
bool bncli_spans_of_values(const bncl_graph *graph, size_t n, bncli_span *spans);

/* How many spans the gradients have: one a value, then BNCLI_LAYER_INPUTS a layer, of what waits to
   be added to a gradient that is there already. */
size_t bncli_gradient_spans(const bncl_graph *graph);

/* The index of the span of a layer's `input`-th operand among them. */
size_t bncli_scratch_span(const bncl_graph *graph, size_t layer, size_t input);

/* These spans: a gradient is needed from where the first part of it arrives, at the last step that
   takes the value, to where the value was made; an input's, to the end. */
bool bncli_spans_of_gradients(const bncl_graph *graph, size_t n, bncli_span *spans);

/* Elements of all values, or of all gradients, each with memory of its own and no layers fused.
   Sizes that have been placed before: nothing overflows. */
size_t bncli_naive_values(const bncl_graph *graph, size_t n);
size_t bncli_naive_gradients(const bncl_graph *graph, size_t n);

#endif
