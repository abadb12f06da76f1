/* y = activation(((x - mean_hi) - mean_lo)*scale + shift + residual), with the bits of each step as
   an operation of its own: what it would have stored is rounded to the storage type.

     x, y, residual  lines with strides: see lines.cl; y may be x or residual
     mask            of the activation, for backward: see mask.cl. A work-item takes a multiple of 8
                     elements of a line, or all of it
     coefficients    [5][channels]: mean_hi, mean_lo, scale, shift, (unused here)

   Traffic per element: 4 bytes read, 4 written; 4 more read of the residual, 1/8 written of the
   mask. */
#define HAS_RESIDUAL 1
#define HAS_MASK 2

__kernel void batch_norm_apply(__global const storage_t *x, ulong x_at, ulong x_outer,
                               ulong x_channel, __global storage_t *y, ulong y_at, ulong y_outer,
                               ulong y_channel, __global const storage_t *residual,
                               ulong residual_at, ulong residual_outer, ulong residual_channel,
                               __global uchar *mask, ulong mask_at,
                               __global const acc_t *coefficients, ulong coefficients_at,
                               uint flags, uint lines, uint length, uint channels, acc_t low,
                               acc_t high)
{
    const line_part part = line_part_of(lines, length, channels);
    if (part.first >= part.end)
        return;
    coefficients += coefficients_at;
    x += x_at + line_part_begin(part, x_channel);
    y += y_at + line_part_begin(part, y_channel);
    residual += residual_at + line_part_begin(part, residual_channel);
    mask += mask_at;

    accv hi[LINE_VECTORS], lo[LINE_VECTORS], scale[LINE_VECTORS], shift[LINE_VECTORS];
#pragma unroll
    for (uint u = 0; u < LINE_VECTORS; ++u) {
        hi[u] = line_coefficient(coefficients, 0, channels, part, u);
        lo[u] = line_coefficient(coefficients, 1, channels, part, u);
        scale[u] = line_coefficient(coefficients, 2, channels, part, u);
        shift[u] = line_coefficient(coefficients, 3, channels, part, u);
    }
    for (uint line = part.first; line < part.end; ++line) {
        __global uchar *mask_line = mask + line_part_mask(part, line, length, channels);
        uint pending = 0;
#pragma unroll
        for (uint u = 0; u < LINE_VECTORS; ++u) {
            const uint at = part.at + u * VEC;
            const uint have = left(length, at);
            if (have == 0)
                break;
            const accv d = (load_some(x + line * x_outer + u * VEC, have) - hi[u]) - lo[u];
            accv v = unsigned_zero(fma(d, scale[u], shift[u]));
            if (flags & HAS_RESIDUAL)
                v = round_to_storage(v) +
                    load_some(residual + line * residual_outer + u * VEC, have);
            if (ACTIVATION != NONE) {
                v = round_to_storage(v);
                if (flags & HAS_MASK)
                    pending = mask_append(pending, activation_bits(v, ACTIVATION, low, high),
                                          mask_line, at, have);
                v = activate(v, ACTIVATION, low, high);
            }
            store_some(v, y + line * y_outer + u * VEC, have);
        }
    }
}
