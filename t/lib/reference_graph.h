/* The reference of a whole graph: forward, backward and training steps in double, made of the
   reference's operators. It must not know the library.

   It can also tell how far an honest f32 computation of the same graph may stray: with `noise` set,
   every result of every operator is moved at random by as much as f32 could have moved it, and what
   that does to the end is what the graph makes of such errors. */
#ifndef REFERENCE_GRAPH_H
#define REFERENCE_GRAPH_H

#include "lib/generate.h"
#include "lib/network.h"
#include "lib/reference.h"

typedef struct reference_parameter {
    const char *name; /* "fc1.weight" */
    size_t count;
    double *value;
    double *gradient; /* of the last backward */
    double *buf;      /* momentum */
} reference_parameter;

typedef struct reference_norm {
    bool tracked;
    bool frozen;
    double *running_mean; /* [channels]; NULL: not tracked */
    double *running_var;
    double batches; /* num_batches_tracked */
    double *mean;   /* of the last forward: what normalized */
    double *invstd;
    bool used_batch;
    reference_shape shape; /* of the last forward */
} reference_norm;

typedef struct reference_graph {
    const network *net;
    size_t most; /* samples there is room for */
    size_t n;    /* of the last forward */
    int value_count;
    network_shape shapes[network_most_values];
    double *values[network_most_values];
    double *gradients[network_most_values];
    double *scratch;                           /* one more of the largest */
    reference_norm norms[network_most_values]; /* by layer */
    size_t parameter_count;
    reference_parameter parameters[network_most_parameters];
    int first_parameter[network_most_values]; /* by layer */
    size_t steps;                             /* of the optimizer */
    generator *noise;                         /* NULL: none */
} reference_graph;

/* A graph with room for `most` samples, held until the test ends. Parameters are 0 (gamma 1), the
   running statistics 0 and 1. */
reference_graph *reference_graph_make(const network *net, size_t most);

/* inputs: one array an input. In training, batch norms use the batch's statistics and move the
   running ones, but for frozen ones. Returns the output, [n, …]. */
const double *reference_graph_forward(reference_graph *g, size_t n, double *const *inputs,
                                      bool training);

/* Backpropagates dy through the last forward, into all gradients. */
void reference_graph_backward(reference_graph *g, const double *dy);

/* The mean cross entropy of the last output; with `backward` also all gradients of it. */
double reference_graph_loss(reference_graph *g, const int32_t *labels, bool backward);

/* One step of the optimizer on all parameters. */
void reference_graph_step(reference_graph *g, const reference_sgd *options);

/* The smallest |x| that any ReLU has seen in the last forward: how far all are from their kink. */
double reference_graph_margin(const reference_graph *g);

/* Copies parameters, momentum and running statistics to a graph of the same network. */
void reference_graph_copy(const reference_graph *from, reference_graph *to);

#endif
