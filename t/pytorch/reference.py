"""PyTorch's results in float64, in the layout's order, under the names that norm.run gives them."""
import copy

import torch

from norm import channels_second, from_channels_second

MODULES = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}


def widened(tensor):
    return None if tensor is None else tensor.detach().double()


def module_of(norm):
    """The module that the norm is."""
    module = MODULES[norm.batches[-1].dim()](norm.channels, norm.eps, norm.momentum).double()
    for name, values in (("weight", norm.gamma), ("bias", norm.beta)):
        made = None if values is None else torch.nn.Parameter(widened(values).clone())
        setattr(module, name, made)
    for name, values in (("running_mean", norm.running_mean), ("running_var", norm.running_var)):
        setattr(module, name, None if values is None else widened(values).clone())
    if norm.counter is None:
        module.num_batches_tracked = None
    else:
        module.num_batches_tracked.fill_(norm.counter)
    buffers = norm.running_mean is not None or norm.running_var is not None
    module.track_running_stats = norm.updates and buffers
    return module.train(norm.training)


def pivots_of(x):
    """The first value of each channel, 0 where the channel has one that is not finite."""
    if x.numel() == 0:
        return torch.zeros(x.shape[1], dtype=x.dtype)
    first = x.transpose(0, 1).flatten(1)
    return torch.where(first.isfinite().all(1), first[:, 0], 0.0)


def along_channels(vector, x):
    return vector.reshape([-1 if dim == 1 else 1 for dim in range(x.dim())])


def weight_of(norm, counter):
    """Of the batch that makes the counter so, in the running statistics."""
    return 1.0 / float(counter) if norm.momentum is None else norm.momentum


def forward(norm, module, batch, shifted, shape):
    """One call, of `shape` where the layout folds dims into one. With `shifted` PyTorch is given
    each channel less one of its values or, in evaluation, less its running mean: differences that
    are exact in float64. With a mean that is 1e7 deviations away float64 itself would round away
    more than the bounds allow. Batch norm is the same of it but for the mean, to which the value is
    added again (in tensors of their own: autograd still needs the others)."""
    x = channels_second(batch, norm.layout).double()
    pivots = torch.zeros(norm.channels, dtype=x.dtype)
    if shifted:
        pivots = pivots_of(x) if norm.uses_batch else widened(norm.running_mean)
        x = x - along_channels(pivots, x)
    x = x.detach().requires_grad_(True)
    if shifted and not norm.uses_batch:
        module.running_mean = module.running_mean - pivots
    y = module(x) if shape is None else module(x.reshape(shape)).reshape(x.shape)
    if shifted and not norm.uses_batch:
        module.running_mean = module.running_mean + pivots
    elif shifted and norm.tracks and x.numel() > 0:
        weight = weight_of(norm, module.num_batches_tracked)
        module.running_mean = module.running_mean + weight * pivots
    return x, y, pivots


def saved(norm, x, pivots):
    """What native_batch_norm saves for the backward pass."""
    if not norm.uses_batch or x.numel() == 0:
        return {}
    _, mean, invstd = torch.native_batch_norm(x.detach(), None, None, None, None, True, 0.0,
                                              norm.eps)
    return {"save_mean": mean + pivots, "save_invstd": invstd}


def behind(norm, y, settle=None):
    """What follows the norm y: results of it; a y to differentiate, and the residual in it, or
    None. `settle`, of the results so far, gives the mask that gradients go by."""
    results = {"norm": from_channels_second(y.detach(), norm.layout)}
    residual = None
    if norm.residual is not None:
        residual = channels_second(norm.residual, norm.layout).double().requires_grad_(True)
        y = y + residual
    if norm.activation is None:
        results["y"] = from_channels_second(y.detach(), norm.layout)
        return results, y, residual
    results["y"] = from_channels_second(norm.activation(y).detach(), norm.layout)
    results["mask"] = from_channels_second(norm.activation.passes(y), norm.layout)
    if settle is not None:
        results["mask"] = settle(results)
    y = norm.activation.choosing(y, channels_second(results["mask"], norm.layout))
    return results, y, residual


def gradients(norm, x, y, parameters, residual=None):
    """dx, dresidual, dgamma and dbeta, those that there are; `parameters`: gamma and beta, or
    None."""
    if norm.dy is None:
        return {}
    for leaf, before in ((x, norm.dx_before), (residual, norm.dresidual_before)):
        if leaf is not None and before is not None:
            leaf.grad = channels_second(before, norm.layout).double().clone()
    for parameter, before in zip(parameters, norm.parameters_before or ()):
        if parameter is not None:
            parameter.grad = widened(before).clone()
    y.backward(channels_second(norm.dy, norm.layout).double())
    found = {"dx": from_channels_second(x.grad, norm.layout)}
    if residual is not None:
        found["dresidual"] = from_channels_second(residual.grad, norm.layout)
    for name, parameter in zip(("dgamma", "dbeta"), parameters):
        if parameter is not None:
            found[name] = parameter.grad
    return {name: value.detach() for name, value in found.items() if name in norm.gradients}


def by_module(norm, module=None, shape=None, shifted=False, settle=None):
    """Of the norm's own module, or of one that PyTorch's lists construct, for inputs of `shape`;
    with the residual and the activation behind it."""
    module = module_of(norm) if module is None else copy.deepcopy(module).double()
    for batch in norm.batches:
        x, y, pivots = forward(norm, module, batch, shifted, shape)
    results, y, residual = behind(norm, y, settle)
    results.update(saved(norm, x, pivots))
    results.update(gradients(norm, x, y, (module.weight, module.bias), residual))
    for name in ("running_mean", "running_var"):
        if getattr(module, name) is not None:
            results[name] = getattr(module, name)
    if module.num_batches_tracked is not None:
        results["counter"] = int(module.num_batches_tracked)
    return results


def by_function(norm, function):
    """Of a call function(x, running_mean, running_var, gamma, beta) that gives y, or y and the
    saved statistics, and changes the running ones."""
    x = channels_second(norm.batches[-1], norm.layout).double().detach().requires_grad_(True)
    running = [None if values is None else widened(values).clone()
               for values in (norm.running_mean, norm.running_var)]
    parameters = [None if values is None else widened(values).clone().requires_grad_(True)
                  for values in (norm.gamma, norm.beta)]
    y = function(x, *running, *parameters)
    results = {}
    if isinstance(y, (tuple, list)):
        y, mean, invstd = y
        if mean.numel() == norm.channels and norm.uses_batch:
            results.update(save_mean=mean.detach(), save_invstd=invstd.detach())
    results["y"] = from_channels_second(y.detach(), norm.layout)
    results.update(gradients(norm, x, y, parameters))
    for name, values in zip(("running_mean", "running_var"), running):
        if values is not None:
            results[name] = values
    return results
