"""One batch norm as the operators see it: its tensors in the order of the layout's dims, its
options and where the tensors lie; and running it on a device."""
import ctypes
import dataclasses
from typing import Optional

import torch

from activation import Activation, unpacked
from device import words_of
from offered import DTYPES

# What outputs hold before they are written; finite, so that a kernel that adds to it shows.
NEVER = 12345.0
NEVER_MASK = 0xA5
CHANNEL = {"NC": 1, "NCL": 1, "NLC": 2, "NCHW": 1, "NHWC": 3}


def channels_second(tensor, layout):
    """A tensor of the layout's dims as PyTorch wants it."""
    return tensor.movedim(CHANNEL[layout], 1)


def from_channels_second(tensor, layout):
    return tensor.movedim(1, CHANNEL[layout])


@dataclasses.dataclass
class Place:
    """Where a tensor lies in its buffer; strides None: dense."""

    strides: Optional[tuple] = None
    before: int = 0
    after: int = 0


@dataclasses.dataclass
class Norm:
    """dtype is that of x; x, dy, dx, residual and dresidual are in the layout's order. A call a
    batch of `batches`, then the gradients of the last one. Absent tensors are None."""

    layout: str
    dtype: str
    batches: list
    dy: Optional[torch.Tensor] = None
    gamma: Optional[torch.Tensor] = None
    beta: Optional[torch.Tensor] = None
    running_mean: Optional[torch.Tensor] = None
    running_var: Optional[torch.Tensor] = None
    counter: Optional[int] = None  # num_batches_tracked before the first call
    eps: float = 1e-5
    momentum: Optional[float] = 0.1  # None: a cumulative average
    training: bool = True
    updates: bool = True  # training updates the running statistics (track_running_stats)
    places: dict = dataclasses.field(default_factory=dict)  # of x, y, dy, dx, …
    copied: bool = False  # bncl_copy makes x dense before the calls
    residual: Optional[torch.Tensor] = None  # what every batch's norm is added to
    activation: Optional[Activation] = None
    writes_mask: bool = True  # without gradients nobody needs it
    y_place: str = "own"  # or "x" or "residual"
    dx_place: str = "own"  # or "x" or "dy"
    dresidual_place: str = "own"  # likewise, but not the same
    apart: bool = False  # new running statistics go to tensors of their own
    gradients: tuple = ("dx", "dgamma", "dbeta")
    dx_before: Optional[torch.Tensor] = None  # what dx is added to; None: it is written
    dresidual_before: Optional[torch.Tensor] = None
    parameters_before: Optional[tuple] = None  # likewise dgamma and dbeta

    @property
    def channels(self):
        return self.batches[-1].shape[CHANNEL[self.layout]]

    @property
    def per_channel(self):
        x = self.batches[-1]
        return x.numel() // self.channels if self.channels else 0

    @property
    def fused(self):
        """Whether anything follows the norm in the same call."""
        return self.residual is not None or self.activation is not None

    @property
    def has_mask(self):
        return self.activation is not None and (self.writes_mask or self.dy is not None)

    @property
    def line(self):
        """Elements of a line of the mask, which begins a byte (batch_norm.h)."""
        shape = self.batches[-1].shape
        positions = shape[2:].numel() if self.layout in ("NCL", "NCHW") else 1
        return self.channels if positions == 1 else positions

    @property
    def uses_batch(self):
        """Whether the batch's own statistics normalize."""
        return self.training or self.running_mean is None and self.running_var is None

    @property
    def tracks(self):
        """Whether the calls change the running statistics."""
        buffers = self.running_mean is not None or self.running_var is not None
        return self.training and self.updates and buffers

    @property
    def sees_running(self):
        """Whether the calls are given the running statistics at all."""
        return not self.training or self.updates


class Run:
    """The calls of a Norm on a device, within `with device.case():`. `results` then has y, mask
    (an element each), dx, dresidual, dgamma, dbeta, running_mean, running_var, save_mean,
    save_mean_lo, save_invstd (those that there are), and counter."""

    def __init__(self, device, norm):
        self.device = device
        self.norm = norm
        self.results = {}
        self.running = [self.vector(norm.running_mean), self.vector(norm.running_var)]
        self.next = [None, None]
        self.gamma = self.vector(norm.gamma)
        self.beta = self.vector(norm.beta)
        self.mask = None
        self.saved = [None, None, None]
        if norm.uses_batch and norm.dy is not None:
            self.saved = [self.vector(self.unwritten()) for _ in range(3)]
        self.counter = None if norm.counter is None else ctypes.c_int64(norm.counter)

    def unwritten(self):
        """A value for every channel, which no result is."""
        dtype = DTYPES[DTYPES[self.norm.dtype].parameters].torch
        return torch.full((self.norm.channels,), NEVER, dtype=dtype)

    def vector(self, values):
        return None if values is None else self.device.place(values, before=3, after=2)

    def place(self, name, values):
        place = self.norm.places.get(name, Place())
        placed = self.device.place(values, place.strides, place.before, place.after)
        return self.copy(placed, values) if name == "x" and self.norm.copied else placed

    def copy(self, placed, values):
        """As Tensor.contiguous() does, on the device."""
        op = self.device.create("bncl_elementwise_create", "bncl_elementwise_destroy",
                                self.device.context, self.device.dtype_code(self.norm.dtype))
        dense = self.device.place(torch.full_like(values, NEVER), before=3, after=2)
        self.device.call("bncl_copy", op, self.device.queue, ctypes.byref(placed.tensor),
                         ctypes.byref(dense.tensor), None)
        for copy in (placed, dense):
            if not torch.equal(words_of(copy.read()), words_of(values)):
                raise AssertionError("bncl_copy: other bits")
        return dense

    def plan(self):
        norm = self.norm
        options = self.device.library.call("bncl_batch_norm_options_default")
        options.eps = norm.eps
        options.cumulative = norm.momentum is None
        options.momentum = 0.0 if norm.momentum is None else norm.momentum
        if norm.activation is not None:
            options.activation = norm.activation.options(self.device.library)
        return self.device.plan(norm.layout, norm.dtype, norm.batches[-1].shape,
                                ctypes.byref(options))

    def args(self, struct, tensors):
        """The struct of a call; tensors that are None stay absent."""
        args = self.device.library.new(struct)
        for name, placed in tensors.items():
            if placed is not None:
                setattr(args, name, placed.tensor)
        return args

    def call(self, name, plan, args):
        self.device.call(name, plan, self.device.queue, ctypes.byref(args), None)

    def direction(self, name):
        return "bncl_batch_norm_%s_%s" % (name, "train" if self.norm.training else "eval")

    def unwritten_mask(self, plan):
        size = self.device.call("bncl_batch_norm_mask_bytes", plan)
        return self.vector(torch.full((size,), NEVER_MASK, dtype=torch.uint8))

    def forward(self, plan, batch):
        norm = self.norm
        places = {"x": self.place("x", batch), "residual": None}
        if norm.residual is not None:
            places["residual"] = self.place("residual", norm.residual)
        y = places.get(norm.y_place) or self.place("y", torch.full_like(batch, NEVER))
        self.mask = self.unwritten_mask(plan) if norm.has_mask else None
        running = self.running if norm.sees_running else [None, None]
        if norm.apart and norm.tracks:
            self.next = [self.vector(self.unwritten()) for _ in range(2)]
        args = self.args("bncl_batch_norm_forward", {
            **places, "y": y, "mask": self.mask, "gamma": self.gamma, "beta": self.beta,
            "running_mean": running[0], "running_var": running[1],
            "next_mean": self.next[0], "next_var": self.next[1],
            "save_mean": self.saved[0], "save_mean_lo": self.saved[1],
            "save_invstd": self.saved[2],
        })
        if self.counter is not None and norm.tracks:
            args.num_batches_tracked = ctypes.addressof(self.counter)
        self.call(self.direction("forward"), plan, args)
        self.results["y"] = y.read()
        for placed in filter(None, places.values()):
            placed.read()
        if self.mask is not None:
            self.results["mask"] = unpacked(self.mask.read(), norm.line, batch.shape)
        if norm.apart and norm.tracks:
            self.running, self.next = self.next, [None, None]

    def gradients(self, places):
        """The outputs of a backward call, those that there are; `places` has x and dy."""
        norm, outputs = self.norm, {}
        for name, where, before in (("dx", norm.dx_place, norm.dx_before),
                                    ("dresidual", norm.dresidual_place, norm.dresidual_before)):
            if name in norm.gradients:
                if before is None:
                    before = torch.full_like(norm.dy, NEVER)
                outputs[name] = places.get(where) or self.place(name, before)
        before = norm.parameters_before or (self.unwritten(), self.unwritten())
        for name, values in zip(("dgamma", "dbeta"), before):
            if name in norm.gradients:
                outputs[name] = self.vector(values)
        return outputs

    def backward(self, plan):
        norm = self.norm
        places = {"x": self.place("x", norm.batches[-1]), "dy": self.place("dy", norm.dy)}
        outputs = self.gradients(places)
        args = self.args("bncl_batch_norm_backward", {
            **places, "mask": self.mask, "gamma": self.gamma,
            "running_mean": self.running[0], "running_var": self.running[1],
            "save_mean": self.saved[0], "save_mean_lo": self.saved[1],
            "save_invstd": self.saved[2], **outputs,
        })
        args.accumulate_dx = norm.dx_before is not None
        args.accumulate_dresidual = norm.dresidual_before is not None
        args.accumulate_parameters = norm.parameters_before is not None
        self.call(self.direction("backward"), plan, args)
        for name, placed in outputs.items():
            self.results[name] = placed.read()

    def all(self):
        norm = self.norm
        plan = self.plan()
        for batch in norm.batches:
            self.forward(plan, batch)
        if norm.dy is not None:
            self.backward(plan)
        names = ("running_mean", "running_var", "save_mean", "save_mean_lo", "save_invstd")
        for name, placed in zip(names, self.running + self.saved):
            if placed is not None:
                self.results[name] = placed.read()
        if self.counter is not None:
            self.results["counter"] = self.counter.value
        return self.results


def run(device, norm):
    """Every result as float64, and the counter as it is. Raises Refused."""
    with device.case():
        results = Run(device, norm).all()
    return {
        name: value.double() if isinstance(value, torch.Tensor) else value
        for name, value in results.items()
    }
