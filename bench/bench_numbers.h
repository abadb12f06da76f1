/* Numbers to compute with, and the clock. */
#ifndef BENCH_NUMBERS_H
#define BENCH_NUMBERS_H

#include <stddef.h>

#include <bncl/dtype.h>

/* count numbers of a dtype of values (f32, f16, bf16, f64), of both signs, 1/2 <= |v| < 1, the same
   in every run. The caller frees them; NULL when memory is out. */
void *bench_numbers(bncl_dtype dtype, size_t count);

/* Seconds, of a clock that only goes on. */
double bench_now(void);

#endif
