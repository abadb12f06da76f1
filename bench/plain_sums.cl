/* The kernel that batch_norm_statistics_inner would be with plain sums: the mean of a tile from
   sum x, M2 from sum x*x. The same parameters, reads and writes as kernels/
   batch_norm_statistics_inner.cl, whose place it takes to measure what accuracy costs (see
   bench/versus.c): it reads a tile once, adds once, and cancels where the mean is large. */
__kernel void batch_norm_statistics_inner(__global const storage_t *x, ulong x_at, ulong x_outer,
                                          ulong x_channel, __global acc_t *partial,
                                          ulong partial_at, uint channels, uint inner, uint count,
                                          uint tiles)
{
    TILE_SCRATCH(LANES);
    const size_t pairs = (size_t)tiles * channels;
    const size_t pair = min(get_global_id(1), pairs - 1);
    const tile_place t = tile_place_of(pair, channels, inner, count);
    accv v[ITEM_VECTORS], s[ITEM_VECTORS], q[ITEM_VECTORS];
    x += x_at + t.channel * x_channel;
    lanes_zero(s);
    lanes_zero(q);
    tile_cursor at;
    tile_source source;
    TILE_MEMORY(packed);
    tile_begin(&at, t);
    tile_open(&source, packed, x, x_outer, t, &at, 0.0f, SHORT_LINES(t));
    for (uint step = 0; step < STEPS_OF(t); ++step, tile_next(&at, t)) {
        tile_step(v, source, packed, t, &at, 0.0f);
#pragma unroll
        for (uint u = 0; u < ITEM_VECTORS; ++u) {
            s[u] += v[u];
            q[u] = fma(v[u], v[u], q[u]);
        }
    }
    const acc_t s_all = lanes_sum(s, scratch);
    const acc_t q_all = lanes_sum(q, scratch);
    if (t.lane != 0 || get_global_id(1) >= pairs)
        return;
    const acc_t mean = s_all * reciprocal((acc_t)t.count);
    partial += partial_at + pair;
    partial[0] = mean;
    partial[pairs] = 0.0f;
    partial[2 * pairs] = q_all - s_all * mean;
}
