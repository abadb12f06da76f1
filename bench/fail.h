/* How the benchmarks' own functions fail: with a status and a text, as the library's do. */
#ifndef BENCH_FAIL_H
#define BENCH_FAIL_H

#include <bncl/status.h>

/* Writes the text into err, cut where it does not fit, and returns status, so that a caller can
   fail in one line. */
bncl_status bench_fail(bncl_error *err, bncl_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
