"""Activations behind batch norm, as PyTorch computes them; where their gradients jump; and the mask
that the library keeps of them, one bit an element."""
import dataclasses

import torch
import torch.nn.functional as F


@dataclasses.dataclass(frozen=True)
class Activation:
    """The numbers are those that the library computes with: of f32, but for f64 tensors."""

    KINDS = ("relu", "leaky_relu", "hardtanh")

    kind: str
    slope: float = 0.01
    low: float = -1.0
    high: float = 1.0

    def __call__(self, x):
        if self.kind == "relu":
            return F.relu(x)
        if self.kind == "leaky_relu":
            return F.leaky_relu(x, self.slope)
        # The gradient of a NaN passes; PyTorch stops it in some places of a tensor, on CPUs.
        return torch.where(x.isnan(), x, F.hardtanh(x, self.low, self.high))

    def passes(self, x):
        """Where the gradient passes, as PyTorch's does at the kinks too: the bits of the mask."""
        if self.kind == "relu":
            return ~(x <= 0.0)
        if self.kind == "leaky_relu":
            return x > 0.0
        return ~((x <= self.low) | (x >= self.high))

    @property
    def kinks(self):
        return (self.low, self.high) if self.kind == "hardtanh" else (0.0,)

    @property
    def stopped(self):
        """What the gradient is multiplied by where it does not pass."""
        return self.slope if self.kind == "leaky_relu" else 0.0

    def choosing(self, x, mask):
        """The activation with the gradient of the mask, where that is another than its own; of no
        use for its values."""
        own = mask == self.passes(x)
        return torch.where(own, self(x), torch.where(mask, x, self.stopped * x))

    def mask_of(self, y, written, dtype):
        """The mask that belongs to an activation of y, as far as y tells; else what was written.
        y of RELU and LEAKY_RELU is above 0 where the gradient passes. What lies at a bound of
        HARDTANH, rounded to y's dtype, may have come from either side."""
        if self.kind == "relu":
            return ~(y <= 0.0)
        if self.kind == "leaky_relu":
            return y > 0.0 if self.slope >= 0.0 else written
        low, high = (torch.tensor(number).to(dtype).double() for number in (self.low, self.high))
        return (y > low) & (y < high) | written

    def options(self, library):
        made = library.new("bncl_activation")
        made.kind = library.constants["BNCL_ACTIVATION_" + self.kind.upper()]
        made.negative_slope, made.min, made.max = self.slope, self.low, self.high
        return made


def unpacked(packed, line, shape):
    """The bits of a mask whose lines have so many elements, in the shape of x. An unused bit that
    is 1 is an AssertionError."""
    count = torch.Size(shape).numel()
    if count == 0:
        return torch.zeros(shape, dtype=torch.bool)
    bits = packed.view(-1, 1).int().bitwise_right_shift(torch.arange(8, dtype=torch.int32)) & 1
    bits = bits.bool().view(count // line, -1)
    if bits[:, line:].any():
        raise AssertionError("an unused bit of the mask is 1")
    return bits[:, :line].reshape(shape)
