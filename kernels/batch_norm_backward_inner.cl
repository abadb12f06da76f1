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

/* Makes of the item's lanes of a step of dy, as tile_step gives them, the gradient behind the
   activation. mask is where the channel's first line begins; its next is `outer` bytes further. */
INLINE void tile_gradient(accv g[ITEM_VECTORS], __global const uchar *mask, size_t outer,
                          tile_place t, const tile_cursor *c, acc_t slope)
{
    const uint e = c->step * LANES + t.lane;
    const int run = tile_is_run(c, t);
    uint l = c->l;
    mask += c->n * outer;
#pragma unroll
    for (uint u = 0; u < ITEM_VECTORS; ++u) {
        const uint bits =
            run ? mask_bits(mask, l, VEC) : tile_bits(mask, outer, t, e + u * VEC, l);
        g[u] = activation_gradient(g[u], bits, ACTIVATION, slope);
        for (l += VEC; l >= t.inner; l -= t.inner)
            mask += outer;
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

    x += x_at + t.channel * x_channel;
    dy += dy_at + t.channel * dy_channel;
    const size_t line = mask_line_bytes(inner);
    mask += mask_at + t.channel * line;

    accv v[ITEM_VECTORS], g[ITEM_VECTORS], s_chain[ITEM_VECTORS], q_chain[ITEM_VECTORS];
    twofold s[ITEM_VECTORS], q[ITEM_VECTORS];
    lanes_begin(s);
    lanes_begin(q);
    tile_cursor at;
    tile_begin(&at, t);
    for (uint first = 0; first < STEPS; first += CHAIN) {
        lanes_zero(s_chain);
        lanes_zero(q_chain);
        for (uint step = 0; step < CHAIN; ++step, tile_next(&at, t)) {
            tile_step(v, x, x_outer, t, &at, 0.0f);
            tile_step(g, dy, dy_outer, t, &at, 0.0f);
            if (ACTIVATION != NONE)
                tile_gradient(g, mask, channels * line, t, &at, slope);
#pragma unroll
            for (uint u = 0; u < ITEM_VECTORS; ++u) {
                s_chain[u] += g[u];
                q_chain[u] = fma(g[u], (v[u] - hi) - lo, q_chain[u]);
            }
        }
        chain_collect(s, s_chain);
        chain_collect(q, q_chain);
    }
    tile_sum s_all, q_all;
    lanes_collect(&s_all, s, scratch);
    lanes_collect(&q_all, q, scratch);

    if (t.lane != 0 || get_global_id(1) >= pairs)
        return;
    partial += partial_at + pair;
    tile_store(s_all, partial, pairs);
    tile_store(q_all, partial + 2 * pairs, pairs);
}
