/* Internal to floor 5: which layers run as one operation. */
#ifndef BNCLI_FUSE_H
#define BNCLI_FUSE_H

#include "graph/graph.h"

/* Groups the layers of a graph whose output is set; every layer alone where fusing is switched off.
   Cannot fail; may be repeated. */
void bncli_fuse(bncl_graph *graph);

#endif
