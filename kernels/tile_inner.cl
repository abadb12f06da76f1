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
#define LANES 64
#define STEPS (TILE / LANES)
#define ITEM_LANES (LANES / LANE_ITEMS)
#define ITEM_VECTORS (ITEM_LANES / VEC)

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

/* Value i of the channel, counted over (n, l); x is where the channel begins. */
__global const storage_t *tile_value(__global const storage_t *x, ulong outer, tile_place t, uint i)
{
    const uint n = i / t.inner;
    return x + n * outer + (i - n * t.inner);
}

/* Reads the item's lanes of the tile; `pad` where the tile has no value. x is where the channel
   begins. */
void tile_load(accv v[STEPS][ITEM_VECTORS], __global const storage_t *x, ulong outer,
               tile_place t, acc_t pad)
{
    uint n = (t.first + t.lane) / t.inner;
    uint l = (t.first + t.lane) - n * t.inner;
    for (uint step = 0; step < STEPS; ++step) {
        const uint e = step * LANES + t.lane;
        __global const storage_t *row = x + n * outer;
        if (e + ITEM_LANES <= t.count && l + ITEM_LANES <= t.inner) {
            for (uint u = 0; u < ITEM_VECTORS; ++u)
                v[step][u] = LOADV(row + l + u * VEC);
        } else {
            acc_t part[ITEM_LANES];
            uint at = l;
            for (uint j = 0; j < ITEM_LANES; ++j) {
                const int inside = e + j < t.count;
                part[j] = inside ? LOAD(row + at) : pad;
                if (++at == t.inner) {
                    at = 0;
                    row += outer;
                }
            }
            for (uint u = 0; u < ITEM_VECTORS; ++u)
                v[step][u] = VLOAD(part + u * VEC);
        }
        for (l += LANES; l >= t.inner; l -= t.inner)
            ++n;
    }
}

/* Puts `pad` where the tile has no value. */
void tile_pad(accv v[STEPS][ITEM_VECTORS], tile_place t, acc_t pad)
{
    if (t.count == TILE)
        return;
    for (uint step = 0; step < STEPS; ++step)
        for (uint u = 0; u < ITEM_VECTORS; ++u) {
            acc_t part[VEC];
            VSTORE(v[step][u], part);
            for (uint j = 0; j < VEC; ++j)
                if (step * LANES + t.lane + u * VEC + j >= t.count)
                    part[j] = pad;
            v[step][u] = VLOAD(part);
        }
}

/* The sum over the 64 lanes, in all work-items of the tile. scratch: 64 floats of the tile's own.
   All of the work-group's items must come here together. */
acc_t lanes_sum(accv lane_sum[ITEM_VECTORS], __local acc_t *scratch)
{
#if LANE_ITEMS == 1
    acc_t lanes[LANES];
    for (uint u = 0; u < ITEM_VECTORS; ++u)
        VSTORE(lane_sum[u], lanes + u * VEC);
    for (uint distance = LANES / 2; distance > 0; distance /= 2)
        for (uint i = 0; i < distance; ++i)
            lanes[i] += lanes[i + distance];
    return lanes[0];
#else
    const uint id = (uint)get_local_id(0);
    for (uint u = 0; u < ITEM_VECTORS; ++u)
        VSTORE(lane_sum[u], scratch + id * ITEM_LANES + u * VEC);
    for (uint distance = LANES / 2; distance > 0; distance /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint i = id; i < distance; i += LANE_ITEMS)
            scratch[i] += scratch[i + distance];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    const acc_t sum = scratch[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return sum;
#endif
}
