/* The sums of double backward over tiles, layouts NCL and NCHW (see tile_inner.cl): with
   h = (x - mean_hi) - mean_lo   sum dy, sum ddx, sum dy*ddx, sum dy*h and sum ddx*h.

     x, dy, ddx  [outer][channels][inner], each with strides of its own
     partial     [10][tiles][channels]: each sum, followed by its rounding error

   Chains and lanes add as tile_collect.cl has it.

   Grid: LANE_ITEMS x (tiles*channels). Traffic per element: 12 bytes read; 40/1024 written. */

/* Of each of the item's lanes. */
typedef struct {
    twofold dy[ITEM_VECTORS], ddx[ITEM_VECTORS], dy_ddx[ITEM_VECTORS];
    twofold dy_h[ITEM_VECTORS], ddx_h[ITEM_VECTORS];
} lane_sums;

/* Adds steps first ... first + CHAIN - 1 of the u-th lanes as one chain; h is x - mean. */
void chain_collect(lane_sums *sums, accv h[STEPS][ITEM_VECTORS], accv g[STEPS][ITEM_VECTORS],
                   accv v[STEPS][ITEM_VECTORS], uint first, uint u)
{
    accv dy = 0.0f, ddx = 0.0f, dy_ddx = 0.0f, dy_h = 0.0f, ddx_h = 0.0f;
    for (uint step = first; step < first + CHAIN; ++step) {
        dy += g[step][u];
        ddx += v[step][u];
        dy_ddx = fma(g[step][u], v[step][u], dy_ddx);
        dy_h = fma(g[step][u], h[step][u], dy_h);
        ddx_h = fma(v[step][u], h[step][u], ddx_h);
    }
    sums->dy[u] = twofold_collect(sums->dy[u], dy);
    sums->ddx[u] = twofold_collect(sums->ddx[u], ddx);
    sums->dy_ddx[u] = twofold_collect(sums->dy_ddx[u], dy_ddx);
    sums->dy_h[u] = twofold_collect(sums->dy_h[u], dy_h);
    sums->ddx_h[u] = twofold_collect(sums->ddx_h[u], ddx_h);
}

__kernel void batch_norm_double_backward_inner(
    __global const storage_t *x, ulong x_at, ulong x_outer, ulong x_channel,
    __global const storage_t *dy, ulong dy_at, ulong dy_outer, ulong dy_channel,
    __global const storage_t *ddx, ulong ddx_at, ulong ddx_outer, ulong ddx_channel,
    __global const acc_t *mean_hi, ulong mean_hi_at, __global const acc_t *mean_lo,
    ulong mean_lo_at, __global acc_t *partial, ulong partial_at, uint channels, uint inner,
    uint count, uint tiles)
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
    const acc_t hi = mean_hi[mean_hi_at + t.channel], lo = mean_lo[mean_lo_at + t.channel];

    accv h[STEPS][ITEM_VECTORS], g[STEPS][ITEM_VECTORS], v[STEPS][ITEM_VECTORS];
    lane_sums sums;
    tile_load(h, x + x_at + t.channel * x_channel, x_outer, t, 0.0f);
    tile_load(g, dy + dy_at + t.channel * dy_channel, dy_outer, t, 0.0f);
    tile_load(v, ddx + ddx_at + t.channel * ddx_channel, ddx_outer, t, 0.0f);
    for (uint u = 0; u < ITEM_VECTORS; ++u) {
        for (uint step = 0; step < STEPS; ++step)
            h[step][u] = (h[step][u] - hi) - lo;
        sums.dy[u].hi = sums.dy[u].lo = 0.0f;
        sums.ddx[u] = sums.dy_ddx[u] = sums.dy_h[u] = sums.ddx_h[u] = sums.dy[u];
        for (uint first = 0; first < STEPS; first += CHAIN)
            chain_collect(&sums, h, g, v, first, u);
    }
    const tile_sum dy_all = lanes_collect(sums.dy, scratch);
    const tile_sum ddx_all = lanes_collect(sums.ddx, scratch);
    const tile_sum dy_ddx_all = lanes_collect(sums.dy_ddx, scratch);
    const tile_sum dy_h_all = lanes_collect(sums.dy_h, scratch);
    const tile_sum ddx_h_all = lanes_collect(sums.ddx_h, scratch);

    if (t.lane != 0 || get_global_id(1) >= pairs)
        return;
    partial += partial_at + pair;
    tile_store(dy_all, partial, pairs);
    tile_store(ddx_all, partial + 2 * pairs, pairs);
    tile_store(dy_ddx_all, partial + 4 * pairs, pairs);
    tile_store(dy_h_all, partial + 6 * pairs, pairs);
    tile_store(ddx_h_all, partial + 8 * pairs, pairs);
}
