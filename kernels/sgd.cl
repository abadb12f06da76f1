/* One step of stochastic gradient descent with momentum, in PyTorch's order.

     w, dw, buf  [count]

   Grid: blocks of VEC elements. Traffic per element: 12 bytes read, 8 written; without momentum 8
   and 4. */
#define HAS_MOMENTUM 1
#define NESTEROV 2
#define FIRST_STEP 4

__kernel void sgd_step(__global float *w, ulong w_at, __global const float *dw, ulong dw_at,
                       __global float *buf, ulong buf_at, uint flags, uint count, float lr,
                       float momentum, float one_minus_dampening, float weight_decay)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= count)
        return;
    const uint have = count - at;
    w += w_at + at;
    const accv old = load_some(w, have);
    accv g = load_some(dw + dw_at + at, have);
    if (weight_decay != 0.0f)
        g = fma((accv)(weight_decay), old, g);
    accv update = g;
    if (flags & HAS_MOMENTUM) {
        buf += buf_at + at;
        accv b = g;
        if (!(flags & FIRST_STEP))
            b = fma((accv)(momentum), load_some(buf, have), one_minus_dampening * g);
        store_some(b, buf, have);
        update = flags & NESTEROV ? fma((accv)(momentum), b, g) : b;
    }
    store_some(fma((accv)(-lr), update, old), w, have);
}
