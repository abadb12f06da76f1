/* Mean and M2 of a tile (see tile_inner.cl), by two passes over it: the mean about the tile's first
   value, then sums about that mean. */
/* A lone work-item finds a tile in L1 when it passes over it again; one of several holds its lanes
   in registers. */
#define HELD (LANE_ITEMS == 1 ? 1 : STEPS)

/* Whether to pack a tile: for two passes over it that pays, but not in kernels whose results go
   past the caches, since memory sets the pace of those. */
#ifdef STREAM
#define PACKS(t) SHORT_LINES(t)
#else
#define PACKS(t) 1
#endif

/* Of one tile: its mean, the mean's rounding error, M2. */
typedef struct {
    acc_t hi, lo, m2;
} tile_moment;

/* Puts `pad` where the tile has no value in a step that is held. */
void lanes_pad(accv v[ITEM_VECTORS], tile_place t, uint step, acc_t pad)
{
    if (t.count == TILE)
        return;
    for (uint u = 0; u < ITEM_VECTORS; ++u) {
        acc_t part[VEC];
        VSTORE(v[u], part);
        for (uint j = 0; j < VEC; ++j)
            if (step * LANES + t.lane + u * VEC + j >= t.count)
                part[j] = pad;
        v[u] = VLOAD(part);
    }
}

/* The mean of a tile that holds an infinity, a NaN or a sum that overflows: plain, in order. */
acc_t tile_plain_mean(__global const storage_t *x, ulong outer, tile_place t)
{
    acc_t sum = 0.0f;
    for (uint e = 0; e < t.count; ++e)
        sum += LOAD(tile_value(x, outer, t, t.first + e));
    return divide(sum, (acc_t)t.count);
}

/* x is where the channel begins, `channel` the stride to the next one's; next is the tile that the
   work-item will read after this one, with a count of 0 if there is none; errand is what it does
   meanwhile. All of the work-group's items must come here together; the tile's first item has the
   result. scratch: see lanes_sum. */
INLINE void tile_moments(tile_moment *out, __global const storage_t *x, ulong outer, ulong channel,
                         tile_place t, tile_place next, normalize_errand *errand,
                         __local acc_t *scratch)
{
    const acc_t pivot = LOAD(tile_value(x, outer, t, t.first));
    const uint steps = HELD == 1 ? STEPS_OF(t) : STEPS; /* of registers the compiler must know */
    accv v[HELD][ITEM_VECTORS], s[ITEM_VECTORS], q[ITEM_VECTORS];
    tile_cursor at, far;
    tile_source source;
    TILE_MEMORY(packed);
    tile_begin(&at, t);
    tile_open(&source, packed, x, outer, t, &at, pivot, PACKS(t));
    lanes_zero(s);
    tile_begin(&far, next);
    for (uint step = 0; step < steps; ++step, tile_next(&at, t)) {
        if (next.count > 0) {
            tile_ask_for(x + (next.channel - t.channel) * channel, outer, next, &far);
            tile_next(&far, next);
        }
        tile_step(v[step % HELD], source, packed, t, &at, pivot);
#pragma unroll
        for (uint u = 0; u < ITEM_VECTORS; ++u)
            s[u] += v[step % HELD][u] - pivot;
        if (RUNS_ERRANDS)
            normalize_errand_step(errand);
    }
    const acc_t center = pivot + divide(lanes_sum(s, scratch), (acc_t)t.count);

    if (source.is_packed)
        tile_pad(packed, t, center);
    lanes_zero(s);
    lanes_zero(q);
    tile_begin(&at, t);
    for (uint step = 0; step < steps; ++step, tile_next(&at, t)) {
        if (HELD == 1)
            tile_step(v[0], source, packed, t, &at, center);
        else
            lanes_pad(v[step % HELD], t, step, center);
#pragma unroll
        for (uint u = 0; u < ITEM_VECTORS; ++u) {
            const accv d = v[step % HELD][u] - center;
            s[u] += d;
            q[u] = fma(d, d, q[u]);
        }
    }
    const acc_t s_all = lanes_sum(s, scratch);
    const acc_t q_all = lanes_sum(q, scratch);
    const acc_t shift = divide(s_all, (acc_t)t.count);
    const acc_t m2 = fma(-s_all, shift, q_all);
    out->hi = center + shift;
    out->lo = shift - (out->hi - center);
    out->m2 = m2 < 0.0f ? 0.0f : m2;
    if (t.lane == 0 && (!isfinite(out->hi) || !isfinite(s_all))) {
        out->hi = tile_plain_mean(x, outer, t);
        out->lo = 0.0f;
        out->m2 = NAN;
    }
}

/* Of tile t, which is number `pair` of `pairs`, next being read after it; x and partial are where
   the tensors begin. All of the work-group's items must come here together; writes: whether the
   item's tile is its own. */
INLINE void tile_statistics(__global const storage_t *x, ulong outer, ulong channel,
                            __global acc_t *partial, tile_place t, tile_place next, size_t pair,
                            size_t pairs, int writes, normalize_errand *errand,
                            __local acc_t *scratch)
{
    tile_moment tile;
    tile_moments(&tile, x + t.channel * channel, outer, channel, t, next, errand, scratch);
    if (t.lane != 0 || !writes)
        return;
    partial[pair] = tile.hi;
    partial[pairs + pair] = tile.lo;
    partial[2 * pairs + pair] = tile.m2;
}
