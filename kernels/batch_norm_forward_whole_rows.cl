/* Forward in training in one launch, channels innermost: a work-item takes VEC*CHANNEL_VECTORS
   neighbouring channels whole. It finds their statistics, tile after tile (see rows_moments.cl),
   what normalizing needs, and y, for which x comes out of a cache if the channels fit in one.

     x, y, residual  [count][channels], each with its own stride from row to row
     mask            lines of `channels` elements: see mask.cl
     partial         [3][tiles][channels]: the work-item's own memory
     all others      [channels]; next_ may be running_

   LINE_VECTORS is CHANNEL_VECTORS. Grid: channel blocks. Traffic per element: 4 bytes read, and as
   much from a cache, 4 written; see batch_norm_normalize.cl. */
__kernel void batch_norm_forward_whole_rows(
    __global const storage_t *x, ulong x_at, ulong x_outer, ulong x_channel, __global storage_t *y,
    ulong y_at, ulong y_outer, ulong y_channel, __global const storage_t *residual,
    ulong residual_at, ulong residual_outer, ulong residual_channel, __global uchar *mask,
    ulong mask_at, __global acc_t *partial, ulong partial_at, __global const acc_t *gamma,
    ulong gamma_at, __global const acc_t *beta, ulong beta_at, __global acc_t *save_mean,
    ulong save_mean_at, __global acc_t *save_mean_lo, ulong save_mean_lo_at,
    __global acc_t *save_invstd, ulong save_invstd_at, __global const acc_t *running_mean,
    ulong running_mean_at, __global const acc_t *running_var, ulong running_var_at,
    __global acc_t *next_mean, ulong next_mean_at, __global acc_t *next_var, ulong next_var_at,
    uint flags, uint channels, uint count, uint tiles, acc_t eps, acc_t keep, acc_t take,
    acc_t low, acc_t high)
{
    const uint first = (uint)get_global_id(0) * (VEC * CHANNEL_VECTORS);
    if (first >= channels)
        return;
    x += x_at + first * x_channel;
    y += y_at + first * y_channel;
    residual += residual_at + first * residual_channel;
    mask += mask_at;
    partial += partial_at + first;
    for (uint tile = 0; tile < tiles; ++tile)
        rows_statistics(x + (size_t)tile * TILE * x_outer, x_outer,
                        min((uint)TILE, count - tile * TILE), channels - first,
                        partial + (size_t)tile * channels, (size_t)tiles * channels);

    normalizer k[CHANNEL_VECTORS];
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        const uint c = first + u * VEC, have = left(channels, c);
        if (have == 0)
            break;
        const moments all = moments_of_channel(partial + u * VEC, channels, count, tiles, have);
        const accv invstd = invstd_of(all, count, eps);
        /* before what may take the place of gamma or beta is written */
        k[u] = normalizer_of(all.hi, all.lo, invstd, gamma + gamma_at + c, beta + beta_at + c,
                             flags, have);
        const channel_memory memory = {
            save_mean + save_mean_at + c,       save_mean_lo + save_mean_lo_at + c,
            save_invstd + save_invstd_at + c,   running_mean + running_mean_at + c,
            running_var + running_var_at + c,   next_mean + next_mean_at + c,
            next_var + next_var_at + c};
        channel_keep(all, invstd, &memory, flags, count, keep, take, have);
    }
    const normalize_options options = {flags, low, high};
    for (uint line = 0; line < count; ++line) {
        row_ask_for(x + (line + ROWS_AGAIN) * x_outer);
        normalize_part(x + line * x_outer, y + line * y_outer, residual + line * residual_outer,
                       mask + (size_t)line * mask_line_bytes(channels), first, channels, k,
                       options);
    }
}
