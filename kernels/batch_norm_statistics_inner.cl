/* Statistics of tiles, layouts NCL and NCHW (see tile_inner.cl).

     x        [outer][channels][inner], with strides
     partial  [3][tiles][channels]: mean, the mean's rounding error, M2 of each tile

   Grid: LANE_ITEMS x (tiles*channels); local {LANE_ITEMS, tiles per group}.
   Traffic per element: 4 bytes read; 12/1024 written. */
#ifndef TILES_PER_GROUP
#define TILES_PER_GROUP 1
#endif

/* The mean of a tile that holds an infinity, a NaN or a sum that overflows: plain, in order. */
acc_t tile_plain_mean(__global const storage_t *x, ulong outer, tile_place t)
{
    acc_t sum = 0.0f;
    for (uint e = 0; e < t.count; ++e)
        sum += LOAD(tile_value(x, outer, t, t.first + e));
    return divide(sum, (acc_t)t.count);
}

__kernel void batch_norm_statistics_inner(__global const storage_t *x, ulong x_at, ulong x_outer,
                                          ulong x_channel, __global acc_t *partial,
                                          ulong partial_at, uint channels, uint inner, uint count,
                                          uint tiles)
{
#if LANE_ITEMS == 1
    __local acc_t *scratch = 0;
#else
    __local acc_t scratches[TILES_PER_GROUP][LANES];
    __local acc_t *scratch = scratches[get_local_id(1)];
#endif
    const size_t pairs = (size_t)tiles * channels;
    const size_t pair = min(get_global_id(1), pairs - 1);
    const tile_place t = tile_place_of(pair, channels, inner, count);
    x += x_at + t.channel * x_channel;

    const acc_t pivot = LOAD(tile_value(x, x_outer, t, t.first));
    accv v[STEPS][ITEM_VECTORS];
    accv s[ITEM_VECTORS], q[ITEM_VECTORS];
    tile_load(v, x, x_outer, t, pivot);
    for (uint u = 0; u < ITEM_VECTORS; ++u)
        s[u] = 0.0f;
    for (uint step = 0; step < STEPS; ++step)
        for (uint u = 0; u < ITEM_VECTORS; ++u)
            s[u] += v[step][u] - pivot;
    const acc_t center = pivot + divide(lanes_sum(s, scratch), (acc_t)t.count);

    tile_pad(v, t, center);
    for (uint u = 0; u < ITEM_VECTORS; ++u)
        s[u] = q[u] = 0.0f;
    for (uint step = 0; step < STEPS; ++step)
        for (uint u = 0; u < ITEM_VECTORS; ++u) {
            const accv d = v[step][u] - center;
            s[u] += d;
            q[u] = fma(d, d, q[u]);
        }
    const acc_t s_all = lanes_sum(s, scratch);
    const acc_t q_all = lanes_sum(q, scratch);

    if (t.lane != 0 || get_global_id(1) >= pairs)
        return;
    const acc_t shift = divide(s_all, (acc_t)t.count);
    acc_t hi = center + shift;
    acc_t lo = shift - (hi - center);
    acc_t m2 = fma(-s_all, shift, q_all);
    m2 = m2 < 0.0f ? 0.0f : m2;
    if (!isfinite(hi) || !isfinite(s_all)) {
        hi = tile_plain_mean(x, x_outer, t);
        lo = 0.0f;
        m2 = NAN;
    }
    partial += partial_at + pair;
    partial[0] = hi;
    partial[pairs] = lo;
    partial[2 * pairs] = m2;
}
