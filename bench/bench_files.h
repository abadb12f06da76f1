/* What was measured, for programs: CSV and JSON. */
#ifndef BENCH_FILES_H
#define BENCH_FILES_H

#include <stdio.h>

#include "bench_measure.h"

/* All of a run. about: what each contestant said of itself, "" for nothing. */
typedef struct bench_results {
    const bench_field *field;
    char (*about)[BENCH_ABOUT_SIZE]; /* only read */
    const bench_row *rows;
    size_t count;
} bench_results;

/* A line a case after a heading; empty fields of who has no such operator. False on an error of
   writing. */
bool bench_write_csv(const bench_results *results, FILE *file);

/* One object: the device, who took part, how it was measured, and "cases". False on an error of
   writing, or when memory is out. */
bool bench_write_json(const bench_results *results, FILE *file);

#endif
