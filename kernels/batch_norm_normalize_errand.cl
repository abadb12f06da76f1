/* Forward's errand, see errand.cl: to normalize a channel. Pointers are to where the channel
   begins. */
typedef struct {
    errand_walk walk;
    __global const storage_t *x, *residual;
    __global storage_t *y;
    __global uchar *mask;
    ulong x_outer, residual_outer, y_outer, mask_outer;
    normalizer k;
    normalize_options options;
} normalize_errand;

/* A part of it, if any is left. */
INLINE void normalize_errand_step(normalize_errand *e)
{
    if (!errand_is_left(&e->walk))
        return;
    const uint line = e->walk.line, at = e->walk.at;
    normalizer k[LINE_VECTORS];
#pragma unroll
    for (uint u = 0; u < LINE_VECTORS; ++u)
        k[u] = e->k;
    normalize_part(e->x + line * e->x_outer + at, e->y + line * e->y_outer + at,
                   e->residual + line * e->residual_outer + at, e->mask + line * e->mask_outer, at,
                   e->walk.length, k, e->options);
    errand_next(&e->walk);
}

/* What is left of it. */
INLINE void normalize_errand_end(normalize_errand *e)
{
    while (errand_is_left(&e->walk))
        normalize_errand_step(e);
}
