/* What kernels a program really launches: linked into it, this takes the place of the loader's
   clEnqueueNDRangeKernel, notes each kernel's name, and passes the call on. For one thread. */
#ifndef LAUNCH_LOG_H
#define LAUNCH_LOG_H

#include <stddef.h>

enum { launch_log_most = 4096 };

typedef struct launch_log {
    size_t count;  /* of libbncl's kernels, whose names have no capitals as CLBlast's do */
    size_t events; /* how many of these launches asked for an event */
    char names[launch_log_most][64];
} launch_log;

/* Begins anew. */
void launch_log_clear(void);

/* What was launched since then. */
const launch_log *launch_log_so_far(void);

#endif
