/* The sums of double backward over tiles, channels innermost: with h = (x - mean_hi) - mean_lo
   sum dy, sum ddx, sum dy*ddx, sum dy*h and sum ddx*h.

     x, dy, ddx  [count][channels], each with its own stride from row to row; blocks and tiles as in
                 batch_norm_statistics_rows.cl
     partial     [10][tiles][channels]: each sum, followed by its rounding error

   Leaf: 16 rows; in it rows r = k (mod 4) add in order to chain k. All chains of a tile add in
   order as sums of two floats: the tree of batch_norm_backward_rows.cl.

   Grid: channel blocks x tiles. Traffic per element: 12 bytes read; 40/1024 written. */
#ifndef CHANNEL_VECTORS
#define CHANNEL_VECTORS 1
#endif
#define LEAF 16
#define CHAINS 4

/* Where some rows lie, how many of a vector's channels there are, and their mean. */
typedef struct {
    __global const storage_t *x, *dy, *ddx;
    ulong x_outer, dy_outer, ddx_outer;
    uint have;
    accv hi, lo;
} leaf_place;

typedef struct {
    accv dy, ddx, dy_ddx, dy_h, ddx_h;
} chain_sums;

typedef struct {
    twofold dy, ddx, dy_ddx, dy_h, ddx_h;
} tile_sums;

/* Rows k, k + CHAINS, ... of the place. */
chain_sums chain_of(leaf_place p, uint k, uint rows)
{
    chain_sums sums;
    sums.dy = sums.ddx = sums.dy_ddx = sums.dy_h = sums.ddx_h = 0.0f;
    for (uint r = k; r < rows; r += CHAINS) {
        const accv g = load_some(p.dy + r * p.dy_outer, p.have);
        const accv v = load_some(p.ddx + r * p.ddx_outer, p.have);
        const accv h = (load_some(p.x + r * p.x_outer, p.have) - p.hi) - p.lo;
        sums.dy += g;
        sums.ddx += v;
        sums.dy_ddx = fma(g, v, sums.dy_ddx);
        sums.dy_h = fma(g, h, sums.dy_h);
        sums.ddx_h = fma(v, h, sums.ddx_h);
    }
    return sums;
}

tile_sums leaf_collect(tile_sums sums, leaf_place p, uint rows)
{
    for (uint k = 0; k < CHAINS; ++k) {
        const chain_sums chain = chain_of(p, k, rows);
        sums.dy = twofold_collect(sums.dy, chain.dy);
        sums.ddx = twofold_collect(sums.ddx, chain.ddx);
        sums.dy_ddx = twofold_collect(sums.dy_ddx, chain.dy_ddx);
        sums.dy_h = twofold_collect(sums.dy_h, chain.dy_h);
        sums.ddx_h = twofold_collect(sums.ddx_h, chain.ddx_h);
    }
    return sums;
}

/* Writes a sum and its error; gives where the next one goes. */
__global acc_t *sum_store(twofold sum, __global acc_t *partial, size_t pairs, uint have)
{
    const twofold settled = twofold_settle(sum);
    acc_store_some(settled.hi, partial, have);
    acc_store_some(settled.lo, partial + pairs, have);
    return partial + 2 * pairs;
}

__kernel void batch_norm_double_backward_rows(
    __global const storage_t *x, ulong x_at, ulong x_outer, ulong x_channel,
    __global const storage_t *dy, ulong dy_at, ulong dy_outer, ulong dy_channel,
    __global const storage_t *ddx, ulong ddx_at, ulong ddx_outer, ulong ddx_channel,
    __global const acc_t *mean_hi, ulong mean_hi_at, __global const acc_t *mean_lo,
    ulong mean_lo_at, __global acc_t *partial, ulong partial_at, uint channels, uint count,
    uint tiles)
{
    const uint first_channel = (uint)get_global_id(0) * (VEC * CHANNEL_VECTORS);
    const uint tile = (uint)get_global_id(1);
    if (first_channel >= channels || tile >= tiles)
        return;
    const uint first_row = tile * TILE;
    const uint rows = min((uint)TILE, count - first_row);

    tile_sums all[CHANNEL_VECTORS];
    leaf_place place[CHANNEL_VECTORS];
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        const uint c = first_channel + u * VEC;
        const uint have = left(channels, c);
        place[u].x = x + x_at + first_row * x_outer + c * x_channel;
        place[u].dy = dy + dy_at + first_row * dy_outer + c * dy_channel;
        place[u].ddx = ddx + ddx_at + first_row * ddx_outer + c * ddx_channel;
        place[u].x_outer = x_outer;
        place[u].dy_outer = dy_outer;
        place[u].ddx_outer = ddx_outer;
        place[u].have = have;
        place[u].hi = acc_load_some(mean_hi + mean_hi_at + c, have);
        place[u].lo = acc_load_some(mean_lo + mean_lo_at + c, have);
        all[u].dy.hi = all[u].dy.lo = all[u].ddx.hi = all[u].ddx.lo = 0.0f;
        all[u].dy_ddx = all[u].dy_h = all[u].ddx_h = all[u].dy;
    }
    for (uint r = 0; r < rows; r += LEAF)
        for (uint u = 0; u < CHANNEL_VECTORS && place[u].have > 0; ++u) {
            all[u] = leaf_collect(all[u], place[u], min((uint)LEAF, rows - r));
            place[u].x += LEAF * x_outer;
            place[u].dy += LEAF * dy_outer;
            place[u].ddx += LEAF * ddx_outer;
        }

    const size_t pairs = (size_t)tiles * channels;
    partial += partial_at + (size_t)tile * channels + first_channel;
    for (uint u = 0; u < CHANNEL_VECTORS; ++u, partial += VEC) {
        __global acc_t *next = sum_store(all[u].dy, partial, pairs, place[u].have);
        next = sum_store(all[u].ddx, next, pairs, place[u].have);
        next = sum_store(all[u].dy_ddx, next, pairs, place[u].have);
        next = sum_store(all[u].dy_h, next, pairs, place[u].have);
        sum_store(all[u].ddx_h, next, pairs, place[u].have);
    }
}
