/* Statistics of tiles, channels innermost: layouts NC, NLC and NHWC.

     x        [count][channels], rows `outer` elements apart

                                      channels ->
                                row 0   c0 c1 c2 ...      a work-item takes VEC*CHANNEL_VECTORS
                                row 1   c0 c1 c2 ...      neighbouring channels of a tile's rows
                                ...
     partial  [3][tiles][channels]: mean, the mean's rounding error, M2 of each tile

   Tile: 1024 rows. Leaf: 32 rows; in it rows r = k (mod 4) add in order to sum k, and the four add
   as (0+1)+(2+3). A tile's leaves merge in order. That tree is part of the promise of equal bits.

   Grid: channel blocks x tiles. Traffic per element: 4 bytes read (a leaf's second pass finds it in
   L1); 12/1024 written. */
#ifndef CHANNEL_VECTORS
#define CHANNEL_VECTORS 1
#endif
#define MOMENT_LEAF 32

/* sum (x-center) of a leaf, and sum (x-center)^2. */
typedef struct {
    accv s, q;
} moment_sums;

moment_sums moment_add(moment_sums sums, __global const storage_t *row, uint have, accv center)
{
    const accv d = load_some(row, have) - center;
    sums.s += d;
    sums.q = fma(d, d, sums.q);
    return sums;
}

moment_sums moment_sums_about(__global const storage_t *x, ulong outer, uint rows, uint have,
                          accv center)
{
    moment_sums zero, k0, k1, k2, k3;
    zero.s = zero.q = 0.0f;
    k0 = k1 = k2 = k3 = zero;
    uint r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * outer) {
        k0 = moment_add(k0, x, have, center);
        k1 = moment_add(k1, x + outer, have, center);
        k2 = moment_add(k2, x + 2 * outer, have, center);
        k3 = moment_add(k3, x + 3 * outer, have, center);
    }
    if (r < rows)
        k0 = moment_add(k0, x, have, center);
    if (r + 1 < rows)
        k1 = moment_add(k1, x + outer, have, center);
    if (r + 2 < rows)
        k2 = moment_add(k2, x + 2 * outer, have, center);
    k0.s = (k0.s + k1.s) + (k2.s + k3.s);
    k0.q = (k0.q + k1.q) + (k2.q + k3.q);
    return k0;
}

/* The mean of leaves that hold an infinity, a NaN or a sum that overflows: plain, in order. */
accv leaf_plain_mean(__global const storage_t *x, ulong outer, uint rows, uint have)
{
    accv sum = 0.0f;
    for (uint r = 0; r < rows; ++r)
        sum += load_some(x + r * outer, have);
    return sum * reciprocal((acc_t)rows);
}

/* Adds a row's vectors, each less its pivot; `channels` are left of it. */
INLINE void row_add(accv sum[CHANNEL_VECTORS], __global const storage_t *row, uint channels,
                    accv pivot[CHANNEL_VECTORS])
{
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u)
        sum[u] += load_some(row + u * VEC, left(channels, u * VEC)) - pivot[u];
}

/* The first means of a leaf's channels: all of a row's vectors before the next row, since that is
   how they lie in memory; what follows finds them in L1. */
INLINE void leaf_centers(accv center[CHANNEL_VECTORS], __global const storage_t *x, ulong outer,
                         uint rows, uint channels)
{
    accv k0[CHANNEL_VECTORS], k1[CHANNEL_VECTORS], k2[CHANNEL_VECTORS], k3[CHANNEL_VECTORS];
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        center[u] = load_some(x + u * VEC, left(channels, u * VEC));
        k0[u] = k1[u] = k2[u] = k3[u] = 0.0f;
    }
    uint r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * outer) {
        row_add(k0, x, channels, center);
        row_add(k1, x + outer, channels, center);
        row_add(k2, x + 2 * outer, channels, center);
        row_add(k3, x + 3 * outer, channels, center);
    }
    if (r < rows)
        row_add(k0, x, channels, center);
    if (r + 1 < rows)
        row_add(k1, x + outer, channels, center);
    if (r + 2 < rows)
        row_add(k2, x + 2 * outer, channels, center);
    const acc_t weight = reciprocal((acc_t)rows);
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u)
        center[u] += ((k0[u] + k1[u]) + (k2[u] + k3[u])) * weight;
}

moments leaf_moments(__global const storage_t *x, ulong outer, uint rows, uint have, accv center)
{
    const moment_sums sums = moment_sums_about(x, outer, rows, have, center);
    moments m = moments_about(rows, center, sums.s, sums.q);
    if (ANY(!isfinite(m.hi)) || ANY(!isfinite(sums.s))) {
        const accv plain = leaf_plain_mean(x, outer, rows, have);
        m.lo = CHOOSE((accv)(0.0f), m.lo, isfinite(sums.s));
        m.m2 = CHOOSE((accv)(NAN), m.m2, isfinite(sums.s));
        m.hi = CHOOSE(plain, m.hi, isfinite(sums.s));
    }
    return m;
}

__kernel void batch_norm_statistics_rows(__global const storage_t *x, ulong x_at, ulong x_outer,
                                         ulong x_channel, __global acc_t *partial,
                                         ulong partial_at, uint channels, uint count, uint tiles)
{
    const uint first_channel = (uint)get_global_id(0) * (VEC * CHANNEL_VECTORS);
    const uint tile = (uint)get_global_id(1);
    if (first_channel >= channels || tile >= tiles)
        return;
    const uint first_row = tile * TILE;
    const uint rows = min((uint)TILE, count - first_row);
    x += x_at + first_row * x_outer + first_channel * x_channel;

    moments all[CHANNEL_VECTORS];
    for (uint r = 0; r < rows; r += MOMENT_LEAF, x += MOMENT_LEAF * x_outer) {
        const uint count = min((uint)MOMENT_LEAF, rows - r);
        accv center[CHANNEL_VECTORS];
        leaf_centers(center, x, x_outer, count, channels - first_channel);
#pragma unroll
        for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
            const uint have = left(channels, first_channel + u * VEC);
            const moments leaf = leaf_moments(x + u * VEC, x_outer, count, have, center[u]);
            all[u] = r == 0 ? leaf : moments_merge(all[u], leaf);
        }
    }

    const size_t pairs = (size_t)tiles * channels;
    partial += partial_at + (size_t)tile * channels + first_channel;
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        const uint have = left(channels, first_channel + u * VEC);
        acc_store_some(all[u].hi, partial + u * VEC, have);
        acc_store_some(all[u].lo, partial + pairs + u * VEC, have);
        acc_store_some(all[u].m2, partial + 2 * pairs + u * VEC, have);
    }
}
