"""The forward-mode derivative of y along tangents of x, gamma and beta: PyTorch's, by its dual
numbers in float64, and the library's, which is double backward's ddy for ddx, ddgamma, ddbeta."""
import copy

import torch
from torch.autograd import forward_ad
from torch.nn.utils.stateless import functional_call

import double_backward
from norm import channels_second, from_channels_second
from reference import widened


def of_module(module, shape):
    """The last call alone, as a function of x and the parameters: the ones before change no
    derivative."""
    made = copy.deepcopy(module).double()

    def call(x, gamma, beta):
        given = {name: values for name, values in (("weight", gamma), ("bias", beta))
                 if values is not None}
        return functional_call(made, given, (x.reshape(shape),)).reshape(x.shape)

    return call


def of_function(norm, function):
    running = [None if values is None else widened(values).clone()
               for values in (norm.running_mean, norm.running_var)]

    def call(x, gamma, beta):
        y = function(x, *running, gamma, beta)
        return y[0] if isinstance(y, (tuple, list)) else y

    return call


def expected_of(norm, call, tangents):
    """`call(x, gamma, beta)` gives y. Whatever can have a tangent has one."""
    x = channels_second(norm.batches[-1], norm.layout).double()
    values = (x, widened(norm.gamma), widened(norm.beta))
    along = (channels_second(tangents["ddx"], norm.layout).double(),
             widened(tangents["ddgamma"]), widened(tangents["ddbeta"]))
    with forward_ad.dual_level():
        duals = [None if value is None else forward_ad.make_dual(value, tangent)
                 for value, tangent in zip(values, along)]
        tangent = forward_ad.unpack_dual(call(*duals)).tangent
    if tangent is None:
        raise AssertionError("PyTorch gives y no tangent")
    return {"ddy": from_channels_second(tangent, norm.layout)}


def differences(device, norm, call):
    """dy takes no part: x stands for it, as a caller's would who has none."""
    tangents = double_backward.arriving_of(norm)
    results = double_backward.run(device, norm, tangents, norm.batches[-1], ("ddy",))
    return double_backward.compared(norm, tangents, results, expected_of(norm, call, tangents),
                                    "forward mode's %s")
