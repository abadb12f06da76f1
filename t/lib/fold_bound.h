/* How far the results of a folded network may lie from the unfolded one's. It must not know the
   library. */
#ifndef FOLD_BOUND_H
#define FOLD_BOUND_H

#include "lib/reference_graph.h"

/* One bound for every number of the output of g's last forward, in evaluation. `ends` names, each
   followed by a space, the layers that a folded Linear's result is to be compared with: the batch
   norm that went into it last, or itself. There the two differ by tolerance_fold; from there on
   what is different goes through the layers with every term taken positive. Held. */
double *fold_bound(const reference_graph *g, const char *ends);

#endif
