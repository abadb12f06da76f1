/* The bias of a linear layer: its broadcast before the matrix product adds to it, and its gradient.

     y, dy  [rows][features], features fastest
     bias   [features]; dbias [features] */

/* Every row of y becomes the bias. Grid: blocks of VEC features x rows. Traffic per element: 4
   bytes written. */
__kernel void linear_bias_forward(__global const float *bias, ulong bias_at, __global float *y,
                                  ulong y_at, uint rows, uint features)
{
    const uint at = (uint)get_global_id(0) * VEC;
    const uint row = (uint)get_global_id(1);
    if (at >= features || row >= rows)
        return;
    const uint have = features - at;
    store_some(load_some(bias + bias_at + at, have), y + y_at + (size_t)row * features + at, have);
}

/* The sum of a leaf, the first min(rows, 32) rows from dy on. A whole one has no loop that a device
   sees: llvmpipe, and it alone, leaves a work-item's loops after 65535 rounds in all. */
accv leaf_of_rows(__global const float *dy, uint rows, uint features, uint have)
{
    accv leaf = 0.0f;
    if (rows < 32) {
        for (uint i = 0; i < rows; ++i)
            leaf += load_some(dy + (size_t)i * features, have);
        return leaf;
    }
#pragma unroll
    for (uint i = 0; i < 32; ++i)
        leaf += load_some(dy + (size_t)i * features, have);
    return leaf;
}

/* dbias = sum over rows of dy, added to what dbias holds if `accumulate`: rows add in order within
   leaves of 32, leaves in order as sums of two floats. Grid: blocks of VEC features. Traffic per
   element: 4 bytes read. */
__kernel void linear_bias_backward(__global const float *dy, ulong dy_at, __global float *dbias,
                                   ulong dbias_at, uint accumulate, uint rows, uint features)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= features)
        return;
    const uint have = features - at;
    dy += dy_at + at;
    twofold sum;
    sum.hi = sum.lo = 0.0f;
    for (uint r = 0; r < rows; r += 32)
        sum = twofold_add(sum, leaf_of_rows(dy + (size_t)r * features, rows - r, features, have),
                          0.0f);
    dbias += dbias_at + at;
    store_some(accumulate ? load_some(dbias, have) + sum.hi : sum.hi, dbias, have);
}
