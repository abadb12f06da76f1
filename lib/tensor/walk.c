/* The way through two tensors of one shape, in the fewest steps. */
#include "tensor/walk.h"

#include <string.h>

#include "tensor/size.h"
#include "tensor/tensor.h"

typedef struct step {
    size_t dim, from, to;
} step;

/* Sorts by the stride that is written with, the largest first; equal ones stay in order. */
static void sort(step *steps, int count)
{
    for (int i = 1; i < count; ++i)
        for (int k = i; k > 0 && steps[k - 1].to < steps[k].to; --k) {
            const step other = steps[k];
            steps[k] = steps[k - 1];
            steps[k - 1] = other;
        }
}

/* Whether `outer` goes on where `inner` ends, in both tensors. */
static bool follows(const step *outer, const step *inner)
{
    size_t from, to;
    return bncli_size_mul(inner->from, inner->dim, &from) &&
           bncli_size_mul(inner->to, inner->dim, &to) && outer->from == from && outer->to == to;
}

void bncli_walk_of(const bncl_tensor *from, const bncl_tensor *to, bncli_walk *out)
{
    size_t from_strides[BNCL_MAX_RANK], to_strides[BNCL_MAX_RANK];
    step steps[BNCL_MAX_RANK];
    int count = 0;
    bncli_tensor_strides(from, from_strides);
    bncli_tensor_strides(to, to_strides);
    for (int i = 0; i < from->rank; ++i)
        if (from->dims[i] != 1)
            steps[count++] = (step){from->dims[i], from_strides[i], to_strides[i]};
    sort(steps, count);
    memset(out, 0, sizeof *out);
    int at = BNCL_MAX_RANK;
    for (int i = count; i-- > 0;) {
        if (i + 1 < count && follows(&steps[i], &(step){out->dims[at], out->from[at], out->to[at]}))
            out->dims[at] *= steps[i].dim;
        else {
            --at;
            out->dims[at] = steps[i].dim;
            out->from[at] = steps[i].from;
            out->to[at] = steps[i].to;
        }
    }
    while (at-- > 0)
        out->dims[at] = 1;
}

/* Whether each stride, of 0 or not as asked, clears all that the faster dims reach; *extent is what
   all of them do. */
static bool is_nested(const bncli_walk *walk, bool zeros, size_t *extent)
{
    bool nested = true;
    *extent = 1;
    for (int i = BNCL_MAX_RANK; i-- > 0;) {
        if (walk->dims[i] > 1 && walk->to[i] < *extent && (zeros || walk->to[i] > 0))
            nested = false;
        *extent += (walk->dims[i] - 1) * walk->to[i];
    }
    return nested;
}

bool bncli_walk_is_injective(const bncli_walk *walk)
{
    size_t extent;
    return is_nested(walk, true, &extent);
}

/* Strides that interleave count as all that they reach. Else `at` is the last place not behind
   `begin`, as far as the slower dims decide it; the next one of each dim is the first behind it. */
bool bncli_walk_meets(const bncli_walk *walk, size_t begin, size_t end)
{
    size_t at = 0, extent;
    if (!is_nested(walk, false, &extent))
        return begin < extent;
    for (int i = 0; i < BNCL_MAX_RANK; ++i) {
        const size_t stride = walk->to[i];
        if (stride == 0)
            continue;
        size_t steps = (begin - at) / stride;
        if (steps >= walk->dims[i])
            steps = walk->dims[i] - 1;
        at += steps * stride;
        if (steps + 1 < walk->dims[i] && at + stride < end)
            return true;
    }
    return at >= begin && at < end;
}

bool bncli_walk_stays(const bncli_walk *walk)
{
    return memcmp(walk->from, walk->to, sizeof walk->from) == 0;
}
