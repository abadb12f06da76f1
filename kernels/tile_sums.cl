/* Sums of backward over a tile (see tile_inner.cl and tile_collect.cl):
   sum g and sum g*((x - mean_hi) - mean_lo), where g is dy behind the activation, see
   activation.cl. */

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

/* x and dy, their strides from line to line, and the mask's, whose next line of a channel is
   mask_outer bytes further: where the channel's first line begins. */
typedef struct {
    __global const storage_t *x, *dy;
    __global const uchar *mask;
    ulong x_outer, dy_outer, mask_outer;
    ulong x_channel, dy_channel; /* the strides to the next channel */
    acc_t hi, lo, slope;
} tile_operands;

/* Of tile t, which is number `pair` of `pairs`, next being read after it, and errand what is done
   meanwhile; partial is where the tensor begins. All of the work-group's items must come here
   together; writes: whether the item's tile is its own. */
INLINE void tile_sums_of(const tile_operands *o, __global acc_t *partial, tile_place t,
                         tile_place next, size_t pair, size_t pairs, int writes,
                         gradient_errand *errand, __local acc_t *scratch)
{
    const uint steps = STEPS_OF(t); /* no others: with an infinite mean zeros there would count */
    const ulong to_x = (next.channel - t.channel) * o->x_channel;
    const ulong to_dy = (next.channel - t.channel) * o->dy_channel;
    accv v[ITEM_VECTORS], g[ITEM_VECTORS], s_chain[ITEM_VECTORS], q_chain[ITEM_VECTORS];
    twofold s[ITEM_VECTORS], q[ITEM_VECTORS];
    tile_cursor at, far;
    tile_source x, dy;
    TILE_MEMORY(x_packed);
    TILE_MEMORY(dy_packed);
    tile_begin(&at, t);
    tile_open(&x, x_packed, o->x, o->x_outer, t, &at, 0.0f, SHORT_LINES(t));
    tile_open(&dy, dy_packed, o->dy, o->dy_outer, t, &at, 0.0f, SHORT_LINES(t));
    lanes_begin(s);
    lanes_begin(q);
    tile_begin(&far, next);
    for (uint first = 0; first < steps; first += CHAIN) {
        lanes_zero(s_chain);
        lanes_zero(q_chain);
        for (uint step = 0; step < CHAIN && first + step < steps; ++step, tile_next(&at, t)) {
            if (next.count > 0) {
                tile_ask_for(o->x + to_x, o->x_outer, next, &far);
                tile_ask_for(o->dy + to_dy, o->dy_outer, next, &far);
                tile_next(&far, next);
            }
            tile_step(v, x, x_packed, t, &at, 0.0f);
            tile_step(g, dy, dy_packed, t, &at, 0.0f);
            if (ACTIVATION != NONE)
                tile_gradient(g, o->mask, o->mask_outer, t, &at, o->slope);
#pragma unroll
            for (uint u = 0; u < ITEM_VECTORS; ++u) {
                s_chain[u] += g[u];
                q_chain[u] = fma(g[u], (v[u] - o->hi) - o->lo, q_chain[u]);
            }
            if (RUNS_ERRANDS)
                gradient_errand_step(errand);
        }
        chain_collect(s, s_chain);
        chain_collect(q, q_chain);
    }
    tile_sum s_all, q_all;
    lanes_collect(&s_all, s, scratch);
    lanes_collect(&q_all, q, scratch);
    if (t.lane != 0 || !writes)
        return;
    tile_store(s_all, partial + pair, pairs);
    tile_store(q_all, partial + pair + 2 * pairs, pairs);
}
