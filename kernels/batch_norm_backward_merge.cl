/* Adds the tiles of each channel, in the tree of merge_order.cl, and derives what dx needs; or
   keeps what they come to, which other batches' may join first.

     partial       [4][tiles][channels]: see batch_norm_backward_inner.cl
     totals        [4][channels]: the same of a whole batch, or of several
     coefficients  [5][channels]  mean_hi, mean_lo, k1, k2, k3:
                                  dx = k1*((dy - k2) - ((x - mean_hi) - mean_lo)*k3)
                                  k1 = gamma*invstd, k2 = dbeta/n, k3 = invstd*dgamma/n
     dgamma, dbeta [channels]

   With ACCUMULATE they are added to what dgamma and dbeta hold.
   Totals are one tile: with tiles = 1 batch_norm_backward_merge takes them in place of `partial`.
   With FROZEN statistics `invstd` holds running_var, and dx = k1*dy.
   Grid: a work-item for VEC channels. Traffic: 16 bytes read per tile and channel. */
void sums_store(sums all, __global acc_t *to, size_t row, uint have)
{
    acc_store_some(unsigned_zero(all.s.hi), to, have);
    acc_store_some(unsigned_zero(all.s.lo), to + row, have);
    acc_store_some(unsigned_zero(all.q.hi), to + 2 * row, have);
    acc_store_some(unsigned_zero(all.q.lo), to + 3 * row, have);
}

__kernel void batch_norm_backward_merge(__global const acc_t *partial, ulong partial_at,
                                        __global acc_t *coefficients, ulong coefficients_at,
                                        __global const acc_t *gamma, ulong gamma_at,
                                        __global const acc_t *mean_hi, ulong mean_hi_at,
                                        __global const acc_t *mean_lo, ulong mean_lo_at,
                                        __global const acc_t *invstds, ulong invstd_at,
                                        __global acc_t *dgamma, ulong dgamma_at,
                                        __global acc_t *dbeta, ulong dbeta_at, uint flags,
                                        uint channels, uint count, uint tiles, acc_t eps)
{
    const uint c = (uint)get_global_id(0) * VEC, have = left(channels, c);
    if (have == 0)
        return;
    const sums all = sums_of_channel(partial + partial_at + c, channels, tiles, have);
    accv invstd = acc_load_some(invstds + invstd_at + c, have), lo = 0.0f;
    if (flags & FROZEN)
        invstd = inverse_sqrt(invstd + eps);
    else
        lo = acc_load_some(mean_lo + mean_lo_at + c, have);
    const dx_coefficients k =
        dx_coefficients_of(all, acc_load_some(mean_hi + mean_hi_at + c, have), lo, invstd,
                           gamma + gamma_at + c, flags, count, have);
    coefficients += coefficients_at + c;
    acc_store_some(k.hi, coefficients, have);
    acc_store_some(k.lo, coefficients + channels, have);
    acc_store_some(k.k1, coefficients + 2 * (size_t)channels, have);
    acc_store_some(k.k2, coefficients + 3 * (size_t)channels, have);
    acc_store_some(k.k3, coefficients + 4 * (size_t)channels, have);
    parameter_gradients_store(all, invstd, dgamma + dgamma_at + c, dbeta + dbeta_at + c, flags,
                              have);
}

/* The sums of a batch, from its tiles. Traffic: 16 bytes read per tile and channel, 16 written per
   channel. */
__kernel void batch_norm_backward_tiles(__global const acc_t *partial, ulong partial_at,
                                        __global acc_t *totals, ulong totals_at, uint channels,
                                        uint tiles)
{
    const uint c = (uint)get_global_id(0) * VEC, have = left(channels, c);
    if (have == 0)
        return;
    const sums all = sums_of_channel(partial + partial_at + c, channels, tiles, have);
    sums_store(all, totals + totals_at + c, channels, have);
}

/* The sums of two batches together; `both` may be one of the two. Traffic: 32 bytes read per
   channel, 16 written. */
__kernel void batch_norm_backward_pair(__global const acc_t *first, ulong first_at,
                                       __global const acc_t *second, ulong second_at,
                                       __global acc_t *both, ulong both_at, uint channels)
{
    const uint c = (uint)get_global_id(0) * VEC, have = left(channels, c);
    if (have == 0)
        return;
    sums a, b;
    sums_read(&a, first + first_at + c, channels, have);
    sums_read(&b, second + second_at + c, channels, have);
    sums_store(sums_add(a, b), both + both_at + c, channels, have);
}
