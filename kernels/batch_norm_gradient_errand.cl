/* Backward's errand, see errand.cl: to write a channel's dx and dresidual. Pointers are to where
   the channel begins. */
typedef struct {
    errand_walk walk;
    __global const storage_t *x, *dy;
    __global storage_t *dx, *dresidual;
    __global const uchar *mask;
    ulong x_outer, dy_outer, dx_outer, dresidual_outer, mask_outer;
    dx_coefficients k;
    uint flags;
    acc_t slope;
} gradient_errand;

/* A part of it, if any is left. */
INLINE void gradient_errand_step(gradient_errand *e)
{
    if (!errand_is_left(&e->walk))
        return;
    const uint line = e->walk.line, at = e->walk.at;
    dx_coefficients k[LINE_VECTORS];
#pragma unroll
    for (uint u = 0; u < LINE_VECTORS; ++u)
        k[u] = e->k;
    gradient_part(e->x + line * e->x_outer + at, e->dy + line * e->dy_outer + at,
                  e->dx + line * e->dx_outer + at, e->dresidual + line * e->dresidual_outer + at,
                  e->mask + line * e->mask_outer, at, e->walk.length, k, e->flags, e->slope);
    errand_next(&e->walk);
}

/* What is left of it. */
INLINE void gradient_errand_end(gradient_errand *e)
{
    while (errand_is_left(&e->walk))
        gradient_errand_step(e);
}
