/* A small graph with every kind of layer, for the fault and thread tests. */
#ifndef GRAPH_FIXTURE_H
#define GRAPH_FIXTURE_H

#include "lib/device.h"

enum { fixture_channels = 4, fixture_positions = 3, fixture_classes = 3, fixture_layers = 8 };

/* The layers, in order: batch norm of [N,4,3] (a cumulative average), flatten, linear, batch norm,
   ReLU, linear, add (a residual), linear. Adds the input and the first `layers` of them to a graph
   that is as yet empty; *value is what the last one gives. */
bncl_status fixture_add_layers(bncl_graph *graph, size_t layers, bncl_value *value,
                               bncl_error *err);

/* Adds layer `index` to a graph that has all layers before it, in which *value is what the last one
   gives, and then what the new one does. */
bncl_status fixture_add_layer(bncl_graph *graph, size_t index, bncl_value *value, bncl_error *err);

/* The whole graph, planned with the seed. Destroys what it made when it fails. */
bncl_status fixture_graph(bncl_context *context, bncl_queue *queue, uint64_t seed, bncl_graph **out,
                          bncl_error *err);

/* How many values an input and an output of batch size n have. */
size_t fixture_input_count(size_t n);
size_t fixture_output_count(size_t n);

/* The dims of an input and an output of batch size n. */
void fixture_input_dims(size_t n, size_t dims[3]);
void fixture_output_dims(size_t n, size_t dims[2]);

#endif
