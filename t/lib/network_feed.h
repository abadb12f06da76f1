/* Batches for a network's recalibration: a source of them, in some order, that may fail. */
#ifndef NETWORK_FEED_H
#define NETWORK_FEED_H

#include "lib/network_graph.h"

enum { network_feed_most = 12 };

typedef struct network_feed {
    device *d;
    const network *net;
    size_t count;
    network_data batches[network_feed_most];
    size_t order[network_feed_most]; /* which batch is given first, second, … */
    size_t given;                    /* how many the last recalibration took */
    size_t fails_at;                 /* how many it gives before it fails; 0: it does not */
    const char *text;                /* that it then leaves; NULL: none */
} network_feed;

/* Random batches of sizes[0 … count-1] samples, held, to be given in that order. */
network_feed network_feed_make(device *d, const network *net, const size_t *sizes, size_t count);

/* Recalibrates; the status is the caller's to check. A source that fails gives IO. */
bncl_status network_feed_try(network_graph *g, network_feed *f);

/* The same, which must work, and take all batches. */
void network_feed_recalibrate(network_graph *g, network_feed *f);

#endif
