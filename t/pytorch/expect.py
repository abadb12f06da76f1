"""A Norm's results beside PyTorch's, each within its bound."""
import dataclasses

import torch

import bounds
from compare import difference
from norm import channels_second, from_channels_second
from offered import DTYPES
from reference import along_channels, pivots_of, weight_of, widened


@dataclasses.dataclass
class Batch:
    """A batch in float64, [N,C,M], and its statistics, [C]."""

    x: torch.Tensor
    mean: torch.Tensor
    var: torch.Tensor
    mean_abs: torch.Tensor
    theirs_abs: torch.Tensor  # likewise of the values that PyTorch was given (reference.forward)
    constant: torch.Tensor  # channels of one value

    @classmethod
    def of(cls, norm, batch, shifted):
        x = channels_second(batch, norm.layout).double()
        x = x.reshape(x.shape[0], x.shape[1], -1 if x.numel() else 0)
        pivots = pivots_of(x)
        deviation = x - along_channels(pivots, x)
        mean = deviation.mean((0, 2))
        var = (deviation - along_channels(mean, x)).square().mean((0, 2))
        constant = (deviation == 0.0).all(2).all(0)
        mean_abs = x.abs().mean((0, 2))
        theirs = deviation.abs().mean((0, 2)) + mean.abs() if shifted else mean_abs
        return cls(x, pivots + mean, var, mean_abs, theirs, constant)


class Bounds:
    """What each result of a Norm may be off by."""

    def __init__(self, norm, expected, shifted=False):
        self.norm = norm
        self.shifted = shifted
        self.row = DTYPES[norm.dtype]
        self.expected = expected
        self.batches = [Batch.of(norm, batch, shifted) for batch in norm.batches]
        self.n = norm.per_channel
        last = self.batches[-1]
        self.x = last.x
        self._choose_statistics(last)
        self.gamma = torch.ones_like(last.mean) if norm.gamma is None else widened(norm.gamma)
        self.beta = torch.zeros_like(last.mean) if norm.beta is None else widened(norm.beta)
        if norm.dy is not None:
            self._choose_dy()

    def _choose_dy(self):
        """The gradient that arrives at the norm, behind an activation, and what that may be off
        by."""
        self.dy, self.dy_bound = self._like_x(self.norm.dy), 0.0
        if self.norm.activation is not None:
            passes = self._like_x(self.expected["mask"]) != 0.0
            self.dy = torch.where(passes, self.dy, self.norm.activation.stopped * self.dy)
            stopped = bounds.stored(bounds.rounded(0.0, self.dy, self.row), self.dy, self.row)
            self.dy_bound = torch.where(passes, 0.0, stopped)
        self.sum_dy = self.dy.abs().sum((0, 2))
        self.sum_dy_xhat = (self.dy * self.xhat).abs().sum((0, 2))
        self.sum_dy_parts = (self.dy.abs() * self.parts).sum((0, 2))

    def _choose_statistics(self, last):
        norm = self.norm
        if norm.uses_batch:
            self.mean, var = last.mean, last.var
            self.mean_abs = last.mean_abs
        else:
            self.mean, var = widened(norm.running_mean), widened(norm.running_var)
            self.mean_abs = self.mean.abs()
        self.invstd = (var + norm.eps).rsqrt()
        if norm.uses_batch and norm.eps == 0.0:
            self.invstd = torch.where(var == 0.0, 0.0, self.invstd)
        pivots = pivots_of(self.x) if norm.uses_batch else self.mean
        apart, mean = self.x - self._wide(pivots), self.mean - pivots
        self.xhat = (apart - self._wide(mean)) * self._wide(self.invstd)
        self.theirs_abs = last.theirs_abs
        if not norm.uses_batch:
            self.theirs_abs = torch.zeros_like(mean) if self.shifted else self.mean_abs
        given = apart if self.shifted else self.x
        self.parts = (given.abs() + self._wide(self.theirs_abs)) * self._wide(self.invstd)

    def _wide(self, vector):
        return along_channels(vector, self.x)

    def _like_x(self, tensor):
        """A tensor of the layout's order as [N,C,M]."""
        return channels_second(tensor, self.norm.layout).double().reshape(self.x.shape)

    def _whole(self, bound):
        """[N,C,M] as the layout has it."""
        shape = channels_second(self.norm.batches[-1], self.norm.layout).shape
        return from_channels_second(bound.reshape(shape), self.norm.layout)

    def _theirs(self, magnitude):
        return bounds.pytorch(self.n, magnitude, self.row)

    def _norm(self):
        """The norm, before what is behind it, and its bound."""
        expected = self._like_x(self.expected["norm" if self.norm.fused else "y"])
        scaled = self._wide(self.gamma) * self.xhat
        if self.norm.uses_batch:
            bound = bounds.y_batch(expected, scaled, self.row)
            bound = torch.where(self._wide(self.batches[-1].constant), 0.0, bound)
        else:
            bound = bounds.y_frozen(expected, scaled, self._wide(self.beta), self.row)
        magnitude = self._wide(self.gamma).abs() * self.parts + self._wide(self.beta).abs()
        bound = bound + self._theirs(magnitude)
        return expected, bounds.stored(bound, expected, self.row)

    def _sum(self):
        """With the residual: what an activation is of, its bound, and the magnitude of what was
        added up. Narrow types round the norm and then the sum."""
        value, bound = self._norm()
        magnitude = value.abs() + self._wide(self.beta).abs()
        if self.norm.residual is not None:
            residual = self._like_x(self.norm.residual)
            magnitude = magnitude + residual.abs()
            value = value + residual
            bound = bounds.stored(bounds.rounded(bound, value, self.row), value, self.row)
        return value, bound, magnitude

    def _undecided(self, value, bound, least=0.0):
        """Where it may be on either side of a kink, and is further from it than `least`. What is
        exact, not finite or NaN is decided."""
        kinks = self.norm.activation.kinks
        distance = torch.stack([(value - kink).abs() for kink in kinks]).min(0).values
        near = value.isfinite() & (bound > 0.0) & ~(distance > bound)
        return near & (distance >= least)

    def undecided(self):
        """Elements whose gradient may pass the activation or not, in the layout's order; and how
        many of them are not at a kink, but for roundings of their dtype."""
        value, bound, magnitude = self._sum()
        least = bounds.at_kink(magnitude, self.row)
        beside = int(self._undecided(value, bound, least).sum())
        return self._whole(self._undecided(value, bound)), beside

    def y(self):
        value, bound, _ = self._sum()
        if self.norm.activation is not None:
            bound = bounds.activated(
                bound, self._like_x(self.expected["y"]), self.norm.activation.passes(value),
                ~self._undecided(value, bound), self.norm.activation, self.row)
        return self._whole(bound)

    def mask(self):
        """Settled where it may be either: exact."""
        return 0.0

    def dresidual(self):
        bound = self.dy_bound
        if self.norm.dresidual_before is not None:
            expected = self._like_x(self.expected["dresidual"])
            bound = bounds.stored(bounds.rounded(bound, expected, self.row), expected, self.row)
        return self._whole(bound + torch.zeros_like(self.x))

    def _dx_moved(self, scale):
        """What dx may be off by since dy is, behind an activation."""
        if self.norm.activation is None:
            return 0.0
        terms = self.dy_bound
        if self.norm.uses_batch:
            xhat = self.xhat.abs()
            terms = terms + self._wide(self.dy_bound.mean((0, 2))) + xhat * self._wide(
                (self.dy_bound * xhat).mean((0, 2)))
        return bounds.moved(scale, terms, self.row)

    def dx(self):
        expected = self._like_x(self.expected["dx"])
        scale = self._wide(self.gamma * self.invstd)
        mean_dy = self._wide(self.sum_dy / self.n)
        if self.norm.uses_batch:
            bound = bounds.dx_batch(scale, self.dy, mean_dy, self.xhat,
                                    self._wide(self.sum_dy_xhat / self.n), self.row)
            bound = bound + self._theirs(scale.abs() * (
                self.dy.abs() + mean_dy + self.parts * self._wide(self.sum_dy_parts / self.n)))
        else:
            own = expected
            if self.norm.dx_before is not None:
                own = expected - self._like_x(self.norm.dx_before)
            bound = bounds.dx_frozen(own, self.row) + self._theirs(own)
        bound = bound + self._dx_moved(scale)
        if self.norm.dx_before is not None:
            bound = bounds.rounded(bound, expected, self.row)
        return self._whole(bounds.stored(bound, expected, self.row))

    def _parameter(self, name, bound, magnitude):
        bound = bound + self._theirs(magnitude)
        if self.norm.parameters_before is None:
            return bound
        return bounds.rounded(bound, self.expected[name], self.row)

    def dgamma(self):
        bound = bounds.sums(self.sum_dy_xhat, self.row)
        if self.norm.activation is not None:
            bound = bound + (self.dy_bound * self.xhat.abs()).sum((0, 2))
            if self.norm.uses_batch:
                mean_xhat = self.xhat.abs().sum((0, 2)) / max(1, self.n)
                bound = bound + bounds.centred(self.dy.sum((0, 2)), mean_xhat, self.row)
        return self._parameter("dgamma", bound, self.sum_dy_parts)

    def dbeta(self):
        bound = bounds.sums(self.sum_dy, self.row)
        if self.norm.activation is not None:
            bound = bound + self.dy_bound.sum((0, 2))
        return self._parameter("dbeta", bound, self.sum_dy)

    def save_mean(self):
        return bounds.sums(self.mean_abs, self.row) + self._theirs(self.theirs_abs)

    def both_means(self):
        """save_mean + save_mean_lo: one that moves no y beyond what it may be off by. (Their sum
        and PyTorch's mean are rounded to f64 themselves.)"""
        visible = bounds.visible_mean(self.invstd, self.row)
        rounded = 2.0**-52 * self.mean.abs()
        return torch.minimum(bounds.sums(self.mean_abs, self.row), visible) + rounded + (
            self._theirs(self.theirs_abs))

    def save_invstd(self):
        magnitude = self.invstd * (1.0 + self.invstd * self.theirs_abs)
        return bounds.invstd(self.invstd, self.row) + self._theirs(magnitude)

    def _means(self, dy, ddx, xhat):
        """Means over a channel of |dy|, |ddx|, |dy·ddx|, |dy·x̂| and |ddx·x̂|."""
        frozen = not self.norm.uses_batch  # x takes no part: only the products count
        parts = (dy, ddx, dy * ddx, dy * xhat, ddx * xhat)
        return [self._wide(part.sum((0, 2)) / max(1, self.n))
                * (0.0 if frozen and index != 2 else 1.0) for index, part in enumerate(parts)]

    def _second(self, arriving, xhat, invstd):
        """Magnitudes of a double backward call's results."""
        dy, ddx = self.dy.abs(), arriving["ddx"].abs()
        g, v, gv, gx, vx = self._means(dy, ddx, xhat)
        scale = self._wide(self.gamma.abs()) * invstd
        a, b = (self._wide(arriving[name].abs()) for name in ("ddgamma", "ddbeta"))
        q = gv + g * v + gx * vx
        slope = scale * vx + a
        dx = slope * (dy + g)
        if self.norm.uses_batch:
            bend = scale * (q + 2.0 * gx * vx) + a * gx
            dx = dx + scale * gx * (ddx + v) + bend * xhat
        return {"dgamma": (invstd * self.n * q).flatten(),
                "ddy": scale * (ddx + v) + slope * xhat + b, "dx": invstd * dx}

    def double_backward(self, arriving, expected):
        """Bounds of dx, ddy and dgamma; `arriving` has ddx, ddgamma and ddbeta, zeros where they
        are absent, ddx as [N,C,M]. PyTorch's own error has up to three sums on a term's way."""
        frozen, row = not self.norm.uses_batch, self.row
        relative = (bounds.relative_running_invstd if frozen else bounds.relative_invstd)(row)
        shift = 0.0 if frozen else bounds.xhat(row)
        invstd = self._wide(self.invstd) if self.n else torch.ones_like(self._wide(self.gamma))
        least = self._second(arriving, self.xhat.abs(), invstd)
        most = self._second(arriving, self.xhat.abs() * (1.0 + relative) + shift,
                            invstd * (1.0 + relative))
        apart = self._second(arriving, self.parts, invstd)
        found = {name: bounds.double_backward(name, frozen, least[name], most[name], row)
                 + 3.0 * self._theirs(apart[name]) for name in least}
        narrow = {name: bounds.stored(self._whole(found[name]), expected[name], row)
                  for name in ("dx", "ddy") if name in expected}
        return dict(found, **narrow)

    def _running(self, old, batch_values, batch_bounds):
        """Step by step: what one batch leaves is the old value of the next."""
        norm = self.norm
        old, old_bound = widened(old), torch.zeros(norm.channels, dtype=torch.float64)
        if not norm.tracks or self.n == 0:
            return old_bound
        for step, (value, bound) in enumerate(zip(batch_values, batch_bounds)):
            weight = weight_of(norm, (norm.counter or 0) + step + 1)
            old_bound = bounds.running(weight, old, old_bound, value, bound, self.row)
            old = (1.0 - weight) * old + weight * value
        return old_bound

    def running_mean(self):
        values = [batch.mean for batch in self.batches]
        limits = [bounds.sums(batch.mean_abs, self.row) + self._theirs(batch.theirs_abs)
                  for batch in self.batches]
        return self._running(self.norm.running_mean, values, limits)

    def running_var(self):
        unbiased = [batch.var * (self.n / (self.n - 1.0)) if self.n > 1 else batch.var
                    for batch in self.batches]
        limits = [bounds.var(value, self.row) + self._theirs(value) for value in unbiased]
        return self._running(self.norm.running_var, unbiased, limits)


def overflowing(got, expected, bound, row):
    """What is beyond the dtype's largest number, or may be, is infinite where the result is."""
    beyond = got.isinf() & (expected.abs() + bound >= row.overflow)
    return torch.where(beyond, expected.sign() * float("inf"), expected)


def settle(norm, results, expected, shifted=False):
    """The mask that gradients are expected to go by: PyTorch's, but where the activation's argument
    lies within its bound of a kink the library's own choice, which then must be that of its y."""
    either, _ = Bounds(norm, expected, shifted).undecided()
    written = results["mask"] != 0.0 if "mask" in results else expected["mask"]
    told = norm.activation.mask_of(results["y"], written, DTYPES[norm.dtype].torch)
    return torch.where(either, told, expected["mask"])


# Elements of norms with an activation, and those of them at a kink, where either gradient is right.
seen = {"elements": 0, "undecided": 0}

# More than these within the bound of a kink, and yet apart from it, are too many.
FEW = 2
SHARE = 0.01


def crowd(limits):
    """None, or that a bound makes too many elements undecided."""
    either, beside = limits.undecided()
    seen["elements"] += either.numel()
    seen["undecided"] += int(either.sum())
    if beside <= FEW + SHARE * either.numel():
        return None
    return "%d of %d elements lie beside a kink, and yet within their bound of it" % (
        beside, either.numel())


def differences(norm, results, expected, shifted=False):
    """Lines that say what of the results is not as PyTorch has it; none where all is. `shifted`:
    what PyTorch was given, as reference.by_module takes it."""
    found = []
    limits = Bounds(norm, expected, shifted)
    results = dict(results)
    if "save_mean" in results and "save_mean" in expected:
        results["both_means"] = results["save_mean"] + results["save_mean_lo"]
        expected = dict(expected, both_means=expected["save_mean"])
    if norm.activation is not None:
        found.append(crowd(limits))
    for name, value in expected.items():
        if name == "norm" or name == "mask" and not norm.has_mask:
            continue
        if name not in results:
            if not name.startswith("save_"):
                found.append("%s: missing" % name)
        elif name == "counter":
            if results[name] != value:
                found.append("counter: %d, PyTorch has %d" % (results[name], value))
        else:
            value, bound = value.double(), getattr(limits, name)()
            value = overflowing(results[name], value, bound, limits.row)
            kind = "%s %s" % (norm.dtype, name)
            found.append(difference(name, results[name], value, bound, kind))
    for name in ("y", "mask", "dx", "dresidual", "dgamma", "dbeta", "running_mean", "running_var",
                 "counter"):
        if name in results and name not in expected:
            found.append("%s: there is one, PyTorch has none" % name)
    return [line for line in found if line]
