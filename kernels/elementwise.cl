/* ReLU and sums, element by element; tensors of `count` elements. A work-item takes VEC neighbours.
   Traffic per element is stated at each kernel. */

/* y = max(x, 0); NaN stays NaN, and -0 is -0, as PyTorch's. 4 bytes read, 4 written. */
__kernel void relu_forward(__global const storage_t *x, ulong x_at, __global storage_t *y,
                           ulong y_at, uint count)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= count)
        return;
    const uint have = count - at;
    const accv v = load_some(x + x_at + at, have);
    store_some(CHOOSE(v, (accv)(0.0f), v < (accv)(0.0f)), y + y_at + at, have);
}

/* dx = y <= 0 ? 0 : dy. 8 bytes read, 4 written. */
__kernel void relu_backward(__global const storage_t *y, ulong y_at, __global const storage_t *dy,
                            ulong dy_at, __global storage_t *dx, ulong dx_at, uint count)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= count)
        return;
    const uint have = count - at;
    const accv v = load_some(y + y_at + at, have);
    const accv g = load_some(dy + dy_at + at, have);
    store_some(CHOOSE(g, (accv)(0.0f), v <= (accv)(0.0f)), dx + dx_at + at, have);
}

/* z = a + b. 8 bytes read, 4 written. */
__kernel void add_forward(__global const storage_t *a, ulong a_at, __global const storage_t *b,
                          ulong b_at, __global storage_t *z, ulong z_at, uint count)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= count)
        return;
    const uint have = count - at;
    store_some(load_some(a + a_at + at, have) + load_some(b + b_at + at, have), z + z_at + at,
               have);
}
