#!/usr/bin/env python3
"""Records what PyTorch computes, as text files for libbncl's tests.

    /usr/bin/python3 tools/record_vectors.py t/vectors

Debian: apt-get install python3-torch. Inputs are f32 values. Every case runs twice, in float32 and
in float64 modules: the second is the truth, the first shows what PyTorch itself gives.
t/lib/vectors.h describes the format. A case's results depend on its inputs alone, which come from a
fixed seed.
"""

import math
import os
import sys

import torch
import torch.nn.functional as functional

PRECISIONS = (("f32", torch.float32), ("f64", torch.float64))
PER_LINE = {"f32": 6, "f64": 4, "i32": 12}


def hex_float(value):
    """C's %a, without the zeros that float.hex() leaves at the end of the mantissa."""
    if not math.isfinite(value):
        return str(value)
    mantissa, exponent = value.hex().split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return mantissa + "p" + exponent


class Recorder:
    """Writes one file of cases."""

    def __init__(self, folder, name):
        self.file = open(os.path.join(folder, name + ".txt"), "w", encoding="ascii", newline="\n")
        self.line("# %s as PyTorch %s computes it." % (name, torch.__version__))
        self.line("# Recorded by: /usr/bin/python3 tools/record_vectors.py t/vectors")
        self.line("# The format: t/lib/vectors.h")

    def line(self, text):
        self.file.write(text + "\n")

    def begin(self, name):
        self.line("")
        self.line("case " + name)

    def end(self):
        self.line("end")

    def number(self, name, value):
        self.line("number %s %s" % (name, hex_float(float(value))))

    def tensor(self, dtype, name, tensor):
        self.line(" ".join([dtype, name] + [str(size) for size in tensor.shape]))
        values = [hex_float(float(value)) for value in tensor.detach().reshape(-1).tolist()]
        for start in range(0, len(values), PER_LINE[dtype]):
            self.line("  " + " ".join(values[start : start + PER_LINE[dtype]]))

    def input(self, name, tensor):
        self.tensor("f32", name, tensor)

    def close(self):
        self.file.close()


def leaf(values, dtype):
    """A copy that collects its own gradient."""
    return values.detach().to(dtype).clone().requires_grad_(True)


def normal(*shape, mean=0.0, deviation=1.0):
    return torch.randn(*shape) * deviation + mean


# ---- batch norm ----


class BatchNormCase:
    """A BatchNorm1d, its inputs (one batch a step), and what is to be recorded of it."""

    def __init__(self, name, batches, training=True, backward=True, **options):
        self.name = name
        self.batches = batches
        self.training = training
        self.backward = backward
        self.options = options
        self.channels = batches[0].shape[1]
        self.gamma = torch.rand(self.channels) * 3.0 - 1.5
        self.beta = normal(self.channels)
        self.running_mean = normal(self.channels, deviation=0.5)
        self.running_var = torch.rand(self.channels) * 2.0 + 0.25
        self.dy = normal(*batches[-1].shape, mean=0.25)

    def module(self, dtype):
        module = torch.nn.BatchNorm1d(self.channels, **self.options).to(dtype)
        with torch.no_grad():
            if module.affine:
                module.weight.copy_(self.gamma)
                module.bias.copy_(self.beta)
            if module.track_running_stats:
                module.running_mean.copy_(self.running_mean)
                module.running_var.copy_(self.running_var)
        return module.train(self.training)


def record_batch_norm_inputs(out, case, module):
    momentum = module.momentum
    out.number("training", case.training)
    out.number("eps", module.eps)
    out.number("momentum", 0.0 if momentum is None else momentum)
    out.number("cumulative", momentum is None)
    out.number("steps", len(case.batches))
    for step, batch in enumerate(case.batches):
        out.input("x.%d" % step, batch)
    if module.affine:
        out.input("gamma", case.gamma)
        out.input("beta", case.beta)
    if module.track_running_stats:
        out.input("running_mean", case.running_mean)
        out.input("running_var", case.running_var)
    if case.backward:
        out.input("dy", case.dy)


def record_batch_norm_gradients(out, label, module, x, y, dy):
    y.backward(dy)
    out.tensor(label, "dx", x.grad)
    if module.affine:
        out.tensor(label, "dgamma", module.weight.grad)
        out.tensor(label, "dbeta", module.bias.grad)


def record_batch_norm(out, case):
    out.begin(case.name)
    record_batch_norm_inputs(out, case, case.module(torch.float32))
    for label, dtype in PRECISIONS:
        module = case.module(dtype)
        for step, batch in enumerate(case.batches):
            x = leaf(batch, dtype)
            y = module(x)
            last = step == len(case.batches) - 1
            if last:
                out.tensor(label, "y", y)
            if case.training and module.track_running_stats:
                out.tensor(label, "running_mean.%d" % step, module.running_mean)
                out.tensor(label, "running_var.%d" % step, module.running_var)
            if last and case.backward:
                record_batch_norm_gradients(out, label, module, x, y, case.dy.to(dtype))
    if module.track_running_stats:
        out.number("num_batches_tracked", module.num_batches_tracked.item())
    out.end()


def with_value(shape, value):
    """Normal values, but for one, in the middle channel."""
    batch = normal(*shape)
    batch[(1, 1) + (0,) * (len(shape) - 2)] = value
    return batch


def constant_channel(shape):
    batch = normal(*shape, mean=2.0)
    batch[:, 1] = 0.3
    return batch


def batch_norm_shape_cases():
    for shape in ((4, 3), (16, 5), (2, 3, 7), (8, 4, 33), (1, 6, 5)):
        size = "x".join(str(n) for n in shape)
        yield BatchNormCase("train_" + size, [normal(*shape, mean=0.5, deviation=2.0)])
        if shape != (8, 4, 33):  # recorded once only, for its size
            yield BatchNormCase("eval_" + size, [normal(*shape, mean=0.5)], training=False)
    same = normal(6, 3)
    for name, batch in (("same_6x3", same), ("same_6x3x1", same.reshape(6, 3, 1))):
        torch.manual_seed(77)
        yield BatchNormCase(name, [batch])
    yield BatchNormCase("offset_100", [normal(5, 2, 8, mean=100.0)])


def batch_norm_option_cases():
    for training in (True, False):
        mode = "train" if training else "eval"
        for eps in (1e-3, 0.0):
            yield BatchNormCase("%s_eps_%g" % (mode, eps), [normal(4, 3)], training, eps=eps)
        yield BatchNormCase("%s_no_affine" % mode, [normal(4, 3)], training, affine=False)
        yield BatchNormCase(
            "%s_untracked" % mode, [normal(2, 3, 7)], training, track_running_stats=False
        )
        yield BatchNormCase(
            "%s_bare" % mode, [normal(4, 3)], training, affine=False, track_running_stats=False
        )
    for momentum in (0.1, 0.5, 0.01, 1.0, 0.0, 2.0, -1.2, None):
        for shape in ((4, 3), (2, 3, 4)):
            batches = [normal(*shape, mean=step - 1.0) for step in range(3)]
            name = "momentum_%s_%dd" % (momentum, len(shape))
            yield BatchNormCase(name, batches, backward=False, momentum=momentum)
    yield BatchNormCase("sizes_vary", [normal(n, 3) for n in (5, 2, 9)], backward=False)


def batch_norm_edge_cases():
    for eps in (1e-5, 0.0):
        yield BatchNormCase("constant_eps_%g" % eps, [constant_channel((4, 3))], eps=eps)
        yield BatchNormCase("constant_3d_eps_%g" % eps, [constant_channel((2, 3, 4))], eps=eps)
    for value in (math.nan, math.inf, -math.inf):
        yield BatchNormCase("train_%s" % value, [with_value((4, 3), value)])
        yield BatchNormCase("train_3d_%s" % value, [with_value((2, 3, 4), value)])
        yield BatchNormCase("eval_%s" % value, [with_value((4, 3), value)], training=False)
    for shape in ((0, 3), (0, 3, 5), (2, 3, 0)):
        size = "x".join(str(n) for n in shape)
        yield BatchNormCase("empty_train_" + size, [torch.zeros(shape)])
        yield BatchNormCase("empty_eval_" + size, [torch.zeros(shape)], training=False)


# ---- batch norm's double backward ----


class DoubleBackwardCase(BatchNormCase):
    """A BatchNorm1d whose backward pass is differentiated. `arriving` names the gradients of its
    results that are given: dx, dgamma, dbeta."""

    def __init__(self, name, batch, arriving=("dx", "dgamma", "dbeta"), **options):
        super().__init__(name, [batch], **options)
        given = {
            "dx": normal(*batch.shape, mean=-0.5),
            "dgamma": normal(self.channels),
            "dbeta": normal(self.channels),
        }
        self.arriving = {key: given[key] for key in arriving}


def record_double_backward(out, case):
    out.begin(case.name)
    record_batch_norm_inputs(out, case, case.module(torch.float32))
    for key, value in case.arriving.items():
        out.input("d" + key, value)
    for label, dtype in PRECISIONS:
        module = case.module(dtype)
        x, dy = leaf(case.batches[0], dtype), leaf(case.dy, dtype)
        operands = {"dx": x, "ddy": dy}
        outputs = {"dx": x}
        if module.affine:
            operands["dgamma"] = module.weight
            outputs.update({"dgamma": module.weight, "dbeta": module.bias})
        first = torch.autograd.grad(module(x), list(outputs.values()), dy, create_graph=True)
        first = dict(zip(outputs, first))
        second = torch.autograd.grad(
            [first[key] for key in case.arriving],
            list(operands.values()),
            [value.to(dtype) for value in case.arriving.values()],
            allow_unused=True,
        )
        for name, gradient in zip(operands, second):
            if gradient is not None:
                out.tensor(label, name, gradient)
    out.end()


def double_backward_cases():
    for training in (True, False):
        mode = "train" if training else "eval"
        for shape in ((4, 3), (2, 3, 7), (5, 2, 16)):
            name = "%s_%s" % (mode, "x".join(str(n) for n in shape))
            yield DoubleBackwardCase(name, normal(*shape, mean=0.5), training=training)
        for arriving in (("dx",), ("dgamma",), ("dbeta",), ("dx", "dgamma"), ("dgamma", "dbeta")):
            name = "%s_of_%s" % (mode, "_".join(arriving))
            yield DoubleBackwardCase(name, normal(6, 3), arriving, training=training)
        yield DoubleBackwardCase(
            mode + "_no_affine", normal(4, 3), ("dx",), training=training, affine=False
        )
        yield DoubleBackwardCase(
            mode + "_untracked", normal(2, 3, 5), training=training, track_running_stats=False
        )
        for eps in (1e-2, 0.0):
            yield DoubleBackwardCase(
                "%s_eps_%g" % (mode, eps), normal(5, 2), training=training, eps=eps
            )
    yield DoubleBackwardCase("train_offset_100", normal(5, 2, 8, mean=100.0))


# ---- the rest of the stack ----


def record_linear(out, rows, in_features, out_features, bias):
    out.begin("linear_%dx%dx%d%s" % (rows, in_features, out_features, "" if bias else "_no_bias"))
    x, weight = normal(rows, in_features), normal(out_features, in_features)
    b, dy = normal(out_features), normal(rows, out_features)
    out.input("x", x)
    out.input("weight", weight)
    if bias:
        out.input("bias", b)
    out.input("dy", dy)
    for label, dtype in PRECISIONS:
        module = torch.nn.Linear(in_features, out_features, bias=bias).to(dtype)
        with torch.no_grad():
            module.weight.copy_(weight)
            if bias:
                module.bias.copy_(b)
        x_run = leaf(x, dtype)
        y = module(x_run)
        y.backward(dy.to(dtype))
        out.tensor(label, "y", y)
        out.tensor(label, "dx", x_run.grad)
        out.tensor(label, "dweight", module.weight.grad)
        if bias:
            out.tensor(label, "dbias", module.bias.grad)
    out.end()


def record_relu(out):
    out.begin("relu")
    tiny = 2.0**-149
    special = [0.0, -0.0, math.nan, math.inf, -math.inf, tiny, -tiny, 1.0, -1.0]
    x = torch.cat([torch.tensor(special), normal(8)])
    dy = normal(len(x))
    out.input("x", x)
    out.input("dy", dy)
    for label, dtype in PRECISIONS:
        x_run = leaf(x, dtype)
        y = torch.nn.ReLU()(x_run)
        y.backward(dy.to(dtype))
        out.tensor(label, "y", y)
        out.tensor(label, "dx", x_run.grad)
    out.end()


def record_activation(out, name, module, edges, nan=True):
    """edges: where the gradient changes. Without nan where PyTorch on CPUs has two answers to it,
    by its place in the tensor."""
    out.begin(name)
    special = [0.0, -0.0, math.inf, -math.inf, 2.0**-149, -(2.0**-149), 1.0, -1.0]
    x = torch.cat([torch.tensor(special + edges + nan * [math.nan]), normal(16)])
    dy = normal(len(x))
    out.number("negative_slope", getattr(module, "negative_slope", 0.0))
    out.number("min", getattr(module, "min_val", 0.0))
    out.number("max", getattr(module, "max_val", 0.0))
    out.input("x", x)
    out.input("dy", dy)
    for label, dtype in PRECISIONS:
        x_run = leaf(x, dtype)
        y = module(x_run)
        y.backward(dy.to(dtype))
        out.tensor(label, "y", y)
        out.tensor(label, "dx", x_run.grad)
    out.end()


def activation_cases(out):
    record_activation(out, "relu", torch.nn.ReLU(), [])
    for slope in (0.01, -0.5, 0.0, 3.0):
        record_activation(out, "leaky_relu_%g" % slope, torch.nn.LeakyReLU(slope), [])
    record_activation(out, "relu6", torch.nn.ReLU6(), [6.0, 5.5, 6.5], nan=False)
    for low, high in ((-1.0, 1.0), (-0.1, 0.7), (0.5, math.inf)):
        module = torch.nn.Hardtanh(low, high)
        record_activation(out, "hardtanh_%g_%g" % (low, high), module, [low, high], nan=False)


def record_cross_entropy(out, name, logits, labels):
    out.begin(name)
    out.input("logits", logits)
    out.tensor("i32", "labels", labels)
    for label, dtype in PRECISIONS:
        run = leaf(logits, dtype)
        loss = functional.cross_entropy(run, labels)
        loss.backward()
        out.tensor(label, "loss", loss.reshape(1))
        out.tensor(label, "dlogits", run.grad)
    out.number("correct", (logits.argmax(1) == labels).sum().item())
    out.end()


def cross_entropy_cases(out):
    for rows, classes, deviation in ((4, 3, 1.0), (6, 10, 3.0), (3, 10, 100.0), (2, 1, 1.0)):
        labels = torch.randint(classes, (rows,))
        name = "cross_entropy_%dx%d_deviation_%g" % (rows, classes, deviation)
        record_cross_entropy(out, name, normal(rows, classes, deviation=deviation), labels)
    record_cross_entropy(
        out, "cross_entropy_shifted", normal(3, 4, mean=1e4), torch.randint(4, (3,))
    )
    record_cross_entropy(
        out, "cross_entropy_empty", torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)
    )


def record_sgd(out, name, **options):
    steps, count = 3, 5
    w, dw = normal(count), normal(steps, count)
    out.begin("sgd_" + name)
    for key in ("lr", "momentum", "dampening", "weight_decay", "nesterov"):
        out.number(key, options.get(key, 0.0))
    out.input("w", w)
    out.input("dw", dw)
    for label, dtype in PRECISIONS:
        parameter = torch.nn.Parameter(w.to(dtype).clone())
        optimizer = torch.optim.SGD([parameter], **options)
        after = []
        for step in range(steps):
            parameter.grad = dw[step].to(dtype)
            optimizer.step()
            after.append(parameter.detach().clone())
        out.tensor(label, "w_after", torch.stack(after))
    out.end()


def record_all(folder):
    torch.manual_seed(20)
    out = Recorder(folder, "batch_norm")
    for cases in (batch_norm_shape_cases, batch_norm_option_cases, batch_norm_edge_cases):
        for case in cases():
            record_batch_norm(out, case)
    out.close()

    out = Recorder(folder, "linear")
    for rows, in_features, out_features in ((5, 7, 4), (1, 3, 2), (8, 20, 6)):
        for bias in (True, False):
            record_linear(out, rows, in_features, out_features, bias)
    out.close()

    out = Recorder(folder, "relu")
    record_relu(out)
    out.close()

    out = Recorder(folder, "cross_entropy")
    cross_entropy_cases(out)
    out.close()

    out = Recorder(folder, "sgd")
    record_sgd(out, "plain", lr=0.1)
    record_sgd(out, "decay", lr=0.1, weight_decay=0.01)
    record_sgd(out, "momentum", lr=0.05, momentum=0.9)
    record_sgd(out, "dampening", lr=0.05, momentum=0.9, dampening=0.5)
    record_sgd(out, "nesterov", lr=0.05, momentum=0.9, nesterov=True)
    record_sgd(out, "all", lr=0.05, momentum=0.8, dampening=0.25, weight_decay=0.1)
    record_sgd(out, "nesterov_decay", lr=0.05, momentum=0.8, weight_decay=0.1, nesterov=True)
    out.close()

    torch.manual_seed(21)
    out = Recorder(folder, "double_backward")
    for case in double_backward_cases():
        record_double_backward(out, case)
    out.close()

    torch.manual_seed(22)
    out = Recorder(folder, "activation")
    activation_cases(out)
    out.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: record_vectors.py FOLDER")
    record_all(sys.argv[1])
