/* From a channel's tiles to what normalizing it needs, for as many channels as an accv holds: see
   channel.cl.

     partial  [3][tiles][channels]: mean, the mean's rounding error, M2 of each tile */
#define HAS_SAVE 4
#define HAS_RUNNING_MEAN 32
#define HAS_RUNNING_VAR 64

moments moments_load(__global const acc_t *partial, size_t pairs, uint tile, uint count, uint have)
{
    moments m;
    m.count = min((uint)TILE, count - tile * TILE);
    m.hi = channel_load(partial, have);
    m.lo = channel_load(partial + pairs, have);
    m.m2 = channel_load(partial + 2 * pairs, have);
    return m;
}

/* partial is where the first of the channels lies in row 0, tile 0. */
moments moments_of_channel(__global const acc_t *partial, uint channels, uint count, uint tiles,
                           uint have)
{
    const size_t pairs = (size_t)tiles * channels;
    MERGE_TILES(moments, all, tiles,
                moments_load(partial + (size_t)tile * channels, pairs, tile, count, have),
                moments_merge);
    return all;
}

/* With eps = 0 a constant channel has no standard deviation: y = beta, gradients 0. */
accv invstd_of(moments all, uint count, acc_t eps)
{
    const accv radicand = divide_each(all.m2, (acc_t)count) + eps;
    return CHOOSE(inverse_sqrt(radicand), (accv)(0.0f), radicand == (accv)(0.0f));
}

/* A running statistic behind a batch: keep*running + take*batch, with keep = 1-momentum and
   take = momentum. next may be running. */
void running_store(accv batch, __global const acc_t *running, __global acc_t *next, acc_t keep,
                   acc_t take, uint have)
{
    channel_store(unsigned_zero(fma((accv)(take), batch, keep * channel_load(running, have))), next,
                  have);
}

/* What forward keeps of channels: where the first of them lies. */
typedef struct {
    __global acc_t *save_mean, *save_mean_lo, *save_invstd;
    __global const acc_t *running_mean, *running_var;
    __global acc_t *next_mean, *next_var;
} channel_memory;

/* Writes what is asked for of a training batch's statistics. */
void channel_keep(moments all, accv invstd, const channel_memory *to, uint flags, uint count,
                  acc_t keep, acc_t take, uint have)
{
    if (flags & HAS_SAVE) {
        channel_store(unsigned_zero(all.hi), to->save_mean, have);
        channel_store(unsigned_zero(all.lo), to->save_mean_lo, have);
        channel_store(invstd, to->save_invstd, have);
    }
    if (flags & HAS_RUNNING_MEAN)
        running_store(all.hi, to->running_mean, to->next_mean, keep, take, have);
    if (flags & HAS_RUNNING_VAR)
        running_store(divide_each(all.m2, (acc_t)(count - 1)), to->running_var, to->next_var, keep,
                      take, have);
}
