/* Backward through a batch's statistics in one launch, layouts NCL and NCHW: a work-group takes a
   channel whole. It adds up the channel's sums, tile after tile (see tile_sums.cl), and writes
   dgamma and dbeta, dx and dresidual: x and dy come out of a cache then, if the channel fits in
   one. dx and dresidual may each be dy or x.

     x, dy, dx, dresidual  [outer][channels][inner], with strides
     mask                  lines of `inner` elements: see mask.cl
     partial               [4][tiles][channels]: the work-group's own memory
     all others            [channels]

   Grid: LANE_ITEMS x TILES_PER_GROUP x channels; in a group one channel, or several where there is
   one work-item for each. Traffic per element: 8 bytes read, and as much from a cache, 4 written;
   see batch_norm_gradient.cl. */
__kernel void batch_norm_backward_whole_inner(
    __global const storage_t *x, ulong x_at, ulong x_outer, ulong x_channel,
    __global const storage_t *dy, ulong dy_at, ulong dy_outer, ulong dy_channel,
    __global storage_t *dx, ulong dx_at, ulong dx_outer, ulong dx_channel,
    __global storage_t *dresidual, ulong dresidual_at, ulong dresidual_outer,
    ulong dresidual_channel, __global const uchar *mask, ulong mask_at, __global acc_t *partial,
    ulong partial_at, __global const acc_t *gamma, ulong gamma_at, __global const acc_t *mean_hi,
    ulong mean_hi_at, __global const acc_t *mean_lo, ulong mean_lo_at,
    __global const acc_t *invstds, ulong invstd_at, __global acc_t *dgamma, ulong dgamma_at,
    __global acc_t *dbeta, ulong dbeta_at, uint flags, uint outer, uint channels, uint inner,
    uint count, uint tiles, acc_t slope)
{
    TILE_SCRATCH(2 * LANES);
    const uint channel = (uint)get_global_id(2), row = (uint)get_local_id(1);
#if LANE_ITEMS * TILES_PER_GROUP == 1
    if (channel >= channels)
        return;
#endif
    const size_t pairs = (size_t)tiles * channels;
    partial += partial_at;
    const tile_operands o = {x + x_at + channel * x_channel,
                             dy + dy_at + channel * dy_channel,
                             mask + mask_at + channel * mask_line_bytes(inner),
                             x_outer, dy_outer, channels * (ulong)mask_line_bytes(inner),
                             x_channel, dy_channel, mean_hi[mean_hi_at + channel],
                             mean_lo[mean_lo_at + channel], slope};
    for (uint first = 0; first < tiles; first += TILES_PER_GROUP) {
        const size_t pair = (size_t)min(first + row, tiles - 1) * channels + channel;
        const size_t ahead = pair + (size_t)TILES_PER_GROUP * channels;
        tile_sums_of(&o, partial, tile_place_of(pair, channels, inner, count),
                     tile_place_ahead(ahead, pairs, channels, inner, count), pair, pairs,
                     first + row < tiles, scratch);
    }
    TOGETHER(CLK_GLOBAL_MEM_FENCE);

    const sums all = sums_of_channel(partial + channel, channels, tiles, 1);
    const accv invstd = (accv)(invstds[invstd_at + channel]);
    dx_coefficients k[LINE_VECTORS];
#pragma unroll
    for (uint u = 0; u < LINE_VECTORS; ++u)
        k[u] = dx_coefficients_of(all, (accv)(o.hi), (accv)(o.lo), invstd,
                                  gamma + gamma_at + channel, flags, count, 1);
    TOGETHER(CLK_GLOBAL_MEM_FENCE); /* dgamma and dbeta may take the place of what was read */
    if (get_local_id(0) == 0 && row == 0)
        parameter_gradients_store(all, invstd, dgamma + dgamma_at + channel,
                                  dbeta + dbeta_at + channel, flags, 1);
    if (!(flags & HAS_DX))
        return;
    dx += dx_at + channel * dx_channel;
    dresidual += dresidual_at + channel * dresidual_channel;
    for (uint line = row; line < outer; line += TILES_PER_GROUP)
        for (uint at = get_local_id(0) * (VEC * LINE_VECTORS); at < inner;
             at += LANE_ITEMS * VEC * LINE_VECTORS)
            gradient_part(o.x + line * x_outer + at, o.dy + line * dy_outer + at,
                          dx + line * dx_outer + at, dresidual + line * dresidual_outer + at,
                          o.mask + line * o.mask_outer, at, inner, k, flags, slope);
}
