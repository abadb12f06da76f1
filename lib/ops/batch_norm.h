/* Internal to floor 4: the parts of batch norm. */
#ifndef BNCLI_BATCH_NORM_H
#define BNCLI_BATCH_NORM_H

#include <stdbool.h>

#include <bncl/batch_norm.h>
#include <bncl/buffer.h>

#include "ops/operand.h"
#include "program/tuning.h"
#include "runtime/launch.h"
#include "tensor/geometry.h"

/* Values of a channel in a tile: TILE of kernels/merge_order.cl. */
#define BNCLI_TILE 1024

/* The kernels of a plan; each variant of a step stands for itself. */
typedef enum bncli_batch_norm_step {
    BNCLI_STATISTICS,
    BNCLI_STATISTICS_MERGE,
    BNCLI_STATISTICS_TILES,
    BNCLI_STATISTICS_PAIR,
    BNCLI_RUNNING_UPDATE,
    BNCLI_RUNNING_COEFFICIENTS,
    BNCLI_APPLY,
    BNCLI_RUNNING_APPLY,
    BNCLI_FORWARD_WHOLE,
    BNCLI_BACKWARD_WHOLE,
    BNCLI_BACKWARD_SUMS,
    BNCLI_BACKWARD_MERGE,
    BNCLI_BACKWARD_TILES,
    BNCLI_BACKWARD_PAIR,
    BNCLI_BACKWARD_APPLY,
    BNCLI_BACKWARD_APPLY_FROZEN,
    BNCLI_DOUBLE_BACKWARD_SUMS,
    BNCLI_DOUBLE_BACKWARD_MERGE,
    BNCLI_DOUBLE_BACKWARD_APPLY,
    BNCLI_BATCH_NORM_STEPS
} bncli_batch_norm_step;

/* Flags of forward's kernels, and of backward's, as the .cl files name them. */
enum {
    BNCLI_HAS_GAMMA = 1,
    BNCLI_HAS_BETA = 2,
    BNCLI_HAS_SAVE = 4,
    BNCLI_HAS_RESIDUAL = 8,
    BNCLI_HAS_MASK = 16,
    BNCLI_HAS_RUNNING_MEAN = 32,
    BNCLI_HAS_RUNNING_VAR = 64
};
enum {
    BNCLI_HAS_DGAMMA = 2,
    BNCLI_HAS_DBETA = 4,
    BNCLI_FROZEN = 8,
    BNCLI_ACCUMULATE = 16,
    BNCLI_HAS_DX = 32,
    BNCLI_ACCUMULATE_DX = 64,
    BNCLI_HAS_DRESIDUAL = 128,
    BNCLI_ACCUMULATE_DRESIDUAL = 256
};

struct bncl_batch_norm {
    bncl_context *context; /* borrowed */
    bncl_batch_norm_options options;
    bncl_layout layout;
    bncl_dtype dtype;       /* of x, y and their gradients */
    bncl_dtype accumulator; /* of all else */
    int rank;
    size_t dims[BNCL_MAX_RANK];
    bncli_geometry geometry;
    size_t tiles;      /* of a channel */
    size_t mask_bytes; /* 0 without an activation */
    bncli_tuning tuning;
    bool whole;  /* training is one launch forward, and one backward */
    bool direct; /* evaluation is one launch */
    bncl_buffer *workspace;
    bncl_tensor partial;             /* [4][tiles][channels] in the workspace */
    bncl_tensor coefficients;        /* [5][channels] */
    bncl_buffer *nodes;              /* of a tree of many parts; NULL until one needs them */
    bncl_buffer *double_workspace;   /* of double backward; NULL until its first call */
    bncl_tensor double_partial;      /* [10][tiles][channels] in it */
    bncl_tensor double_coefficients; /* [10][channels] */
    bncli_kernel *kernels[BNCLI_BATCH_NORM_STEPS]; /* NULL: not built yet, see _step_run */
    bncli_grid grids[BNCLI_BATCH_NORM_STEPS];
};

/* Chooses variants for the plan's geometry and device, and builds the kernels of training and of
   evaluation (batch_norm_choice.c). Errors: ARGUMENT, NO_COMPILER, BUILD, MEMORY, OPENCL. */
bncl_status bncli_batch_norm_choose(bncl_batch_norm *plan, bncl_error *err);

/* Builds a step's kernel, if it is not built yet. Errors: as there. */
bncl_status bncli_batch_norm_need(bncl_batch_norm *plan, bncli_batch_norm_step step,
                                  bncl_error *err);

/* Which statistics a call works with: its batch's own, ones that the caller has merged, or running
   ones. */
typedef enum bncli_statistics {
    BNCLI_BATCH_STATISTICS,
    BNCLI_MERGED_STATISTICS,
    BNCLI_RUNNING_STATISTICS
} bncli_statistics;

/* What a merging kernel adds up: the plan's tiles, or what a caller has merged, which is one. */
typedef struct bncli_batch_norm_parts {
    const bncl_tensor *partial; /* [3][tiles][channels] of statistics, [4][tiles][channels] of
                                   backward's sums */
    size_t tiles;
    size_t count; /* values of a channel in all of them */
} bncli_batch_norm_parts;

/* The checks of a call, in PyTorch's order (batch_norm_check.c). Errors: as batch_norm.h says. */
bncl_status bncli_batch_norm_check_forward(const bncl_batch_norm *plan, const bncl_queue *queue,
                                           const bncl_batch_norm_forward *args,
                                           bncli_statistics statistics, bncl_error *err);
bncl_status bncli_batch_norm_check_backward(const bncl_batch_norm *plan, const bncl_queue *queue,
                                            const bncl_batch_norm_backward *args,
                                            bncli_statistics statistics, bncl_error *err);

bncl_status bncli_batch_norm_check_double_backward(const bncl_batch_norm *plan,
                                                   const bncl_queue *queue,
                                                   const bncl_batch_norm_double_backward *args,
                                                   bncli_statistics statistics, bncl_error *err);

/* Tensors of the plan's shape. Errors: ARGUMENT, SHAPE, DTYPE, UNSUPPORTED. */
bncl_status bncli_batch_norm_check_inputs(const bncl_batch_norm *plan,
                                          const bncli_operand *operands, size_t count,
                                          bncl_error *err);

/* A checked tensor of the plan's shape, or an absent one, as a kernel argument with its strides. */
bncli_argument bncli_batch_norm_arg(const bncl_batch_norm *plan, const bncl_tensor *tensor);

/* The geometry as kernels over tiles take it: channels; inner, where there is one; count; tiles.
   Writes it to `out`, BNCLI_TILE_ARGUMENTS at most, and returns how many. */
#define BNCLI_TILE_ARGUMENTS 4
size_t bncli_batch_norm_tile_arguments(const bncl_batch_norm *plan, bncli_argument *out);

/* A number as a kernel argument of the accumulator's dtype. */
bncli_argument bncli_batch_norm_real(const bncl_batch_norm *plan, double value);

/* Whether y has an activation. */
static inline bool bncli_batch_norm_is_active(const bncl_batch_norm *plan)
{
    return plan->options.activation.kind != BNCL_ACTIVATION_NONE;
}

/* The activation's number that kernels call low, and in backward slope. */
bncli_argument bncli_batch_norm_low(const bncl_batch_norm *plan);

/* Runs one step of the plan on its grid; its first run may build it. */
bncl_status bncli_batch_norm_step_run(bncl_batch_norm *plan, bncli_batch_norm_step step,
                                      bncl_queue *queue, const bncli_argument *arguments,
                                      size_t count, bncl_event **signal, bncl_error *err);

/* Writes the tiles' statistics into plan->partial; x was checked and is not empty. */
bncl_status bncli_batch_norm_run_statistics(bncl_batch_norm *plan, bncl_queue *queue,
                                            const bncl_tensor *x, bncl_error *err);

/* Writes the tiles' sums of backward through batch statistics into plan->partial, likewise. */
bncl_status bncli_batch_norm_run_sums(bncl_batch_norm *plan, bncl_queue *queue,
                                      const bncl_batch_norm_backward *args, bncl_error *err);

/* A checked call in training, forward and backward: through what is merged, or, where that is NULL,
   through the batch's own. Errors: as batch_norm.h says. */
bncl_status bncli_batch_norm_train(bncl_batch_norm *plan, bncl_queue *queue,
                                   const bncl_batch_norm_forward *args,
                                   const bncli_batch_norm_parts *merged, const bncl_sync *sync,
                                   bncl_error *err);
bncl_status bncli_batch_norm_backpropagate(bncl_batch_norm *plan, bncl_queue *queue,
                                           const bncl_batch_norm_backward *args,
                                           const bncli_batch_norm_parts *merged,
                                           const bncl_sync *sync, bncl_error *err);

/* Writes the coefficients that running statistics give. */
bncl_status bncli_batch_norm_use_running(bncl_batch_norm *plan, bncl_queue *queue,
                                         const bncl_tensor *running_mean,
                                         const bncl_tensor *running_var, const bncl_tensor *gamma,
                                         const bncl_tensor *beta, bncl_error *err);

#endif
