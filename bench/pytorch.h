/* A Python script that answers for PyTorch, as a child process. */
#ifndef BENCH_PYTORCH_H
#define BENCH_PYTORCH_H

#include <stddef.h>

#include "child.h"

/* Starts argv and reads its first line: "PyTorch …", which goes to about[size], or "!" and why it
   cannot be used, which is UNSUPPORTED. The caller owns *out. Other errors: IO, MEMORY. */
bncl_status bench_pytorch_start(const char *const *argv, bench_child **out, char *about,
                                size_t size, bncl_error *err);

/* Reads a line, without its end, into text[size]. IO at the script's end. */
bncl_status bench_pytorch_line(bench_child *child, char *text, size_t size, bncl_error *err);

/* NULL is fine. */
void bench_pytorch_end(bench_child *child);

#endif
