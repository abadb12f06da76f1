/* libbncl as a contestant; what each operator does is told by the table below. */
#include "bench_library.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench_contestant.h"
#include "bench_numbers.h"
#include "bench_operation.h"
#include "fail.h"

static const struct {
    bncl_status (*prepare)(bench_operation *operation, bncl_error *err);
    bncl_status (*call)(bench_operation *operation, bncl_error *err);
} operators[BENCH_KINDS] = {
    [BENCH_BATCH_NORM] = {bench_batch_norm_prepare, bench_batch_norm_call},
    [BENCH_BATCH_NORM_RELU] = {bench_batch_norm_prepare, bench_batch_norm_call},
    [BENCH_BATCH_NORM_ADD_RELU] = {bench_batch_norm_prepare, bench_batch_norm_call},
    [BENCH_ACTIVATION] = {bench_activation_prepare, bench_activation_call},
    [BENCH_ADD] = {bench_add_prepare, bench_add_call},
    [BENCH_LINEAR] = {bench_linear_prepare, bench_linear_call},
    [BENCH_CROSS_ENTROPY] = {bench_loss_prepare, bench_loss_call},
    [BENCH_SGD] = {bench_sgd_prepare, bench_sgd_call},
};

unsigned bench_library_wholes(const bench_case *c)
{
    const bool back = c->direction == BENCH_BACKWARD || c->direction == BENCH_FROZEN;
    unsigned wholes = BENCH_X | BENCH_Y;
    if (c->kind == BENCH_ADD || c->kind == BENCH_SGD)
        wholes |= BENCH_DY;
    if (bench_kind_is_batch_norm(c->kind) && back)
        wholes |= BENCH_DY;
    if (c->kind == BENCH_BATCH_NORM_ADD_RELU)
        wholes |= back ? BENCH_DRESIDUAL : BENCH_RESIDUAL;
    return wholes;
}

bncl_status bench_operation_part(bench_operation *operation, bncl_dtype dtype, int rank,
                                 const size_t *dims, double value, bncl_tensor *out,
                                 bncl_error *err)
{
    bncl_buffer **buffer = &operation->parts[operation->part_count];
    bncl_tensor shape;
    bncl_status status = bncl_tensor_init(&shape, NULL, 0, dtype, rank, dims, err);
    if (status == BNCL_OK)
        status =
            bncl_buffer_create(operation->world->context,
                               bncl_tensor_count(&shape) * bncl_dtype_size(dtype), buffer, err);
    if (status != BNCL_OK)
        return status;
    ++operation->part_count;
    shape.buffer = *buffer;
    *out = shape;
    return bncl_tensor_fill(operation->world->queue, out, value, NULL, err);
}

static void drop_operation(bench_operation *operation)
{
    bncl_queue_finish(operation->world->queue, NULL);
    bncl_batch_norm_destroy(operation->norm);
    bncl_elementwise_destroy(operation->elementwise);
    bncl_linear_destroy(operation->linear);
    bncl_cross_entropy_destroy(operation->loss);
    bncl_sgd_destroy(operation->sgd);
    for (size_t i = 0; i < operation->part_count; ++i)
        bncl_buffer_destroy(operation->parts[i]);
    *operation = (bench_operation){.world = operation->world};
}

static void close_library(void *state)
{
    bench_operation *operation = state;
    if (operation == NULL)
        return;
    drop_operation(operation);
    free(operation);
}

static bncl_status open_library(const bench_setup *setup, void **state, char *about,
                                bncl_error *err)
{
    bench_operation *operation = calloc(1, sizeof *operation);
    if (operation == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    const bncl_device_info *info = &setup->world->info;
    operation->world = setup->world;
    snprintf(about, BENCH_ABOUT_SIZE, "libbncl %s on %.90s (%.60s), compute units: %u",
             bncl_version(), info->name, info->platform, (unsigned)info->compute_units);
    *state = operation;
    return BNCL_OK;
}

static bncl_status prepare_library(void *state, const bench_case *c, const bench_model *model,
                                   char *way, bncl_error *err)
{
    bench_operation *operation = state;
    (void)model;
    (void)way;
    drop_operation(operation);
    operation->c = *c;
    return operators[c->kind].prepare(operation, err);
}

static bncl_status run_library(void *state, size_t calls, double *seconds, bncl_error *err)
{
    bench_operation *operation = state;
    bncl_status status = BNCL_OK;
    const double begin = bench_now();
    for (size_t i = 0; i < calls && status == BNCL_OK; ++i)
        status = operators[operation->c.kind].call(operation, err);
    bncl_error ignored;
    const bncl_status finished =
        bncl_queue_finish(operation->world->queue, status == BNCL_OK ? err : &ignored);
    *seconds = bench_now() - begin;
    return status == BNCL_OK ? finished : status;
}

const bench_contestant bench_library = {"libbncl",       "libbncl",   0.0,          open_library,
                                        prepare_library, run_library, close_library};
