/* Statistics of tiles, layouts NCL and NCHW (see tile_inner.cl and tile_moments.cl).

     x        [outer][channels][inner], with strides
     partial  [3][tiles][channels]: mean, the mean's rounding error, M2 of each tile

   Grid: LANE_ITEMS x (tiles*channels); local {LANE_ITEMS, tiles per group}.
   Traffic per element: 4 bytes read; 12/1024 written. */
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
    tile_moment tile;
    tile_moments(&tile, x + x_at + t.channel * x_channel, x_outer, t, scratch);
    if (t.lane != 0 || get_global_id(1) >= pairs)
        return;
    partial += partial_at + pair;
    partial[0] = tile.hi;
    partial[pairs] = tile.lo;
    partial[2 * pairs] = tile.m2;
}
