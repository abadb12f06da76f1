/* Internal to floor 5: which batch norm goes into which Linear, and what becomes of its
   parameters. */
#ifndef BNCLI_FOLD_H
#define BNCLI_FOLD_H

#include "graph/graph.h"

/* A batch norm and the Linear that takes it, as indices of the graph's layers. */
typedef struct bncli_fold_step {
    size_t norm, linear;
    bool after; /* the Linear comes after it */
} bncli_fold_step;

/* A Linear's parameters with batch norms in them; NULLs where none goes in. */
typedef struct bncli_folded {
    double *weight; /* [out, in] */
    double *bias;   /* [out] */
} bncli_folded;

typedef struct bncli_fold {
    const bncl_graph *graph; /* borrowed */
    bool *removed;           /* by layer: a batch norm that has been given a place */
    bncli_fold_step *steps;  /* in the order in which they have to be made */
    size_t step_count;
    bncli_folded *linears; /* by layer */
} bncli_fold;

/* Gives every batch norm of fold->graph its place. Errors: MEMORY, UNSUPPORTED. */
bncl_status bncli_fold_find(bncli_fold *fold, bncl_error *err);

/* Computes fold->linears from the graph's running statistics and `values`, the content of its
   parameter buffer. Blocks. Errors: ARGUMENT (a result that f32 cannot hold), MEMORY, OPENCL. */
bncl_status bncli_fold_compute(bncli_fold *fold, bncl_queue *queue, const float *values,
                               bncl_error *err);

/* Frees what the two have made, also half-way. */
void bncli_fold_destroy(bncli_fold *fold);

#endif
