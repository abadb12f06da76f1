/* Small IDX files for tests, plain. */
#ifndef IDX_FILE_H
#define IDX_FILE_H

#include <stddef.h>
#include <stdint.h>

/* The bytes of an IDX file: magic number, rank big-endian dimensions, then `count` values, which
   need not be as many as the dimensions say. Held; *bytes becomes how many. */
uint8_t *idx_file_bytes(uint32_t magic, int rank, const uint32_t *dims, const uint8_t *values,
                        size_t count, size_t *bytes);

/* Writes that as folder/name; returns its path, held. */
const char *idx_file_write(const char *folder, const char *name, uint32_t magic, int rank,
                           const uint32_t *dims, const uint8_t *values, size_t count);

/* Writes folder/STEM-images-idx3-ubyte and folder/STEM-labels-idx1-ubyte: `images` pictures of
   28×28 that a network can learn to tell apart (class c lights up four rows from 2c on, over noise
   from `seed`) and `labels` labels, i modulo 10. */
void idx_file_write_set(const char *folder, const char *stem, uint32_t images, uint32_t labels,
                        uint32_t seed);

#endif
