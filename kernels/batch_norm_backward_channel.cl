/* From the tiles' sums of backward to what dx needs of a channel, for as many channels as an accv
   holds: see channel.cl.

     partial  [4][tiles][channels]: sum g, its rounding error, sum g*(x-mean), its rounding error */
#define HAS_DGAMMA 2
#define HAS_DBETA 4
#define FROZEN 8
#define ACCUMULATE 16

typedef struct {
    twofold s, q;
} sums;

/* (Not the function's value, where a kernel calls it: see tile_collect.cl.) */
void sums_read(sums *r, __global const acc_t *partial, size_t pairs, uint have)
{
    r->s.hi = channel_load(partial, have);
    r->s.lo = channel_load(partial + pairs, have);
    r->q.hi = channel_load(partial + 2 * pairs, have);
    r->q.lo = channel_load(partial + 3 * pairs, have);
}

sums sums_load(__global const acc_t *partial, size_t pairs, uint have)
{
    sums r;
    sums_read(&r, partial, pairs, have);
    return r;
}

sums sums_add(sums a, sums b)
{
    sums r;
    r.s = twofold_add(a.s, b.s.hi, b.s.lo);
    r.q = twofold_add(a.q, b.q.hi, b.q.lo);
    return r;
}

/* partial is where the first of the channels lies in row 0, tile 0. */
sums sums_of_channel(__global const acc_t *partial, uint channels, uint tiles, uint have)
{
    const size_t pairs = (size_t)tiles * channels;
    MERGE_TILES(sums, all, tiles, sums_load(partial + (size_t)tile * channels, pairs, have),
                sums_add);
    return all;
}

/* Of a batch of `count` values of a channel; gamma is where the first of the channels lies. */
dx_coefficients dx_coefficients_of(sums all, accv hi, accv lo, accv invstd,
                                   __global const acc_t *gamma, uint flags, uint count, uint have)
{
    dx_coefficients k;
    k.hi = hi;
    k.lo = lo;
    k.k1 = invstd;
    if (flags & HAS_GAMMA)
        k.k1 = channel_load(gamma, have) * invstd;
    k.k2 = divide_each(all.s.hi, (acc_t)count);
    k.k3 = divide_each(invstd * (all.q.hi * invstd), (acc_t)count);
    return k;
}

/* Writes what is asked for of dgamma and dbeta, or adds it to what is there. */
void parameter_gradients_store(sums all, accv invstd, __global acc_t *dgamma, __global acc_t *dbeta,
                               uint flags, uint have)
{
    accv dg = all.q.hi * invstd, db = all.s.hi;
    if (flags & HAS_DGAMMA) {
        if (flags & ACCUMULATE)
            dg = channel_load(dgamma, have) + dg;
        channel_store(unsigned_zero(dg), dgamma, have);
    }
    if (flags & HAS_DBETA) {
        if (flags & ACCUMULATE)
            db = channel_load(dbeta, have) + db;
        channel_store(unsigned_zero(db), dbeta, have);
    }
}
