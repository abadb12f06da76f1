/* The sums of backward over tiles, layouts NCL and NCHW (see tile_sums.cl).

     x, dy    [outer][channels][inner], each with strides of its own
     mask     lines of `inner` elements: see mask.cl
     partial  [4][tiles][channels]: sum g, its rounding error, sum g*(x-mean), its rounding error

   Grid: LANE_ITEMS x (tiles*channels). Traffic per element: 8 bytes read, and 1/8 of the
   mask; 16/1024 written. */
__kernel void batch_norm_backward_inner(__global const storage_t *x, ulong x_at, ulong x_outer,
                                        ulong x_channel, __global const storage_t *dy,
                                        ulong dy_at, ulong dy_outer, ulong dy_channel,
                                        __global const acc_t *mean_hi, ulong mean_hi_at,
                                        __global const acc_t *mean_lo, ulong mean_lo_at,
                                        __global const uchar *mask, ulong mask_at,
                                        __global acc_t *partial, ulong partial_at, uint has_lo,
                                        uint channels, uint inner, uint count, uint tiles,
                                        acc_t slope)
{
    TILE_SCRATCH(2 * LANES);
    const size_t pairs = (size_t)tiles * channels;
    const size_t pair = min(get_global_id(1), pairs - 1);
    const tile_place t = tile_place_of(pair, channels, inner, count);
    gradient_errand none;
    tile_operands o;
    o.x = x + x_at + t.channel * x_channel;
    o.dy = dy + dy_at + t.channel * dy_channel;
    o.mask = mask + mask_at + t.channel * mask_line_bytes(inner);
    o.x_outer = x_outer;
    o.dy_outer = dy_outer;
    o.x_channel = x_channel;
    o.dy_channel = dy_channel;
    o.mask_outer = channels * (ulong)mask_line_bytes(inner);
    o.hi = mean_hi[mean_hi_at + t.channel];
    o.lo = has_lo ? mean_lo[mean_lo_at + t.channel] : 0.0f;
    o.slope = slope;
    tile_sums_of(&o, partial + partial_at, t,
                 tile_place_ahead(pair + 1, pairs, channels, inner, count), pair, pairs,
                 get_global_id(1) < pairs, &none, scratch);
}
