/* dx and ddy of double backward, through the batch's statistics or through frozen ones.

     x, dy, ddx, dx, ddy  lines with strides: see lines.cl; dx and ddy may each be x, dy or ddx
     coefficients         [10][channels]: see batch_norm_double_backward_merge.cl

     dx = s*(v_slope*(ddx - v_mean) + g_slope*(dy - g_mean) + x_slope*xhat)
     ddy = scale*(ddx - v_mean) + g_slope*xhat + ddbeta,  xhat = s*((x - mean_hi) - mean_lo)

   With FROZEN statistics dx = s*(g_slope*dy), and g_mean and v_mean are 0. Without READS_X x and dy
   do not matter, and dx is 0. With ACCUMULATE_ a gradient is added to what its tensor holds.

   Traffic per element: 4 bytes of each tensor whose flag is set, x and dy having one in common;
   4 more where a gradient is added. */
#define HAS_DDX 1
#define FROZEN 32
#define READS_X 128
#define HAS_DX 256
#define HAS_DDY 512
#define ACCUMULATE_DX 1024
#define ACCUMULATE_DDY 2048

typedef struct {
    accv hi, lo, s, g_mean, g_slope, v_mean, v_slope, x_slope, scale, ddbeta;
} apply_coefficients;

apply_coefficients apply_coefficients_load(__global const acc_t *coefficients, uint channels,
                                           line_part part, uint u)
{
    apply_coefficients k;
    k.hi = line_coefficient(coefficients, 0, channels, part, u);
    k.lo = line_coefficient(coefficients, 1, channels, part, u);
    k.s = line_coefficient(coefficients, 2, channels, part, u);
    k.g_mean = line_coefficient(coefficients, 3, channels, part, u);
    k.g_slope = line_coefficient(coefficients, 4, channels, part, u);
    k.v_mean = line_coefficient(coefficients, 5, channels, part, u);
    k.v_slope = line_coefficient(coefficients, 6, channels, part, u);
    k.x_slope = line_coefficient(coefficients, 7, channels, part, u);
    k.scale = line_coefficient(coefficients, 8, channels, part, u);
    k.ddbeta = line_coefficient(coefficients, 9, channels, part, u);
    return k;
}

__kernel void batch_norm_double_backward_apply(
    __global const storage_t *x, ulong x_at, ulong x_outer, ulong x_channel,
    __global const storage_t *dy, ulong dy_at, ulong dy_outer, ulong dy_channel,
    __global const storage_t *ddx, ulong ddx_at, ulong ddx_outer, ulong ddx_channel,
    __global storage_t *dx, ulong dx_at, ulong dx_outer, ulong dx_channel,
    __global storage_t *ddy, ulong ddy_at, ulong ddy_outer, ulong ddy_channel,
    __global const acc_t *coefficients, ulong coefficients_at, uint flags, uint lines,
    uint length, uint channels)
{
    const line_part part = line_part_of(lines, length, channels);
    if (part.first >= part.end)
        return;
    coefficients += coefficients_at;
    x += x_at + line_part_begin(part, x_channel);
    dy += dy_at + line_part_begin(part, dy_channel);
    ddx += ddx_at + line_part_begin(part, ddx_channel);
    dx += dx_at + line_part_begin(part, dx_channel);
    ddy += ddy_at + line_part_begin(part, ddy_channel);

    apply_coefficients all[LINE_VECTORS];
#pragma unroll
    for (uint u = 0; u < LINE_VECTORS; ++u)
        all[u] = apply_coefficients_load(coefficients, channels, part, u);
    for (uint line = part.first; line < part.end; ++line)
    FOR_STEPS(begin, part) {
        accv held_dx, held_ddy;
#pragma unroll
        for (uint u = 0; u < LINE_VECTORS; ++u) {
            const uint at = begin + u * VEC, have = left(length, at);
            if (have == 0)
                break;
            const apply_coefficients k = all[u];
            accv v = 0.0f, xhat = 0.0f, to_x = 0.0f;
            if (flags & HAS_DDX)
                v = load_some(ddx + line * ddx_outer + at, have) - k.v_mean;
            if (flags & READS_X) {
                const accv g = load_some(dy + line * dy_outer + at, have) - k.g_mean;
                xhat = k.s * ((load_some(x + line * x_outer + at, have) - k.hi) - k.lo);
                if (flags & FROZEN)
                    to_x = k.s * (k.g_slope * g);
                else
                    to_x = k.s * fma(k.x_slope, xhat, fma(k.g_slope, g, k.v_slope * v));
            }
            const accv to_dy = fma(k.scale, v, fma(k.g_slope, xhat, k.ddbeta));
            if (flags & HAS_DX)
                gradient_store(to_x, &held_dx, dx + line * dx_outer + at, u, have,
                               flags & ACCUMULATE_DX);
            if (flags & HAS_DDY)
                gradient_store(to_dy, &held_ddy, ddy + line * ddy_outer + at, u, have,
                               flags & ACCUMULATE_DDY);
        }
    }
}
