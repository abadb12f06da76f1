/* The libraries that libbncl is set beside. */
#ifndef ACCURACY_PEER_H
#define ACCURACY_PEER_H

#include <stddef.h>

#include <bncl/status.h>

#include "accuracy_case.h"
#include "accuracy_options.h"

#define ACCURACY_ABOUT_SIZE 256

typedef struct accuracy_peer {
    const char *name;
    /* In how many ways `run` can do the same: the one that turns out best counts. */
    size_t ways;
    /* Writes its version and the like to `about`. UNSUPPORTED where it is not installed. */
    bncl_status (*open)(const accuracy_options *options, void **state, char *about,
                        bncl_error *err);
    /* y of training forward, x and y laid out as the case has it. */
    bncl_status (*run)(void *state, const accuracy_case *c, size_t way, const float *x, float *y,
                       bncl_error *err);
    /* NULL is fine. */
    void (*close)(void *state);
} accuracy_peer;

/* torch.nn.BatchNorm1d, in a child process. Channels last is a transposed view. */
extern const accuracy_peer accuracy_pytorch;

/* oneDNN on the CPU. Its ways are its memory formats nchw, nhwc and nChw16c, with descriptors of
   four dims, and reorders from and to the case's layout. */
extern const accuracy_peer accuracy_onednn;

#endif
