/* Activations that an operation of their own computes (elementwise.h), or batch norm with the same
   bits on its way (batch_norm.h). Plain values that own nothing. */
#ifndef BNCL_ACTIVATION_H
#define BNCL_ACTIVATION_H

#include <bncl/export.h>

BNCL_BEGIN_DECLS

/* What they compute, and their gradients, as PyTorch's modules of these names:

     NONE         y = x                         dx = dy
     RELU         y = x < 0 ? 0 : x             dx = x <= 0 ? 0 : dy
     LEAKY_RELU   y = x > 0 ? x : x·slope       dx = x > 0 ? dy : dy·slope
     HARDTANH     y = min(max(x, min), max)     dx = x <= min || x >= max ? 0 : dy

   A NaN stays NaN, and its gradient passes; through LEAKY_RELU, times the slope. (PyTorch's
   Hardtanh on CPUs stops it in some places of a tensor and lets it pass in others.) A -0 stays -0,
   unless min is above it. With f16 and bf16 x·slope and dy·slope are computed in f32, as all else,
   and rounded once. The numbers are rounded to f32 (for f64 tensors they are not). */
typedef enum bncl_activation_kind {
    BNCL_ACTIVATION_NONE = 0,
    BNCL_ACTIVATION_RELU,       /* torch.nn.ReLU */
    BNCL_ACTIVATION_LEAKY_RELU, /* torch.nn.LeakyReLU */
    BNCL_ACTIVATION_HARDTANH,   /* torch.nn.Hardtanh; with 0 and 6 torch.nn.ReLU6 */
    BNCL_ACTIVATION_COUNT
} bncl_activation_kind;

/* {0} is none. Whoever takes one refuses, with ARGUMENT, a kind that is none of these, and as
   PyTorch a HARDTANH whose max is not above its min (so a NaN too); any slope is taken. */
typedef struct bncl_activation {
    bncl_activation_kind kind;
    double negative_slope; /* of LEAKY_RELU */
    double min;            /* of HARDTANH */
    double max;
} bncl_activation;

/* torch.nn.ReLU(). */
BNCL_API bncl_activation bncl_activation_relu(void);

/* torch.nn.LeakyReLU(negative_slope), whose default is 0.01. */
BNCL_API bncl_activation bncl_activation_leaky_relu(double negative_slope);

/* torch.nn.Hardtanh(min, max), whose defaults are -1 and 1. ReLU6 is (0, 6). */
BNCL_API bncl_activation bncl_activation_hardtanh(double min, double max);

BNCL_END_DECLS

#endif
