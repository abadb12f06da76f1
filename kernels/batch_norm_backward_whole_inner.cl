/* Backward through a batch's statistics in one launch, layouts NCL and NCHW: a work-group takes
   channels whole, one after the other. It adds up a channel's sums, tile after tile (see
   tile_sums.cl), and writes dgamma and dbeta, dx and dresidual: x and dy come out of a cache then,
   if the channel fits in one. A lone work-item writes dx while it reads the next channel: see
   errand.cl. dx and dresidual may each be dy or x.

     x, dy, dx, dresidual  [outer][channels][inner], with strides
     mask                  lines of `inner` elements: see mask.cl
     partial               [4][tiles][channels]: a channel's are its work-group's own memory
     all others            [channels]

   Grid: LANE_ITEMS x TILES_PER_GROUP x groups, each of which takes channels/groups neighbouring
   channels, rounded up. Traffic per element: 8 bytes read, and as much from a cache, 4 written;
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
    const uint row = (uint)get_local_id(1);
    const channel_range range = channel_range_of(channels);
    const size_t pairs = (size_t)tiles * channels;
    const ulong mask_line = mask_line_bytes(inner), mask_outer = channels * mask_line;
    gradient_errand errand = {ERRAND_NONE, x, dy, dx, dresidual, mask, x_outer, dy_outer, dx_outer,
                              dresidual_outer, mask_outer, {0.0f, 0.0f, 0.0f, 0.0f, 0.0f}, flags,
                              slope};
    partial += partial_at;
    for (uint channel = range.begin; channel < range.end; ++channel) {
        const tile_operands o = {x + x_at + channel * x_channel,
                                 dy + dy_at + channel * dy_channel,
                                 mask + mask_at + channel * mask_line,
                                 x_outer, dy_outer, mask_outer, x_channel, dy_channel,
                                 mean_hi[mean_hi_at + channel],
                                 mean_lo[mean_lo_at + channel], slope};
        for (uint first = 0; first < tiles; first += TILES_PER_GROUP) {
            const size_t pair = (size_t)min(first + row, tiles - 1) * channels + channel;
            const size_t ahead = pair + (size_t)TILES_PER_GROUP * channels;
            tile_sums_of(&o, partial, tile_place_of(pair, channels, inner, count),
                         tile_place_ahead(ahead, pairs, channels, inner, count), pair, pairs,
                         first + row < tiles, &errand, scratch);
        }
        if (RUNS_ERRANDS)
            gradient_errand_end(&errand);
        TOGETHER(CLK_GLOBAL_MEM_FENCE);

        const sums all = sums_of_channel(partial + channel, channels, tiles, 1);
        const accv invstd = (accv)(invstds[invstd_at + channel]);
        errand.k = dx_coefficients_of(all, (accv)(o.hi), (accv)(o.lo), invstd,
                                      gamma + gamma_at + channel, flags, count, 1);
        TOGETHER(CLK_GLOBAL_MEM_FENCE); /* dgamma and dbeta may take the place of what was read */
        if (get_local_id(0) == 0 && row == 0)
            parameter_gradients_store(all, invstd, dgamma + dgamma_at + channel,
                                      dbeta + dbeta_at + channel, flags, 1);
        errand.x = o.x;
        errand.dy = o.dy;
        errand.dx = dx + dx_at + channel * dx_channel;
        errand.dresidual = dresidual + dresidual_at + channel * dresidual_channel;
        errand.mask = o.mask;
        errand_begin(&errand.walk, flags & HAS_DX ? outer : 0, inner);
        if (!RUNS_ERRANDS)
            gradient_errand_end(&errand);
    }
    if (RUNS_ERRANDS)
        gradient_errand_end(&errand);
}
