/* Batch norm as it is timed: with all that a layer has, gamma, beta, running statistics, and in
   training what backward needs. */
#include "bench_operation.h"

/* What a channel has one of, and what it begins with. */
enum {
    GAMMA,
    BETA,
    RUNNING_MEAN,
    RUNNING_VAR,
    SAVE_MEAN,
    SAVE_MEAN_LO,
    SAVE_INVSTD,
    DGAMMA,
    DBETA,
    VECTORS
};

static const double beginnings[VECTORS] = {[GAMMA] = 1.0, [RUNNING_VAR] = 1.0, [SAVE_INVSTD] = 1.0};

static void set_arguments(bench_operation *op, const bncl_tensor vectors[VECTORS])
{
    const bench_world *world = op->world;
    const bncl_tensor x = *bench_world_tensor(world, BENCH_X),
                      y = *bench_world_tensor(world, BENCH_Y);
    const bool frozen = op->c.direction == BENCH_FROZEN, train = op->c.direction != BENCH_EVAL;
    op->forward = (bncl_batch_norm_forward){
        .x = x,
        .y = y,
        .residual = *bench_world_tensor(world, BENCH_RESIDUAL),
        .gamma = vectors[GAMMA],
        .beta = vectors[BETA],
        .running_mean = vectors[RUNNING_MEAN],
        .running_var = vectors[RUNNING_VAR],
    };
    op->backward = (bncl_batch_norm_backward){
        .x = x,
        .dy = *bench_world_tensor(world, BENCH_DY),
        .gamma = vectors[GAMMA],
        .dx = y,
        .dresidual = *bench_world_tensor(world, BENCH_DRESIDUAL),
    };
    if (train && !frozen) {
        op->forward.save_mean = op->backward.save_mean = vectors[SAVE_MEAN];
        op->forward.save_mean_lo = op->backward.save_mean_lo = vectors[SAVE_MEAN_LO];
        op->forward.save_invstd = op->backward.save_invstd = vectors[SAVE_INVSTD];
        op->forward.mask = op->backward.mask = op->mask;
        op->backward.dgamma = vectors[DGAMMA];
        op->backward.dbeta = vectors[DBETA];
    }
    if (frozen) {
        op->backward.running_mean = vectors[RUNNING_MEAN];
        op->backward.running_var = vectors[RUNNING_VAR];
    }
}

bncl_status bench_batch_norm_prepare(bench_operation *op, bncl_error *err)
{
    bncl_batch_norm_options options = bncl_batch_norm_options_default();
    const bncl_dtype statistics = op->c.dtype == BNCL_F64 ? BNCL_F64 : BNCL_F32;
    const size_t channels = bench_case_channels(&op->c);
    bncl_tensor vectors[VECTORS];
    size_t dims[BNCL_MAX_RANK];
    const int rank = bench_case_dims(&op->c, dims);
    if (op->c.kind != BENCH_BATCH_NORM)
        options.activation = bncl_activation_relu();
    bncl_status status = bncl_batch_norm_create(op->world->context, op->c.layout, op->c.dtype, rank,
                                                dims, &options, &op->norm, err);
    for (int i = 0; i < VECTORS && status == BNCL_OK; ++i)
        status =
            bench_operation_part(op, statistics, 1, &channels, beginnings[i], &vectors[i], err);
    const size_t mask_bytes = bncl_batch_norm_mask_bytes(op->norm);
    if (status == BNCL_OK && mask_bytes > 0)
        status = bench_operation_part(op, BNCL_U8, 1, &mask_bytes, 0.0, &op->mask, err);
    if (status != BNCL_OK)
        return status;
    set_arguments(op, vectors);
    /* Statistics and a mask for backward. */
    if (op->c.direction == BENCH_BACKWARD)
        status = bncl_batch_norm_forward_train(op->norm, op->world->queue, &op->forward, NULL, err);
    return status;
}

bncl_status bench_batch_norm_call(bench_operation *op, bncl_error *err)
{
    bncl_queue *queue = op->world->queue;
    switch (op->c.direction) {
    case BENCH_TRAIN:
        return bncl_batch_norm_forward_train(op->norm, queue, &op->forward, NULL, err);
    case BENCH_BACKWARD:
        return bncl_batch_norm_backward_train(op->norm, queue, &op->backward, NULL, err);
    case BENCH_FROZEN:
        return bncl_batch_norm_backward_eval(op->norm, queue, &op->backward, NULL, err);
    default:
        return bncl_batch_norm_forward_eval(op->norm, queue, &op->forward, NULL, err);
    }
}
