/* y = activation(((x - mean_hi) - mean_lo)*scale + shift + residual): see batch_norm_normalize.cl.

     x, y, residual  lines with strides: see lines.cl; y may be x or residual
     mask            of the activation, for backward: see mask.cl. A work-item takes a multiple of 8
                     elements of a line, or all of it
     coefficients    [5][channels]: mean_hi, mean_lo, scale, shift, (unused here) */
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

    normalizer k[LINE_VECTORS];
#pragma unroll
    for (uint u = 0; u < LINE_VECTORS; ++u) {
        k[u].hi = line_coefficient(coefficients, 0, channels, part, u);
        k[u].lo = line_coefficient(coefficients, 1, channels, part, u);
        k[u].scale = line_coefficient(coefficients, 2, channels, part, u);
        k[u].shift = line_coefficient(coefficients, 3, channels, part, u);
    }
    const normalize_options options = {flags, low, high};
    for (uint line = part.first; line < part.end; ++line)
        FOR_STEPS(at, part)
            normalize_part(x + line * x_outer + at, y + line * y_outer + at,
                           residual + line * residual_outer + at,
                           mask + line_part_mask(part, line, length, channels), at, length, k,
                           options);
}

/* The same through running statistics, without a launch that makes coefficients of them first: each
   work-item does. For tensors so small that the launch is what costs. */
__kernel void batch_norm_running_apply(
    __global const storage_t *x, ulong x_at, ulong x_outer, ulong x_channel, __global storage_t *y,
    ulong y_at, ulong y_outer, ulong y_channel, __global const storage_t *residual,
    ulong residual_at, ulong residual_outer, ulong residual_channel, __global uchar *mask,
    ulong mask_at, __global const acc_t *running_mean, ulong running_mean_at,
    __global const acc_t *running_var, ulong running_var_at, __global const acc_t *gamma,
    ulong gamma_at, __global const acc_t *beta, ulong beta_at, uint flags, uint lines, uint length,
    uint channels, acc_t eps, acc_t low, acc_t high)
{
    const line_part part = line_part_of(lines, length, channels);
    if (part.first >= part.end)
        return;
    x += x_at + line_part_begin(part, x_channel);
    y += y_at + line_part_begin(part, y_channel);
    residual += residual_at + line_part_begin(part, residual_channel);
    mask += mask_at;

    normalizer k[LINE_VECTORS];
#pragma unroll
    for (uint u = 0; u < LINE_VECTORS; ++u) {
        const uint c = line_part_channel(part, u), have = left(channels, c);
        if (have == 0)
            break;
        const accv variance = channel_load(running_var + running_var_at + c, have);
        k[u] = normalizer_of(channel_load(running_mean + running_mean_at + c, have), 0.0f,
                             inverse_sqrt(variance + eps), gamma + gamma_at + c,
                             beta + beta_at + c, flags, have);
    }
    const normalize_options options = {flags, low, high};
    for (uint line = part.first; line < part.end; ++line)
        FOR_STEPS(at, part)
            normalize_part(x + line * x_outer + at, y + line * y_outer + at,
                           residual + line * residual_outer + at,
                           mask + line_part_mask(part, line, length, channels), at, length, k,
                           options);
}
