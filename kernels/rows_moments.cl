/* Statistics of a tile with channels innermost: layouts NC, NLC and NHWC. A work-item takes
   VEC*CHANNEL_VECTORS neighbouring channels of its rows.

                                      channels ->
                                row 0   c0 c1 c2 ...
                                row 1   c0 c1 c2 ...
                                ...

   Tile: 1024 rows. Leaf: 32 rows; in it rows r = k (mod 4) add in order to sum k, and the four
   add as (0+1)+(2+3). A tile's leaves merge in order. That tree is part of the promise of equal
   bits. */
#ifndef CHANNEL_VECTORS
#define CHANNEL_VECTORS 1
#endif
#define MOMENT_LEAF 32
#define ROWS_AHEAD 16

/* sum (x-center) of a leaf, and sum (x-center)^2. */
typedef struct {
    accv s, q;
} moment_sums;

void moment_add(moment_sums *sums, accv v, accv center)
{
    const accv d = v - center;
    sums->s += d;
    sums->q = fma(d, d, sums->q);
}

/* The mean of leaves that hold an infinity, a NaN or a sum that overflows: plain, in order. */
accv leaf_plain_mean(__global const storage_t *x, ulong outer, uint rows, uint have)
{
    accv sum = 0.0f;
    for (uint r = 0; r < rows; ++r)
        sum += load_some(x + r * outer, have);
    return sum * reciprocal((acc_t)rows);
}

/* A leaf's rows, of which two passes are made. A processor keeps them in its first cache, where
   rows that lie a power of two apart would drive each other out; others read them again. */
#if VEC > 1
#define HOLD(v, r, u) (held[r][u] = (v))
#define AGAIN(r, u) held[r][u]
#else
#define HOLD(v, r, u) (v)
#define AGAIN(r, u) load_some(x + (r) * outer + (u) * VEC, left(have, (u) * VEC))
#endif

/* Adds row r's vectors, each less its pivot. Asks for a row further on, which may lie behind the
   tensor: asking reads nothing. */
INLINE void row_add(accv sum[CHANNEL_VECTORS], accv held[MOMENT_LEAF][CHANNEL_VECTORS],
                    __global const storage_t *x, ulong outer, uint r, uint have,
                    accv pivot[CHANNEL_VECTORS])
{
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        ASK_FOR(x + (r + ROWS_AHEAD) * outer + u * VEC);
        sum[u] += HOLD(load_some(x + r * outer + u * VEC, left(have, u * VEC)), r, u) - pivot[u];
    }
}

/* Asks for a row that the item will soon read again, in the whole of its channels' second pass: of
   a large tensor, whose rows wait in the last cache, if in any. */
#define ROWS_AGAIN 8
INLINE void row_ask_for(__global const storage_t *row)
{
#ifdef STREAM
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u)
        ASK_FOR(row + u * VEC);
#endif
}

/* The first means of a leaf's channels: all of a row's vectors before the next row, since that is
   how they lie in memory. share is 1/rows. */
INLINE void leaf_centers(accv center[CHANNEL_VECTORS], accv held[MOMENT_LEAF][CHANNEL_VECTORS],
                         __global const storage_t *x, ulong outer, uint rows, uint have,
                         acc_t share)
{
    accv k0[CHANNEL_VECTORS], k1[CHANNEL_VECTORS], k2[CHANNEL_VECTORS], k3[CHANNEL_VECTORS];
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        center[u] = load_some(x + u * VEC, left(have, u * VEC));
        k0[u] = k1[u] = k2[u] = k3[u] = 0.0f;
    }
    uint r = 0;
    for (; r + 4 <= rows; r += 4) {
        row_add(k0, held, x, outer, r, have, center);
        row_add(k1, held, x, outer, r + 1, have, center);
        row_add(k2, held, x, outer, r + 2, have, center);
        row_add(k3, held, x, outer, r + 3, have, center);
    }
    if (r < rows)
        row_add(k0, held, x, outer, r, have, center);
    if (r + 1 < rows)
        row_add(k1, held, x, outer, r + 1, have, center);
    if (r + 2 < rows)
        row_add(k2, held, x, outer, r + 2, have, center);
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u)
        center[u] += ((k0[u] + k1[u]) + (k2[u] + k3[u])) * share;
}

INLINE void leaf_sums(moment_sums *sums, accv held[MOMENT_LEAF][CHANNEL_VECTORS],
                      __global const storage_t *x, ulong outer, uint rows, uint u, uint have,
                      accv center)
{
    moment_sums k0, k1, k2, k3;
    k0.s = k0.q = 0.0f;
    k1 = k2 = k3 = k0;
    uint r = 0;
    for (; r + 4 <= rows; r += 4) {
        moment_add(&k0, AGAIN(r, u), center);
        moment_add(&k1, AGAIN(r + 1, u), center);
        moment_add(&k2, AGAIN(r + 2, u), center);
        moment_add(&k3, AGAIN(r + 3, u), center);
    }
    if (r < rows)
        moment_add(&k0, AGAIN(r, u), center);
    if (r + 1 < rows)
        moment_add(&k1, AGAIN(r + 1, u), center);
    if (r + 2 < rows)
        moment_add(&k2, AGAIN(r + 2, u), center);
    sums->s = (k0.s + k1.s) + (k2.s + k3.s);
    sums->q = (k0.q + k1.q) + (k2.q + k3.q);
}

/* The moments of a leaf of a tile whose mean is not finite; x is where the leaf's vector begins, s
   its sum (x-center). */
moments leaf_check(moments leaf, accv s, __global const storage_t *x, ulong outer, uint have)
{
    const condv sound = isfinite(leaf.hi) && isfinite(s);
    leaf.hi = CHOOSE(leaf_plain_mean(x, outer, leaf.count, have), leaf.hi, sound);
    leaf.lo = CHOOSE((accv)(0.0f), leaf.lo, sound);
    leaf.m2 = CHOOSE((accv)(NAN), leaf.m2, sound);
    return leaf;
}

/* The moments of a tile's channels. Its leaves are taken for finite, unless checked. */
INLINE void leaves_merge(moments all[CHANNEL_VECTORS], __global const storage_t *x, ulong outer,
                         uint rows, uint have, int checked)
{
    for (uint r = 0; r < rows; r += MOMENT_LEAF, x += MOMENT_LEAF * outer) {
        const uint count = min((uint)MOMENT_LEAF, rows - r);
        const acc_t share = reciprocal((acc_t)count),
                    part = divide((acc_t)count, (acc_t)(r + count));
        accv center[CHANNEL_VECTORS], held[MOMENT_LEAF][CHANNEL_VECTORS];
        leaf_centers(center, held, x, outer, count, have, share);
#pragma unroll
        for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
            moment_sums sums;
            leaf_sums(&sums, held, x, outer, count, u, have, center[u]);
            moments leaf = moments_about(count, share, center[u], sums.s, sums.q);
            if (checked)
                leaf = leaf_check(leaf, sums.s, x + u * VEC, outer, left(have, u * VEC));
            if (r == 0)
                all[u] = leaf;
            else
                all[u] = checked ? moments_merge(all[u], leaf) : moments_join(all[u], leaf, part);
        }
    }
}

INLINE int are_finite(const moments all[CHANNEL_VECTORS])
{
    int finite = 1;
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u)
        finite = finite && !ANY(!isfinite(all[u].hi));
    return finite;
}

/* x and partial are where the item's first channel begins, in the tile's first row and in row 0 of
   the tile's; `have` channels are left from there on. An infinity, a NaN or a sum that overflows
   shows in the tile's mean, and has the tile made again. */
INLINE void rows_statistics(__global const storage_t *x, ulong outer, uint rows, uint have,
                            __global acc_t *partial, size_t pairs)
{
    moments all[CHANNEL_VECTORS];
    for (int checked = 0;; checked = 1) {
        leaves_merge(all, x, outer, rows, have, checked);
        if (checked || are_finite(all))
            break;
    }
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        const uint some = left(have, u * VEC);
        acc_store_some(all[u].hi, partial + u * VEC, some);
        acc_store_some(all[u].lo, partial + pairs + u * VEC, some);
        acc_store_some(all[u].m2, partial + 2 * pairs + u * VEC, some);
    }
}
