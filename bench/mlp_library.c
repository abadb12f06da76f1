/* libbncl's side: the example's own network, and for epochs its own trainer. */
#include "mlp_side.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../examples/fashion_data.h"
#include "../examples/fashion_model.h"
#include "../examples/fashion_options.h"
#include "../examples/fashion_trainer.h"
#include "../examples/progress.h"
#include "bench_numbers.h"
#include "fail.h"

/* After a product OpenBLAS's threads look for the next one for 2^28 ticks of the clock: measured,
   102 ms at 2.6 GHz. */
#define OPENBLAS_REST 130e-3

typedef struct library_side {
    const mlp_setup *setup;
    mlp_case c;
    bncl_graph *graph;
    /* training steps, and eval: images of a batch, and what a step needs beside */
    bncl_buffer *memory;
    bncl_tensor images;
    bncl_cross_entropy_args loss_args;
    bncl_cross_entropy *loss;
    bncl_sgd *sgd;
    /* epochs */
    fashion_set set;
    fashion_trainer *trainer;
} library_side;

/* ---- the data ---- */

static bncl_status make_set(fashion_set *set, size_t count, bncl_error *err)
{
    *set = (fashion_set){.count = count,
                         .images = bench_numbers(BNCL_F32, count * FASHION_PIXELS),
                         .labels = calloc(count, sizeof *set->labels)};
    if (set->images == NULL || set->labels == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory for %zu images", count);
    for (size_t i = 0; i < count; ++i)
        set->labels[i] = (int32_t)(i % FASHION_CLASSES);
    return BNCL_OK;
}

static void drop_set(fashion_set *set)
{
    free(set->images);
    free(set->labels);
    *set = (fashion_set){0};
}

/* ---- steps and eval: a batch on the device ---- */

/* All tensors of a step in one buffer, one behind the other, each on a line of its own. */
static bncl_status create_tensors(library_side *side, bncl_error *err)
{
    const size_t one[1] = {1}, batch = side->c.batch;
    const size_t image_dims[2] = {batch, FASHION_PIXELS}, logit_dims[2] = {batch, FASHION_CLASSES};
    const struct {
        bncl_tensor *out;
        bncl_dtype dtype;
        int rank;
        const size_t *dims;
    } rows[] = {{&side->images, BNCL_F32, 2, image_dims},
                {&side->loss_args.labels, BNCL_I32, 1, &batch},
                {&side->loss_args.dlogits, BNCL_F32, 2, logit_dims},
                {&side->loss_args.loss, BNCL_F32, 1, one}};
    enum { count = sizeof rows / sizeof rows[0], line = 64 };
    size_t offsets[count], used = 0;
    for (size_t i = 0; i < count; ++i) {
        offsets[i] = used;
        size_t elements = rows[i].dims[0] * (rows[i].rank > 1 ? rows[i].dims[1] : 1);
        used += (elements + line - 1) / line * line;
    }
    bncl_status status = bncl_buffer_create(side->setup->context, 4 * used, &side->memory, err);
    for (size_t i = 0; i < count && status == BNCL_OK; ++i)
        status = bncl_tensor_init(rows[i].out, side->memory, offsets[i], rows[i].dtype,
                                  rows[i].rank, rows[i].dims, err);
    return status;
}

static bncl_status upload(library_side *side, bncl_error *err)
{
    bncl_queue *queue = side->setup->queue;
    bncl_error ignored;
    bncl_status status = make_set(&side->set, side->c.batch, err);
    if (status == BNCL_OK)
        status = bncl_tensor_write(queue, &side->images, side->set.images, NULL, err);
    if (status == BNCL_OK)
        status = bncl_tensor_write(queue, &side->loss_args.labels, side->set.labels, NULL, err);
    const bncl_status finished = bncl_queue_finish(queue, status == BNCL_OK ? err : &ignored);
    drop_set(&side->set);
    return status == BNCL_OK ? finished : status;
}

static bncl_status prepare_batch(library_side *side, bncl_error *err)
{
    bncl_context *context = side->setup->context;
    bncl_sgd_options options = bncl_sgd_options_default();
    bncl_tensor values, gradients;
    options.lr = 0.01;
    options.momentum = 0.9;
    bncl_status status;
    if ((status = create_tensors(side, err)) || (status = upload(side, err)) ||
        (status = bncl_cross_entropy_create(context, side->c.batch, FASHION_CLASSES, &side->loss,
                                            err)) ||
        (status = bncl_graph_parameters(side->graph, &values, &gradients, err)))
        return status;
    return bncl_sgd_create(context, bncl_tensor_count(&values), &options, &side->sgd, err);
}

static bncl_status evaluate(library_side *side, bncl_error *err)
{
    return bncl_graph_forward(side->graph, side->setup->queue, &side->images, 1, NULL, NULL, err);
}

static bncl_status train(library_side *side, bncl_error *err)
{
    bncl_queue *queue = side->setup->queue;
    bncl_cross_entropy_args *args = &side->loss_args;
    bncl_tensor values, gradients;
    bncl_status status;
    if ((status =
             bncl_graph_forward(side->graph, queue, &side->images, 1, &args->logits, NULL, err)) ||
        (status = bncl_cross_entropy_run(side->loss, queue, args, NULL, err)) ||
        (status = bncl_graph_backward(side->graph, queue, &args->dlogits, NULL, err)) ||
        (status = bncl_graph_parameters(side->graph, &values, &gradients, err)) ||
        (status = bncl_sgd_step(side->sgd, queue, &values, &gradients, NULL, err)))
        return status;
    return bncl_queue_flush(queue, err);
}

/* ---- epochs ---- */

static bncl_status prepare_epoch(library_side *side, bncl_error *err)
{
    const fashion_options options = {.batch = side->c.batch,
                                     .epochs = 1,
                                     .lr = 0.01,
                                     .final_lr = 0.01,
                                     .momentum = 0.9,
                                     .seed = 1};
    bncl_status status = make_set(&side->set, side->setup->images, err);
    if (status != BNCL_OK)
        return status;
    return fashion_trainer_create(side->setup->context, side->setup->queue, side->graph, &side->set,
                                  &options, &side->trainer, err);
}

static bncl_status train_epoch(library_side *side, bncl_error *err)
{
    progress hidden = {0};
    fashion_epoch result;
    return fashion_trainer_epoch(side->trainer, 1, "", &hidden, &result, err);
}

/* ---- the side ---- */

static void drop_case(library_side *side)
{
    bncl_queue_finish(side->setup->queue, NULL);
    fashion_trainer_destroy(side->trainer);
    bncl_sgd_destroy(side->sgd);
    bncl_cross_entropy_destroy(side->loss);
    bncl_graph_destroy(side->graph);
    bncl_buffer_destroy(side->memory);
    drop_set(&side->set);
    *side = (library_side){.setup = side->setup};
}

static bncl_status open_library(const mlp_setup *setup, void **state, char *about, bncl_error *err)
{
    bncl_device_info device;
    bncl_gemm_info gemm;
    bncl_status status = bncl_context_device(setup->context, &device, err);
    if (status == BNCL_OK)
        status = bncl_gemm_provider(setup->context, &gemm, err);
    if (status != BNCL_OK)
        return status;
    library_side *side = calloc(1, sizeof *side);
    if (side == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    side->setup = setup;
    snprintf(about, MLP_ABOUT_SIZE, "libbncl %s on %.80s (%.60s), products by %s", bncl_version(),
             device.name, device.platform, gemm.library);
    *state = side;
    return BNCL_OK;
}

static bncl_status prepare_library(void *state, const mlp_case *c, bncl_error *err)
{
    library_side *side = state;
    drop_case(side);
    side->c = *c;
    bncl_status status =
        fashion_model_create(side->setup->context, side->setup->queue, 1, &side->graph, err);
    if (status == BNCL_OK && c->kind == MLP_EVAL)
        status = bncl_graph_eval(side->graph, err);
    if (status != BNCL_OK)
        return status;
    return c->kind == MLP_EPOCH ? prepare_epoch(side, err) : prepare_batch(side, err);
}

static bncl_status run_library(void *state, size_t calls, double *seconds, bncl_error *err)
{
    library_side *side = state;
    bncl_status status = BNCL_OK;
    const double began = bench_now();
    for (size_t i = 0; i < calls && status == BNCL_OK; ++i)
        status = side->c.kind == MLP_TRAIN  ? train(side, err)
                 : side->c.kind == MLP_EVAL ? evaluate(side, err)
                                            : train_epoch(side, err);
    if (status == BNCL_OK)
        status = bncl_queue_finish(side->setup->queue, err);
    *seconds = bench_now() - began;
    return status;
}

static void close_library(void *state)
{
    if (state != NULL)
        drop_case(state);
    free(state);
}

const mlp_side mlp_library = {"libbncl",       OPENBLAS_REST, open_library,
                              prepare_library, run_library,   close_library};
