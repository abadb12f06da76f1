/* A graph's state dict, parameters and running statistics, in safetensors files with PyTorch's key
   names: fc1.weight, fc1.bias, bn1.weight, bn1.bias, bn1.running_mean, bn1.running_var,
   bn1.num_batches_tracked (i64). */
#ifndef BNCL_STATE_DICT_H
#define BNCL_STATE_DICT_H

#include <stddef.h>
#include <stdint.h>

#include <bncl/dtype.h>
#include <bncl/export.h>
#include <bncl/graph.h>
#include <bncl/queue.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

BNCL_BEGIN_DECLS

typedef struct bncl_state_entry {
    const char *name; /* "bn1.running_mean"; borrowed from the graph */
    bncl_dtype dtype;
    int rank; /* 0 for num_batches_tracked, a scalar */
    size_t dims[BNCL_MAX_RANK];
} bncl_state_entry;

/* How many entries the state dict has; 0 for NULL or while BUILDING. */
BNCL_API size_t bncl_graph_state_count(const bncl_graph *graph);

/* The index-th entry, in PyTorch's order. Errors: ARGUMENT, STATE. */
BNCL_API bncl_status bncl_graph_state_entry(const bncl_graph *graph, size_t index,
                                            bncl_state_entry *out, bncl_error *err);

/* Copies the entry called `name` into host memory of `bytes` bytes, which must be exactly its size.
   Blocks. Errors: ARGUMENT, STATE, KEY (no such entry), SHAPE (another size), OPENCL. */
BNCL_API bncl_status bncl_graph_state_read(bncl_graph *graph, bncl_queue *queue, const char *name,
                                           void *host, size_t bytes, bncl_error *err);

/* Saves the state dict as a safetensors file. Atomic: written beside `path` under a temporary name,
   synced, then renamed; when anything fails an old file stays as it was. The same state gives the
   same bytes. Blocks. Errors: ARGUMENT, STATE, IO (the text names file and cause),
   MEMORY, OPENCL. */
BNCL_API bncl_status bncl_graph_save(bncl_graph *graph, bncl_queue *queue, const char *path,
                                     bncl_error *err);

/* Loads a state dict, strictly: every entry of the graph must be there with its dtype and shape,
   and nothing else; only num_batches_tracked may be missing (0 then), as in files of old PyTorch.
   As there, f64, f16 and bf16 become the graph's f32, rounded to nearest even.
   All or nothing: a failed call leaves the graph as it was. Blocks.
   Errors: ARGUMENT, STATE, IO, FORMAT (no safetensors file, or a damaged one), KEY (missing or
   unexpected key), SHAPE, DTYPE, MEMORY, DEVICE_MEMORY, OPENCL. */
BNCL_API bncl_status bncl_graph_load(bncl_graph *graph, bncl_queue *queue, const char *path,
                                     bncl_error *err);

BNCL_END_DECLS

#endif
