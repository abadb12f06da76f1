/* The operators around batch norm, as they are timed. */
#include "bench_operation.h"

#include <stdlib.h>

#include "fail.h"

#define LR 0.05
#define MOMENTUM 0.9

/* ---- element by element ---- */

static bncl_status make_elementwise(bench_operation *op, bncl_error *err)
{
    return bncl_elementwise_create(op->world->context, op->c.dtype, &op->elementwise, err);
}

bncl_status bench_activation_prepare(bench_operation *op, bncl_error *err)
{
    const size_t mask_bytes = (bench_case_elements(&op->c) + 7) / 8;
    op->activation = bncl_activation_relu();
    bncl_status status = make_elementwise(op, err);
    if (status == BNCL_OK)
        status = bench_operation_part(op, BNCL_U8, 1, &mask_bytes, 0x55, &op->mask, err);
    return status;
}

bncl_status bench_activation_call(bench_operation *op, bncl_error *err)
{
    const bncl_tensor *x = bench_world_tensor(op->world, BENCH_X),
                      *y = bench_world_tensor(op->world, BENCH_Y);
    if (op->c.direction == BENCH_BACKWARD)
        return bncl_activation_backward(op->elementwise, op->world->queue, &op->activation,
                                        &op->mask, x, y, NULL, err);
    return bncl_activation_forward(op->elementwise, op->world->queue, &op->activation, x, y,
                                   &op->mask, NULL, err);
}

bncl_status bench_add_prepare(bench_operation *op, bncl_error *err)
{
    return make_elementwise(op, err);
}

bncl_status bench_add_call(bench_operation *op, bncl_error *err)
{
    return bncl_add(op->elementwise, op->world->queue, bench_world_tensor(op->world, BENCH_X),
                    bench_world_tensor(op->world, BENCH_DY), bench_world_tensor(op->world, BENCH_Y),
                    NULL, err);
}

/* ---- linear ---- */

/* Backward gives all three gradients. */
bncl_status bench_linear_prepare(bench_operation *op, bncl_error *err)
{
    const size_t *d = op->c.shape.dims; /* rows, in, out */
    const size_t y[2] = {d[0], d[2]}, weight[2] = {d[2], d[1]};
    bncl_linear_backward_args *args = &op->linear_backward;
    bncl_status status = bncl_linear_create(op->world->context, d[0], d[1], d[2], &op->linear, err);
    const struct {
        bncl_tensor *out;
        int rank;
        const size_t *dims;
    } parts[] = {{&op->weight, 2, weight},
                 {&op->bias, 1, &d[2]},
                 {&op->y, 2, y},
                 {&args->dweight, 2, weight},
                 {&args->dbias, 1, &d[2]}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == BNCL_OK; ++i)
        status = bench_operation_part(op, BNCL_F32, parts[i].rank, parts[i].dims, 0.01,
                                      parts[i].out, err);
    args->x = *bench_world_tensor(op->world, BENCH_X);
    args->dx = *bench_world_tensor(op->world, BENCH_Y);
    args->weight = op->weight;
    args->dy = op->y;
    return status;
}

bncl_status bench_linear_call(bench_operation *op, bncl_error *err)
{
    if (op->c.direction == BENCH_BACKWARD)
        return bncl_linear_backward(op->linear, op->world->queue, &op->linear_backward, NULL, err);
    return bncl_linear_forward(op->linear, op->world->queue, &op->linear_backward.x, &op->weight,
                               &op->bias, &op->y, NULL, err);
}

/* ---- loss and optimizer ---- */

/* Labels 0, 1, 2, … around. */
static bncl_status write_labels(bench_operation *op, bncl_error *err)
{
    const size_t rows = op->c.shape.dims[0], classes = op->c.shape.dims[1];
    int *labels = calloc(rows, sizeof *labels);
    if (labels == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < rows; ++i)
        labels[i] = (int)(i % classes);
    bncl_status status =
        bncl_tensor_write(op->world->queue, &op->loss_args.labels, labels, NULL, err);
    bncl_error ignored;
    const bncl_status finished =
        bncl_queue_finish(op->world->queue, status == BNCL_OK ? err : &ignored);
    free(labels);
    return status == BNCL_OK ? finished : status;
}

bncl_status bench_loss_prepare(bench_operation *op, bncl_error *err)
{
    const size_t *d = op->c.shape.dims, one = 1; /* rows, classes */
    bncl_cross_entropy_args *args = &op->loss_args;
    bncl_status status = bncl_cross_entropy_create(op->world->context, d[0], d[1], &op->loss, err);
    if (status == BNCL_OK)
        status = bench_operation_part(op, BNCL_I32, 1, &d[0], 0.0, &args->labels, err);
    if (status == BNCL_OK)
        status = bench_operation_part(op, BNCL_F32, 1, &one, 0.0, &args->loss, err);
    args->logits = *bench_world_tensor(op->world, BENCH_X);
    args->dlogits = *bench_world_tensor(op->world, BENCH_Y);
    return status == BNCL_OK ? write_labels(op, err) : status;
}

bncl_status bench_loss_call(bench_operation *op, bncl_error *err)
{
    return bncl_cross_entropy_run(op->loss, op->world->queue, &op->loss_args, NULL, err);
}

bncl_status bench_sgd_prepare(bench_operation *op, bncl_error *err)
{
    bncl_sgd_options options = bncl_sgd_options_default();
    options.lr = LR;
    options.momentum = MOMENTUM;
    return bncl_sgd_create(op->world->context, op->c.shape.dims[0], &options, &op->sgd, err);
}

bncl_status bench_sgd_call(bench_operation *op, bncl_error *err)
{
    return bncl_sgd_step(op->sgd, op->world->queue, bench_world_tensor(op->world, BENCH_X),
                         bench_world_tensor(op->world, BENCH_DY), NULL, err);
}
