/* The sums of double backward over tiles, layouts NCL and NCHW (see tile_inner.cl): with
   h = (x - mean_hi) - mean_lo   sum dy, sum ddx, sum dy*ddx, sum dy*h and sum ddx*h.

     x, dy, ddx  [outer][channels][inner], each with strides of its own
     partial     [10][tiles][channels]: each sum, followed by its rounding error

   Chains and lanes add as tile_collect.cl has it.

   Grid: LANE_ITEMS x (tiles*channels). Traffic per element: 12 bytes read; 40/1024 written. */

/* Of each of the item's lanes: sums, and chains that become part of them. */
typedef struct {
    twofold dy[ITEM_VECTORS], ddx[ITEM_VECTORS], dy_ddx[ITEM_VECTORS];
    twofold dy_h[ITEM_VECTORS], ddx_h[ITEM_VECTORS];
} lane_sums;

typedef struct {
    accv dy[ITEM_VECTORS], ddx[ITEM_VECTORS], dy_ddx[ITEM_VECTORS];
    accv dy_h[ITEM_VECTORS], ddx_h[ITEM_VECTORS];
} lane_chains;

INLINE void sums_begin(lane_sums *sums)
{
    lanes_begin(sums->dy);
    lanes_begin(sums->ddx);
    lanes_begin(sums->dy_ddx);
    lanes_begin(sums->dy_h);
    lanes_begin(sums->ddx_h);
}

INLINE void chains_begin(lane_chains *chains)
{
    lanes_zero(chains->dy);
    lanes_zero(chains->ddx);
    lanes_zero(chains->dy_ddx);
    lanes_zero(chains->dy_h);
    lanes_zero(chains->ddx_h);
}

/* Adds a step of x, dy and ddx, of a channel whose mean is hi + lo. */
INLINE void chains_add(lane_chains *chains, accv x[ITEM_VECTORS], accv g[ITEM_VECTORS],
                       accv v[ITEM_VECTORS], acc_t hi, acc_t lo)
{
#pragma unroll
    for (uint u = 0; u < ITEM_VECTORS; ++u) {
        const accv h = (x[u] - hi) - lo;
        chains->dy[u] += g[u];
        chains->ddx[u] += v[u];
        chains->dy_ddx[u] = fma(g[u], v[u], chains->dy_ddx[u]);
        chains->dy_h[u] = fma(g[u], h, chains->dy_h[u]);
        chains->ddx_h[u] = fma(v[u], h, chains->ddx_h[u]);
    }
}

INLINE void chains_collect(lane_sums *sums, lane_chains *chains)
{
    chain_collect(sums->dy, chains->dy);
    chain_collect(sums->ddx, chains->ddx);
    chain_collect(sums->dy_ddx, chains->dy_ddx);
    chain_collect(sums->dy_h, chains->dy_h);
    chain_collect(sums->ddx_h, chains->ddx_h);
}

__kernel void batch_norm_double_backward_inner(
    __global const storage_t *x, ulong x_at, ulong x_outer, ulong x_channel,
    __global const storage_t *dy, ulong dy_at, ulong dy_outer, ulong dy_channel,
    __global const storage_t *ddx, ulong ddx_at, ulong ddx_outer, ulong ddx_channel,
    __global const acc_t *mean_hi, ulong mean_hi_at, __global const acc_t *mean_lo,
    ulong mean_lo_at, __global acc_t *partial, ulong partial_at, uint channels, uint inner,
    uint count, uint tiles)
{
    TILE_SCRATCH(2 * LANES);
    const size_t pairs = (size_t)tiles * channels;
    const size_t pair = min(get_global_id(1), pairs - 1);
    const tile_place t = tile_place_of(pair, channels, inner, count);
    const acc_t hi = mean_hi[mean_hi_at + t.channel], lo = mean_lo[mean_lo_at + t.channel];

    x += x_at + t.channel * x_channel;
    dy += dy_at + t.channel * dy_channel;
    ddx += ddx_at + t.channel * ddx_channel;

    accv h[ITEM_VECTORS], g[ITEM_VECTORS], v[ITEM_VECTORS];
    lane_sums sums;
    lane_chains chains;
    tile_cursor at;
    tile_source x_tile, dy_tile, ddx_tile;
    TILE_MEMORY(x_packed);
    TILE_MEMORY(dy_packed);
    TILE_MEMORY(ddx_packed);
    tile_begin(&at, t);
    tile_open(&x_tile, x_packed, x, x_outer, t, &at, 0.0f, SHORT_LINES(t));
    tile_open(&dy_tile, dy_packed, dy, dy_outer, t, &at, 0.0f, SHORT_LINES(t));
    tile_open(&ddx_tile, ddx_packed, ddx, ddx_outer, t, &at, 0.0f, SHORT_LINES(t));
    sums_begin(&sums);
    const uint steps = STEPS_OF(t);
    for (uint first = 0; first < steps; first += CHAIN) {
        chains_begin(&chains);
        for (uint step = first; step < first + CHAIN && step < steps; ++step, tile_next(&at, t)) {
            tile_step(h, x_tile, x_packed, t, &at, 0.0f);
            tile_step(g, dy_tile, dy_packed, t, &at, 0.0f);
            tile_step(v, ddx_tile, ddx_packed, t, &at, 0.0f);
            chains_add(&chains, h, g, v, hi, lo);
        }
        chains_collect(&sums, &chains);
    }
    tile_sum dy_all, ddx_all, dy_ddx_all, dy_h_all, ddx_h_all;
    lanes_collect(&dy_all, sums.dy, scratch);
    lanes_collect(&ddx_all, sums.ddx, scratch);
    lanes_collect(&dy_ddx_all, sums.dy_ddx, scratch);
    lanes_collect(&dy_h_all, sums.dy_h, scratch);
    lanes_collect(&ddx_h_all, sums.ddx_h, scratch);

    if (t.lane != 0 || get_global_id(1) >= pairs)
        return;
    partial += partial_at + pair;
    tile_store(dy_all, partial, pairs);
    tile_store(ddx_all, partial + 2 * pairs, pairs);
    tile_store(dy_ddx_all, partial + 4 * pairs, pairs);
    tile_store(dy_h_all, partial + 6 * pairs, pairs);
    tile_store(ddx_h_all, partial + 8 * pairs, pairs);
}
