/* Forward in training in one launch, layouts NCL and NCHW: a work-group takes channels whole, one
   after the other. It finds a channel's statistics, tile after tile (see tile_moments.cl), what
   normalizing needs, and y, for which x comes out of a cache if the channel fits in one. A lone
   work-item writes y while it reads the next channel: see errand.cl.

     x, y, residual  [outer][channels][inner], with strides
     mask            lines of `inner` elements: see mask.cl
     partial         [3][tiles][channels]: a channel's are its work-group's own memory
     all others      [channels]; next_ may be running_

   Grid: LANE_ITEMS x TILES_PER_GROUP x groups, each of which takes channels/groups neighbouring
   channels, rounded up. Traffic per element: 4 bytes read, and as much from a cache, 4 written;
   see batch_norm_normalize.cl. */
__kernel void batch_norm_forward_whole_inner(
    __global const storage_t *x, ulong x_at, ulong x_outer, ulong x_channel, __global storage_t *y,
    ulong y_at, ulong y_outer, ulong y_channel, __global const storage_t *residual,
    ulong residual_at, ulong residual_outer, ulong residual_channel, __global uchar *mask,
    ulong mask_at, __global acc_t *partial, ulong partial_at, __global const acc_t *gamma,
    ulong gamma_at, __global const acc_t *beta, ulong beta_at, __global acc_t *save_mean,
    ulong save_mean_at, __global acc_t *save_mean_lo, ulong save_mean_lo_at,
    __global acc_t *save_invstd, ulong save_invstd_at, __global const acc_t *running_mean,
    ulong running_mean_at, __global const acc_t *running_var, ulong running_var_at,
    __global acc_t *next_mean, ulong next_mean_at, __global acc_t *next_var, ulong next_var_at,
    uint flags, uint outer, uint channels, uint inner, uint count, uint tiles, acc_t eps,
    acc_t keep, acc_t take, acc_t low, acc_t high)
{
    TILE_SCRATCH(LANES);
    const uint row = (uint)get_local_id(1);
    const channel_range range = channel_range_of(channels);
    const size_t pairs = (size_t)tiles * channels;
    const ulong mask_line = mask_line_bytes(inner);
    const normalize_options options = {flags, low, high};
    normalize_errand errand = {ERRAND_NONE, x, residual, y, mask, x_outer, residual_outer, y_outer,
                               channels * mask_line, {0.0f, 0.0f, 0.0f, 0.0f}, options};
    partial += partial_at;
    for (uint channel = range.begin; channel < range.end; ++channel) {
        for (uint first = 0; first < tiles; first += TILES_PER_GROUP) {
            const size_t pair = (size_t)min(first + row, tiles - 1) * channels + channel;
            const size_t ahead = pair + (size_t)TILES_PER_GROUP * channels;
            tile_statistics(x + x_at, x_outer, x_channel, partial,
                            tile_place_of(pair, channels, inner, count),
                            tile_place_ahead(ahead, pairs, channels, inner, count), pair, pairs,
                            first + row < tiles, &errand, scratch);
        }
        if (RUNS_ERRANDS)
            normalize_errand_end(&errand);
        TOGETHER(CLK_GLOBAL_MEM_FENCE);

        const moments all = moments_of_channel(partial + channel, channels, count, tiles, 1);
        const accv invstd = invstd_of(all, count, eps);
        errand.k = normalizer_of(all.hi, all.lo, invstd, gamma + gamma_at + channel,
                                 beta + beta_at + channel, flags, 1);
        TOGETHER(CLK_GLOBAL_MEM_FENCE); /* what is written next may be gamma or beta */
        if (get_local_id(0) == 0 && row == 0) {
            const channel_memory memory = {
                save_mean + save_mean_at + channel,       save_mean_lo + save_mean_lo_at + channel,
                save_invstd + save_invstd_at + channel,   running_mean + running_mean_at + channel,
                running_var + running_var_at + channel,   next_mean + next_mean_at + channel,
                next_var + next_var_at + channel};
            channel_keep(all, invstd, &memory, flags, count, keep, take, 1);
        }
        errand.x = x + x_at + channel * x_channel;
        errand.residual = residual + residual_at + channel * residual_channel;
        errand.y = y + y_at + channel * y_channel;
        errand.mask = mask + mask_at + channel * mask_line;
        errand_begin(&errand.walk, outer, inner);
        if (!RUNS_ERRANDS)
            normalize_errand_end(&errand);
    }
    if (RUNS_ERRANDS)
        normalize_errand_end(&errand);
}
