/* A layer graph as a table, from which both the reference and the library's graph are made, and a
   set of such tables. It must not know the library. */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdbool.h>
#include <stddef.h>

enum { network_most_values = 48, network_most_inputs = 3, network_most_parameters = 64 };

typedef enum network_kind {
    NETWORK_LINEAR,
    NETWORK_BATCH_NORM,
    NETWORK_RELU,
    NETWORK_FLATTEN,
    NETWORK_ADD,
    NETWORK_KIND_COUNT
} network_kind;

/* A value is numbered: the inputs come first, then what each layer gives. */
typedef struct network_layer {
    network_kind kind;
    const char *name;
    int a;
    int b;           /* NETWORK_ADD: the second operand */
    size_t features; /* NETWORK_LINEAR: outputs */
    bool bare;       /* linear without bias, batch norm without gamma and beta */
    bool no_gamma;   /* batch norm without gamma alone */
    bool no_beta;    /* batch norm without beta alone */
    bool untracked;  /* batch norm without running statistics */
    bool planes;     /* batch norm of [C,H,W] */
    bool last;       /* batch norm: channels last */
    bool cumulative; /* batch norm: momentum=None */
    double eps;      /* 0: PyTorch's */
    double momentum; /* 0: PyTorch's */
} network_layer;

typedef struct network_input {
    int rank; /* of one sample */
    size_t dims[3];
    bool requires_grad;
} network_input;

/* The last layer's value is the network's output. */
typedef struct network {
    const char *name;
    network_input inputs[network_most_inputs];
    int input_count;
    const network_layer *layers;
    int layer_count;
} network;

/* A value's shape without the batch, and how many elements a sample of it has. */
typedef struct network_shape {
    int rank;
    size_t dims[3];
    size_t sample;
} network_shape;

/* The shapes of all values; returns their number. */
int network_shapes(const network *net, network_shape shapes[network_most_values]);

/* [6]: Linear, batch norm, ReLU, Linear, batch norm, a residual sum, ReLU, Linear to 4 classes. */
extern const network network_mlp;

/* [3,5], batch norm over [N,C,L], ReLU, flatten, Linear, batch norm, Linear; and channels last. */
extern const network network_sequence;
extern const network network_channels_last;

/* Batch norms over [N,C,H,W], one without beta, one channels last and without gamma. */
extern const network network_planes;

/* Two inputs, both of whose gradients are asked for; one of them is used twice. */
extern const network network_two_inputs;

/* Batch norms with other options than PyTorch's, without affine, without tracking; no bias. */
extern const network network_options;

/* Eight residual blocks. */
extern const network network_deep;

/* ReLU, x + x, flatten: nothing to learn. */
extern const network network_bare;

#endif
