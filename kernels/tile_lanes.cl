/* Plain sums over a tile's 64 lanes: see tile_inner.cl. */
INLINE void lanes_zero(accv v[ITEM_VECTORS])
{
#pragma unroll
    for (uint u = 0; u < ITEM_VECTORS; ++u)
        v[u] = 0.0f;
}

/* The sum over the 64 lanes, in all work-items of the tile; lane_sum is used up. scratch: 64 floats
   of the tile's own. All of the work-group's items must come here together. */
INLINE acc_t lanes_sum(accv lane_sum[ITEM_VECTORS], __local acc_t *scratch)
{
#if LANE_ITEMS == 1
    acc_t lanes[VEC];
#pragma unroll
    for (uint distance = ITEM_VECTORS / 2; distance > 0; distance /= 2)
#pragma unroll
        for (uint u = 0; u < distance; ++u)
            lane_sum[u] += lane_sum[u + distance];
    VSTORE(lane_sum[0], lanes);
#pragma unroll
    for (uint distance = VEC / 2; distance > 0; distance /= 2)
#pragma unroll
        for (uint i = 0; i < distance; ++i)
            lanes[i] += lanes[i + distance];
    return lanes[0];
#else
    const uint id = (uint)get_local_id(0);
#pragma unroll
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
