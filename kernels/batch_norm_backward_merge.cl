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
   Grid: one work-item a channel. Traffic: 16 bytes read per tile and channel. */
#define HAS_GAMMA 1
#define HAS_DGAMMA 2
#define HAS_DBETA 4
#define FROZEN 8
#define ACCUMULATE 16

typedef struct {
    twofold s, q;
} sums;

sums sums_load(__global const acc_t *partial, size_t pairs, size_t at)
{
    sums r;
    r.s.hi = partial[at];
    r.s.lo = partial[pairs + at];
    r.q.hi = partial[2 * pairs + at];
    r.q.lo = partial[3 * pairs + at];
    return r;
}

sums sums_add(sums a, sums b)
{
    sums r;
    r.s = twofold_add(a.s, b.s.hi, b.s.lo);
    r.q = twofold_add(a.q, b.q.hi, b.q.lo);
    return r;
}

void sums_store(sums all, __global acc_t *to, size_t row)
{
    to[0] = unsigned_zero(all.s.hi);
    to[row] = unsigned_zero(all.s.lo);
    to[2 * row] = unsigned_zero(all.q.hi);
    to[3 * row] = unsigned_zero(all.q.lo);
}

sums sums_of_channel(__global const acc_t *partial, uint c, uint channels, uint tiles)
{
    const size_t pairs = (size_t)tiles * channels;
    MERGE_TILES(sums, all, tiles, sums_load(partial, pairs, (size_t)tile * channels + c), sums_add);
    return all;
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
    const uint c = (uint)get_global_id(0);
    if (c >= channels)
        return;
    const sums all = sums_of_channel(partial + partial_at, c, channels, tiles);
    const acc_t saved = invstds[invstd_at + c];
    const acc_t invstd = flags & FROZEN ? inverse_sqrt(saved + eps) : saved;
    const acc_t dg = all.q.hi * invstd;
    const acc_t db = all.s.hi;
    coefficients += coefficients_at + c;
    coefficients[0] = mean_hi[mean_hi_at + c];
    coefficients[channels] = flags & FROZEN ? 0.0f : mean_lo[mean_lo_at + c];
    coefficients[2 * (size_t)channels] = flags & HAS_GAMMA ? gamma[gamma_at + c] * invstd : invstd;
    coefficients[3 * (size_t)channels] = divide(db, (acc_t)count);
    coefficients[4 * (size_t)channels] = divide(invstd * dg, (acc_t)count);
    if (flags & HAS_DGAMMA)
        dgamma[dgamma_at + c] =
            unsigned_zero(flags & ACCUMULATE ? dgamma[dgamma_at + c] + dg : dg);
    if (flags & HAS_DBETA)
        dbeta[dbeta_at + c] = unsigned_zero(flags & ACCUMULATE ? dbeta[dbeta_at + c] + db : db);
}

/* The sums of a batch, from its tiles. Traffic: 16 bytes read per tile and channel, 16 written per
   channel. */
__kernel void batch_norm_backward_tiles(__global const acc_t *partial, ulong partial_at,
                                        __global acc_t *totals, ulong totals_at, uint channels,
                                        uint tiles)
{
    const uint c = (uint)get_global_id(0);
    if (c >= channels)
        return;
    const sums all = sums_of_channel(partial + partial_at, c, channels, tiles);
    sums_store(all, totals + totals_at + c, channels);
}

/* The sums of two batches together; `both` may be one of the two. Traffic: 32 bytes read per
   channel, 16 written. */
__kernel void batch_norm_backward_pair(__global const acc_t *first, ulong first_at,
                                       __global const acc_t *second, ulong second_at,
                                       __global acc_t *both, ulong both_at, uint channels)
{
    const uint c = (uint)get_global_id(0);
    if (c >= channels)
        return;
    const sums a = sums_load(first + first_at, channels, c);
    const sums b = sums_load(second + second_at, channels, c);
    sums_store(sums_add(a, b), both + both_at + c, channels);
}
