/* Activations as values: their making, and which are refused. */
#include "ops/activation.h"

#include "base/error.h"

bncl_activation bncl_activation_relu(void)
{
    return (bncl_activation){.kind = BNCL_ACTIVATION_RELU};
}

bncl_activation bncl_activation_leaky_relu(double negative_slope)
{
    return (bncl_activation){.kind = BNCL_ACTIVATION_LEAKY_RELU, .negative_slope = negative_slope};
}

bncl_activation bncl_activation_hardtanh(double min, double max)
{
    return (bncl_activation){.kind = BNCL_ACTIVATION_HARDTANH, .min = min, .max = max};
}

bncl_status bncli_activation_check(const bncl_activation *activation, bncl_error *err)
{
    const int kind = (int)activation->kind;
    if (kind < 0 || kind >= BNCL_ACTIVATION_COUNT)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%d is no kind of activation", kind);
    if (kind == BNCL_ACTIVATION_HARDTANH && !(activation->max > activation->min))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                          "hardtanh: expected max above min, got min %g and max %g",
                          activation->min, activation->max);
    return BNCL_OK;
}

double bncli_activation_low(const bncl_activation *activation)
{
    return activation->kind == BNCL_ACTIVATION_LEAKY_RELU ? activation->negative_slope
                                                          : activation->min;
}
