/* Fingerprints of a batch norm's results, to compare devices, tunings and versions by: FNV-1a of 64
   bits (Fowler, Noll, Vo) over the bytes of each result. */
#ifndef FINGERPRINT_H
#define FINGERPRINT_H

#include "lib/batch_norm_case.h"

/* The hash of `bytes` bytes. */
uint64_t fingerprint(const void *data, size_t bytes);

enum { fingerprint_results = 9, fingerprint_text_size = 512 };

/* The names of the results, in the order that follows. */
extern const char *const fingerprint_names[fingerprint_results];

/* One hash for every result of a case; 0 for one that is NULL. */
typedef struct batch_norm_fingerprint {
    uint64_t of[fingerprint_results];
} batch_norm_fingerprint;

batch_norm_fingerprint batch_norm_fingerprint_of(const batch_norm_case *c,
                                                 const batch_norm_data *data);

/* "y=… dx=… …" in hexadecimal, of the results that there are. */
void batch_norm_fingerprint_write(const batch_norm_fingerprint *f,
                                  char text[fingerprint_text_size]);

/* Fixed cases: shapes with one tile and many, whole and broken ones, means near and far, zeros of
   either sign. Small devices get the first fingerprint_small_cases of them. */
enum { fingerprint_cases = 17, fingerprint_small_cases = 11 };

batch_norm_case fingerprint_case(size_t index);

#endif
