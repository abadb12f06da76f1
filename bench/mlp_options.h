/* The command line of bench/mlp. */
#ifndef BENCH_MLP_OPTIONS_H
#define BENCH_MLP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { MLP_MOST_ROUNDS = 1001 };

/* All texts are borrowed. */
typedef struct mlp_options {
    const char *device; /* NULL: the library's choice, which reads BNCL_DEVICE */
    const char *python;
    const char *only; /* a part of a case's name; NULL: all cases */
    const char *json; /* NULL: none */
    size_t rounds;
    size_t images; /* of an epoch */
    double spread; /* above which a case is noisy */
    bool peers;
    bool help;
} mlp_options;

/* What --help prints. */
extern const char mlp_usage[];

/* Reads the command line; false, with a message, where it is wrong. */
bool mlp_options_parse(int argc, char **argv, mlp_options *out);

/* Whether the case of that name is to be measured. */
bool mlp_options_want(const mlp_options *options, const char *name);

#endif
