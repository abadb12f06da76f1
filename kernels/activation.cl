/* Activations, forward and backward, as PyTorch's; see mask.cl for what backward goes by.

     kind              y                                  dx
     NONE              x                                  dy
     RELU              x < 0 ? 0 : x                      x <= 0 ? 0 : dy
     LEAKY_RELU        x > 0 ? x : x*slope                x > 0 ? dy : dy*slope
     HARDTANH          min(max(x, low), high)             x <= low || x >= high ? 0 : dy

   A NaN stays one, and gradients pass it, but for LEAKY_RELU, which multiplies them. -0 stays -0
   unless low is above it.

   ACTIVATION  the kind, of kernels that other operations have an activation in: what their plan
               knows. With NONE the compiler leaves nothing of it. */
#ifndef ACTIVATION
#define ACTIVATION 0
#endif
#define NONE 0
#define RELU 1
#define LEAKY_RELU 2
#define HARDTANH 3

/* low is the slope of LEAKY_RELU. */
accv activate(accv x, uint kind, acc_t low, acc_t high)
{
    if (kind == RELU)
        return CHOOSE(x, (accv)(0.0f), x < (accv)(0.0f));
    if (kind == LEAKY_RELU)
        return CHOOSE(x * low, x, x > (accv)(0.0f));
    if (kind == HARDTANH) {
        const accv above = CHOOSE(x, (accv)(low), x < (accv)(low));
        return CHOOSE(above, (accv)(high), above > (accv)(high));
    }
    return x;
}

/* The mask's bits for x. */
uint activation_bits(accv x, uint kind, acc_t low, acc_t high)
{
    if (kind == RELU)
        return ~mask_bits_of(x <= (accv)(0.0f));
    if (kind == LEAKY_RELU)
        return mask_bits_of(x > (accv)(0.0f));
    if (kind == HARDTANH)
        return ~mask_bits_of(x <= (accv)(low) || x >= (accv)(high));
    return ~0u;
}

/* The gradient behind the activation, rounded as one in memory is. */
accv activation_gradient(accv dy, uint bits, uint kind, acc_t slope)
{
    if (kind == NONE)
        return dy;
    const accv stopped = kind == LEAKY_RELU ? round_to_storage(dy * slope) : (accv)(0.0f);
    return CHOOSE(stopped, dy, mask_condition(bits));
}

/* The same of the first min(have, VEC) elements at dy, which are elements `at` ... of a line of the
   mask; have > 0. */
accv activation_gradient_load(__global const storage_t *dy, uint have, __global const uchar *line,
                              uint at, uint kind, acc_t slope)
{
    const accv loaded = load_some(dy, have);
    if (kind == NONE)
        return loaded;
    return activation_gradient(loaded, mask_bits(line, at, have), kind, slope);
}
