/* Layouts become geometry here, and nowhere else. */
#include "tensor/geometry.h"

#include <inttypes.h>

#include "base/error.h"
#include "tensor/size.h"

/* Which dim is what; -1: the layout has none. */
typedef struct layout_row {
    const char *name;
    int rank, channel, length;
} layout_row;

static const layout_row layouts[] = {
    [BNCL_LAYOUT_NC] = {"NC", 2, 1, -1},
    [BNCL_LAYOUT_NCL] = {"NCL", 3, 1, 2},
    [BNCL_LAYOUT_NLC] = {"NLC", 3, 2, 1},
};
_Static_assert(sizeof layouts / sizeof layouts[0] == BNCL_LAYOUT_COUNT, "every layout has a row");

const char *bncl_layout_name(bncl_layout layout)
{
    if ((int)layout < 0 || layout >= BNCL_LAYOUT_COUNT)
        return "unknown";
    return layouts[layout].name;
}

/* Refuses sizes whose products overflow, or n of 2³¹ and more: kernels count a channel in
   32 bits. */
static bncl_status check_sizes(bncli_geometry *g, bncl_error *err)
{
    size_t per_row;
    if (!bncli_size_mul(g->outer, g->inner, &g->count) || g->count > INT32_MAX)
        return bncli_fail(err, BNCL_ERROR_SHAPE,
                          "expected fewer than 2^31 values per channel, got %zu x %zu", g->outer,
                          g->inner);
    if (!bncli_size_mul(g->channels, g->inner, &per_row) ||
        !bncli_size_mul(g->outer, per_row, &g->total) || g->channels > INT32_MAX ||
        g->outer > INT32_MAX / g->channels * (g->inner == 1 ? g->channels : 1))
        return bncli_fail(err, BNCL_ERROR_SHAPE, "the input's size overflows: %zu x %zu x %zu",
                          g->outer, g->channels, g->inner);
    return BNCL_OK;
}

bncl_status bncli_geometry_of(bncl_layout layout, int rank, const size_t *dims, bncli_geometry *out,
                              bncl_error *err)
{
    if ((int)layout < 0 || layout >= BNCL_LAYOUT_COUNT)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%d is no layout", (int)layout);
    if (rank != 2 && rank != 3)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "expected 2D or 3D input (got %dD input)", rank);
    const layout_row *row = &layouts[layout];
    if (rank != row->rank)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "layout %s expects %dD input (got %dD input)",
                          row->name, row->rank, rank);
    size_t length = row->length < 0 ? 1 : dims[row->length];
    bncli_geometry g = {.outer = dims[0], .channels = dims[row->channel], .inner = length};
    if (row->length >= 0 && row->length < row->channel) {
        g.inner = 1;
        if (!bncli_size_mul(g.outer, length, &g.outer))
            return bncli_fail(err, BNCL_ERROR_SHAPE, "the input's size overflows");
    }
    if (g.channels == 0)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "expected at least 1 channel, got 0");
    bncl_status status = check_sizes(&g, err);
    if (status == BNCL_OK)
        *out = g;
    return status;
}
