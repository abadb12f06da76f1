"""Random configurations of batch norm: seeded, written as one line each, and made smaller when they
fail."""
import dataclasses
import random

import torch

from activation import Activation
from norm import CHANNEL, Norm, Place, from_channels_second
from offered import DTYPES

NAN, INF = float("nan"), float("inf")
PLACED = ("x", "y", "residual", "dy", "dx", "dresidual")
SPECIALS = {"none": None, "nan": NAN, "inf": INF, "-inf": -INF}


@dataclasses.dataclass
class Configuration:
    """The defaults are the simplest there is: what shrinking goes to and a line leaves out."""

    layout: str = "NC"
    samples: int = 2
    channels: int = 1
    height: int = 1  # of NCHW and NHWC; positions are height·width
    width: int = 1  # L of NCL and NLC
    dtype: str = "f32"
    training: bool = True
    batches: int = 1
    seed: int = 0
    eps: float = 1e-5
    momentum: float = 0.1
    cumulative: bool = False
    gamma: bool = False
    gamma_scale: float = 1.0
    beta: bool = False
    running: str = "absent"  # or "tracked", or "kept": tracking was switched off later
    counter: int = 0
    offset: float = 0.0  # of x, in deviations
    scale: float = 1.0  # the deviation of x
    dy_scale: float = 1.0
    constant: bool = False  # one value fills the last channel
    special: str = "none"  # a value of the middle channel
    residual: bool = False
    residual_scale: float = 1.0
    activation: str = "none"  # or one of Activation.KINDS
    slope: float = 0.01  # of leaky_relu
    low: float = -1.0  # of hardtanh
    high: float = 1.0
    mask: bool = True  # always there where gradients are
    gradients: str = "dx"  # "dx+dresidual+dgamma+dbeta", "" for none
    y_place: str = "own"  # or "x" or "residual"
    dx_place: str = "own"  # or "x" or "dy"
    dresidual_place: str = "own"  # likewise
    apart: bool = False
    add_dx: bool = False
    add_dresidual: bool = False
    add_parameters: bool = False
    # Padding: elements between rows, and more between samples; below 0: samples within channels.
    x_padding: int = 0
    y_padding: int = 0
    residual_padding: int = 0
    dy_padding: int = 0
    dx_padding: int = 0
    dresidual_padding: int = 0
    x_offset: int = 0  # elements in the buffer before the first
    y_offset: int = 0
    residual_offset: int = 0
    dy_offset: int = 0
    dx_offset: int = 0
    dresidual_offset: int = 0

    def line(self):
        """What is not as by default: "layout=NCL,width=7,gamma=1"."""
        parts = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                parts.append("%s=%s" % (field.name, int(value) if value is True else value))
        return ",".join(parts) or "layout=NC"

    @classmethod
    def of_line(cls, line):
        kinds = {field.name: type(field.default) for field in dataclasses.fields(cls)}
        values = {}
        for part in line.split(","):
            name, _, text = part.partition("=")
            if name not in kinds:
                raise ValueError("a configuration has no %r" % name)
            kind = kinds[name]
            values[name] = bool(int(text)) if kind is bool else kind(text)
        return cls(**values)

    def shape(self):
        """[N,C,…] as PyTorch has it."""
        inner = {"NC": (), "NCL": (self.width,), "NLC": (self.width,)}
        return (self.samples, self.channels) + inner.get(self.layout, (self.height, self.width))

    def normal(self):
        """The configuration without what its layout and call have no use for."""
        made = dataclasses.replace(self)
        if self.layout == "NC":
            made.width = 1
        if self.layout not in ("NCHW", "NHWC"):
            made.height = 1
        if not self.gamma:
            made.gamma_scale = 1.0
        if self.running == "absent":
            made.cumulative = made.apart = False
        if self.cumulative:
            made.momentum = 0.1
        wanted = self.gradients.split("+")
        absent = {"dgamma": not self.gamma, "dbeta": not self.beta, "dresidual": not self.residual}
        made.gradients = "+".join(name for name in wanted if not absent.get(name))
        made._normal_fusion()
        made._normal_places()
        return made

    def _normal_fusion(self):
        if not self.residual:
            self.residual_scale, self.residual_padding, self.residual_offset = 1.0, 0, 0
        if "dresidual" not in self.gradients:
            self.add_dresidual, self.dresidual_padding, self.dresidual_offset = False, 0, 0
        if self.activation != "leaky_relu":
            self.slope = 0.01
        if self.activation != "hardtanh":
            self.low, self.high = -1.0, 1.0
        if not self.low < self.high:
            self.low = self.high - 2.0
        if self.activation == "none" or self.gradients:
            self.mask = True

    def _normal_places(self):
        """What is added to lies in its own place; dx and dresidual do not share one."""
        if self.y_place == "residual" and not self.residual:
            self.y_place = "own"
        if self.add_dx or "dx" not in self.gradients:
            self.dx_place = "own"
        if self.add_dresidual or self.dresidual_place == self.dx_place or (
                "dresidual" not in self.gradients):
            self.dresidual_place = "own"


def strides_of(configuration, padding):
    """Row-major strides of the layout's dims with padding between rows and samples, as far as the
    library takes them: the fastest dim is dense, the dims on either side of the channels lie
    evenly."""
    if padding == 0:
        return None
    layout = configuration.layout
    samples, channels = configuration.samples, configuration.channels
    height, width = configuration.height, configuration.width
    inner = height * width
    if CHANNEL[layout] != 1 or inner == 1 and layout != "NC":
        row = channels + abs(padding)
        return {
            "NLC": (width * row, row, 1), "NHWC": (inner * row, width * row, row, 1),
            "NCL": (row, 1, 1), "NCHW": (row, 1, 1, 1),
        }[layout]
    if layout == "NC":
        return (channels + abs(padding), 1)
    row = inner + abs(padding)
    sample, channel = channels * row + 2 * abs(padding) + 1, row
    if padding < 0:
        sample, channel = row, samples * row
    return (sample, channel, 1) if layout == "NCL" else (sample, channel, width, 1)


class Data:
    """The tensors of a configuration, all from its seed."""

    def __init__(self, configuration):
        self.c = configuration
        self.generator = torch.Generator().manual_seed(configuration.seed)
        self.row = DTYPES[configuration.dtype]
        self.parameters = DTYPES[self.row.parameters].torch
        channels = configuration.channels
        side = torch.where(self._uniform(channels) < 0.5, -1.0, 1.0)
        self.mean = side * (0.5 + 0.5 * self._uniform(channels))
        self.mean = self.mean * configuration.offset * configuration.scale

    def _uniform(self, *shape):
        return torch.rand(*shape, generator=self.generator, dtype=torch.float64)

    def _normal(self, *shape):
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64)

    def _values(self, tensor):
        """As the layout and the dtype have it."""
        return from_channels_second(tensor, self.c.layout).to(self.row.torch).contiguous()

    def _vector(self, values, present=True):
        return values.to(self.parameters) if present else None

    def x(self):
        c = self.c
        shape = c.shape()
        x = self._normal(*shape) * c.scale
        x = x + self.mean.reshape([-1 if dim == 1 else 1 for dim in range(len(shape))])
        if c.constant:
            x[:, -1] = self.mean[-1] + c.scale * 0.3
        if c.special != "none" and x.numel():
            middle = tuple(size // 2 for size in shape)
            x[middle] = SPECIALS[c.special]
        return self._values(x)

    def _activation(self):
        """With the numbers that the library rounds to f32, unless x is of f64."""
        c = self.c
        if c.activation == "none":
            return None
        numbers = torch.tensor([c.slope, c.low, c.high], dtype=torch.float64)
        return Activation(c.activation, *numbers.to(self.parameters).tolist())

    def _before(self, there):
        """What a gradient of x's shape is added to."""
        before = self._values(self._normal(*self.c.shape()) * self.c.dy_scale)
        return before if there else None

    def norm(self):
        c = self.c
        batches = [self.x() for _ in range(c.batches)]
        dy = self._values((self._normal(*c.shape()) + 0.25) * c.dy_scale)
        dx_before, dresidual_before = self._before(c.add_dx), self._before(c.add_dresidual)
        residual = self._values(self._normal(*c.shape()) * c.residual_scale)
        gamma, beta = self._uniform(c.channels) * 3.0 - 1.5, self._normal(c.channels)
        gamma = gamma * c.gamma_scale
        mean = self.mean + 0.5 * c.scale * self._normal(c.channels)
        var = c.scale**2 * (0.25 + 2.0 * self._uniform(c.channels))
        before = (self._normal(c.channels), self._normal(c.channels))
        gradients = tuple(filter(None, c.gradients.split("+")))
        tracked = c.running != "absent"
        return Norm(
            layout=c.layout, dtype=c.dtype, batches=batches, dy=dy if gradients else None,
            gamma=self._vector(gamma, c.gamma), beta=self._vector(beta, c.beta),
            running_mean=self._vector(mean, tracked), running_var=self._vector(var, tracked),
            counter=c.counter if tracked else None, eps=c.eps,
            momentum=None if c.cumulative else c.momentum, training=c.training,
            updates=c.running != "kept", residual=residual if c.residual else None,
            activation=self._activation(), writes_mask=c.mask, y_place=c.y_place,
            dx_place=c.dx_place, dresidual_place=c.dresidual_place, apart=c.apart,
            gradients=gradients, dx_before=dx_before, dresidual_before=dresidual_before,
            parameters_before=tuple(map(self._vector, before)) if c.add_parameters else None,
            places={
                name: Place(strides_of(c, getattr(c, name + "_padding")),
                            getattr(c, name + "_offset"), 2)
                for name in PLACED
            },
        )


def sizes(rng, layout, most):
    """samples, channels, height, width: of all magnitudes, `most` elements at the utmost."""
    channels = rng.choice((1, rng.randint(1, 8), rng.randint(1, 8), rng.randint(9, 70),
                           rng.choice((16, 32, 64, 128, rng.randint(71, 300)))))
    n = int(2.0 ** rng.uniform(1.0, 18.0))
    n = max(2, min(n, most // channels))
    if rng.random() < 0.03:
        n = rng.choice((0, 1))
    if layout == "NC":
        return n, channels, 1, 1
    samples = max(1, int(n ** rng.uniform(0.0, 1.0))) if n else rng.choice((0, 2))
    positions = max(1, n // samples) if samples and n else rng.choice((0, 3)) if samples else 3
    if layout in ("NCL", "NLC"):
        return samples, channels, 1, positions
    height = max(1, int(positions ** rng.uniform(0.0, 1.0)))
    return samples, channels, height, positions // height


def draw_fusion(rng):
    """What follows the norm: nothing, for half of all."""
    low, high = sorted((rng.uniform(-3.0, 3.0), rng.uniform(-3.0, 3.0)))
    low, high = rng.choice(((-1.0, 1.0), (0.0, 6.0), (low, high)))
    plain = rng.random() < 0.5
    return {
        "residual": rng.random() < 0.5 and not plain,
        "residual_scale": rng.choice((1.0, 1.0, 10.0 ** rng.uniform(-3.0, 3.0))),
        "activation": "none" if plain else rng.choice(
            ("none", "relu", "relu", "leaky_relu", "hardtanh")),
        "slope": rng.choice((0.01, 0.01, rng.random(), 0.0, 1.5, -0.5)), "low": low, "high": high,
        "mask": rng.random() < 0.5, "add_dresidual": rng.random() < 0.2,
        "dresidual_place": rng.choice(("own", "own", "own", "x", "dy")),
    }


def draw(rng, dtypes, most):
    """A random configuration."""
    layout = rng.choice(tuple(CHANNEL))
    samples, channels, height, width = sizes(rng, layout, most)
    dtype = rng.choice(dtypes)
    scale = rng.choice((1.0, 1.0, round(10.0 ** rng.uniform(-6.0, 6.0), 7)))
    offset = rng.choice((0.0, rng.uniform(-3.0, 3.0), 10.0 ** rng.uniform(0.0, 7.0), 1e7))
    largest = min(1e30, DTYPES[dtype].overflow / 16.0)
    scale = min(scale, largest)
    offset = min(offset, largest / scale)

    def flag(chance):
        return rng.random() < chance

    def padding():
        return rng.choice((0, 0, 0, rng.randint(1, 9), rng.randint(-9, -1)))

    def place():
        return rng.choice((0, 0, rng.randint(1, 40)))

    gradients = [name for name in ("dx", "dresidual", "dgamma", "dbeta") if flag(0.8)]
    return Configuration(
        layout=layout, samples=samples, channels=channels, height=height, width=width,
        dtype=dtype, training=flag(0.65), batches=rng.choice((1, 1, 1, 2, 3)),
        seed=rng.randrange(2**31),
        eps=rng.choice((1e-5, 1e-5, 1e-3, 1e-8, 0.6, 10.0 ** rng.uniform(-12.0, 0.0), 0.0)),
        momentum=rng.choice((0.1, 0.1, rng.random(), 0.0, 1.0, 2.0, -1.2)), cumulative=flag(0.2),
        gamma=flag(0.7), gamma_scale=rng.choice((1.0, 1.0, 1.0, 0.01)), beta=flag(0.7),
        running=rng.choice(("tracked", "tracked", "tracked", "absent", "kept")),
        counter=rng.choice((0, 0, 1, rng.randint(2, 1000))), offset=offset, scale=scale,
        dy_scale=rng.choice((1.0, 1.0, 10.0 ** rng.uniform(-3.0, 3.0))), constant=flag(0.1),
        special=rng.choice(tuple(SPECIALS)) if flag(0.05) else "none",
        gradients="+".join(gradients), dx_place=rng.choice(("own", "own", "own", "x", "dy")),
        y_place=rng.choice(("own",) * 5 + ("x", "residual")), apart=flag(0.2), add_dx=flag(0.2),
        add_parameters=flag(0.2), **draw_fusion(rng),
        **{name + "_padding": padding() for name in PLACED},
        **{name + "_offset": place() for name in PLACED},
    ).normal()


def configurations(seed, count, dtypes, most):
    rng = random.Random(seed)
    for _ in range(count):
        yield draw(rng, dtypes, most)


def simpler(configuration):
    """Configurations that are the same but for one thing, which is simpler."""
    for field in dataclasses.fields(configuration):
        value, default = getattr(configuration, field.name), field.default
        if value == default:
            continue
        tries = [default]
        if field.name == "layout" and value in ("NCHW", "NHWC"):
            tries.append({"NCHW": "NCL", "NHWC": "NLC"}[value])
        elif isinstance(value, int) and not isinstance(value, bool) and field.name != "seed":
            tries += [default + (value - default) // 2, value - (1 if value > default else -1)]
        elif isinstance(value, float) and field.name in ("offset", "scale"):
            tries += [default + (value - default) / 10.0] if abs(value - default) > 1e-3 else []
            tries += [float("%.1e" % value), float("%.0e" % value)]
        for other in tries:
            if other != value:
                yield dataclasses.replace(configuration, **{field.name: other}).normal()


def shrink(configuration, fails, most=400):
    """The simplest configuration found that still fails, in at most so many tries."""
    tried = {configuration.line()}
    progress = True
    while progress:
        progress = False
        for other in simpler(configuration):
            if other.line() in tried or len(tried) > most:
                continue
            tried.add(other.line())
            if fails(other):
                configuration, progress = other, True
                break
    return configuration
