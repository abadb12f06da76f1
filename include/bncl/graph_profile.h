/* What a graph's steps cost: a row for each kernel of each layer, with times, bytes and GB/s.

     bncl_graph_profile_begin(graph, queue, &profile, &err);
     …                                           // some steps on that queue
     bncl_graph_profile_end(profile, steps, &err);
     bncl_graph_profile_print(profile, stdout, &err);
     bncl_graph_profile_destroy(profile);

   Bytes are those of the tensors that a command is given, their elements without what lies between
   them, each argument counted once: one that is both read and written, or read again, counts as
   much as one that is read. So they are what has to move at least, and GB/s what came of it. */
#ifndef BNCL_GRAPH_PROFILE_H
#define BNCL_GRAPH_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <bncl/export.h>
#include <bncl/graph.h>
#include <bncl/queue.h>
#include <bncl/status.h>

BNCL_BEGIN_DECLS

typedef struct bncl_graph_profile bncl_graph_profile;

/* Begins a profile of all that the queue is given from now on: what the graph's layers enqueue
   stands under their names, of groups that run as one under their batch norm's; the rest, such as
   loss, optimizer and uploads, under none. Times are the device's where the queue has them
   (bncl_queue_create_timed) and the device has a clock; else each command is waited for, and costs
   what that takes. Blocks until the queue has run what it has. A queue has one profile at a time,
   and outlives it. The caller owns *out. Errors: ARGUMENT (also: a queue of another context),
   STATE (the graph is BUILDING; the queue has a profile), MEMORY, OPENCL. */
BNCL_API bncl_status bncl_graph_profile_begin(bncl_graph *graph, bncl_queue *queue,
                                              bncl_graph_profile **out, bncl_error *err);

/* Waits for the queue, and ends the profile, of `steps` steps, at least 1. Errors: ARGUMENT, STATE
   (it has ended), MEMORY (the profile is lost), OPENCL. */
BNCL_API bncl_status bncl_graph_profile_end(bncl_graph_profile *profile, size_t steps,
                                            bncl_error *err);

/* Ends it where it has not ended. NULL is fine. */
BNCL_API void bncl_graph_profile_destroy(bncl_graph_profile *profile);

/* The commands of one name that one layer has enqueued in one pass. Texts are the profile's. */
typedef struct bncl_graph_profile_entry {
    const char *name;  /* the kernel's; "sgemm"; "write", "read", "copy", "fill" */
    const char *layer; /* "" for what no layer has enqueued */
    const char *pass;  /* "forward", "backward" or "" */
    bool is_launch;    /* a kernel or a product of matrices, not a transfer */
    uint64_t count;    /* of the commands, in all steps */
    double seconds;    /* of all of them */
    uint64_t bytes;    /* likewise */
} bncl_graph_profile_entry;

/* How many rows an ended profile has; 0 for NULL or while it is taken. */
BNCL_API size_t bncl_graph_profile_count(const bncl_graph_profile *profile);

/* Its index-th row, in the order in which they ran first. Errors: ARGUMENT, STATE (it has not
   ended). */
BNCL_API bncl_status bncl_graph_profile_row(const bncl_graph_profile *profile, size_t index,
                                            bncl_graph_profile_entry *out, bncl_error *err);

/* All rows together. */
typedef struct bncl_graph_profile_sums {
    size_t steps;
    uint64_t launches, transfers;
    double seconds; /* of all commands, on a queue that runs one at a time */
    double elapsed; /* from the profile's begin to its end, on the host */
    uint64_t bytes;
    bool by_device; /* times are the device's */
} bncl_graph_profile_sums;

/* Errors: ARGUMENT, STATE (it has not ended). */
BNCL_API bncl_status bncl_graph_profile_total(const bncl_graph_profile *profile,
                                              bncl_graph_profile_sums *out, bncl_error *err);

/* Writes the rows as a table: of each step the commands, time and bytes, and of each row its GB/s
   and its share of the time; behind it what a step has in all. Errors: ARGUMENT, STATE (it has not
   ended), IO. */
BNCL_API bncl_status bncl_graph_profile_print(const bncl_graph_profile *profile, FILE *file,
                                              bncl_error *err);

BNCL_END_DECLS

#endif
