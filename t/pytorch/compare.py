"""A result beside the expected one."""
import torch

# The largest error that passed, in units of what was allowed: "f32 y" -> 0.4.
closest = {}


def same_special(got, expected):
    """NaN for NaN, infinity for the same infinity."""
    return (got.isnan() & expected.isnan()) | (expected.isinf() & (got == expected))


def difference(name, got, expected, bound, kind=None):
    """None, or where `got` lies further off than `bound`, or has another shape. Never passes a NaN
    that is not expected, nor anything by way of a bound that is one. `kind`: what `closest` has it
    under."""
    if got.shape != expected.shape:
        return "%s: shape %s, expected %s" % (name, list(got.shape), list(expected.shape))
    if got.numel() == 0:
        return None
    bound = torch.as_tensor(bound, dtype=torch.float64).expand_as(expected)
    error = (got - expected).abs()
    wrong = ~((error <= bound) | same_special(got, expected))
    if not wrong.any():
        ratio = (error / bound)[bound > 0.0].nan_to_num(0.0)
        if kind and ratio.numel():
            closest[kind] = max(closest.get(kind, 0.0), ratio.max().item())
        return None
    excess = torch.where(wrong, (error / bound).nan_to_num(float("inf"), float("inf")), 0.0)
    index = int(excess.argmax())
    at = []
    for size in reversed(got.shape):
        at.insert(0, index % size)
        index //= size
    at = tuple(at)
    return "%s%s: %.9g, PyTorch has %.9g, off by %.3g where %.3g is allowed; %d of %d are off" % (
        name, list(at), got[at], expected[at], error[at], bound[at], int(wrong.sum()),
        wrong.numel())
