/* Runs the network over the test set. */
#ifndef EXAMPLE_FASHION_EVALUATOR_H
#define EXAMPLE_FASHION_EVALUATOR_H

#include <stddef.h>

#include <bncl/bncl.h>

#include "fashion_data.h"

/* The test images, which stay on the device, and room there for what the network makes of them. */
typedef struct fashion_evaluator fashion_evaluator;

/* Uploads the set's images. Queue and set are borrowed and must outlive it. The caller destroys
   *out, before the context. Errors: MEMORY, DEVICE_MEMORY, OPENCL. */
bncl_status fashion_evaluator_create(bncl_context *context, bncl_queue *queue,
                                     const fashion_set *set, fashion_evaluator **out,
                                     bncl_error *err);

/* NULL is fine. */
void fashion_evaluator_destroy(fashion_evaluator *evaluator);

/* Runs the graph, in whatever mode it is, over the first `count` images in batches of `batch`, the
   last one perhaps smaller, and reads their logits into host memory: `count` rows of
   FASHION_CLASSES. Blocks. Errors: those of bncl_graph_forward. */
bncl_status fashion_evaluator_run(fashion_evaluator *evaluator, bncl_graph *graph, size_t count,
                                  size_t batch, float *logits, bncl_error *err);

/* The class of the largest of a row's FASHION_CLASSES logits, the first of equals. */
int32_t fashion_prediction(const float *row);

/* Which part (0 … 1) of the first `count` images is predicted rightly by these logits. */
double fashion_accuracy(const fashion_set *set, const float *logits, size_t count);

#endif
