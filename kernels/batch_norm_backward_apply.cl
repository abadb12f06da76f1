/* dx, through the batch's statistics or through frozen ones.

     x, dy, dx     lines with strides: see lines.cl; dx may be dy or x
     coefficients  [5][channels]: see batch_norm_backward_merge.cl

   With `accumulate` the gradient is added to what dx holds: 4 bytes more are read. */
typedef struct {
    accv hi, lo, k1, k2, k3;
} dx_coefficients;

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

/* dx = k1*((dy - k2) - ((x - mean_hi) - mean_lo)*k3). Traffic per element: 8 bytes read,
   4 written. */
__kernel void batch_norm_backward_apply(__global const storage_t *x, ulong x_at, ulong x_outer,
                                        ulong x_channel, __global const storage_t *dy,
                                        ulong dy_at, ulong dy_outer, ulong dy_channel,
                                        __global storage_t *dx, ulong dx_at, ulong dx_outer,
                                        ulong dx_channel, __global const acc_t *coefficients,
                                        ulong coefficients_at, uint accumulate, uint lines,
                                        uint length, uint channels)
{
    const line_part part = line_part_of(lines, length, channels);
    if (part.first >= part.end)
        return;
    coefficients += coefficients_at;
    x += x_at + line_part_begin(part, x_channel);
    dy += dy_at + line_part_begin(part, dy_channel);
    dx += dx_at + line_part_begin(part, dx_channel);

    dx_coefficients k[LINE_VECTORS];
    for (uint u = 0; u < LINE_VECTORS; ++u)
        k[u] = dx_coefficients_load(coefficients, channels, part, u);
    for (uint line = part.first; line < part.end; ++line)
        for (uint u = 0; u < LINE_VECTORS; ++u) {
            const uint have = left(length, part.at + u * VEC);
            if (have == 0)
                break;
            const accv g = load_some(dy + line * dy_outer + u * VEC, have) - k[u].k2;
            const accv d =
                (load_some(x + line * x_outer + u * VEC, have) - k[u].hi) - k[u].lo;
            gradient_store(k[u].k1 * fma(-d, k[u].k3, g), dx + line * dx_outer + u * VEC, have,
                           accumulate);
        }
}

/* dx = k1*dy: frozen statistics do not depend on x. Traffic per element: 4 bytes read,
   4 written. */
__kernel void batch_norm_backward_frozen(__global const storage_t *dy, ulong dy_at, ulong dy_outer,
                                         ulong dy_channel, __global storage_t *dx, ulong dx_at,
                                         ulong dx_outer, ulong dx_channel,
                                         __global const acc_t *coefficients,
                                         ulong coefficients_at, uint accumulate, uint lines,
                                         uint length, uint channels)
{
    const line_part part = line_part_of(lines, length, channels);
    if (part.first >= part.end)
        return;
    coefficients += coefficients_at;
    dy += dy_at + line_part_begin(part, dy_channel);
    dx += dx_at + line_part_begin(part, dx_channel);

    accv k1[LINE_VECTORS];
    for (uint u = 0; u < LINE_VECTORS; ++u)
        k1[u] = line_coefficient(coefficients, 2, channels, part, u);
    for (uint line = part.first; line < part.end; ++line)
        for (uint u = 0; u < LINE_VECTORS; ++u) {
            const uint have = left(length, part.at + u * VEC);
            if (have == 0)
                break;
            gradient_store(k1[u] * load_some(dy + line * dy_outer + u * VEC, have),
                           dx + line * dx_outer + u * VEC, have, accumulate);
        }
}
