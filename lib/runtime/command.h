/* Internal to floor 2: what is told of a command that a queue has run: to a trace, to a profile. */
#ifndef BNCLI_COMMAND_H
#define BNCLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum bncli_command_kind {
    BNCLI_COMMAND_KERNEL,
    BNCLI_COMMAND_PRODUCT, /* of matrices: by whatever kernels a library makes of it */
    BNCLI_COMMAND_TRANSFER /* upload, download, copy, fill */
} bncli_command_kind;

/* What is known when it is enqueued. Texts are borrowed. */
typedef struct bncli_command_facts {
    const char *name;
    bncli_command_kind kind;
    uint64_t bytes;               /* of the tensors that it was given, each counted once */
    const size_t *global, *group; /* [3] work-items; NULL: it has no grid */
} bncli_command_facts;

enum { BNCLI_COMMAND_TEXT = 128, BNCLI_COMMAND_DIMENSIONS = 3 };

/* What is kept of it: its layer may be gone when it has run. */
typedef struct bncli_command {
    char name[BNCLI_COMMAND_TEXT];  /* cut to size */
    char layer[BNCLI_COMMAND_TEXT]; /* of the graph that enqueued it; "": none */
    const char *pass;               /* "forward" or "backward", static; "": outside of a graph */
    bncli_command_kind kind;
    uint64_t bytes;
    bool has_grid;
    size_t global[BNCLI_COMMAND_DIMENSIONS], group[BNCLI_COMMAND_DIMENSIONS];
} bncli_command;

/* When it ran, in nanoseconds of CLOCK_MONOTONIC. */
typedef struct bncli_command_span {
    uint64_t start, duration;
    bool by_device; /* else by the host: how long enqueuing took, or, while a profile is taken,
                       waiting for it as well */
    bool failed;    /* it was enqueued, and ended with an error */
} bncli_command_span;

#endif
