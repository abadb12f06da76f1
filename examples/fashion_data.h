/* Fashion-MNIST in host memory, normalized: what the network is trained and tested on.
   Data: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", 2017. */
#ifndef EXAMPLE_FASHION_DATA_H
#define EXAMPLE_FASHION_DATA_H

#include <stddef.h>
#include <stdint.h>

#include <bncl/status.h>

#define FASHION_SIDE 28
#define FASHION_PIXELS (FASHION_SIDE * FASHION_SIDE)
#define FASHION_CLASSES 10

typedef struct fashion_set {
    size_t count;
    float *images;   /* [count, FASHION_PIXELS]: (pixel/255 - 0.2860)/0.3530; owned */
    int32_t *labels; /* [count], 0 … FASHION_CLASSES-1; owned */
} fashion_set;

/* Reads the set called `stem` ("train" or "t10k") from the folder. It must hold 2 images or more,
   the fewest that batch norm can train on. The caller frees *out, which is written on success only.
   Errors: those of idx_labelled_read; where a file is missing the text says which Debian package
   brings it. */
bncl_status fashion_set_read(const char *folder, const char *stem, fashion_set *out,
                             bncl_error *err);

/* Frees and empties the set. An empty one is fine. */
void fashion_set_free(fashion_set *set);

#endif
