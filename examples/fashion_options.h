/* The command line of fashion_mlp. */
#ifndef EXAMPLE_FASHION_OPTIONS_H
#define EXAMPLE_FASHION_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bncl/status.h>

/* All texts are borrowed: from argv, the environment or the program. */
typedef struct fashion_options {
    size_t batch;
    size_t epochs;
    double lr;       /* of the first step */
    double final_lr; /* of the last; in between it goes in equal steps */
    double momentum; /* SGD's */
    uint64_t seed;
    const char *device; /* NULL: the library's choice, which reads BNCL_DEVICE */
    const char *data;
    const char *output;
    const char *load;   /* NULL: train */
    const char *logits; /* NULL: do not write them */
    bool profile;       /* say what the first epoch's launches cost */
    bool check;         /* check what was asked for and do nothing else */
    bool help;          /* print the usage and do nothing else */
    bool version;       /* likewise the version */
} fashion_options;

/* What --help prints. Static. */
extern const char fashion_usage[];

/* Reads the command line on top of the defaults. Numbers are taken as a whole or not at all.
   *out is written on success only. Errors: ARGUMENT, with a text that says which option, what was
   expected and got. */
bncl_status fashion_options_parse(int argc, char **argv, fashion_options *out, bncl_error *err);

#endif
