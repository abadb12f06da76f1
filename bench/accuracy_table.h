/* The table: a row a case and offset; how it is printed and written, and what was promised. */
#ifndef ACCURACY_TABLE_H
#define ACCURACY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "accuracy_case.h"
#include "accuracy_peer.h"

enum { ACCURACY_PEERS = 2 };

typedef struct accuracy_row {
    bncl_layout layout;
    size_t count, channels;
    double offset;
    /* Worst |y - exact|/max(1,|exact|) of libbncl and of its peers; NaN where there is none. */
    double y, peer_y[ACCURACY_PEERS];
    /* libbncl's, in u·Σ|terms|; var's in u·var. */
    double mean, var, dgamma, dbeta;
    /* Of channels that hold one value each: the worst |y - beta|, or var. */
    double constant;
} accuracy_row;

typedef struct accuracy_table {
    const accuracy_peer *peers[ACCURACY_PEERS]; /* in the order of peer_y */
    accuracy_row *rows;
    size_t count, capacity;
} accuracy_table;

/* False when memory is out. */
bool accuracy_table_add(accuracy_table *table, const accuracy_row *row);

void accuracy_table_free(accuracy_table *table);

void accuracy_print_heading(const accuracy_table *table);
void accuracy_print_row(const accuracy_row *row);

/* The worst of all n for each layout and offset: the table's rows, fewer. Their count is 0. False
   when memory is out. */
bool accuracy_table_worst(const accuracy_table *table, accuracy_table *out);

/* What was promised, under the columns; whether every row keeps it is told on stderr. Returns the
   number of promises broken. */
size_t accuracy_judge(const accuracy_table *table);

/* False on an error of writing. Empty fields where there is no peer. */
bool accuracy_write_csv(const accuracy_table *table, FILE *file);

#endif
