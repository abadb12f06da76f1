/* The sums of backward over tiles, layouts NCL and NCHW (see tile_inner.cl):
   sum g and sum g*((x - mean_hi) - mean_lo), where g is dy behind the activation, see
   activation.cl.

     x, dy    [outer][channels][inner], each with strides of its own
     mask     lines of `inner` elements: see mask.cl
     partial  [4][tiles][channels]: sum g, its rounding error, sum g*(x-mean), its rounding error

   Chains and lanes add as tile_collect.cl has it.

   Grid: LANE_ITEMS x (tiles*channels). Traffic per element: 8 bytes read, and 1/8 of the
   mask; 16/1024 written. */

/* The mask's bits for elements e ... of the tile, which are elements `at` ... of the line: one by
   one, from line to line. 1 where the tile has no value: the zero there stays one. */
uint tile_bits(__global const uchar *line, size_t outer, tile_place t, uint e, uint at)
{
    uint bits = 0;
    for (uint j = 0; j < VEC; ++j) {
        const uint bit = e + j < t.count ? mask_bit(line, at) : 1u;
        bits |= bit << j;
        if (++at == t.inner) {
            at = 0;
            line += outer;
        }
    }
    return bits;
}

/* Makes of the item's lanes of dy, as tile_load gives them, the gradient behind the activation.
   mask is where the channel's first line begins; its next is `outer` bytes further. */
void tile_gradient(accv g[STEPS][ITEM_VECTORS], __global const uchar *mask, size_t outer,
                   tile_place t, acc_t slope)
{
    uint n = (t.first + t.lane) / t.inner;
    uint l = (t.first + t.lane) - n * t.inner;
    for (uint step = 0; step < STEPS; ++step) {
        const uint e = step * LANES + t.lane;
        const int whole = e + ITEM_LANES <= t.count && l + ITEM_LANES <= t.inner;
        __global const uchar *line = mask + n * outer;
        uint at = l;
        for (uint u = 0; u < ITEM_VECTORS; ++u) {
            const uint bits = whole ? mask_bits(line, at, VEC)
                                    : tile_bits(line, outer, t, e + u * VEC, at);
            g[step][u] = activation_gradient(g[step][u], bits, ACTIVATION, slope);
            for (at += VEC; at >= t.inner; at -= t.inner)
                line += outer;
        }
        for (l += LANES; l >= t.inner; l -= t.inner)
            ++n;
    }
}

__kernel void batch_norm_backward_inner(__global const storage_t *x, ulong x_at, ulong x_outer,
                                        ulong x_channel, __global const storage_t *dy,
                                        ulong dy_at, ulong dy_outer, ulong dy_channel,
                                        __global const acc_t *mean_hi, ulong mean_hi_at,
                                        __global const acc_t *mean_lo, ulong mean_lo_at,
                                        __global const uchar *mask, ulong mask_at,
                                        __global acc_t *partial, ulong partial_at, uint has_lo,
                                        uint channels, uint inner, uint count, uint tiles,
                                        acc_t slope)
{
#if LANE_ITEMS == 1
    __local acc_t *scratch = 0;
#else
    __local acc_t scratches[TILES_PER_GROUP][2 * LANES];
    __local acc_t *scratch = scratches[get_local_id(1)];
#endif
    const size_t pairs = (size_t)tiles * channels;
    const size_t pair = min(get_global_id(1), pairs - 1);
    const tile_place t = tile_place_of(pair, channels, inner, count);
    const acc_t hi = mean_hi[mean_hi_at + t.channel];
    const acc_t lo = has_lo ? mean_lo[mean_lo_at + t.channel] : 0.0f;

    accv v[STEPS][ITEM_VECTORS], g[STEPS][ITEM_VECTORS];
    twofold s[ITEM_VECTORS], q[ITEM_VECTORS];
    tile_load(v, x + x_at + t.channel * x_channel, x_outer, t, 0.0f);
    tile_load(g, dy + dy_at + t.channel * dy_channel, dy_outer, t, 0.0f);
    if (ACTIVATION != NONE) {
        const size_t line = mask_line_bytes(inner);
        tile_gradient(g, mask + mask_at + t.channel * line, channels * line, t, slope);
    }
    for (uint u = 0; u < ITEM_VECTORS; ++u) {
        twofold s_sum, q_sum;
        s_sum.hi = s_sum.lo = q_sum.hi = q_sum.lo = 0.0f;
        for (uint first = 0; first < STEPS; first += CHAIN) {
            accv s_chain = 0.0f, q_chain = 0.0f;
            for (uint step = first; step < first + CHAIN; ++step) {
                s_chain += g[step][u];
                q_chain = fma(g[step][u], (v[step][u] - hi) - lo, q_chain);
            }
            s_sum = twofold_collect(s_sum, s_chain);
            q_sum = twofold_collect(q_sum, q_chain);
        }
        s[u] = s_sum;
        q[u] = q_sum;
    }
    const tile_sum s_all = lanes_collect(s, scratch);
    const tile_sum q_all = lanes_collect(q, scratch);

    if (t.lane != 0 || get_global_id(1) >= pairs)
        return;
    partial += partial_at + pair;
    tile_store(s_all, partial, pairs);
    tile_store(q_all, partial + 2 * pairs, pairs);
}
