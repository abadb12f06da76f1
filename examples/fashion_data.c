/* Fashion-MNIST, normalized; see fashion_data.h. */
#include "fashion_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "idx.h"

/* Mean and standard deviation of the training set's pixels, as fractions of 255. */
#define PIXEL_MEAN 0.2860f
#define PIXEL_DEVIATION 0.3530f

/* Turns bytes into floats. A pixel has only 256 values: one table holds what each becomes. */
static void normalize(const idx_labelled *raw, fashion_set *set)
{
    float normalized[256];
    for (int pixel = 0; pixel < 256; ++pixel)
        normalized[pixel] = ((float)pixel / 255.0f - PIXEL_MEAN) / PIXEL_DEVIATION;
    for (size_t i = 0; i < raw->images.count; ++i)
        set->images[i] = normalized[raw->images.values[i]];
    for (size_t i = 0; i < raw->labels.count; ++i)
        set->labels[i] = raw->labels.values[i];
}

static bncl_status convert(const idx_labelled *raw, const char *folder, const char *stem,
                           fashion_set *out, bncl_error *err)
{
    fashion_set set = {.count = raw->labels.count};
    if (set.count < 2)
        return example_fail(err, BNCL_ERROR_FORMAT, "%s/%s-…: expected 2 images or more, got %zu",
                            folder, stem, set.count);
    set.images = calloc(set.count, FASHION_PIXELS * sizeof *set.images);
    set.labels = calloc(set.count, sizeof *set.labels);
    if (set.images == NULL || set.labels == NULL) {
        fashion_set_free(&set);
        return example_fail(err, BNCL_ERROR_MEMORY, "out of memory for %zu images",
                            raw->labels.count);
    }
    normalize(raw, &set);
    *out = set;
    return BNCL_OK;
}

static void append_hint(bncl_error *err)
{
    if (err == NULL)
        return;
    size_t length = strlen(err->text);
    snprintf(err->text + length, sizeof err->text - length,
             "; Debian's package dataset-fashion-mnist brings the data, --data FOLDER or "
             "FASHION_MNIST_DIR says where else it is");
}

bncl_status fashion_set_read(const char *folder, const char *stem, fashion_set *out,
                             bncl_error *err)
{
    idx_labelled raw = {0};
    bncl_status status =
        idx_labelled_read(folder, stem, FASHION_SIDE, FASHION_SIDE, FASHION_CLASSES, &raw, err);
    if (status == BNCL_OK)
        status = convert(&raw, folder, stem, out, err);
    else if (status == BNCL_ERROR_IO && idx_labelled_missing(folder, stem))
        append_hint(err);
    idx_labelled_free(&raw);
    return status;
}

void fashion_set_free(fashion_set *set)
{
    free(set->images);
    free(set->labels);
    *set = (fashion_set){0};
}
