/* Numbers of channels in an accv: with CHANNELS_INNERMOST those of VEC neighbouring channels, one
   an element; else one channel's in every element. What is computed from them is written once. */
#ifndef CHANNELS_INNERMOST
#define CHANNELS_INNERMOST 0
#endif
#define HAS_GAMMA 1
#define HAS_BETA 2

/* p is where the first of the channels lies; `have` of them are left from there on. */
accv channel_load(__global const acc_t *p, uint have)
{
#if CHANNELS_INNERMOST
    return acc_load_some(p, have);
#else
    return (accv)(*p);
#endif
}

void channel_store(accv v, __global acc_t *p, uint have)
{
#if CHANNELS_INNERMOST
    acc_store_some(v, p, have);
#elif VEC == 1
    *p = v;
#else
    *p = v.s0;
#endif
}

/* y = ((x - hi) - lo)*scale + shift. */
typedef struct {
    accv hi, lo, scale, shift;
} normalizer;

/* gamma and beta are where the first of the channels lies. */
normalizer normalizer_of(accv hi, accv lo, accv invstd, __global const acc_t *gamma,
                         __global const acc_t *beta, uint flags, uint have)
{
    normalizer k;
    k.hi = hi;
    k.lo = lo;
    k.scale = invstd;
    if (flags & HAS_GAMMA)
        k.scale = channel_load(gamma, have) * invstd;
    k.shift = 0.0f;
    if (flags & HAS_BETA)
        k.shift = channel_load(beta, have);
    return k;
}

/* Writes it as rows of `channels`, of which to is the first one's place for its first channel. */
void normalizer_store(normalizer k, __global acc_t *to, size_t channels, uint have)
{
    channel_store(k.hi, to, have);
    channel_store(k.lo, to + channels, have);
    channel_store(k.scale, to + 2 * channels, have);
    channel_store(k.shift, to + 3 * channels, have);
}

/* dx = k1*((g - k2) - ((x - hi) - lo)*k3) with
   k1 = gamma*invstd, k2 = dbeta/n, k3 = invstd*dgamma/n. */
typedef struct {
    accv hi, lo, k1, k2, k3;
} dx_coefficients;
