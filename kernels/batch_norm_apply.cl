/* y = ((x - mean_hi) - mean_lo)*scale + shift.

     x, y          lines with strides: see lines.cl; y may be x
     coefficients  [5][channels]: mean_hi, mean_lo, scale, shift, (unused here)

   Traffic per element: 4 bytes read, 4 written. */
__kernel void batch_norm_apply(__global const storage_t *x, ulong x_at, ulong x_outer,
                               ulong x_channel, __global storage_t *y, ulong y_at, ulong y_outer,
                               ulong y_channel, __global const acc_t *coefficients,
                               ulong coefficients_at, uint lines, uint length, uint channels)
{
    const line_part part = line_part_of(lines, length, channels);
    if (part.first >= part.end)
        return;
    coefficients += coefficients_at;
    x += x_at + line_part_begin(part, x_channel);
    y += y_at + line_part_begin(part, y_channel);

    accv hi[LINE_VECTORS], lo[LINE_VECTORS], scale[LINE_VECTORS], shift[LINE_VECTORS];
    for (uint u = 0; u < LINE_VECTORS; ++u) {
        hi[u] = line_coefficient(coefficients, 0, channels, part, u);
        lo[u] = line_coefficient(coefficients, 1, channels, part, u);
        scale[u] = line_coefficient(coefficients, 2, channels, part, u);
        shift[u] = line_coefficient(coefficients, 3, channels, part, u);
    }
    for (uint line = part.first; line < part.end; ++line)
        for (uint u = 0; u < LINE_VECTORS; ++u) {
            const uint have = left(length, part.at + u * VEC);
            if (have == 0)
                break;
            const accv d = (load_some(x + line * x_outer + u * VEC, have) - hi[u]) - lo[u];
            store_some(unsigned_zero(fma(d, scale[u], shift[u])), y + line * y_outer + u * VEC,
                       have);
        }
}
