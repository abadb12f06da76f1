"""The gradients of a backward call: PyTorch's, through autograd in float64, and the library's."""
import copy

import torch

from compare import difference
from expect import Bounds, overflowing
from norm import NEVER, Run, channels_second, from_channels_second
from reference import widened

NAMES = ("dx", "ddy", "dgamma")


def arriving_of(norm):
    """ddx, ddgamma and ddbeta, in the layout's order; of gamma and beta where there are some."""
    generator = torch.Generator().manual_seed(11)
    likes = {"ddx": norm.dy, "ddgamma": norm.gamma, "ddbeta": norm.beta}
    return {name: None if like is None
            else torch.randn(like.shape, generator=generator).to(like.dtype)
            for name, like in likes.items()}


def run(device, norm, arriving, dy, names=NAMES):
    """The results of those names as float64."""
    with device.case():
        made = Run(device, norm)
        plan = made.plan()
        for batch in norm.batches:
            made.forward(plan, batch)
        vectors = {name: made.vector(arriving[name]) for name in ("ddgamma", "ddbeta")}
        outputs = {name: made.place(name, torch.full_like(dy, NEVER))
                   for name in ("dx", "ddy") if name in names}
        if norm.gamma is not None and "dgamma" in names:
            outputs["dgamma"] = made.vector(made.unwritten())
        args = made.args("bncl_batch_norm_double_backward", {
            "x": made.place("x", norm.batches[-1]), "dy": made.place("dy", dy),
            "gamma": made.gamma, "running_mean": made.running[0], "running_var": made.running[1],
            "save_mean": made.saved[0], "save_mean_lo": made.saved[1],
            "save_invstd": made.saved[2], "ddx": made.place("ddx", arriving["ddx"]),
            **vectors, **outputs,
        })
        made.call(made.direction("double_backward"), plan, args)
        return {name: placed.read().double() for name, placed in outputs.items()}


def expected_of(norm, call, arriving):
    """`call(x)` gives y, gamma and beta."""
    x = channels_second(norm.batches[-1], norm.layout).double().detach().requires_grad_(True)
    dy = channels_second(norm.dy, norm.layout).double().detach().requires_grad_(True)
    y, weight, bias = call(x)
    given = [(x, channels_second(arriving["ddx"], norm.layout))]
    given += [(values, arriving[name]) for name, values in (("ddgamma", weight), ("ddbeta", bias))
              if values is not None]
    first = torch.autograd.grad(y, [values for values, _ in given], dy, create_graph=True)
    total = sum((gradient * widened(weights)).sum()
                for gradient, (_, weights) in zip(first, given))
    leaves = [x, dy] + ([] if weight is None else [weight])
    second = torch.autograd.grad(total, leaves, allow_unused=True)
    found = {name: torch.zeros_like(leaf) if value is None else value
             for name, leaf, value in zip(NAMES, leaves, second)}
    return {name: value if name == "dgamma" else from_channels_second(value, norm.layout)
            for name, value in found.items()}


def of_module(module, shape):
    """The last call alone: the ones before leave no trace in the gradients."""
    made = copy.deepcopy(module).double()
    return lambda x: (made(x.reshape(shape)).reshape(x.shape), made.weight, made.bias)


def of_function(norm, function):
    """With a bias alone PyTorch 1.13 cannot differentiate twice: a weight of ones is the same."""
    running = [None if values is None else widened(values).clone()
               for values in (norm.running_mean, norm.running_var)]
    weight, bias = (None if values is None else widened(values).clone().requires_grad_(True)
                    for values in (norm.gamma, norm.beta))
    ones = torch.ones(norm.channels, dtype=torch.float64)

    def call(x):
        y = function(x, *running, ones if weight is None and bias is not None else weight, bias)
        return (y[0] if isinstance(y, (tuple, list)) else y), weight, bias

    return call


def compared(norm, arriving, results, expected, called="double backward's %s"):
    """Lines that say what is not within its bound; `called`: what a result is called in them."""
    limits = Bounds(norm, {})
    wide = {name: torch.zeros(norm.channels, dtype=torch.float64) if values is None
            else widened(values) for name, values in arriving.items()}
    wide["ddx"] = channels_second(wide["ddx"], norm.layout).reshape(limits.x.shape)
    allowed = limits.double_backward(wide, expected)
    found = []
    for name, value in expected.items():
        value = overflowing(results[name], value, allowed[name], limits.row)
        found.append(difference(called % name, results[name], value, allowed[name],
                                "%s %s" % (norm.dtype, called % name)))
    return [line for line in found if line]


def differences(device, norm, call):
    arriving = arriving_of(norm)
    results = run(device, norm, arriving, norm.dy)
    return compared(norm, arriving, results, expected_of(norm, call, arriving))
