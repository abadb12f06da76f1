/* The command line of accuracy. */
#ifndef ACCURACY_OPTIONS_H
#define ACCURACY_OPTIONS_H

#include <stdbool.h>

/* All texts are borrowed: from argv or the program. */
typedef struct accuracy_options {
    bool quick;         /* a short table */
    bool alone;         /* libbncl without its peers */
    const char *device; /* NULL: the library's choice, which reads BNCL_DEVICE */
    const char *python; /* the Python that has PyTorch */
    const char *csv;    /* NULL: none */
    const char *plot;   /* NULL: none */
    bool help;          /* print the usage and do nothing else */
} accuracy_options;

/* What --help prints. Static. */
extern const char accuracy_usage[];

/* Reads the command line; false, after a message on stderr, where it is wrong. */
bool accuracy_options_parse(int argc, char **argv, accuracy_options *out);

#endif
