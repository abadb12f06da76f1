/* The sums of backward over tiles, channels innermost: sum g and sum g*((x - mean_hi) - mean_lo),
   where g is dy behind the activation: see activation.cl.

     x, dy    [count][channels], each with its own stride from row to row; blocks and tiles as in
              batch_norm_statistics_rows.cl
     mask     lines of `channels` elements: see mask.cl
     partial  [4][tiles][channels]: sum g, its rounding error, sum g*(x-mean), its rounding error

   Leaf: 16 rows; in it rows r = k (mod 4) add in order to chain k. All chains of a tile add in
   order as sums of two floats: at most three roundings of a plain sum are left in a tile's.

   Grid: channel blocks x tiles. Traffic per element: 8 bytes read, and 1/8 of the
   mask; 16/1024 written. */
#ifndef CHANNEL_VECTORS
#define CHANNEL_VECTORS 1
#endif
#define CHAINS_LEAF 16

typedef struct {
    accv s, q;
} chain_sums;

typedef struct {
    accv hi, lo;
} channel_mean;

/* The rows' places in the mask: the first row's line, the bytes from line to line, and the block's
   first element in each. */
typedef struct {
    __global const uchar *line;
    uint bytes, at;
    acc_t slope;
} mask_rows;

/* Adds row r, counted from where x, dy and the mask's lines begin. */
chain_sums chain_add(chain_sums sums, __global const storage_t *x, __global const storage_t *dy,
                   mask_rows mask, uint r, uint have, channel_mean mean)
{
    const accv g = activation_gradient_load(dy, have, mask.line + r * (size_t)mask.bytes, mask.at,
                                            ACTIVATION, mask.slope);
    sums.s += g;
    sums.q = fma(g, (load_some(x, have) - mean.hi) - mean.lo, sums.q);
    return sums;
}

/* Sums of two floats. */
typedef struct {
    twofold s, q;
} tile_sums;

tile_sums tile_collect(tile_sums sums, chain_sums chain)
{
    sums.s = twofold_collect(sums.s, chain.s);
    sums.q = twofold_collect(sums.q, chain.q);
    return sums;
}

tile_sums leaf_collect(tile_sums sums, __global const storage_t *x, ulong x_outer,
                       __global const storage_t *dy, ulong dy_outer, mask_rows mask, uint rows,
                       uint have, channel_mean mean)
{
    chain_sums zero, k0, k1, k2, k3;
    zero.s = zero.q = 0.0f;
    k0 = k1 = k2 = k3 = zero;
    for (uint r = 0; r < rows; r += 4, x += 4 * x_outer, dy += 4 * dy_outer) {
        k0 = chain_add(k0, x, dy, mask, r, have, mean);
        if (r + 1 < rows)
            k1 = chain_add(k1, x + x_outer, dy + dy_outer, mask, r + 1, have, mean);
        if (r + 2 < rows)
            k2 = chain_add(k2, x + 2 * x_outer, dy + 2 * dy_outer, mask, r + 2, have, mean);
        if (r + 3 < rows)
            k3 = chain_add(k3, x + 3 * x_outer, dy + 3 * dy_outer, mask, r + 3, have, mean);
    }
    sums = tile_collect(sums, k0);
    sums = tile_collect(sums, k1);
    sums = tile_collect(sums, k2);
    return tile_collect(sums, k3);
}

__kernel void batch_norm_backward_rows(__global const storage_t *x, ulong x_at, ulong x_outer,
                                       ulong x_channel, __global const storage_t *dy, ulong dy_at,
                                       ulong dy_outer, ulong dy_channel,
                                       __global const acc_t *mean_hi, ulong mean_hi_at,
                                       __global const acc_t *mean_lo, ulong mean_lo_at,
                                       __global const uchar *mask, ulong mask_at,
                                       __global acc_t *partial, ulong partial_at, uint has_lo,
                                       uint channels, uint count, uint tiles, acc_t slope)
{
    const uint first_channel = (uint)get_global_id(0) * (VEC * CHANNEL_VECTORS);
    const uint tile = (uint)get_global_id(1);
    if (first_channel >= channels || tile >= tiles)
        return;
    const uint first_row = tile * TILE;
    const uint rows = min((uint)TILE, count - first_row);
    x += x_at + first_row * x_outer + first_channel * x_channel;
    dy += dy_at + first_row * dy_outer + first_channel * dy_channel;
    mask_rows lines;
    lines.bytes = mask_line_bytes(channels);
    lines.slope = slope;
    mean_hi += mean_hi_at + first_channel;
    mean_lo += mean_lo_at + first_channel;

    tile_sums all[CHANNEL_VECTORS];
    channel_mean mean[CHANNEL_VECTORS];
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        const uint have = left(channels, first_channel + u * VEC);
        mean[u].hi = acc_load_some(mean_hi + u * VEC, have);
        mean[u].lo = has_lo ? acc_load_some(mean_lo + u * VEC, have) : (accv)(0.0f);
        all[u].s.hi = all[u].s.lo = all[u].q.hi = all[u].q.lo = 0.0f;
    }
    for (uint r = 0; r < rows; r += CHAINS_LEAF)
#pragma unroll
        for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
            const uint have = left(channels, first_channel + u * VEC);
            if (have == 0)
                break;
            lines.line = mask + mask_at + (size_t)(first_row + r) * lines.bytes;
            lines.at = first_channel + u * VEC;
            all[u] = leaf_collect(all[u], x + r * x_outer + u * VEC, x_outer,
                                  dy + r * dy_outer + u * VEC, dy_outer, lines,
                                  min((uint)CHAINS_LEAF, rows - r), have, mean[u]);
        }

    const size_t pairs = (size_t)tiles * channels;
    partial += partial_at + (size_t)tile * channels + first_channel;
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        const uint have = left(channels, first_channel + u * VEC);
        const twofold s = twofold_settle(all[u].s), q = twofold_settle(all[u].q);
        acc_store_some(s.hi, partial + u * VEC, have);
        acc_store_some(s.lo, partial + pairs + u * VEC, have);
        acc_store_some(q.hi, partial + 2 * pairs + u * VEC, have);
        acc_store_some(q.lo, partial + 3 * pairs + u * VEC, have);
    }
}
