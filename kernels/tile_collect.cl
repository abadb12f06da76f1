/* Sums of a tile (see tile_inner.cl) that keep what they lose: a lane's 16 steps make four chains
   of four, which add in order as sums of two floats, and so do the lanes. At most three roundings
   of a plain sum are left in a tile's. */
#define CHAIN 4

/* twofold of one number. */
typedef struct {
    acc_t hi, lo;
} tile_sum;

INLINE void lanes_begin(twofold lane_sum[ITEM_VECTORS])
{
#pragma unroll
    for (uint u = 0; u < ITEM_VECTORS; ++u)
        lane_sum[u].hi = lane_sum[u].lo = 0.0f;
}

/* Adds the chain of each of the item's lanes. */
INLINE void chain_collect(twofold lane_sum[ITEM_VECTORS], accv chain[ITEM_VECTORS])
{
#pragma unroll
    for (uint u = 0; u < ITEM_VECTORS; ++u)
        lane_sum[u] = twofold_collect(lane_sum[u], chain[u]);
}

/* The sum over the 64 lanes of sums of two floats, as lanes_sum adds plain ones; lane_sum is used
   up. scratch: 128 floats of the tile's own. All of the work-group's items must come here together.
   (Not the function's value: inlining a function that gives a struct leaves Oclgrind with an
   intrinsic that it does not know.) */
INLINE void lanes_collect(tile_sum *sum, twofold lane_sum[ITEM_VECTORS], __local acc_t *scratch)
{
#if LANE_ITEMS == 1
#pragma unroll
    for (uint distance = ITEM_VECTORS / 2; distance > 0; distance /= 2)
#pragma unroll
        for (uint u = 0; u < distance; ++u) {
            lane_sum[u].lo += lane_sum[u + distance].lo;
            lane_sum[u] = twofold_collect(lane_sum[u], lane_sum[u + distance].hi);
        }
    acc_t hi[VEC], lo[VEC];
    VSTORE(lane_sum[0].hi, hi);
    VSTORE(lane_sum[0].lo, lo);
#pragma unroll
    for (uint distance = VEC / 2; distance > 0; distance /= 2)
#pragma unroll
        for (uint i = 0; i < distance; ++i) {
            const acc_t both = hi[i] + hi[i + distance];
            lo[i] = (lo[i] + lo[i + distance]) + scalar_sum_error(hi[i], hi[i + distance], both);
            hi[i] = both;
        }
    sum->hi = hi[0];
    sum->lo = lo[0];
#else
    const uint id = (uint)get_local_id(0);
    __local acc_t *hi = scratch, *lo = scratch + LANES;
#pragma unroll
    for (uint u = 0; u < ITEM_VECTORS; ++u) {
        VSTORE(lane_sum[u].hi, hi + id * ITEM_LANES + u * VEC);
        VSTORE(lane_sum[u].lo, lo + id * ITEM_LANES + u * VEC);
    }
    for (uint distance = LANES / 2; distance > 0; distance /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint i = id; i < distance; i += LANE_ITEMS) {
            const acc_t both = hi[i] + hi[i + distance];
            lo[i] = (lo[i] + lo[i + distance]) + scalar_sum_error(hi[i], hi[i + distance], both);
            hi[i] = both;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    sum->hi = hi[0];
    sum->lo = lo[0];
    barrier(CLK_LOCAL_MEM_FENCE);
#endif
}

/* twofold_settle of one sum, written where a tile's sum and its error go. */
void tile_store(tile_sum sum, __global acc_t *partial, size_t pairs)
{
    const acc_t hi = sum.hi + sum.lo;
    const int finite = isfinite(sum.hi);
    partial[0] = finite ? hi : sum.hi;
    partial[pairs] = finite ? sum.lo - (hi - sum.hi) : 0.0f;
}
