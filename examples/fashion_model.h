/* The network of fashion_mlp, as a graph of layers. */
#ifndef EXAMPLE_FASHION_MODEL_H
#define EXAMPLE_FASHION_MODEL_H

#include <stdint.h>

#include <bncl/bncl.h>

/* Linear(784,256), BatchNorm1d, ReLU, Linear(256,128), BatchNorm1d, ReLU, Linear(128,10), with the
   layers' names of a PyTorch module whose attributes are fc1, bn1, fc2, bn2, fc3. Parameters are
   initialized from the seed; the graph is in training mode. The caller destroys *out, before the
   context. Errors: those of bncl/graph.h. */
bncl_status fashion_model_create(bncl_context *context, bncl_queue *queue, uint64_t seed,
                                 bncl_graph **out, bncl_error *err);

#endif
