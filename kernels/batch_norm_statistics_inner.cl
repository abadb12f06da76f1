/* Statistics of tiles, layouts NCL and NCHW (see tile_inner.cl).

     x        [outer][channels][inner], with strides
     partial  [3][tiles][channels]: mean, the mean's rounding error, M2 of each tile

   Grid: LANE_ITEMS x (tiles*channels); local {LANE_ITEMS, tiles per group}.
   Traffic per element: 4 bytes read; 12/1024 written. */
#ifndef TILES_PER_GROUP
#define TILES_PER_GROUP 1
#endif

/* A lone work-item finds a tile in L1 when it passes over it again; one of several holds its lanes in
   registers. */
#define HELD (LANE_ITEMS == 1 ? 1 : STEPS)

/* Puts `pad` where the tile has no value. */
void tile_pad(accv v[ITEM_VECTORS], tile_place t, uint step, acc_t pad)
{
    if (t.count == TILE)
        return;
#pragma unroll
    for (uint u = 0; u < ITEM_VECTORS; ++u) {
        acc_t part[VEC];
        VSTORE(v[u], part);
        for (uint j = 0; j < VEC; ++j)
            if (step * LANES + t.lane + u * VEC + j >= t.count)
                part[j] = pad;
        v[u] = VLOAD(part);
    }
}

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
    accv v[HELD][ITEM_VECTORS], s[ITEM_VECTORS], q[ITEM_VECTORS];
    tile_cursor at;
    lanes_zero(s);
    tile_begin(&at, t);
    for (uint step = 0; step < STEPS; ++step, tile_next(&at, t)) {
        tile_step(v[step % HELD], x, x_outer, t, &at, pivot);
#pragma unroll
        for (uint u = 0; u < ITEM_VECTORS; ++u)
            s[u] += v[step % HELD][u] - pivot;
    }
    const acc_t center = pivot + divide(lanes_sum(s, scratch), (acc_t)t.count);

    lanes_zero(s);
    lanes_zero(q);
    tile_begin(&at, t);
    for (uint step = 0; step < STEPS; ++step, tile_next(&at, t)) {
        if (HELD == 1)
            tile_step(v[0], x, x_outer, t, &at, center);
        else
            tile_pad(v[step % HELD], t, step, center);
#pragma unroll
        for (uint u = 0; u < ITEM_VECTORS; ++u) {
            const accv d = v[step % HELD][u] - center;
            s[u] += d;
            q[u] = fma(d, d, q[u]);
        }
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
