/* A network as the library's graph on a device: making it, running it, and all of its state as
   bytes. Public headers only. */
#ifndef NETWORK_GRAPH_H
#define NETWORK_GRAPH_H

#include "lib/device.h"
#include "lib/network.h"
#include "lib/reference_graph.h"

typedef struct network_graph {
    device *d;
    const network *net;
    bncl_graph *graph;
    size_t n;                 /* of the last forward */
    bncl_tensor output;       /* likewise */
    bncl_cross_entropy *loss; /* held; NULL: none yet */
    size_t loss_rows;
} network_graph;

/* Data for a network: one float array an input, and a label a sample. Held. */
typedef struct network_data {
    size_t n;
    float *inputs[network_most_inputs];
    double *wide[network_most_inputs]; /* the same numbers */
    int32_t *labels;
} network_data;

/* Normal inputs, and labels below the network's number of outputs. */
network_data network_data_make(const network *net, size_t n, uint64_t seed);

/* The graph with all its layers, BUILDING; *output is its last value. Held. */
network_graph network_graph_build(device *d, const network *net, bncl_value *output);

/* The same, planned with `seed`. */
network_graph network_graph_make(device *d, const network *net, uint64_t seed);

/* Adds the layer to a graph whose values so far are `values`. */
bncl_status network_layer_add(bncl_graph *graph, const network_layer *layer,
                              const bncl_value *values, bncl_value *out, bncl_error *err);

/* Overwrites all parameters with numbers away from their beginnings. */
void network_graph_vary(network_graph *g, uint64_t seed);

/* Copies parameters and running statistics into the reference, exactly. */
void network_graph_copy(network_graph *g, reference_graph *to);

/* A forward pass; the status is the caller's to check. The inputs' memory is held. */
bncl_status network_graph_try(network_graph *g, const network_data *data);

/* The same, which must work: the output, held. */
float *network_graph_forward(network_graph *g, const network_data *data);

/* The cross entropy of the last output; with `backward` the graph's backward pass follows. */
float network_graph_loss(network_graph *g, const network_data *data, bool backward);

/* Backward from a dy of the output's shape. */
void network_graph_backward(network_graph *g, const float *dy);

/* One step of the optimizer on all parameters. */
void network_graph_step(network_graph *g, bncl_sgd *sgd);

/* The optimizer of a graph, held. */
bncl_sgd *network_graph_sgd(network_graph *g, const bncl_sgd_options *options);

/* Reads a tensor of the graph's own, held. */
float *network_graph_read(const network_graph *g, const bncl_tensor *tensor);

/* The index-th parameter. */
bncl_graph_parameter_info network_graph_parameter(const network_graph *g, size_t index);

/* The gradient of an input, held. */
float *network_graph_input_gradient(const network_graph *g, size_t index);

/* Reads an entry of `bytes` bytes from the state dict. */
void network_graph_entry(const network_graph *g, const char *name, void *host, size_t bytes);

/* All entries of a state dict, one after the other. */
typedef struct network_state {
    unsigned char *bytes;
    size_t count;
} network_state;

network_state network_graph_state(const network_graph *g);

/* Fails unless the graph's state is bit for bit `before`; names the entry that is not. */
void network_graph_expect(const network_graph *g, const network_state *before, const char *what);

/* The state and the forward output of `n` samples in evaluation mode, which changes neither. Leaves
   the graph in that mode. */
typedef struct network_image {
    network_state state;
    network_data data;
    float *output;
} network_image;

network_image network_graph_image(network_graph *g);
void network_graph_expect_image(network_graph *g, const network_image *image, const char *what);

#endif
