/* Backward through a batch's statistics in one launch, channels innermost: a work-item takes
   VEC*CHANNEL_VECTORS neighbouring channels whole. It adds up their sums, tile after tile (see
   rows_sums.cl), and writes dgamma and dbeta, dx and dresidual: x and dy come out of a cache then,
   if the channels fit in one. dx and dresidual may each be dy or x.

     x, dy, dx, dresidual  [count][channels], each with its own stride from row to row
     mask                  lines of `channels` elements: see mask.cl
     partial               [4][tiles][channels]: the work-item's own memory
     all others            [channels]; dgamma and dbeta may lie where a channel's operands do

   LINE_VECTORS is CHANNEL_VECTORS. Grid: channel blocks. Traffic per element: 8 bytes read, and as
   much from a cache, 4 written; see batch_norm_gradient.cl. */
__kernel void batch_norm_backward_whole_rows(
    __global const storage_t *x, ulong x_at, ulong x_outer, ulong x_channel,
    __global const storage_t *dy, ulong dy_at, ulong dy_outer, ulong dy_channel,
    __global storage_t *dx, ulong dx_at, ulong dx_outer, ulong dx_channel,
    __global storage_t *dresidual, ulong dresidual_at, ulong dresidual_outer,
    ulong dresidual_channel, __global const uchar *mask, ulong mask_at, __global acc_t *partial,
    ulong partial_at, __global const acc_t *gamma, ulong gamma_at, __global const acc_t *mean_hi,
    ulong mean_hi_at, __global const acc_t *mean_lo, ulong mean_lo_at,
    __global const acc_t *invstds, ulong invstd_at, __global acc_t *dgamma, ulong dgamma_at,
    __global acc_t *dbeta, ulong dbeta_at, uint flags, uint channels, uint count, uint tiles,
    acc_t slope)
{
    const uint first = (uint)get_global_id(0) * (VEC * CHANNEL_VECTORS);
    if (first >= channels)
        return;
    rows_operands o;
    o.x = x + x_at + first * x_channel;
    o.dy = dy + dy_at + first * dy_channel;
    o.x_outer = x_outer;
    o.dy_outer = dy_outer;
    o.mask.bytes = mask_line_bytes(channels);
    o.mask.line = mask + mask_at;
    o.mask.at = first;
    o.mask.slope = slope;
    o.mean_hi = mean_hi + mean_hi_at + first;
    o.mean_lo = mean_lo + mean_lo_at + first;
    o.has_lo = 1;
    partial += partial_at + first;
    for (uint tile = 0; tile < tiles; ++tile) {
        rows_operands part = o;
        rows_advance(&part, (size_t)tile * TILE);
        rows_sums_of(&part, min((uint)TILE, count - tile * TILE), channels - first,
                     partial + (size_t)tile * channels, (size_t)tiles * channels);
    }

    dx_coefficients k[CHANNEL_VECTORS];
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        const uint c = first + u * VEC, have = left(channels, c);
        if (have == 0)
            break;
        const sums all = sums_of_channel(partial + u * VEC, channels, tiles, have);
        const accv invstd = channel_load(invstds + invstd_at + c, have);
        k[u] = dx_coefficients_of(all, channel_load(o.mean_hi + u * VEC, have),
                                  channel_load(o.mean_lo + u * VEC, have), invstd,
                                  gamma + gamma_at + c, flags, count, have);
        parameter_gradients_store(all, invstd, dgamma + dgamma_at + c, dbeta + dbeta_at + c, flags,
                                  have);
    }
    if (!(flags & HAS_DX))
        return;
    dx += dx_at + first * dx_channel;
    dresidual += dresidual_at + first * dresidual_channel;
    for (uint line = 0; line < count; ++line) {
        rows_ask_for(&o, line + ROWS_AGAIN);
        gradient_part(o.x + line * x_outer, o.dy + line * dy_outer, dx + line * dx_outer,
                      dresidual + line * dresidual_outer,
                      o.mask.line + line * (size_t)o.mask.bytes, first, channels, k, flags, slope);
    }
}
