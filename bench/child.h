/* Another program that a benchmark talks to over pipes: PyTorch's Python, gnuplot. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdio.h>
#include <sys/types.h>

#include <bncl/status.h>

typedef struct bench_child {
    pid_t pid;
    FILE *to;   /* its standard input */
    FILE *from; /* its standard output; NULL where that goes elsewhere */
} bench_child;

/* Starts argv[0], looked for in PATH, with its standard output on the descriptor `output`, or on a
   pipe where that is negative. A program that is not there is UNSUPPORTED; other errors: IO. The
   caller must ignore SIGPIPE, which the child does not inherit. */
bncl_status bench_child_start(const char *const *argv, int output, bench_child *out,
                              bncl_error *err);

/* Closes the pipes and waits for the child's end. Errors: IO unless it ended with status 0 and took
   all that was written. NULL and a child that was never started (all zeros) are fine. */
bncl_status bench_child_end(bench_child *child, bncl_error *err);

#endif
