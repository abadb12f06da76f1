/* libbncl's batch norm on one device; see accuracy_library.h. */
#include "accuracy_library.h"

#include <stdlib.h>
#include <string.h>

#include <bncl/bncl.h>

#include "accuracy_exact.h"
#include "fail.h"

/* What a channel has one of, each a row of `vectors`. */
enum vector {
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

/* Tensors as long as the input. */
enum whole { X, Y, DY, WHOLES };

struct accuracy_library {
    bncl_context *context;
    bncl_queue *queue;
    uint64_t digest;
    /* Of the present plan. */
    bncl_batch_norm *plan;
    bncl_buffer *buffers[WHOLES], *vectors;
    bncl_tensor whole[WHOLES], vector[VECTORS];
    size_t total, channels;
    float *y, *results; /* [total], [VECTORS][channels] */
};

static void drop_plan(accuracy_library *library)
{
    bncl_queue_finish(library->queue, NULL);
    bncl_batch_norm_destroy(library->plan);
    library->plan = NULL;
    for (int i = 0; i < WHOLES; ++i) {
        bncl_buffer_destroy(library->buffers[i]);
        library->buffers[i] = NULL;
    }
    bncl_buffer_destroy(library->vectors);
    library->vectors = NULL;
    free(library->y);
    free(library->results);
    library->y = library->results = NULL;
}

void accuracy_library_close(accuracy_library *library)
{
    if (library == NULL)
        return;
    drop_plan(library);
    bncl_queue_destroy(library->queue);
    bncl_context_destroy(library->context);
    free(library);
}

bncl_status accuracy_library_open(const char *device, accuracy_library **out, bncl_error *err)
{
    accuracy_library *library = calloc(1, sizeof *library);
    if (library == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    library->digest = UINT64_C(0xcbf29ce484222325);
    bncl_status status = bncl_context_create(device, &library->context, err);
    if (status == BNCL_OK)
        status = bncl_queue_create(library->context, &library->queue, err);
    if (status != BNCL_OK) {
        accuracy_library_close(library);
        return status;
    }
    *out = library;
    return BNCL_OK;
}

bncl_status accuracy_library_device(const accuracy_library *library, bncl_device_info *out,
                                    bncl_error *err)
{
    return bncl_context_device(library->context, out, err);
}

static bncl_status make_wholes(accuracy_library *library, const accuracy_case *c, bncl_error *err)
{
    size_t dims[BNCL_MAX_RANK];
    int rank = accuracy_case_dims(c, dims);
    bncl_status status = BNCL_OK;
    for (int i = 0; i < WHOLES && status == BNCL_OK; ++i) {
        status = bncl_buffer_create(library->context, library->total * sizeof(float),
                                    &library->buffers[i], err);
        if (status == BNCL_OK)
            status = bncl_tensor_init(&library->whole[i], library->buffers[i], 0, BNCL_F32, rank,
                                      dims, err);
    }
    return status;
}

static bncl_status make_vectors(accuracy_library *library, bncl_error *err)
{
    const size_t channels = library->channels;
    bncl_status status = bncl_buffer_create(library->context, VECTORS * channels * sizeof(float),
                                            &library->vectors, err);
    for (size_t i = 0; i < VECTORS && status == BNCL_OK; ++i)
        status = bncl_tensor_init(&library->vector[i], library->vectors, i * channels, BNCL_F32, 1,
                                  &channels, err);
    return status;
}

bncl_status accuracy_library_plan(accuracy_library *library, const accuracy_case *c,
                                  bncl_error *err)
{
    /* With momentum 1 the running variance is the batch's. */
    const bncl_batch_norm_options options = {.eps = ACCURACY_EPS, .momentum = 1.0};
    size_t dims[BNCL_MAX_RANK];
    int rank = accuracy_case_dims(c, dims);
    drop_plan(library);
    library->total = accuracy_case_total(c);
    library->channels = c->channels;
    library->y = calloc(library->total, sizeof(float));
    library->results = calloc(VECTORS * c->channels, sizeof(float));
    if (library->y == NULL || library->results == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    bncl_status status = bncl_batch_norm_create(library->context, c->layout, BNCL_F32, rank, dims,
                                                &options, &library->plan, err);
    if (status == BNCL_OK)
        status = make_wholes(library, c, err);
    return status == BNCL_OK ? make_vectors(library, err) : status;
}

static bncl_status run_forward(accuracy_library *library, bool has_beta, bncl_error *err)
{
    const bncl_tensor absent = {0}, *vector = library->vector;
    const bncl_batch_norm_forward args = {
        .x = library->whole[X],
        .y = library->whole[Y],
        .beta = has_beta ? vector[BETA] : absent,
        .running_mean = vector[RUNNING_MEAN],
        .running_var = vector[RUNNING_VAR],
        .save_mean = vector[SAVE_MEAN],
        .save_mean_lo = vector[SAVE_MEAN_LO],
        .save_invstd = vector[SAVE_INVSTD],
    };
    bncl_status status = bncl_tensor_fill(library->queue, &vector[RUNNING_MEAN], 0.0, NULL, err);
    if (status == BNCL_OK)
        status = bncl_tensor_fill(library->queue, &vector[RUNNING_VAR], 1.0, NULL, err);
    if (status == BNCL_OK)
        status = bncl_batch_norm_forward_train(library->plan, library->queue, &args, NULL, err);
    return status;
}

static bncl_status run_backward(accuracy_library *library, bncl_error *err)
{
    const bncl_tensor *vector = library->vector;
    const bncl_batch_norm_backward args = {
        .x = library->whole[X],
        .dy = library->whole[DY],
        .save_mean = vector[SAVE_MEAN],
        .save_mean_lo = vector[SAVE_MEAN_LO],
        .save_invstd = vector[SAVE_INVSTD],
        .dgamma = vector[DGAMMA],
        .dbeta = vector[DBETA],
    };
    return bncl_batch_norm_backward_train(library->plan, library->queue, &args, NULL, err);
}

/* FNV-1a, of 32-bit words. */
static void digest_floats(accuracy_library *library, const float *values, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        uint32_t word;
        memcpy(&word, &values[i], sizeof word);
        library->digest = (library->digest ^ word) * UINT64_C(0x100000001b3);
    }
}

/* Reads y and the vectors from `first` to the one before `end`. Blocks. */
static bncl_status read_results(accuracy_library *library, enum vector first, enum vector end,
                                bncl_error *err)
{
    bncl_status status =
        bncl_tensor_read(library->queue, &library->whole[Y], library->y, NULL, err);
    for (size_t i = first; i < end && status == BNCL_OK; ++i)
        status = bncl_tensor_read(library->queue, &library->vector[i],
                                  library->results + i * library->channels, NULL, err);
    if (status != BNCL_OK)
        return status;
    digest_floats(library, library->y, library->total);
    digest_floats(library, library->results + first * library->channels,
                  (end - first) * library->channels);
    return BNCL_OK;
}

static accuracy_results results_of(const accuracy_library *library)
{
    const float *results = library->results;
    const size_t channels = library->channels;
    return (accuracy_results){
        .y = library->y,
        .mean = results + SAVE_MEAN * channels,
        .unbiased_var = results + RUNNING_VAR * channels,
        .dgamma = results + DGAMMA * channels,
        .dbeta = results + DBETA * channels,
    };
}

bncl_status accuracy_library_run(accuracy_library *library, const float *x, const float *dy,
                                 accuracy_results *out, bncl_error *err)
{
    bncl_status status = bncl_tensor_write(library->queue, &library->whole[X], x, NULL, err);
    if (status == BNCL_OK)
        status = bncl_tensor_write(library->queue, &library->whole[DY], dy, NULL, err);
    if (status == BNCL_OK)
        status = run_forward(library, false, err);
    if (status == BNCL_OK)
        status = run_backward(library, err);
    if (status == BNCL_OK)
        status = read_results(library, RUNNING_MEAN, VECTORS, err);
    bncl_queue_finish(library->queue, NULL); /* after a failure a write may still read x or dy */
    *out = results_of(library);
    return status;
}

bncl_status accuracy_library_run_constant(accuracy_library *library, const float *x,
                                          const float *beta, accuracy_results *out, bncl_error *err)
{
    bncl_status status = bncl_tensor_write(library->queue, &library->whole[X], x, NULL, err);
    if (status == BNCL_OK)
        status = bncl_tensor_write(library->queue, &library->vector[BETA], beta, NULL, err);
    if (status == BNCL_OK)
        status = run_forward(library, true, err);
    if (status == BNCL_OK)
        status = read_results(library, RUNNING_MEAN, DGAMMA, err);
    bncl_queue_finish(library->queue, NULL);
    *out = results_of(library);
    out->dgamma = out->dbeta = NULL;
    return status;
}

uint64_t accuracy_library_digest(const accuracy_library *library)
{
    return library->digest;
}
