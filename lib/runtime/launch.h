/* Internal: running a kernel. Enqueues; never blocks. */
#ifndef BNCLI_LAUNCH_H
#define BNCLI_LAUNCH_H

#include <stddef.h>
#include <stdint.h>

#include <bncl/event.h>
#include <bncl/queue.h>
#include <bncl/tensor.h>

#include "runtime/program.h"

typedef enum bncli_argument_kind {
    BNCLI_ARGUMENT_TENSOR,  /* two kernel arguments: __global pointer, ulong offset in elements */
    BNCLI_ARGUMENT_STRIDED, /* four: those, and two ulong strides in elements */
    BNCLI_ARGUMENT_WALKED,  /* three: those, and a ulong4 of strides in elements */
    BNCLI_ARGUMENT_UINT,
    BNCLI_ARGUMENT_FLOAT,
    BNCLI_ARGUMENT_DOUBLE
} bncli_argument_kind;

typedef struct bncli_argument {
    bncli_argument_kind kind;
    bncl_buffer *buffer;       /* NULL: the kernel gets a null pointer */
    const bncl_tensor *tensor; /* what of the buffer it is; NULL: all */
    uint64_t offset;
    uint64_t strides[4];
    uint32_t number;
    double real;
} bncli_argument;

/* The tensors of these must live until the launch. */
static inline bncli_argument bncli_arg_tensor(const bncl_tensor *tensor)
{
    return (bncli_argument){.kind = BNCLI_ARGUMENT_TENSOR,
                            .buffer = tensor->buffer,
                            .tensor = tensor,
                            .offset = tensor->offset};
}

static inline bncli_argument bncli_arg_strided(const bncl_tensor *tensor, size_t outer,
                                               size_t inner)
{
    return (bncli_argument){.kind = BNCLI_ARGUMENT_STRIDED,
                            .buffer = tensor->buffer,
                            .tensor = tensor,
                            .offset = tensor->offset,
                            .strides = {outer, inner}};
}

/* `strides`: four of them. */
static inline bncli_argument bncli_arg_walked(const bncl_tensor *tensor, const size_t *strides)
{
    return (bncli_argument){.kind = BNCLI_ARGUMENT_WALKED,
                            .buffer = tensor->buffer,
                            .tensor = tensor,
                            .offset = tensor->offset,
                            .strides = {strides[0], strides[1], strides[2], strides[3]}};
}

static inline bncli_argument bncli_arg_buffer(bncl_buffer *buffer)
{
    return (bncli_argument){.kind = BNCLI_ARGUMENT_TENSOR, .buffer = buffer};
}

static inline bncli_argument bncli_arg_uint(size_t number)
{
    return (bncli_argument){.kind = BNCLI_ARGUMENT_UINT, .number = (uint32_t)number};
}

static inline bncli_argument bncli_arg_float(double real)
{
    return (bncli_argument){.kind = BNCLI_ARGUMENT_FLOAT, .real = real};
}

static inline bncli_argument bncli_arg_double(double real)
{
    return (bncli_argument){.kind = BNCLI_ARGUMENT_DOUBLE, .real = real};
}

/* How many elements an array has. */
#define BNCLI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define BNCLI_GRID_DIMENSIONS 3

/* A range of at least `items` work-items per dimension, in work-groups of `group`. The launch
   rounds up: kernels must check their ids. Use 1 for unused dimensions; 0 stands for 1. */
typedef struct bncli_grid {
    size_t items[BNCLI_GRID_DIMENSIONS];
    size_t group[BNCLI_GRID_DIMENSIONS];
} bncli_grid;

/* The bytes that a kernel moves by what it is given: of each tensor its elements, whatever lies
   between them, and buffers whole. Each argument counts once: one that is read and written, or read
   again, counts as much as one that is read; in place, a tensor is two arguments. That is the
   traffic that the kernels' headers tell, but for what comes from a cache. */
uint64_t bncli_argument_bytes(const bncli_argument *arguments, size_t count);

/* Sets the kernel's arguments in order and enqueues it. With `signal`, *signal becomes its event:
   when the call fails the kernel does not run and *signal is not written.
   Errors: MEMORY, OPENCL. */
bncl_status bncli_launch(bncl_queue *queue, bncli_kernel *kernel, const bncli_grid *grid,
                         const bncli_argument *arguments, size_t count, bncl_event **signal,
                         bncl_error *err);

#endif
