/* Layouts become geometry here, and nowhere else. */
#include "tensor/geometry.h"

#include <inttypes.h>

#include "base/error.h"
#include "tensor/size.h"
#include "tensor/tensor.h"

/* Dims before the channel's make `outer`, dims behind it `inner`. */
typedef struct layout_row {
    const char *name;
    int rank, channel;
} layout_row;

static const layout_row layouts[] = {
    [BNCL_LAYOUT_NC] = {"NC", 2, 1},     [BNCL_LAYOUT_NCL] = {"NCL", 3, 1},
    [BNCL_LAYOUT_NLC] = {"NLC", 3, 2},   [BNCL_LAYOUT_NCHW] = {"NCHW", 4, 1},
    [BNCL_LAYOUT_NHWC] = {"NHWC", 4, 3},
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

/* In the words of PyTorch's BatchNorm1d for its ranks, of BatchNorm2d for 4. */
static bncl_status check_rank(const layout_row *row, int rank, bncl_error *err)
{
    if (rank == row->rank)
        return BNCL_OK;
    if (row->rank == 4)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "expected 4D input (got %dD input)", rank);
    if (rank != 2 && rank != 3)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "expected 2D or 3D input (got %dD input)", rank);
    return bncli_fail(err, BNCL_ERROR_SHAPE, "layout %s expects %dD input (got %dD input)",
                      row->name, row->rank, rank);
}

bncl_status bncli_geometry_of(bncl_layout layout, int rank, const size_t *dims, bncli_geometry *out,
                              bncl_error *err)
{
    if ((int)layout < 0 || layout >= BNCL_LAYOUT_COUNT)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%d is no layout", (int)layout);
    const layout_row *row = &layouts[layout];
    bncl_status status = check_rank(row, rank, err);
    if (status != BNCL_OK)
        return status;
    bncli_geometry g = {.channels = dims[row->channel]};
    if (!bncli_size_product(row->channel, dims, &g.outer) ||
        !bncli_size_product(rank - row->channel - 1, dims + row->channel + 1, &g.inner))
        return bncli_fail(err, BNCL_ERROR_SHAPE, "the input's size overflows");
    if (g.channels == 0)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "expected at least 1 channel, got 0");
    status = check_sizes(&g, err);
    if (status == BNCL_OK)
        *out = g;
    return status;
}

/* The one stride that walks over dims first … end-1 as over a single dim; false if none does. Dims
   of one element do not count; 1 where there is no other. */
static bool collapse(const bncl_tensor *tensor, int first, int end, size_t *stride)
{
    size_t next = 0; /* what the stride of the dim before must be; 0: whatever it is */
    *stride = 1;
    for (int i = end; i-- > first;) {
        if (tensor->dims[i] == 1)
            continue;
        if (next == 0)
            *stride = tensor->strides[i];
        else if (tensor->strides[i] != next)
            return false;
        if (!bncli_size_mul(tensor->strides[i], tensor->dims[i], &next))
            return false;
    }
    return true;
}

/* Whether no two elements share a place: a step of the larger stride clears all of the smaller. */
static bool is_injective(const bncli_geometry *g, const bncli_strides *s)
{
    const bool outer_larger = s->outer >= s->channel;
    const size_t small = outer_larger ? s->channel : s->outer;
    const size_t large = outer_larger ? s->outer : s->channel;
    const size_t count = outer_larger ? g->channels : g->outer;
    const size_t large_count = outer_larger ? g->outer : g->channels;
    return (count <= 1 || small >= g->inner) &&
           (large_count <= 1 || large >= (count - 1) * small + g->inner);
}

bncl_status bncli_geometry_strides(bncl_layout layout, const bncli_geometry *g,
                                   const bncl_tensor *tensor, const char *name, bncli_strides *out,
                                   bncl_error *err)
{
    const int channel = layouts[layout].channel;
    bncli_strides s = {.outer = g->channels * g->inner, .channel = g->inner};
    if (!bncli_tensor_is_dense(tensor)) {
        size_t run;
        if (!collapse(tensor, 0, channel, &s.outer) ||
            !collapse(tensor, channel + 1, tensor->rank, &run))
            return bncli_fail(err, BNCL_ERROR_UNSUPPORTED,
                              "%s: expected strides of layout %s that walk evenly over the dims "
                              "before and behind the channel's",
                              name, layouts[layout].name);
        s.channel = tensor->strides[channel];
        if (g->channels == 1)
            s.channel = g->inner;
        if (run != 1 || (g->inner == 1 && s.channel != 1))
            return bncli_fail(err, BNCL_ERROR_UNSUPPORTED,
                              "%s: expected neighbours along the fastest dim, got a stride of %zu; "
                              "bncl_copy makes such a tensor",
                              name, run != 1 ? run : s.channel);
        if (!is_injective(g, &s))
            return bncli_fail(err, BNCL_ERROR_UNSUPPORTED, "%s: its elements overlap", name);
    }
    *out = s;
    return BNCL_OK;
}
