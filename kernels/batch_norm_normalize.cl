/* Normalizing a work-item's part of a line: see lines.cl.

     y = activation(((x - hi) - lo)*scale + shift + residual)

   with the bits of each step as an operation of its own: what it would have stored is rounded to
   the storage type.

   Traffic per element: 4 bytes read, 4 written; 4 more read of the residual, 1/8 written of the
   mask. */
#define HAS_RESIDUAL 8
#define HAS_MASK 16

/* What an activation is bounded by, and the flags above. */
typedef struct {
    uint flags;
    acc_t low, high;
} normalize_options;

/* Of the first `have` elements of the part, of which there is one at least. */
INLINE void normalize_vectors(__global const storage_t *x, __global storage_t *y,
                              __global const storage_t *residual, __global uchar *mask, uint at,
                              uint have, const normalizer k[LINE_VECTORS], normalize_options o)
{
    accv held;
    uint pending = 0;
#pragma unroll
    for (uint u = 0; u < LINE_VECTORS; ++u) {
        if (have <= u * VEC)
            break;
        const uint some = have - u * VEC;
        const accv d = (load_some(x + u * VEC, some) - k[u].hi) - k[u].lo;
        accv v = unsigned_zero(fma(d, k[u].scale, k[u].shift));
        if (o.flags & HAS_RESIDUAL)
            v = round_to_storage(v) + load_some(residual + u * VEC, some);
        if (ACTIVATION != NONE) {
            v = round_to_storage(v);
            if (o.flags & HAS_MASK)
                pending = mask_append(pending, activation_bits(v, ACTIVATION, o.low, o.high), mask,
                                      at + u * VEC, some);
            v = activate(v, ACTIVATION, o.low, o.high);
        }
        result_store(v, &held, y + u * VEC, u, some);
    }
}

/* x, y and residual are where the part begins, `at` elements from the line's begin; mask is the
   line's. */
INLINE void normalize_part(__global const storage_t *x, __global storage_t *y,
                           __global const storage_t *residual, __global uchar *mask, uint at,
                           uint length, const normalizer k[LINE_VECTORS], normalize_options o)
{
    const uint have = left(length, at);
    if (WHOLE_PARTS && have >= VEC * LINE_VECTORS)
        normalize_vectors(x, y, residual, mask, at, VEC * LINE_VECTORS, k, o);
    else
        normalize_vectors(x, y, residual, mask, at, have, k, o);
}
