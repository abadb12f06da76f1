/* y = ((x - mean_hi) - mean_lo)*scale + shift.

     x, y          [lines][length]: see lines.cl
     coefficients  [5][channels]: mean_hi, mean_lo, scale, shift, (unused here)

   Traffic per element: 4 bytes read, 4 written. */
__kernel void batch_norm_apply(__global const storage_t *x, ulong x_at, __global storage_t *y,
                               ulong y_at, __global const float *coefficients,
                               ulong coefficients_at, uint lines, uint length, uint channels)
{
    const uint at = (uint)get_global_id(0) * (VEC * LINE_VECTORS);
    const uint first_line = (uint)get_global_id(1) * LINES;
    if (at >= length || first_line >= lines)
        return;
    const uint end_line = min(first_line + LINES, lines);
    coefficients += coefficients_at;
    x += x_at + at;
    y += y_at + at;

    floatv hi[LINE_VECTORS], lo[LINE_VECTORS], scale[LINE_VECTORS], shift[LINE_VECTORS];
    for (uint line = first_line; line < end_line; ++line) {
        if (NEW_COEFFICIENTS(line, first_line))
            for (uint u = 0; u < LINE_VECTORS; ++u) {
                hi[u] = line_coefficient(coefficients, 0, channels, line, at, u);
                lo[u] = line_coefficient(coefficients, 1, channels, line, at, u);
                scale[u] = line_coefficient(coefficients, 2, channels, line, at, u);
                shift[u] = line_coefficient(coefficients, 3, channels, line, at, u);
            }
        const size_t row = (size_t)line * length;
        for (uint u = 0; u < LINE_VECTORS; ++u) {
            const uint have = left(length, at + u * VEC);
            if (have == 0)
                break;
            const floatv d = (load_some(x + row + u * VEC, have) - hi[u]) - lo[u];
            store_some(fma(d, scale[u], shift[u]), y + row + u * VEC, have);
        }
    }
}
