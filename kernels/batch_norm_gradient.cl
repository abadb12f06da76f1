/* dx and dresidual of a work-item's part of a line, see lines.cl:

     dx = k1*((g - k2) - ((x - hi) - lo)*k3), dresidual = g

   where g is dy behind the activation: see activation.cl.

   Traffic per element: 8 bytes read, 4 written; and 1/8 read of the mask, 4 written of dresidual.
   What is accumulated is added to what is there: 4 bytes more are read. */
#define HAS_DX 32
#define ACCUMULATE_DX 64
#define HAS_DRESIDUAL 128
#define ACCUMULATE_DRESIDUAL 256

/* What activation and sum, as operations of their own, would leave: zeros keep their signs. */
INLINE void residual_store(accv g, accv *held, __global storage_t *to, uint u, uint have,
                           uint accumulate)
{
    result_store(accumulate ? load_some(to, have) + g : g, held, to, u, have);
}

/* Of the first `have` elements of the part, of which there is one at least. */
INLINE void gradient_vectors(__global const storage_t *x, __global const storage_t *dy,
                             __global storage_t *dx, __global storage_t *dresidual,
                             __global const uchar *mask, uint at, uint have,
                             const dx_coefficients k[LINE_VECTORS], uint flags, acc_t slope)
{
    accv held, held_residual;
#pragma unroll
    for (uint u = 0; u < LINE_VECTORS; ++u) {
        if (have <= u * VEC)
            break;
        const uint some = have - u * VEC;
        const accv g =
            activation_gradient_load(dy + u * VEC, some, mask, at + u * VEC, ACTIVATION, slope);
        const accv d = (load_some(x + u * VEC, some) - k[u].hi) - k[u].lo;
        gradient_store(k[u].k1 * fma(-d, k[u].k3, g - k[u].k2), &held, dx + u * VEC, u, some,
                       flags & ACCUMULATE_DX);
        if (flags & HAS_DRESIDUAL)
            residual_store(g, &held_residual, dresidual + u * VEC, u, some,
                           flags & ACCUMULATE_DRESIDUAL);
    }
}

/* x, dy, dx and dresidual are where the part begins, `at` elements from the line's begin; mask is
   the line's. */
INLINE void gradient_part(__global const storage_t *x, __global const storage_t *dy,
                          __global storage_t *dx, __global storage_t *dresidual,
                          __global const uchar *mask, uint at, uint length,
                          const dx_coefficients k[LINE_VECTORS], uint flags, acc_t slope)
{
    const uint have = left(length, at);
    if (WHOLE_PARTS && have >= VEC * LINE_VECTORS)
        gradient_vectors(x, dy, dx, dresidual, mask, at, VEC * LINE_VECTORS, k, flags, slope);
    else
        gradient_vectors(x, dy, dx, dresidual, mask, at, have, k, flags, slope);
}
