/* Sums of backward over a tile with channels innermost: sum g and sum g*((x - mean_hi) - mean_lo),
   where g is dy behind the activation: see activation.cl. Work-items take channels as in
   rows_moments.cl.

   Leaf: 16 rows; in it rows r = k (mod 4) add in order to chain k. All chains of a tile add in
   order as sums of two floats: at most three roundings of a plain sum are left in a tile's. One
   chain is made after the other, so that its sums stay in registers: rows are read in the order
   0 4 8 12 1 5 ... */
#ifndef CHANNEL_VECTORS
#define CHANNEL_VECTORS 1
#endif
#define CHAINS_LEAF 16 /* ROWS_AHEAD: rows_moments.cl */

typedef struct {
    accv s, q;
} chain_sums;

typedef struct {
    accv hi, lo;
} channel_mean;

/* The rows' places in the mask: the first row's line, the bytes from line to line, and the block's
   first element in each. */
typedef struct {
    __global const uchar *line;
    uint bytes, at;
    acc_t slope;
} mask_rows;

/* Adds row r, counted from where x, dy and the mask's lines begin. */
chain_sums chain_add(chain_sums sums, __global const storage_t *x, __global const storage_t *dy,
                   mask_rows mask, uint r, uint have, channel_mean mean)
{
    const accv g = activation_gradient_load(dy, have, mask.line + r * (size_t)mask.bytes, mask.at,
                                            ACTIVATION, mask.slope);
    sums.s += g;
    sums.q = fma(g, (load_some(x, have) - mean.hi) - mean.lo, sums.q);
    return sums;
}

/* Sums of two floats. */
typedef struct {
    twofold s, q;
} tile_sums;

tile_sums tile_collect(tile_sums sums, chain_sums chain)
{
    sums.s = twofold_collect(sums.s, chain.s);
    sums.q = twofold_collect(sums.q, chain.q);
    return sums;
}

/* x and dy, from the item's first channel of the tile's first row on; their strides from row to
   row; the mask's lines from that row on, and the channel's place in them. */
typedef struct {
    __global const storage_t *x, *dy;
    ulong x_outer, dy_outer;
    mask_rows mask;
    __global const acc_t *mean_hi, *mean_lo; /* from the first channel on; mean_lo may be absent */
    uint has_lo;
} rows_operands;

/* Goes to the row that lies `rows` further. */
INLINE void rows_advance(rows_operands *o, size_t rows)
{
    o->x += rows * o->x_outer;
    o->dy += rows * o->dy_outer;
    o->mask.line += rows * o->mask.bytes;
}

/* Adds the item's channels of row r of the tile, and asks for those of a later one, which may lie
   behind the tensors: asking reads nothing. */
INLINE void row_collect(chain_sums sums[CHANNEL_VECTORS], const rows_operands *o, uint r, uint have,
                        const channel_mean mean[CHANNEL_VECTORS])
{
    __global const storage_t *x = o->x + r * o->x_outer, *dy = o->dy + r * o->dy_outer;
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        const uint some = left(have, u * VEC);
        if (some == 0)
            break;
        ASK_FOR(x + ROWS_AHEAD * o->x_outer + u * VEC);
        ASK_FOR(dy + ROWS_AHEAD * o->dy_outer + u * VEC);
        mask_rows mask = o->mask;
        mask.at += u * VEC;
        sums[u] = chain_add(sums[u], x + u * VEC, dy + u * VEC, mask, r, some, mean[u]);
    }
}

/* row_ask_for of x and dy. */
INLINE void rows_ask_for(const rows_operands *o, uint row)
{
    row_ask_for(o->x + row * o->x_outer);
    row_ask_for(o->dy + row * o->dy_outer);
}

/* partial is where the item's first channel begins in row 0 of the tile's; `have` channels are left
   from there on. */
INLINE void rows_sums_of(const rows_operands *o, uint rows, uint have, __global acc_t *partial,
                         size_t pairs)
{
    tile_sums all[CHANNEL_VECTORS];
    channel_mean mean[CHANNEL_VECTORS];
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        const uint some = left(have, u * VEC);
        mean[u].hi = acc_load_some(o->mean_hi + u * VEC, some);
        mean[u].lo = 0.0f;
        if (o->has_lo)
            mean[u].lo = acc_load_some(o->mean_lo + u * VEC, some);
        all[u].s.hi = all[u].s.lo = all[u].q.hi = all[u].q.lo = 0.0f;
    }
    for (uint first = 0; first < rows; first += CHAINS_LEAF) {
        const uint end = min(rows, first + CHAINS_LEAF);
        for (uint k = 0; k < 4; ++k) {
            chain_sums chain[CHANNEL_VECTORS];
#pragma unroll
            for (uint u = 0; u < CHANNEL_VECTORS; ++u)
                chain[u].s = chain[u].q = 0.0f;
#if VEC == 1 /* an item that is one lane of many has several loads under way */
#pragma unroll
#endif
            for (uint step = 0; step < CHAINS_LEAF / 4; ++step) {
                if (first + 4 * step + k >= end)
                    break;
                row_collect(chain, o, first + 4 * step + k, have, mean);
            }
#pragma unroll
            for (uint u = 0; u < CHANNEL_VECTORS; ++u)
                all[u] = tile_collect(all[u], chain[u]);
        }
    }
#pragma unroll
    for (uint u = 0; u < CHANNEL_VECTORS; ++u) {
        const uint some = left(have, u * VEC);
        const twofold s = twofold_settle(all[u].s), q = twofold_settle(all[u].q);
        acc_store_some(s.hi, partial + u * VEC, some);
        acc_store_some(s.lo, partial + pairs + u * VEC, some);
        acc_store_some(q.hi, partial + 2 * pairs + u * VEC, some);
        acc_store_some(q.lo, partial + 3 * pairs + u * VEC, some);
    }
}
