/* Adds the tiles of each channel, in the tree of merge_order.cl, and derives what dx needs.

     partial       [4][tiles][channels]: see batch_norm_backward_inner.cl
     coefficients  [5][channels]  mean_hi, mean_lo, k1, k2, k3:
                                  dx = k1*((dy - k2) - ((x - mean_hi) - mean_lo)*k3)
                                  k1 = gamma*invstd, k2 = dbeta/n, k3 = invstd*dgamma/n
     dgamma, dbeta [channels]

   With ACCUMULATE they are added to what dgamma and dbeta hold.
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
    partial += partial_at;
    const size_t pairs = (size_t)tiles * channels;

    sums stack[STACK];
    uint top = 0;
    for (uint tile = 0; tile < tiles; ++tile) {
        sums node = sums_load(partial, pairs, (size_t)tile * channels + c);
        for (uint k = MERGES_AFTER(tile); k > 0; --k)
            node = sums_add(stack[--top], node);
        stack[top++] = node;
    }
    sums all = stack[--top];
    while (top > 0)
        all = sums_add(stack[--top], all);

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
