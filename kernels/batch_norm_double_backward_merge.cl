/* Adds the tiles of each channel, in the tree of merge_order.cl, and derives what dx and ddy need.
   With g = dy, v = ddx, h = x - mean, s = invstd, xhat = s*h:

     partial       [10][tiles][channels]: sums of g, v, g*v, g*h, v*h, each followed by its error;
                   tiles is 0 where none of them is needed
     coefficients  [10][channels]  mean_hi, mean_lo, s, then in that order
                                   g_mean = sum(g)/n       g_slope = -c*sum(v*xhat)/n + ddgamma
                                   v_mean = sum(v)/n       v_slope = -c*sum(g*xhat)/n
                                   x_slope = -c*q/n - v_slope*sum(v*xhat)/n - g_slope*sum(g*xhat)/n
                                   c = gamma*s             ddbeta
     dgamma        [channels]: s*q, q = sum(g*v) - sum(g)*sum(v)/n - sum(g*xhat)*sum(v*xhat)/n

     dx = s*(v_slope*(v - v_mean) + g_slope*(g - g_mean) + x_slope*xhat)
     ddy = c*(v - v_mean) + g_slope*xhat + ddbeta

   which are batch_norm.h's formulas with P written out. An absent ddx makes v 0 and c 0.
   With FROZEN statistics `invstds` holds running_var, and the means of g and v and their sums with
   xhat count as 0: dgamma = s*sum(g*v), dx = s*g_slope*g, ddy = c*v + g_slope*xhat + ddbeta.
   With ACCUMULATE dgamma is added to what is there.
   Grid: one work-item a channel. Traffic: 40 bytes read per tile and channel. */
#define HAS_DDX 1
#define HAS_DDGAMMA 2
#define HAS_DDBETA 4
#define HAS_GAMMA 8
#define HAS_DGAMMA 16
#define FROZEN 32
#define ACCUMULATE 64

typedef struct {
    twofold g, v, gv, gh, vh;
} sums;

twofold sum_load(__global const acc_t *partial, size_t pairs, size_t at)
{
    twofold r;
    r.hi = partial[at];
    r.lo = partial[pairs + at];
    return r;
}

sums sums_load(__global const acc_t *partial, size_t pairs, size_t at)
{
    sums r;
    r.g = sum_load(partial, pairs, at);
    r.v = sum_load(partial + 2 * pairs, pairs, at);
    r.gv = sum_load(partial + 4 * pairs, pairs, at);
    r.gh = sum_load(partial + 6 * pairs, pairs, at);
    r.vh = sum_load(partial + 8 * pairs, pairs, at);
    return r;
}

sums sums_add(sums a, sums b)
{
    sums r;
    r.g = twofold_add(a.g, b.g.hi, b.g.lo);
    r.v = twofold_add(a.v, b.v.hi, b.v.lo);
    r.gv = twofold_add(a.gv, b.gv.hi, b.gv.lo);
    r.gh = twofold_add(a.gh, b.gh.hi, b.gh.lo);
    r.vh = twofold_add(a.vh, b.vh.hi, b.vh.lo);
    return r;
}

sums sums_of_channel(__global const acc_t *partial, uint c, uint channels, uint tiles)
{
    const size_t pairs = (size_t)tiles * channels;
    MERGE_TILES(sums, all, tiles, sums_load(partial, pairs, (size_t)tile * channels + c), sums_add);
    return all;
}

/* What the sums come to; 0 for those that are not needed. */
typedef struct {
    acc_t g_mean, v_mean; /* sum(g)/n, sum(v)/n */
    acc_t gx_mean, vx_mean; /* sum(g*xhat)/n, sum(v*xhat)/n */
    acc_t q;
} totals;

totals totals_of(sums all, acc_t s, acc_t n, uint flags)
{
    totals t;
    t.g_mean = t.v_mean = t.gx_mean = t.vx_mean = t.q = 0.0f;
    if (!(flags & FROZEN)) {
        t.g_mean = divide(all.g.hi, n);
        t.gx_mean = divide(all.gh.hi * s, n);
    }
    if (!(flags & FROZEN) && flags & HAS_DDX) {
        t.v_mean = divide(all.v.hi, n);
        t.vx_mean = divide(all.vh.hi * s, n);
        t.q = fma(-all.v.hi, t.g_mean, all.gv.hi);
        t.q = fma(-(all.vh.hi * s), t.gx_mean, t.q);
    } else if (flags & HAS_DDX) {
        t.q = all.gv.hi;
    }
    return t;
}

__kernel void batch_norm_double_backward_merge(
    __global const acc_t *partial, ulong partial_at, __global acc_t *coefficients,
    ulong coefficients_at, __global const acc_t *gamma, ulong gamma_at,
    __global const acc_t *mean_hi, ulong mean_hi_at, __global const acc_t *mean_lo,
    ulong mean_lo_at, __global const acc_t *invstds, ulong invstd_at,
    __global const acc_t *ddgamma, ulong ddgamma_at, __global const acc_t *ddbeta,
    ulong ddbeta_at, __global acc_t *dgamma, ulong dgamma_at, uint flags, uint channels,
    uint count, uint tiles, acc_t eps)
{
    const uint c = (uint)get_global_id(0);
    if (c >= channels)
        return;
    const acc_t saved = invstds[invstd_at + c], n = (acc_t)count;
    const acc_t s = flags & FROZEN ? inverse_sqrt(saved + eps) : saved;
    totals t;
    t.g_mean = t.v_mean = t.gx_mean = t.vx_mean = t.q = 0.0f;
    if (tiles > 0)
        t = totals_of(sums_of_channel(partial + partial_at, c, channels, tiles), s, n, flags);

    const acc_t stretch = flags & HAS_GAMMA ? gamma[gamma_at + c] * s : s;
    const acc_t scale = flags & HAS_DDX ? stretch : 0.0f;
    const acc_t arriving = flags & HAS_DDGAMMA ? ddgamma[ddgamma_at + c] : 0.0f;
    const acc_t v_slope = -scale * t.gx_mean;
    const acc_t g_slope = fma(-scale, t.vx_mean, arriving);
    const acc_t x_slope =
        fma(-g_slope, t.gx_mean, fma(-v_slope, t.vx_mean, -scale * divide(t.q, n)));
    const size_t row = channels;
    coefficients += coefficients_at + c;
    coefficients[0] = mean_hi[mean_hi_at + c];
    coefficients[row] = flags & FROZEN ? 0.0f : mean_lo[mean_lo_at + c];
    coefficients[2 * row] = s;
    coefficients[3 * row] = t.g_mean;
    coefficients[4 * row] = g_slope;
    coefficients[5 * row] = t.v_mean;
    coefficients[6 * row] = v_slope;
    coefficients[7 * row] = x_slope;
    coefficients[8 * row] = scale;
    coefficients[9 * row] = flags & HAS_DDBETA ? ddbeta[ddbeta_at + c] : 0.0f;
    if (flags & HAS_DGAMMA) {
        __global acc_t *out = dgamma + dgamma_at + c;
        *out = unsigned_zero(flags & ACCUMULATE ? *out + s * t.q : s * t.q);
    }
}
