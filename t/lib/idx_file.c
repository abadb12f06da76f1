/* Small IDX files for tests: see idx_file.h. */
#include "lib/idx_file.h"

#include <string.h>

#include "lib/files.h"
#include "lib/harness.h"

#define SIDE 28u
#define PIXELS (SIDE * SIDE)

static uint8_t *put_big_endian(uint8_t *out, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *out++ = (uint8_t)(number >> shift);
    return out;
}

uint8_t *idx_file_bytes(uint32_t magic, int rank, const uint32_t *dims, const uint8_t *values,
                        size_t count, size_t *bytes)
{
    *bytes = 4 + 4 * (size_t)rank + count;
    uint8_t *begin = harness_memory(*bytes, 1);
    uint8_t *next = put_big_endian(begin, magic);
    for (int i = 0; i < rank; ++i)
        next = put_big_endian(next, dims[i]);
    if (count > 0)
        memcpy(next, values, count);
    return begin;
}

const char *idx_file_write(const char *folder, const char *name, uint32_t magic, int rank,
                           const uint32_t *dims, const uint8_t *values, size_t count)
{
    size_t bytes;
    const uint8_t *content = idx_file_bytes(magic, rank, dims, values, count, &bytes);
    const char *path = files_path(folder, name);
    files_write(path, content, bytes);
    return path;
}

void idx_file_write_set(const char *folder, const char *stem, uint32_t images, uint32_t labels,
                        uint32_t seed)
{
    uint8_t *pixels = harness_memory(images, PIXELS), *classes = harness_memory(labels, 1);
    const uint32_t image_dims[] = {images, SIDE, SIDE};
    for (size_t i = 0; i < (size_t)images * PIXELS; ++i) {
        size_t row = i % PIXELS / SIDE, first = 2 * (i / PIXELS % 10);
        seed =
            seed * 1664525u + 1013904223u; /* a linear congruential generator will do for noise */
        pixels[i] = (uint8_t)((seed >> 25) + (row >= first && row < first + 4 ? 128 : 0));
    }
    for (uint32_t i = 0; i < labels; ++i)
        classes[i] = (uint8_t)(i % 10);
    idx_file_write(folder, harness_text("%s-images-idx3-ubyte", stem), 0x803, 3, image_dims, pixels,
                   (size_t)images * PIXELS);
    idx_file_write(folder, harness_text("%s-labels-idx1-ubyte", stem), 0x801, 1, &labels, classes,
                   labels);
}
