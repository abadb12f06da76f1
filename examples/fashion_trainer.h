/* Trains the network, one epoch a call, with SGD on shuffled batches. */
#ifndef EXAMPLE_FASHION_TRAINER_H
#define EXAMPLE_FASHION_TRAINER_H

#include <stddef.h>

#include <bncl/bncl.h>

#include "fashion_data.h"
#include "fashion_options.h"
#include "progress.h"

/* The optimizer, the loss, and two places on the device in which batches are put together: while a
   step works on one, the other is filled. */
typedef struct fashion_trainer fashion_trainer;

/* Uses batch, epochs, lr, final_lr, momentum and seed of the options. Queue, graph and set are
   borrowed and must outlive it. The caller destroys *out. Errors: those of the library's create
   calls. */
bncl_status fashion_trainer_create(bncl_context *context, bncl_queue *queue, bncl_graph *graph,
                                   const fashion_set *set, const fashion_options *options,
                                   fashion_trainer **out, bncl_error *err);

/* Waits for the queue, then frees. NULL is fine. */
void fashion_trainer_destroy(fashion_trainer *trainer);

typedef struct fashion_epoch {
    double loss;     /* mean over the images, each as it was when its batch came up */
    double accuracy; /* likewise, 0 … 1 */
    double rate;     /* images a second, without a first of several steps: it builds kernels */
    size_t images;   /* how many were trained on */
} fashion_epoch;

/* Trains on every image once, as epoch 1 … options->epochs, in an order that depends on seed and
   epoch alone; a last batch of one image is left out, for batch norm cannot train on it. Draws the
   bar, with `label` before it. Leaves the graph in training mode. Blocks. Errors: those of the
   library; ARGUMENT when the loss is no number any more. */
bncl_status fashion_trainer_epoch(fashion_trainer *trainer, size_t epoch, const char *label,
                                  progress *bar, fashion_epoch *out, bncl_error *err);

#endif
