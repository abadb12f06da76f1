/* The sums of backward over tiles, layouts NCL and NCHW (see tile_inner.cl):
   sum dy and sum dy*((x - mean_hi) - mean_lo).

     x, dy    [outer][channels][inner], each with strides of its own
     partial  [4][tiles][channels]: sum dy, its rounding error, sum dy*(x-mean), its rounding error

   A lane's 16 steps make four chains of four, which add in order as sums of two floats, and so do
   the lanes: at most three roundings of a plain sum are left in a tile's.

   Grid: LANE_ITEMS x (tiles*channels). Traffic per element: 8 bytes read; 16/1024 written. */
#ifndef TILES_PER_GROUP
#define TILES_PER_GROUP 1
#endif

#define CHAIN 4

/* twofold of one number. */
typedef struct {
    acc_t hi, lo;
} tile_sum;

/* The sum over the 64 lanes of sums of two floats, as lanes_sum adds plain ones. scratch: 128
   floats of the tile's own. All of the work-group's items must come here together. */
tile_sum lanes_collect(twofold lane_sum[ITEM_VECTORS], __local acc_t *scratch)
{
#if LANE_ITEMS == 1
    acc_t hi[LANES], lo[LANES];
    for (uint u = 0; u < ITEM_VECTORS; ++u) {
        VSTORE(lane_sum[u].hi, hi + u * VEC);
        VSTORE(lane_sum[u].lo, lo + u * VEC);
    }
    for (uint distance = LANES / 2; distance > 0; distance /= 2)
        for (uint i = 0; i < distance; ++i) {
            const acc_t sum = hi[i] + hi[i + distance];
            lo[i] = (lo[i] + lo[i + distance]) + scalar_sum_error(hi[i], hi[i + distance], sum);
            hi[i] = sum;
        }
    tile_sum sum;
    sum.hi = hi[0];
    sum.lo = lo[0];
    return sum;
#else
    const uint id = (uint)get_local_id(0);
    __local acc_t *hi = scratch, *lo = scratch + LANES;
    for (uint u = 0; u < ITEM_VECTORS; ++u) {
        VSTORE(lane_sum[u].hi, hi + id * ITEM_LANES + u * VEC);
        VSTORE(lane_sum[u].lo, lo + id * ITEM_LANES + u * VEC);
    }
    for (uint distance = LANES / 2; distance > 0; distance /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint i = id; i < distance; i += LANE_ITEMS) {
            const acc_t sum = hi[i] + hi[i + distance];
            lo[i] = (lo[i] + lo[i + distance]) + scalar_sum_error(hi[i], hi[i + distance], sum);
            hi[i] = sum;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    tile_sum sum;
    sum.hi = hi[0];
    sum.lo = lo[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return sum;
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

__kernel void batch_norm_backward_inner(__global const storage_t *x, ulong x_at, ulong x_outer,
                                        ulong x_channel, __global const storage_t *dy,
                                        ulong dy_at, ulong dy_outer, ulong dy_channel,
                                        __global const acc_t *mean_hi, ulong mean_hi_at,
                                        __global const acc_t *mean_lo, ulong mean_lo_at,
                                        __global acc_t *partial, ulong partial_at, uint has_lo,
                                        uint channels, uint inner, uint count, uint tiles)
{
#if LANE_ITEMS == 1
    __local acc_t *scratch = 0;
#else
    __local acc_t scratches[TILES_PER_GROUP][2 * LANES];
    __local acc_t *scratch = scratches[get_local_id(1)];
#endif
    const size_t pairs = (size_t)tiles * channels;
    const size_t pair = min(get_global_id(1), pairs - 1);
    const tile_place t = tile_place_of(pair, channels, inner, count);
    const acc_t hi = mean_hi[mean_hi_at + t.channel];
    const acc_t lo = has_lo ? mean_lo[mean_lo_at + t.channel] : 0.0f;

    accv v[STEPS][ITEM_VECTORS], g[STEPS][ITEM_VECTORS];
    twofold s[ITEM_VECTORS], q[ITEM_VECTORS];
    tile_load(v, x + x_at + t.channel * x_channel, x_outer, t, 0.0f);
    tile_load(g, dy + dy_at + t.channel * dy_channel, dy_outer, t, 0.0f);
    for (uint u = 0; u < ITEM_VECTORS; ++u) {
        twofold s_sum, q_sum;
        s_sum.hi = s_sum.lo = q_sum.hi = q_sum.lo = 0.0f;
        for (uint first = 0; first < STEPS; first += CHAIN) {
            accv s_chain = 0.0f, q_chain = 0.0f;
            for (uint step = first; step < first + CHAIN; ++step) {
                s_chain += g[step][u];
                q_chain = fma(g[step][u], (v[step][u] - hi) - lo, q_chain);
            }
            s_sum = twofold_collect(s_sum, s_chain);
            q_sum = twofold_collect(q_sum, q_chain);
        }
        s[u] = s_sum;
        q[u] = q_sum;
    }
    const tile_sum s_all = lanes_collect(s, scratch);
    const tile_sum q_all = lanes_collect(q, scratch);

    if (t.lane != 0 || get_global_id(1) >= pairs)
        return;
    partial += partial_at + pair;
    tile_store(s_all, partial, pairs);
    tile_store(q_all, partial + 2 * pairs, pairs);
}
