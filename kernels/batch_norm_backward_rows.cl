/* The sums of backward over tiles, channels innermost (see rows_sums.cl).

     x, dy    [count][channels], each with its own stride from row to row; blocks and tiles as in
              batch_norm_statistics_rows.cl
     mask     lines of `channels` elements: see mask.cl
     partial  [4][tiles][channels]: sum g, its rounding error, sum g*(x-mean), its rounding error

   Grid: channel blocks x tiles. Traffic per element: 8 bytes read, and 1/8 of the
   mask; 16/1024 written. */
__kernel void batch_norm_backward_rows(__global const storage_t *x, ulong x_at, ulong x_outer,
                                       ulong x_channel, __global const storage_t *dy, ulong dy_at,
                                       ulong dy_outer, ulong dy_channel,
                                       __global const acc_t *mean_hi, ulong mean_hi_at,
                                       __global const acc_t *mean_lo, ulong mean_lo_at,
                                       __global const uchar *mask, ulong mask_at,
                                       __global acc_t *partial, ulong partial_at, uint has_lo,
                                       uint channels, uint count, uint tiles, acc_t slope)
{
    const uint first_channel = (uint)get_global_id(0) * (VEC * CHANNEL_VECTORS);
    const uint tile = (uint)get_global_id(1);
    if (first_channel >= channels || tile >= tiles)
        return;
    const uint first_row = tile * TILE;
    const uint rows = min((uint)TILE, count - first_row);
    rows_operands o;
    o.x = x + x_at + first_channel * x_channel;
    o.dy = dy + dy_at + first_channel * dy_channel;
    o.x_outer = x_outer;
    o.dy_outer = dy_outer;
    o.mask.bytes = mask_line_bytes(channels);
    o.mask.line = mask + mask_at;
    o.mask.at = first_channel;
    o.mask.slope = slope;
    o.mean_hi = mean_hi + mean_hi_at + first_channel;
    o.mean_lo = mean_lo + mean_lo_at + first_channel;
    o.has_lo = has_lo;
    rows_advance(&o, first_row);
    rows_sums_of(&o, rows, channels - first_channel,
                 partial + partial_at + (size_t)tile * channels + first_channel,
                 (size_t)tiles * channels);
}
