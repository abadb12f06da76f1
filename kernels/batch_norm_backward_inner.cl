/* The sums of backward over tiles, layout NCL (see tile_inner.cl):
   sum dy and sum dy*((x - mean_hi) - mean_lo).

     x, dy    [outer][channels][inner]
     partial  [4][tiles][channels]: sum dy, its rounding error, sum dy*(x-mean), its rounding error

   Grid: LANE_ITEMS x (tiles*channels). Traffic per element: 8 bytes read; 16/1024 written. */
#ifndef TILES_PER_GROUP
#define TILES_PER_GROUP 1
#endif

__kernel void batch_norm_backward_inner(__global const storage_t *x, ulong x_at,
                                        __global const storage_t *dy, ulong dy_at,
                                        __global const float *mean_hi, ulong mean_hi_at,
                                        __global const float *mean_lo, ulong mean_lo_at,
                                        __global float *partial, ulong partial_at, uint has_lo,
                                        uint channels, uint inner, uint count, uint tiles)
{
#if LANE_ITEMS == 1
    __local float *scratch = 0;
#else
    __local float scratches[TILES_PER_GROUP][LANES];
    __local float *scratch = scratches[get_local_id(1)];
#endif
    const size_t pairs = (size_t)tiles * channels;
    const size_t pair = min(get_global_id(1), pairs - 1);
    const tile_place t = tile_place_of(pair, channels, inner, count);
    const float hi = mean_hi[mean_hi_at + t.channel];
    const float lo = has_lo ? mean_lo[mean_lo_at + t.channel] : 0.0f;

    floatv v[STEPS][ITEM_VECTORS], g[STEPS][ITEM_VECTORS];
    floatv s[ITEM_VECTORS], q[ITEM_VECTORS];
    tile_load(v, x + x_at, t, 0.0f);
    tile_load(g, dy + dy_at, t, 0.0f);
    for (uint u = 0; u < ITEM_VECTORS; ++u)
        s[u] = q[u] = 0.0f;
    for (uint step = 0; step < STEPS; ++step)
        for (uint u = 0; u < ITEM_VECTORS; ++u) {
            s[u] += g[step][u];
            q[u] = fma(g[step][u], (v[step][u] - hi) - lo, q[u]);
        }
    const float s_all = lanes_sum(s, scratch);
    const float q_all = lanes_sum(q, scratch);

    if (t.lane != 0 || get_global_id(1) >= pairs)
        return;
    partial += partial_at + pair;
    partial[0] = s_all;
    partial[pairs] = 0.0f;
    partial[2 * pairs] = q_all;
    partial[3 * pairs] = 0.0f;
}
