/* dx, through the batch's statistics or through frozen ones, and dresidual. Both from
   g = activation'(mask)*dy, which is dy where there is no activation: see activation.cl and
   batch_norm_gradient.cl.

     x, dy, dx, dresidual  lines with strides: see lines.cl; dx and dresidual may each be dy or x
     mask                  see mask.cl
     coefficients          [5][channels]: see batch_norm_backward_merge.cl

   Traffic per element: 8 bytes read, 4 written; frozen 4 and 4; and 1/8 read of the mask, 4 written
   of dresidual. What is accumulated is added to what is there: 4 bytes more are read. */
dx_coefficients dx_coefficients_load(__global const acc_t *coefficients, uint channels,
                                     line_part part, uint u)
{
    dx_coefficients k;
    k.hi = line_coefficient(coefficients, 0, channels, part, u);
    k.lo = line_coefficient(coefficients, 1, channels, part, u);
    k.k1 = line_coefficient(coefficients, 2, channels, part, u);
    k.k2 = line_coefficient(coefficients, 3, channels, part, u);
    k.k3 = line_coefficient(coefficients, 4, channels, part, u);
    return k;
}

__kernel void batch_norm_backward_apply(__global const storage_t *x, ulong x_at, ulong x_outer,
                                        ulong x_channel, __global const storage_t *dy,
                                        ulong dy_at, ulong dy_outer, ulong dy_channel,
                                        __global storage_t *dx, ulong dx_at, ulong dx_outer,
                                        ulong dx_channel, __global storage_t *dresidual,
                                        ulong dresidual_at, ulong dresidual_outer,
                                        ulong dresidual_channel, __global const uchar *mask,
                                        ulong mask_at, __global const acc_t *coefficients,
                                        ulong coefficients_at, uint flags, uint lines, uint length,
                                        uint channels, acc_t slope)
{
    const line_part part = line_part_of(lines, length, channels);
    if (part.first >= part.end)
        return;
    coefficients += coefficients_at;
    x += x_at + line_part_begin(part, x_channel);
    dy += dy_at + line_part_begin(part, dy_channel);
    dx += dx_at + line_part_begin(part, dx_channel);
    dresidual += dresidual_at + line_part_begin(part, dresidual_channel);
    mask += mask_at;

    dx_coefficients k[LINE_VECTORS];
#pragma unroll
    for (uint u = 0; u < LINE_VECTORS; ++u)
        k[u] = dx_coefficients_load(coefficients, channels, part, u);
    for (uint line = part.first; line < part.end; ++line)
        FOR_STEPS(at, part)
            gradient_part(x + line * x_outer + at, dy + line * dy_outer + at,
                          dx + line * dx_outer + at, dresidual + line * dresidual_outer + at,
                          mask + line_part_mask(part, line, length, channels), at, length, k,
                          flags, slope);
}

/* A step with frozen statistics, `at` elements from the line's begin; mask is the line's. */
INLINE void frozen_part(__global const storage_t *dy, __global storage_t *dx,
                        __global storage_t *dresidual, __global const uchar *mask, uint at,
                        uint length, const accv k1[LINE_VECTORS], uint flags, acc_t slope)
{
    accv held, held_residual;
#pragma unroll
    for (uint u = 0; u < LINE_VECTORS; ++u) {
        const uint have = left(length, at + u * VEC);
        if (have == 0)
            break;
        const accv g =
            activation_gradient_load(dy + u * VEC, have, mask, at + u * VEC, ACTIVATION, slope);
        if (flags & HAS_DX)
            gradient_store(k1[u] * g, &held, dx + u * VEC, u, have, flags & ACCUMULATE_DX);
        if (flags & HAS_DRESIDUAL)
            residual_store(g, &held_residual, dresidual + u * VEC, u, have,
                           flags & ACCUMULATE_DRESIDUAL);
    }
}

/* dx = k1*g: frozen statistics do not depend on x; dresidual = g. Either may be absent; without dx
   there need be no coefficients. */
__kernel void batch_norm_backward_frozen(__global const storage_t *dy, ulong dy_at, ulong dy_outer,
                                         ulong dy_channel, __global storage_t *dx, ulong dx_at,
                                         ulong dx_outer, ulong dx_channel,
                                         __global storage_t *dresidual, ulong dresidual_at,
                                         ulong dresidual_outer, ulong dresidual_channel,
                                         __global const uchar *mask, ulong mask_at,
                                         __global const acc_t *coefficients,
                                         ulong coefficients_at, uint flags, uint lines,
                                         uint length, uint channels, acc_t slope)
{
    const line_part part = line_part_of(lines, length, channels);
    if (part.first >= part.end)
        return;
    coefficients += coefficients_at;
    dy += dy_at + line_part_begin(part, dy_channel);
    dx += dx_at + line_part_begin(part, dx_channel);
    dresidual += dresidual_at + line_part_begin(part, dresidual_channel);
    mask += mask_at;

    accv k1[LINE_VECTORS];
#pragma unroll
    for (uint u = 0; u < LINE_VECTORS; ++u) {
        k1[u] = 0.0f;
        if (flags & HAS_DX)
            k1[u] = line_coefficient(coefficients, 2, channels, part, u);
    }
    for (uint line = part.first; line < part.end; ++line)
        FOR_STEPS(at, part)
            frozen_part(dy + line * dy_outer + at, dx + line * dx_outer + at,
                        dresidual + line * dresidual_outer + at,
                        mask + line_part_mask(part, line, length, channels), at, length, k1, flags,
                        slope);
}
