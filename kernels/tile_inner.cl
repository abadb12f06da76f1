/* Tiles of a channel whose values have neighbours: layouts NCL and NCHW.

   Value (n, c, l) lies at n*outer + c*channel + l; outer and channel are the tensor's strides.

     x[n][c][l], l fastest:   |-- n=0,c=0 --|-- n=0,c=1 --| ... |-- n=1,c=0 --| ...
     channel c, its values in the order (n, l):  0 ... count-1, cut into tiles of TILE = 1024;
     a tile's value e belongs to lane e mod 64, and is that lane's e/64-th step:

              lane   0    1    2  ...  63
       step 0        0    1    2  ...  63
       step 1       64   65   66  ... 127
       ...
       step 15     960 ...            1023

   Each lane adds its steps in order; then lanes i and i+32 add, i and i+16, ... i and i+1. That
   tree is part of the promise of equal bits. LANE_ITEMS work-items share a tile, 64/LANE_ITEMS
   neighbouring lanes each, held in registers or L1: a tile is read from memory once. */
#ifndef LANE_ITEMS
#define LANE_ITEMS 1
#endif
#ifndef TILES_PER_GROUP
#define TILES_PER_GROUP 1
#endif
#define LANES 64
#define STEPS (TILE / LANES)
#define ITEM_LANES (LANES / LANE_ITEMS)
#define ITEM_VECTORS (ITEM_LANES / VEC)
/* The steps of a tile that have values. */
#define STEPS_OF(t) (((t).count + LANES - 1) / LANES)

/* Declares `scratch`: that many numbers of local memory for the work-items that share a tile. */
#if LANE_ITEMS == 1
#define TILE_SCRATCH(numbers) __local acc_t *scratch = 0
#else
#define TILE_SCRATCH(numbers)                                                                      \
    __local acc_t scratches[TILES_PER_GROUP][numbers];                                             \
    __local acc_t *scratch = scratches[get_local_id(1)]
#endif

/* Where a tile's work-items meet; a lone one, and its compiler, have nobody to wait for. */
#if LANE_ITEMS == 1 && TILES_PER_GROUP == 1
#define TOGETHER(fence)
#else
#define TOGETHER(fence) barrier(fence)
#endif

/* The tiles of a channel that one work-item sees, and its place among those that share a tile. */
typedef struct {
    uint channel, inner;
    uint first, count; /* the tile's first value and number of values */
    uint lane;         /* the item's first lane */
} tile_place;

tile_place tile_place_of(size_t pair, uint channels, uint inner, uint channel_count)
{
    tile_place t;
    t.channel = (uint)(pair % channels);
    t.inner = inner;
    t.first = (uint)(pair / channels) * TILE;
    t.count = min((uint)TILE, channel_count - t.first);
    t.lane = (uint)get_local_id(0) * ITEM_LANES;
    return t;
}

/* The same of pair number `pair`, of `pairs`, with a count of 0 where there is no such pair. */
tile_place tile_place_ahead(size_t pair, size_t pairs, uint channels, uint inner,
                            uint channel_count)
{
    tile_place t = tile_place_of(min(pair, pairs - 1), channels, inner, channel_count);
    if (pair >= pairs)
        t.count = 0;
    return t;
}

/* Value i of the channel, counted over (n, l); x is where the channel begins. */
__global const storage_t *tile_value(__global const storage_t *x, ulong outer, tile_place t, uint i)
{
    const uint n = i / t.inner;
    return x + n * outer + (i - n * t.inner);
}

/* A step of the tile, and where the item's first lane of it lies. */
typedef struct {
    uint step, n, l;
} tile_cursor;

/* (One remainder of what is divided would leave Oclgrind with a freeze, which it does not know.) */
INLINE void tile_begin(tile_cursor *c, tile_place t)
{
    c->step = 0;
    c->n = t.first / t.inner;
    for (c->l = t.first - c->n * t.inner + t.lane; c->l >= t.inner; c->l -= t.inner)
        ++c->n;
}

INLINE void tile_next(tile_cursor *c, tile_place t)
{
    ++c->step;
    for (c->l += LANES; c->l >= t.inner; c->l -= t.inner)
        ++c->n;
}

/* Asks for the memory of the item's lanes of a step, or most of it, of a tile that is to be read.
   */
INLINE void tile_ask_for(__global const storage_t *x, ulong outer, tile_place t,
                         const tile_cursor *c)
{
#ifdef PROCESSOR
    __global const storage_t *row = x + c->n * outer;
    if (c->l + ITEM_LANES <= t.inner) {
#pragma unroll
        for (uint u = 0; u < ITEM_VECTORS; ++u)
            ASK_FOR(row + c->l + u * VEC);
        return;
    }
#pragma unroll
    for (uint u = 0; u < ITEM_VECTORS; ++u) {
        ASK_FOR(c->l + u * VEC < t.inner ? row + c->l + u * VEC
                                         : row + outer + (c->l + u * VEC - t.inner));
    }
#endif
}

/* Whether the item's lanes of the step all have a value, and these are neighbours. */
INLINE int tile_is_run(const tile_cursor *c, tile_place t)
{
    return c->step * LANES + t.lane + ITEM_LANES <= t.count && c->l + ITEM_LANES <= t.inner;
}
