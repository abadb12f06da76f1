/* Merges the tiles of each channel and derives what normalizing needs; or keeps what they come to,
   which other batches' may join first.

     partial       [3][tiles][channels]  mean, its rounding error, M2 of each tile
     statistics    [3][channels]         the same of a whole batch, or of several
     coefficients  [5][channels]  mean_hi, mean_lo, scale, shift, unbiased variance:
                                  y = ((x - mean_hi) - mean_lo)*scale + shift
     save_mean, save_mean_lo, save_invstd  [channels]

   Merged statistics are one tile, whatever their count: with tiles = 1 batch_norm_statistics_merge
   takes them in place of `partial`.
   Grid: a work-item for VEC channels. Traffic: 12 bytes read per tile and channel. */
void store_rows(moments m, __global acc_t *to, size_t row, uint have)
{
    acc_store_some(unsigned_zero(m.hi), to, have);
    acc_store_some(unsigned_zero(m.lo), to + row, have);
    acc_store_some(unsigned_zero(m.m2), to + 2 * row, have);
}

__kernel void batch_norm_statistics_merge(__global const acc_t *partial, ulong partial_at,
                                          __global acc_t *coefficients, ulong coefficients_at,
                                          __global const acc_t *gamma, ulong gamma_at,
                                          __global const acc_t *beta, ulong beta_at,
                                          __global acc_t *save_mean, ulong save_mean_at,
                                          __global acc_t *save_mean_lo, ulong save_mean_lo_at,
                                          __global acc_t *save_invstd, ulong save_invstd_at,
                                          uint flags, uint channels, uint count, uint tiles,
                                          acc_t eps)
{
    const uint c = (uint)get_global_id(0) * VEC, have = left(channels, c);
    if (have == 0)
        return;
    const moments all =
        moments_of_channel(partial + partial_at + c, channels, count, tiles, have);
    const accv invstd = invstd_of(all, count, eps);
    const normalizer k =
        normalizer_of(all.hi, all.lo, invstd, gamma + gamma_at + c, beta + beta_at + c, flags,
                      have);
    coefficients += coefficients_at + c;
    normalizer_store(k, coefficients, channels, have);
    acc_store_some(divide_each(all.m2, (acc_t)(count - 1)), coefficients + 4 * (size_t)channels,
                   have);
    if (flags & HAS_SAVE) {
        acc_store_some(unsigned_zero(all.hi), save_mean + save_mean_at + c, have);
        acc_store_some(unsigned_zero(all.lo), save_mean_lo + save_mean_lo_at + c, have);
        acc_store_some(invstd, save_invstd + save_invstd_at + c, have);
    }
}

/* The statistics of a batch, from its tiles. Traffic: 12 bytes read per tile and channel, 12
   written per channel. */
__kernel void batch_norm_statistics_tiles(__global const acc_t *partial, ulong partial_at,
                                          __global acc_t *statistics, ulong statistics_at,
                                          uint channels, uint count, uint tiles)
{
    const uint c = (uint)get_global_id(0) * VEC, have = left(channels, c);
    if (have == 0)
        return;
    const moments all =
        moments_of_channel(partial + partial_at + c, channels, count, tiles, have);
    store_rows(all, statistics + statistics_at + c, channels, have);
}

void load_rows(moments *m, __global const acc_t *statistics, size_t row, uint count, uint have)
{
    m->count = count;
    m->hi = acc_load_some(statistics, have);
    m->lo = acc_load_some(statistics + row, have);
    m->m2 = acc_load_some(statistics + 2 * row, have);
}

/* The statistics of two batches together; `both` may be one of the two. Traffic: 24 bytes read per
   channel, 12 written. */
__kernel void batch_norm_statistics_pair(__global const acc_t *first, ulong first_at,
                                         __global const acc_t *second, ulong second_at,
                                         __global acc_t *both, ulong both_at, uint channels,
                                         uint first_count, uint second_count)
{
    const uint c = (uint)get_global_id(0) * VEC, have = left(channels, c);
    if (have == 0)
        return;
    moments a, b;
    load_rows(&a, first + first_at + c, channels, first_count, have);
    load_rows(&b, second + second_at + c, channels, second_count, have);
    store_rows(moments_merge(a, b), both + both_at + c, channels, have);
}
