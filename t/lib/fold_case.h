/* Networks with batch norms beside Linears, what folding makes of them, and graphs of both. Knows
   the library's public headers. */
#ifndef FOLD_CASE_H
#define FOLD_CASE_H

#include "lib/network_graph.h"

typedef struct fold_case {
    const char *name;
    network_input input;
    const network_layer *from;
    int from_count;
    const network_layer *to; /* what is left of them */
    int to_count;
    const char *ends; /* see fold_bound.h */
} fold_case;

/* Those that become one Linear (and Flatten), and those with more in them. */
extern const fold_case fold_affine[], fold_deep[];
enum { fold_affine_count = 17, fold_deep_count = 4 };

network fold_case_from(const fold_case *c);
network fold_case_to(const fold_case *c);

/* The case's network, held, with parameters and running statistics away from their beginnings, in
   evaluation mode: training has seen a few batches around `offset`. */
network_graph fold_case_make(device *d, const network *net, double offset);

/* Normal inputs around `offset`, held. */
network_data fold_case_data(const network *net, size_t n, uint64_t seed, double offset);

/* Folds the graph, which must work; *net is the folded network. */
network_graph fold_case_fold(const network_graph *from, const network *net);

#endif
