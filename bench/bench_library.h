/* What the cases need of the world before libbncl is timed on them. */
#ifndef BENCH_LIBRARY_H
#define BENCH_LIBRARY_H

#include "bench_cases.h"

/* The tensors as large as x that libbncl needs for a case: bits BENCH_X …. */
unsigned bench_library_wholes(const bench_case *c);

#endif
