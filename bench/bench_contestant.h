/* Who takes part: libbncl, what sets the limit, the libraries beside it. Each does a case's calls
   by itself and says how long they took. */
#ifndef BENCH_CONTESTANT_H
#define BENCH_CONTESTANT_H

#include <stddef.h>

#include <bncl/status.h>

#include "bench_cases.h"
#include "bench_model.h"
#include "bench_options.h"

enum { BENCH_ABOUT_SIZE = 256, BENCH_WAY_SIZE = 48 };

typedef struct bench_world bench_world; /* bench_world.h */

/* What all are opened with. Borrowed, and outlives them. */
typedef struct bench_setup {
    const bench_options *options;
    bench_world *world;
} bench_setup;

typedef struct bench_contestant {
    const char *name;  /* for people */
    const char *field; /* in files */
    double rest;       /* seconds that its threads go on spinning after their work */
    /* Writes its version and the like to `about`, "" for nothing to say. UNSUPPORTED where it is
       not installed. */
    bncl_status (*open)(const bench_setup *setup, void **state, char *about, bncl_error *err);
    /* Makes a case ready to run, in the best of its ways, and names that in `way` ("" for only
       one); drops the case before. UNSUPPORTED where it has no such operator: it sits the case
       out. */
    bncl_status (*prepare)(void *state, const bench_case *c, const bench_model *model, char *way,
                           bncl_error *err);
    /* Runs the case that many times and waits for the end: *seconds, of all calls together. */
    bncl_status (*run)(void *state, size_t calls, double *seconds, bncl_error *err);
    /* NULL is fine. */
    void (*close)(void *state);
} bench_contestant;

/* A kernel that does nothing: what a launch costs. Its `alone` is an enqueue and a finish. */
extern const bench_contestant bench_empty;

/* Kernels that make the model's passes over memory and nothing else, on libbncl's own tensors. */
extern const bench_contestant bench_limit;

extern const bench_contestant bench_library;

/* In a child process. */
extern const bench_contestant bench_pytorch;

/* In the fastest of its memory formats, with the data in it already; and in the one that has the
   case's layout. */
extern const bench_contestant bench_onednn;
extern const bench_contestant bench_onednn_given;

#endif
