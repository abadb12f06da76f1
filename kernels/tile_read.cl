/* Reading a tile (see tile_inner.cl), step after step: a step whose lanes are neighbours where it
   is; others are gathered, or come out of a packed tile.

   A lone work-item packs a tile by copying what lies behind the whole steps of its first line to
   memory of its own, line after line and a vector at a time: the last vector of a line may bring
   zeros, which the next line's first takes the place of.

     x       |--------------- line n ---------------|   ...   |------- line n+1 -------|
              step 0 | step 1 | ... |-- the rest ---|
     packed                         |-- the rest ---|000 <-   |------- line n+1 -------|pppppp

   p: up to the last step's end, what the tile is padded with. */

/* Where the channel begins, its stride from line to line, and where the item's first lane of the
   tile lies; the number of steps that the tile's first line holds whole, and whether what is behind
   them is packed. */
typedef struct {
    __global const storage_t *x, *first;
    ulong outer;
    uint in_place;
    int is_packed;
} tile_source;

/* 4 KiB a work-item, 8 of f64: lib/ops/batch_norm_plan.c keeps groups small for it. */
#if LANE_ITEMS == 1
#define TILE_MEMORY(packed) acc_t packed[TILE + VEC]

/* Pads a packed tile. */
INLINE void tile_pad(acc_t *packed, tile_place t, acc_t pad)
{
    const uint end = STEPS_OF(t) * LANES;
    for (uint e = t.count; e < end; e += VEC)
        VSTORE((accv)(pad), packed + e);
}

INLINE void tile_pack(acc_t *packed, tile_source s, tile_place t, acc_t pad)
{
    uint e = s.in_place * LANES;
    const uint n = (t.first + e) / t.inner;
    uint l = t.first + e - n * t.inner;
    __global const storage_t *line = s.x + n * s.outer;
    for (; e < t.count; line += s.outer, l = 0) {
        const uint run = min(t.inner - l, t.count - e);
        uint i = 0;
        for (; i + VEC <= run; i += VEC)
            VSTORE(LOADV(line + l + i), packed + e + i);
        if (i < run)
            VSTORE(load_some(line + l + i, run - i), packed + e + i);
        e += run;
    }
    tile_pad(packed, t, pad);
}
#else
#define TILE_MEMORY(packed) acc_t *packed = 0
#define tile_pad(packed, t, pad) ((void)0)
#define tile_pack(packed, s, t, pad) ((void)0)
#endif

/* Whether steps in a tile's first line have code of their own, without the cursor: in a loop of
   vectors it is most of the work. */
#if LANE_ITEMS == 1 && defined(PROCESSOR)
#define HAS_STEPS_IN_PLACE 1
#else
#define HAS_STEPS_IN_PLACE 0
#endif

/* Of lines so short packing is the faster even for one pass over a tile. */
#define SHORT_LINES(t) ((t).inner < 2 * VEC)

/* Makes the tile ready to be read from `begin` on, the cursor at its first step. x is where the
   channel begins; pack: whether to, where a step is no run of neighbours. (Not the function's
   value: see lanes_collect.) */
INLINE void tile_open(tile_source *s, acc_t *packed, __global const storage_t *x, ulong outer,
                      tile_place t, const tile_cursor *begin, acc_t pad, int pack)
{
    s->x = x;
    s->outer = outer;
    s->first = x + begin->n * outer + begin->l;
    s->in_place = min(t.inner - begin->l, t.count) / LANES;
    s->is_packed = LANE_ITEMS == 1 && pack && s->in_place < STEPS_OF(t) && t.inner % LANES != 0;
    if (s->is_packed)
        tile_pack(packed, *s, t, pad);
}

/* The item's lanes of a step that are no run: vectors that are one, and single values; `pad` where
   the tile has none. row is where the line begins. */
INLINE void tile_gather(accv v[ITEM_VECTORS], __global const storage_t *row, ulong outer,
                        tile_place t, uint e, uint l, acc_t pad)
{
    for (uint u = 0; u < ITEM_VECTORS; ++u, e += VEC) {
        if (e + VEC <= t.count && l + VEC <= t.inner) {
            v[u] = LOADV(row + l);
            l += VEC;
            if (l == t.inner) {
                l = 0;
                row += outer;
            }
            continue;
        }
        acc_t part[2 * VEC];
        if (e + VEC <= t.count && t.inner >= VEC) {
            /* The end of a line, and the next one's begin. */
            const uint rest = t.inner - l;
            VSTORE(LOADV(row + t.inner - VEC), part);
            row += outer;
            l = VEC - rest;
            VSTORE(LOADV(row), part + VEC);
            v[u] = VLOAD(part + l);
            continue;
        }
        for (uint j = 0; j < VEC; ++j) {
            part[j] = e + j < t.count ? LOAD(row + l) : pad;
            if (++l == t.inner) {
                l = 0;
                row += outer;
            }
        }
        v[u] = VLOAD(part);
    }
}

/* The item's lanes of a step; `pad` where the tile has no value. */
INLINE void tile_step(accv v[ITEM_VECTORS], tile_source s, const acc_t *packed, tile_place t,
                      const tile_cursor *c, acc_t pad)
{
    __global const storage_t *row = s.x + c->n * s.outer;
    if (HAS_STEPS_IN_PLACE && c->step < s.in_place) {
#pragma unroll
        for (uint u = 0; u < ITEM_VECTORS; ++u)
            v[u] = LOADV(s.first + c->step * LANES + u * VEC);
    } else if (LANE_ITEMS == 1 && s.is_packed && c->step >= s.in_place) {
#pragma unroll
        for (uint u = 0; u < ITEM_VECTORS; ++u)
            v[u] = VLOAD(packed + c->step * LANES + u * VEC);
    } else if (tile_is_run(c, t)) {
#pragma unroll
        for (uint u = 0; u < ITEM_VECTORS; ++u)
            v[u] = LOADV(row + c->l + u * VEC);
    } else {
        accv gathered[ITEM_VECTORS];
        tile_gather(gathered, row, s.outer, t, c->step * LANES + t.lane, c->l, pad);
#pragma unroll
        for (uint u = 0; u < ITEM_VECTORS; ++u)
            v[u] = gathered[u];
    }
}
