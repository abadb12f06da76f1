/* What the fault tests of the graph share: a graph of graph_fixture.h, its passes, and what of it
   is compared. */
#ifndef GRAPH_WORLD_H
#define GRAPH_WORLD_H

#include "fault/faults.h"
#include "fault/graph_fixture.h"

#define FAILS(status) FAULT_STATUS(BNCL_ERROR_##status)

enum { graph_world_batch_most = 12, graph_world_seed = 3 };

typedef struct graph_world {
    device *d;
    bncl_graph *graph, *made;
    size_t layers; /* that the graph under construction begins with, the input counted */
    bncl_value value;
    size_t batch;   /* of the forward under test */
    size_t warm[8]; /* batch sizes of the training passes before it, ended by 0 */
    bool evaluating;
    bncl_tensor inputs, gradients; /* of the largest batch */
    bncl_tensor output;
    const char *folder, *saved, *path;
    unsigned char read[4096];
    bncl_sync sync;
    bncl_event *event;
} graph_world;

/* Held until the test ends; a forward of 6 samples. */
graph_world *graph_world_make(void **state);

/* Passes with the first n samples. */
bncl_status graph_world_forward(graph_world *w, size_t n, const bncl_sync *sync, bncl_error *err);
bncl_status graph_world_backward(graph_world *w, size_t n, const bncl_sync *sync, bncl_error *err);

/* ---- parts of fault operations; `of` is a graph_world ---- */

/* Makes the outputs what no call leaves. */
void graph_world_spoil(graph_world *w);

/* A planned graph that has made its training passes. */
void graph_world_prepare(void *of);

void graph_world_record_outputs(graph_world *w, fault_record *record);
void graph_world_record_gradients(graph_world *w, fault_record *record);

/* The outputs and the whole state dict. */
void graph_world_lasting(void *of, fault_record *record);

/* The state dict, and y of a forward pass that follows. */
void graph_world_record_pass(void *of, fault_record *record);

void graph_world_destroy_event(void *of);
void graph_world_destroy_graph(void *of);

#endif
