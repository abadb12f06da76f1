/* IDX files, the format of MNIST and its successors, plain or gzip'ed: a magic number, the
   dimensions as big-endian 32-bit numbers, then the values, here always unsigned bytes.
   Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
   Nothing in a file is trusted: sizes are checked before memory is taken for them. */
#ifndef EXAMPLE_IDX_H
#define EXAMPLE_IDX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bncl/status.h>

#define IDX_MAX_RANK 3

typedef struct idx_array {
    int rank;
    size_t dims[IDX_MAX_RANK];
    size_t count;    /* the product of dims */
    uint8_t *values; /* owned; idx_free */
} idx_array;

/* Reads the file, which must be an IDX file of unsigned bytes with `rank` dimensions (1 … 3) and
   the expected ones, where 0 stands for any. The caller frees *out, which is written on success
   only. Errors, whose texts name the file: IO; FORMAT (another magic number or dimension,
   truncated, more data than it says, damaged compression); MEMORY. */
bncl_status idx_read(const char *path, int rank, const size_t *expected, idx_array *out,
                     bncl_error *err);

/* Frees the values and empties the array. An empty one is fine. */
void idx_free(idx_array *array);

/* Images and what they show: as many labels as images. */
typedef struct idx_labelled {
    idx_array images; /* [count, rows, columns] */
    idx_array labels; /* [count], each below `classes` */
} idx_labelled;

/* Reads FOLDER/STEM-images-idx3-ubyte.gz and FOLDER/STEM-labels-idx1-ubyte.gz, or the same names
   without .gz. Errors: as idx_read; FORMAT also for counts that differ and for a label out of
   range. */
bncl_status idx_labelled_read(const char *folder, const char *stem, size_t rows, size_t columns,
                              size_t classes, idx_labelled *out, bncl_error *err);

/* Whether the first of the two files that idx_labelled_read cannot open is not there at all, as
   opposed to being no file that can be read. */
bool idx_labelled_missing(const char *folder, const char *stem);

/* Frees both arrays. An empty one is fine. */
void idx_labelled_free(idx_labelled *set);

#endif
