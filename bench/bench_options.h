/* The command line of bncl-bench. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "bench_cases.h"

enum { BENCH_MOST_SHAPES = 32, BENCH_MOST_ROUNDS = 1001 };

/* All texts are borrowed: from argv or the program. */
typedef struct bench_options {
    bench_choice choice; /* its shapes are those below */
    bench_shape shapes[BENCH_MOST_SHAPES];
    size_t rounds;
    double spread; /* the largest that a result may have: quartile to quartile, of the median */
    bool peers;    /* set others beside libbncl */
    const char *device;     /* NULL: the library's choice, which reads BNCL_DEVICE */
    const char *python;     /* the Python that has PyTorch */
    const char *csv, *json; /* files, "-" for standard output; NULL: none */
    const char *plot;       /* NULL: none */
    bool tune;              /* find and keep the best tuning, instead of measuring */
    bool dry_run;           /* of tune: keep nothing */
    bool forget_tuning;     /* what tune has kept */
    bool list, help, version;
} bench_options;

/* What --help prints. Static. */
extern const char bench_usage[];

/* Reads the command line; false, after a message on stderr that says what was expected, where it is
   wrong. *out must stay where it is while its choice is used. */
bool bench_options_parse(int argc, char **argv, bench_options *out);

#endif
