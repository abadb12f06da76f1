"""How far a result may lie from PyTorch's in float64: a function each, of the magnitudes that go in
and of the dtype's row; all bounds are absolute. They are NUMERICS' promises, as t/lib/tolerance.h
has them for the tests in C; u is the unit roundoff of the arithmetic. None grows with n."""
import torch

# What is promised: y to 2e-6, sums to 8·u·Σ|terms|, var to a relative 2e-6; the two flat figures in
# units of f32's u, so that f64 keeps the same promise in its own.
Y = 2e-6 / 2.0**-24
VAR = 2e-6 / 2.0**-24
SUM = 8.0


def gamma(k, row):
    """γ_k = k·u/(1-k·u): k roundings in a row."""
    return k * row.unit / (1.0 - k * row.unit)


def sums(sum_abs, row):
    """mean, dgamma, dbeta: 8·u·Σ|terms|, however many."""
    return SUM * row.unit * sum_abs


def var(value, row):
    return VAR * row.unit * value


def relative_invstd(row):
    """Half of var's, and three roundings."""
    return VAR * row.unit / 2.0 + 3.0 * row.unit


def invstd(value, row):
    return relative_invstd(row) * value


def visible_mean(invstd_, row):
    """A mean that is further off moves a y beyond its bound."""
    return Y * row.unit / invstd_


def y_batch(y, scaled, row):
    """2e-6·max(1,|y|); where gamma stretches x̂ to more than y (scaled = gamma·x̂), of that."""
    return Y * row.unit * torch.maximum(y.abs(), scaled.abs()).clamp(min=1.0)


def y_frozen(y, scaled, beta, row):
    """Running statistics are exact as given: no reduction, ten roundings."""
    return gamma(10, row) * (scaled.abs() + beta.abs() + y.abs())


def running(momentum, old, old_bound, batch, batch_bound, row):
    """(1-m)·old + m·batch, whose parts may be off by their bounds: three roundings of each product
    and of their sum, and one of m."""
    kept = 3.0 * abs(1.0 - momentum) * old.abs() + abs(momentum) * old.abs()
    taken = abs(momentum) * batch.abs()
    carried = abs(1.0 - momentum) * old_bound + abs(momentum) * batch_bound
    return row.unit * (kept + 4.0 * taken) + carried


def dx_batch(scale, dy, mean_dy, xhat, mean_dy_xhat, row):
    """dx = scale·(dy - dbeta/n - x̂·dgamma/n), where mean_dy = Σ|dy|/n and mean_dy_xhat =
    Σ|dy·x̂|/n: sums and invstd as promised, ten roundings."""
    terms = dy.abs() + mean_dy + xhat.abs() * mean_dy_xhat
    return ((SUM + 10.0) * row.unit + 2.0 * relative_invstd(row)) * scale.abs() * terms


def moved(scale, terms, row):
    """What dx changes by where dy, behind an activation, is off by a rounding; `terms`: as in
    dx_batch, of what dy is off by."""
    return (1.0 + 16.0 * row.unit) * scale.abs() * terms


def centred(sum_dy, mean_xhat, row):
    """dgamma = Σ(dy·x̂) behind an activation, where the batch's mean may be off by 8·u of the mean
    deviation; so may every x̂, by that of x̂. Dense terms cover it: sums() alone. But those that an
    activation lets pass may all have an x̂ near 0, and their magnitudes do not. sum_dy = Σdy."""
    return SUM * row.unit * mean_xhat * sum_dy.abs()


def dx_frozen(dx, row):
    """dx = dy·scale: seven roundings."""
    return gamma(7, row) * dx.abs()


def rounded(bound, value, row):
    """A sum or a product of what may be off by the bound: one rounding, and one of PyTorch's
    own."""
    return bound * (1.0 + row.unit) + (row.unit + 2.0**-53) * value.abs()


def stored(bound, value, row):
    """Narrow types round once, at the store, what is not exact and theirs already."""
    exact = (bound == 0.0) & (value.to(row.torch).double() == value)
    return torch.where(exact, 0.0, bound + row.storage * (value.abs() + bound) + row.tiny)


def activated(bound, y, passes, decided, activation, row):
    """y of an activation whose argument may be off by the bound: as much, where the gradient
    passes; by what the slope makes of it, where it does not; where that is not decided, by the
    larger. What does not pass is a product or a bound of HARDTANH, rounded and stored."""
    stopped = abs(activation.stopped)
    slope = torch.where(decided, stopped, max(1.0, stopped))
    beside = torch.where(slope == 0.0, 0.0, slope * bound)
    if activation.kind == "leaky_relu":
        beside = rounded(beside, y, row)
    if activation.kind != "relu":
        beside = stored(beside, y, row)
    return torch.where(decided & passes, bound, beside)


def at_kink(magnitude, row):
    """As near to a kink as a few roundings of the dtype; `magnitude` of what was added up. What
    lies further off must be decided, but for a few: else a bound has come to allow too much."""
    return max(64.0 * row.unit, 8.0 * row.storage) * (1.0 + magnitude)


def pytorch(n, magnitude, row):
    """PyTorch's own error where its arithmetic is no finer than ours: n values may have been added
    one after another; `magnitude` is the sum of the magnitudes that went in."""
    return gamma(n + 16, row) * magnitude.abs() if row.unit < 2.0**-50 else 0.0


# ---- double backward: γ_k of a result's magnitude, in which every term is positive; k roundings
# along the longest way of a term, as t/lib counts them where statistics are exact ----

DOUBLE_BACKWARD_ROUNDINGS = {"dgamma": 20, "ddy": 17, "dx": 30}
FROZEN_DOUBLE_BACKWARD_ROUNDINGS = {"dgamma": 6, "ddy": 4, "dx": 2}


def double_backward(name, frozen, magnitude, larger, row):
    """`larger` is the magnitude where x̂ and invstd are off by as much as they may be: what that
    changes is at most what the magnitude grows by, of whose terms each is a product of these."""
    roundings = FROZEN_DOUBLE_BACKWARD_ROUNDINGS if frozen else DOUBLE_BACKWARD_ROUNDINGS
    return gamma(roundings[name], row) * larger + (larger - magnitude)


def relative_running_invstd(row):
    """From a running_var: eps rounded and added, under the root; the root."""
    return gamma(3, row)


def xhat(row):
    """What a mean that may be off moves x̂ by: as much as y."""
    return Y * row.unit
