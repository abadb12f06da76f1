/* How many kernels are launched: this program's own clEnqueueNDRangeKernel and
   clEnqueueNativeKernel stand before the loader's, count, and call those. */
#ifndef BENCH_LAUNCHES_H
#define BENCH_LAUNCHES_H

#include <stddef.h>

/* Since the program began, on whatever queue and by whomever, a library that it uses too. */
size_t bench_launches(void);

#endif
