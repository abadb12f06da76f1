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
    TILE_SCRATCH(LANES);
    const size_t pairs = (size_t)tiles * channels;
    const size_t pair = min(get_global_id(1), pairs - 1);
    normalize_errand none;
    const tile_place t = tile_place_of(pair, channels, inner, count);
    tile_statistics(x + x_at, x_outer, x_channel, partial + partial_at, t,
                    tile_place_ahead(pair + 1, pairs, channels, inner, count), pair, pairs,
                    get_global_id(1) < pairs, &none, scratch);
}
