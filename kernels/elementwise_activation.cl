/* Activations as operations of their own, on tensors of `count` elements; see activation.cl. The
   mask is one line of all elements: see mask.cl. A work-item takes whole bytes of it:
   VEC*MASK_VECTORS neighbours, a multiple of 8. Traffic per element is stated at each kernel. */
#if VEC < 8
#define MASK_VECTORS (8 / VEC)
#else
#define MASK_VECTORS 1
#endif

/* y = activation(x), which may be x's place; has_mask: and the mask. 4 bytes read, 4 written, 1/8
   written of the mask. */
__kernel void activation_forward(__global const storage_t *x, ulong x_at, __global storage_t *y,
                                 ulong y_at, __global uchar *mask, ulong mask_at, uint has_mask,
                                 uint count, uint kind, acc_t low, acc_t high)
{
    const uint first = (uint)get_global_id(0) * (VEC * MASK_VECTORS);
    uint pending = 0;
    for (uint u = 0; u < MASK_VECTORS; ++u) {
        const uint at = first + u * VEC;
        const uint have = left(count, at);
        if (have == 0)
            break;
        const accv v = load_some(x + x_at + at, have);
        if (has_mask)
            pending = mask_append(pending, activation_bits(v, kind, low, high), mask + mask_at, at,
                                  have);
        store_some(activate(v, kind, low, high), y + y_at + at, have);
    }
}

/* dx = activation'(mask)*dy, which may be dy's place. 4 bytes read, 1/8 read of the mask,
   4 written. */
__kernel void activation_backward(__global const uchar *mask, ulong mask_at,
                                  __global const storage_t *dy, ulong dy_at,
                                  __global storage_t *dx, ulong dx_at, uint count, uint kind,
                                  acc_t slope)
{
    const uint first = (uint)get_global_id(0) * (VEC * MASK_VECTORS);
    for (uint u = 0; u < MASK_VECTORS; ++u) {
        const uint at = first + u * VEC;
        const uint have = left(count, at);
        if (have == 0)
            break;
        const accv g = activation_gradient_load(dy + dy_at + at, have, mask + mask_at, at, kind,
                                                slope);
        store_some(g, dx + dx_at + at, have);
    }
}
