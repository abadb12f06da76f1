/* Who runs the network of examples/fashion_model.c in bench/mlp, and what is run: libbncl in this
   process, PyTorch in a child. */
#ifndef BENCH_MLP_SIDE_H
#define BENCH_MLP_SIDE_H

#include <stddef.h>

#include <bncl/bncl.h>

typedef enum mlp_kind {
    MLP_TRAIN, /* forward, loss, backward, optimizer; the batch lies where the kernels read it */
    MLP_EVAL,  /* forward with running statistics, of such a batch */
    MLP_EPOCH  /* training on all images once, with losses and accuracy */
} mlp_kind;

typedef struct mlp_case {
    const char *name;
    mlp_kind kind;
    size_t batch;
} mlp_case;

enum { MLP_ABOUT_SIZE = 256 };

typedef struct mlp_setup {
    const char *python; /* the interpreter that has PyTorch */
    size_t images;      /* of an epoch */
    bncl_context *context;
    bncl_queue *queue;
} mlp_setup;

typedef struct mlp_side {
    const char *name;
    double rest; /* seconds that its threads go on spinning after their work */
    /* UNSUPPORTED where it is not installed. The setup is borrowed and outlives it. */
    bncl_status (*open)(const mlp_setup *setup, void **state, char *about, bncl_error *err);
    /* Makes a case ready to run; drops the one before. */
    bncl_status (*prepare)(void *state, const mlp_case *c, bncl_error *err);
    /* Runs the case that many times and waits for the end: *seconds, of all calls together. */
    bncl_status (*run)(void *state, size_t calls, double *seconds, bncl_error *err);
    /* NULL is fine. */
    void (*close)(void *state);
} mlp_side;

extern const mlp_side mlp_library, mlp_pytorch;

#endif
