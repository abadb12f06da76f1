/* dx, through the batch's statistics or through frozen ones.

     x, dy, dx     [lines][length]: see lines.cl; dx may be dy
     coefficients  [5][channels]: see batch_norm_backward_merge.cl */
typedef struct {
    floatv hi, lo, k1, k2, k3;
} dx_coefficients;

dx_coefficients dx_coefficients_load(__global const float *coefficients, uint channels, uint line,
                                     uint at, uint u)
{
    dx_coefficients k;
    k.hi = line_coefficient(coefficients, 0, channels, line, at, u);
    k.lo = line_coefficient(coefficients, 1, channels, line, at, u);
    k.k1 = line_coefficient(coefficients, 2, channels, line, at, u);
    k.k2 = line_coefficient(coefficients, 3, channels, line, at, u);
    k.k3 = line_coefficient(coefficients, 4, channels, line, at, u);
    return k;
}

/* dx = k1*((dy - k2) - ((x - mean_hi) - mean_lo)*k3). Traffic per element: 8 bytes read,
   4 written. */
__kernel void batch_norm_backward_apply(__global const storage_t *x, ulong x_at,
                                        __global const storage_t *dy, ulong dy_at,
                                        __global storage_t *dx, ulong dx_at,
                                        __global const float *coefficients, ulong coefficients_at,
                                        uint lines, uint length, uint channels)
{
    const uint at = (uint)get_global_id(0) * (VEC * LINE_VECTORS);
    const uint first_line = (uint)get_global_id(1) * LINES;
    if (at >= length || first_line >= lines)
        return;
    const uint end_line = min(first_line + LINES, lines);
    coefficients += coefficients_at;
    x += x_at + at;
    dy += dy_at + at;
    dx += dx_at + at;

    dx_coefficients k[LINE_VECTORS];
    for (uint line = first_line; line < end_line; ++line) {
        if (NEW_COEFFICIENTS(line, first_line))
            for (uint u = 0; u < LINE_VECTORS; ++u)
                k[u] = dx_coefficients_load(coefficients, channels, line, at, u);
        const size_t row = (size_t)line * length;
        for (uint u = 0; u < LINE_VECTORS; ++u) {
            const uint have = left(length, at + u * VEC);
            if (have == 0)
                break;
            const floatv g = load_some(dy + row + u * VEC, have) - k[u].k2;
            const floatv d = (load_some(x + row + u * VEC, have) - k[u].hi) - k[u].lo;
            store_some(k[u].k1 * fma(-d, k[u].k3, g), dx + row + u * VEC, have);
        }
    }
}

/* dx = k1*dy: frozen statistics do not depend on x. Traffic per element: 4 bytes read,
   4 written. */
__kernel void batch_norm_backward_frozen(__global const storage_t *dy, ulong dy_at,
                                         __global storage_t *dx, ulong dx_at,
                                         __global const float *coefficients,
                                         ulong coefficients_at, uint lines, uint length,
                                         uint channels)
{
    const uint at = (uint)get_global_id(0) * (VEC * LINE_VECTORS);
    const uint first_line = (uint)get_global_id(1) * LINES;
    if (at >= length || first_line >= lines)
        return;
    const uint end_line = min(first_line + LINES, lines);
    coefficients += coefficients_at;
    dy += dy_at + at;
    dx += dx_at + at;

    floatv k1[LINE_VECTORS];
    for (uint line = first_line; line < end_line; ++line) {
        if (NEW_COEFFICIENTS(line, first_line))
            for (uint u = 0; u < LINE_VECTORS; ++u)
                k1[u] = line_coefficient(coefficients, 2, channels, line, at, u);
        const size_t row = (size_t)line * length;
        for (uint u = 0; u < LINE_VECTORS; ++u) {
            const uint have = left(length, at + u * VEC);
            if (have == 0)
                break;
            store_some(k1[u] * load_some(dy + row + u * VEC, have), dx + row + u * VEC, have);
        }
    }
}
