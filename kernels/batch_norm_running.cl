/* Running statistics: their update after a training batch, and their use in evaluation. A
   work-item takes VEC channels.

     coefficients  [5][channels]: see batch_norm_statistics_merge.cl */

/* next = keep*running + take*batch, with keep = 1-momentum and take = momentum, of those running
   statistics that there are. next may be the running statistics themselves. Traffic: 16 bytes read,
   8 written per channel. */
__kernel void batch_norm_running_update(__global const acc_t *coefficients, ulong coefficients_at,
                                        __global const acc_t *running_mean, ulong running_mean_at,
                                        __global const acc_t *running_var, ulong running_var_at,
                                        __global acc_t *next_mean, ulong next_mean_at,
                                        __global acc_t *next_var, ulong next_var_at, uint flags,
                                        uint channels, acc_t keep, acc_t take)
{
    const uint c = (uint)get_global_id(0) * VEC, have = left(channels, c);
    if (have == 0)
        return;
    coefficients += coefficients_at + c;
    if (flags & HAS_RUNNING_MEAN)
        running_store(acc_load_some(coefficients, have), running_mean + running_mean_at + c,
                      next_mean + next_mean_at + c, keep, take, have);
    if (flags & HAS_RUNNING_VAR)
        running_store(acc_load_some(coefficients + 4 * (size_t)channels, have),
                      running_var + running_var_at + c, next_var + next_var_at + c, keep, take,
                      have);
}

/* The coefficients of y = (x - running_mean)*gamma/sqrt(running_var+eps) + beta. Traffic: up to 16
   bytes read, 16 written per channel. */
__kernel void batch_norm_running_coefficients(
    __global const acc_t *running_mean, ulong running_mean_at, __global const acc_t *running_var,
    ulong running_var_at, __global const acc_t *gamma, ulong gamma_at, __global const acc_t *beta,
    ulong beta_at, __global acc_t *coefficients, ulong coefficients_at, uint flags, uint channels,
    acc_t eps)
{
    const uint c = (uint)get_global_id(0) * VEC, have = left(channels, c);
    if (have == 0)
        return;
    const accv invstd = inverse_sqrt(acc_load_some(running_var + running_var_at + c, have) + eps);
    const normalizer k =
        normalizer_of(acc_load_some(running_mean + running_mean_at + c, have), 0.0f, invstd,
                      gamma + gamma_at + c, beta + beta_at + c, flags, have);
    normalizer_store(k, coefficients + coefficients_at + c, channels, have);
}
