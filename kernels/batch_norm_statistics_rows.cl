/* Statistics of tiles, channels innermost (see rows_moments.cl).

     x        [count][channels], rows `outer` elements apart
     partial  [3][tiles][channels]: mean, the mean's rounding error, M2 of each tile

   Grid: channel blocks x tiles. Traffic per element: 4 bytes read (a leaf's second pass finds it in
   L1); 12/1024 written. */
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
    rows_statistics(x + x_at + first_row * x_outer + first_channel * x_channel, x_outer, rows,
                    channels - first_channel,
                    partial + partial_at + (size_t)tile * channels + first_channel,
                    (size_t)tiles * channels);
}
