/* The sums of backward over tiles, channels innermost: sum dy and sum dy*((x - mean_hi) - mean_lo).

     x, dy    [count][channels]; blocks, leaves and tiles as in batch_norm_statistics_rows.cl
     partial  [4][tiles][channels]: sum dy, its rounding error, sum dy*(x-mean), its rounding error

   A leaf's rows r = k (mod 4) add in order to sum k, the four add as (0+1)+(2+3); leaves add in
   order as sums of two floats.

   Grid: channel blocks x tiles. Traffic per element: 8 bytes read; 16/1024 written. */
#ifndef CHANNEL_VECTORS
#define CHANNEL_VECTORS 1
#endif
#define LEAF 32

typedef struct {
    floatv s, q;
} leaf_sums;

typedef struct {
    floatv hi, lo;
} channel_mean;

leaf_sums leaf_add(leaf_sums sums, __global const storage_t *x, __global const storage_t *dy,
                   uint have, channel_mean mean)
{
    const floatv g = load_some(dy, have);
    sums.s += g;
    sums.q = fma(g, (load_some(x, have) - mean.hi) - mean.lo, sums.q);
    return sums;
}

leaf_sums leaf_backward(__global const storage_t *x, __global const storage_t *dy, uint channels,
                        uint rows, uint have, channel_mean mean)
{
    leaf_sums zero, k0, k1, k2, k3;
    zero.s = zero.q = 0.0f;
    k0 = k1 = k2 = k3 = zero;
    const size_t next = channels;
    uint r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * next, dy += 4 * next) {
        k0 = leaf_add(k0, x, dy, have, mean);
        k1 = leaf_add(k1, x + next, dy + next, have, mean);
        k2 = leaf_add(k2, x + 2 * next, dy + 2 * next, have, mean);
        k3 = leaf_add(k3, x + 3 * next, dy + 3 * next, have, mean);
    }
    if (r < rows)
        k0 = leaf_add(k0, x, dy, have, mean);
    if (r + 1 < rows)
        k1 = leaf_add(k1, x + next, dy + next, have, mean);
    if (r + 2 < rows)
        k2 = leaf_add(k2, x + 2 * next, dy + 2 * next, have, mean);
    k0.s = (k0.s + k1.s) + (k2.s + k3.s);
    k0.q = (k0.q + k1.q) + (k2.q + k3.q);
    return k0;
}

__kernel void batch_norm_backward_rows(__global const storage_t *x, ulong x_at,
                                       __global const storage_t *dy, ulong dy_at,
                                       __global const float *mean_hi, ulong mean_hi_at,
                                       __global const float *mean_lo, ulong mean_lo_at,
                                       __global float *partial, ulong partial_at, uint has_lo,
                                       uint channels, uint count, uint tiles)
{
    const uint first_channel = (uint)get_global_id(0) * (VEC * CHANNEL_VECTORS);
    const uint tile = (uint)get_global_id(1);
    if (first_channel >= channels || tile >= tiles)
        return;
    const uint first_row = tile * TILE;
    const uint rows = min((uint)TILE, count - first_row);
    const size_t begin = (size_t)first_row * channels + first_channel;
    x += x_at + begin;
    dy += dy_at + begin;
    mean_hi += mean_hi_at + first_channel;
    mean_lo += mean_lo_at + first_channel;

    twofold s[CHANNEL_VECTORS], q[CHANNEL_VECTORS];
    channel_mean mean[CHANNEL_VECTORS];
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        const uint have = left(channels, first_channel + u * VEC);
        mean[u].hi = load_some(mean_hi + u * VEC, have);
        mean[u].lo = has_lo ? load_some(mean_lo + u * VEC, have) : (floatv)(0.0f);
        s[u].hi = s[u].lo = q[u].hi = q[u].lo = 0.0f;
    }
    for (uint r = 0; r < rows; r += LEAF)
        for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
            const uint have = left(channels, first_channel + u * VEC);
            if (have == 0)
                break;
            const size_t at = (size_t)r * channels + u * VEC;
            const leaf_sums leaf = leaf_backward(x + at, dy + at, channels,
                                                 min((uint)LEAF, rows - r), have, mean[u]);
            s[u] = twofold_add(s[u], leaf.s, 0.0f);
            q[u] = twofold_add(q[u], leaf.q, 0.0f);
        }

    const size_t pairs = (size_t)tiles * channels;
    partial += partial_at + (size_t)tile * channels + first_channel;
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        const uint have = left(channels, first_channel + u * VEC);
        store_some(s[u].hi, partial + u * VEC, have);
        store_some(s[u].lo, partial + pairs + u * VEC, have);
        store_some(q[u].hi, partial + 2 * pairs + u * VEC, have);
        store_some(q[u].lo, partial + 3 * pairs + u * VEC, have);
    }
}
