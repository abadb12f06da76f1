/* Runs the network over the test set; see fashion_evaluator.h. */
#include "fashion_evaluator.h"

#include <stdlib.h>

#include "fail.h"

struct fashion_evaluator {
    bncl_queue *queue;
    size_t count;
    bncl_buffer *images; /* f32 [count, FASHION_PIXELS] */
    bncl_buffer *logits; /* f32 [count, FASHION_CLASSES] */
};

/* Rows first … first+rows-1 of a matrix that fills a buffer: a view, nothing is copied. */
static bncl_status view_rows(bncl_buffer *buffer, size_t first, size_t rows, size_t columns,
                             bncl_tensor *out, bncl_error *err)
{
    const size_t dims[2] = {rows, columns};
    return bncl_tensor_init(out, buffer, first * columns, BNCL_F32, 2, dims, err);
}

static bncl_status upload(fashion_evaluator *evaluator, bncl_context *context,
                          const fashion_set *set, bncl_error *err)
{
    size_t image_bytes = set->count * FASHION_PIXELS * sizeof(float);
    size_t logit_bytes = set->count * FASHION_CLASSES * sizeof(float);
    bncl_tensor images;
    bncl_status status;
    if ((status = bncl_buffer_create(context, image_bytes, &evaluator->images, err)) ||
        (status = bncl_buffer_create(context, logit_bytes, &evaluator->logits, err)) ||
        (status = view_rows(evaluator->images, 0, set->count, FASHION_PIXELS, &images, err)) ||
        (status = bncl_tensor_write(evaluator->queue, &images, set->images, NULL, err)))
        return status;
    /* The write reads the set's memory after it has returned: let it finish. */
    return bncl_queue_finish(evaluator->queue, err);
}

bncl_status fashion_evaluator_create(bncl_context *context, bncl_queue *queue,
                                     const fashion_set *set, fashion_evaluator **out,
                                     bncl_error *err)
{
    fashion_evaluator *evaluator = calloc(1, sizeof *evaluator);
    if (evaluator == NULL)
        return example_fail(err, BNCL_ERROR_MEMORY, "out of memory for the evaluator");
    evaluator->queue = queue;
    evaluator->count = set->count;
    bncl_status status = upload(evaluator, context, set, err);
    if (status != BNCL_OK) {
        fashion_evaluator_destroy(evaluator);
        return status;
    }
    *out = evaluator;
    return BNCL_OK;
}

void fashion_evaluator_destroy(fashion_evaluator *evaluator)
{
    if (evaluator == NULL)
        return;
    bncl_buffer_destroy(evaluator->images);
    bncl_buffer_destroy(evaluator->logits);
    free(evaluator);
}

/* The graph's output is good until its next forward: keep a copy of it, on the device. */
static bncl_status run_batch(fashion_evaluator *evaluator, bncl_graph *graph, size_t first,
                             size_t rows, bncl_error *err)
{
    bncl_tensor images, output, kept;
    bncl_status status;
    if ((status = view_rows(evaluator->images, first, rows, FASHION_PIXELS, &images, err)) ||
        (status = view_rows(evaluator->logits, first, rows, FASHION_CLASSES, &kept, err)) ||
        (status = bncl_graph_forward(graph, evaluator->queue, &images, 1, &output, NULL, err)) ||
        (status = bncl_tensor_copy(evaluator->queue, &output, &kept, NULL, err)))
        return status;
    return BNCL_OK;
}

bncl_status fashion_evaluator_run(fashion_evaluator *evaluator, bncl_graph *graph, size_t count,
                                  size_t batch, float *logits, bncl_error *err)
{
    if (count > evaluator->count || batch == 0)
        return example_fail(err, BNCL_ERROR_ARGUMENT,
                            "expected at most %zu images in batches, got %zu in batches of %zu",
                            evaluator->count, count, batch);
    for (size_t first = 0; first < count; first += batch) {
        size_t rows = count - first < batch ? count - first : batch;
        bncl_status status = run_batch(evaluator, graph, first, rows, err);
        if (status != BNCL_OK)
            return status;
    }
    bncl_tensor all;
    bncl_status status = view_rows(evaluator->logits, 0, count, FASHION_CLASSES, &all, err);
    return status == BNCL_OK ? bncl_tensor_read(evaluator->queue, &all, logits, NULL, err) : status;
}

int32_t fashion_prediction(const float *row)
{
    int32_t best = 0;
    for (int32_t i = 1; i < FASHION_CLASSES; ++i)
        if (row[i] > row[best])
            best = i;
    return best;
}

double fashion_accuracy(const fashion_set *set, const float *logits, size_t count)
{
    size_t right = 0;
    for (size_t i = 0; i < count; ++i)
        if (fashion_prediction(logits + i * FASHION_CLASSES) == set->labels[i])
            ++right;
    return count > 0 ? (double)right / (double)count : 0.0;
}
