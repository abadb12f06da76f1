#!/usr/bin/python3
"""PyTorch's operators on the CPU, timed, for bncl-bench. Its argument: how many threads.

Standard output begins with a line: what this is, or "!" and why it cannot be used. Then, for each
line on standard input, comes one line:
  prepare OPERATOR DIRECTION DTYPE LAYOUT DIM...   "ok WAY", or "!" and why it is not to be had
  run CALLS                                        seconds of all these calls together
DIMs are [N,C] or [N,C,L], whatever the layout; NLC is a view of what lies as [N,L,C].

PyTorch gives new outputs to most of these calls. That what is timed is not the kernel's handing out
of pages, freed memory stays with the process: a call takes the place that the one before left."""
import ctypes
import sys
import time

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def keep_memory():
    """glibc's malloc: no memory by mmap, and none given back."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or not (mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1)):
        return "fresh memory for outputs"
    return "outputs in memory that is reused"


def batch_norm(torch, x, direction, fused):
    """Calls of batch norm as a layer makes them, and what follows it, one after the other."""
    channels, aten = x.shape[1], torch.ops.aten
    gamma, beta = torch.ones(channels), torch.zeros(channels)
    mean, var = torch.zeros(channels), torch.ones(channels)
    dy, residual = torch.empty_like(x).copy_(x), torch.empty_like(x).copy_(x)

    def forward(train):
        return torch.native_batch_norm(x, gamma, beta, mean, var, train, 0.1, 1e-5)

    def forward_fused(train):
        y = forward(train)[0]
        if "add" in fused:
            y.add_(residual)
        return y.relu_() if "relu" in fused else y

    y, save_mean, save_invstd = forward(direction != "eval" and direction != "frozen")
    if "relu" in fused:
        y.relu_()

    def backward(train, wanted):
        g = dy
        if "relu" in fused:
            g = aten.threshold_backward(dy, y, 0)
        return aten.native_batch_norm_backward(
            g, x, gamma, mean, var, save_mean, save_invstd, train, 1e-5, wanted
        )

    return {
        "train": lambda: forward_fused(True),
        "eval": lambda: forward_fused(False),
        "backward": lambda: backward(True, [True, True, True]),
        "frozen": lambda: backward(False, [True, False, False]),
    }[direction]


def elementwise(torch, operator, direction, x):
    y, out = x.relu(), torch.empty_like(x)
    if operator == "add":
        return lambda: torch.add(x, y, out=out)
    if direction == "backward":
        return lambda: torch.ops.aten.threshold_backward(x, y, 0, grad_input=out)
    return lambda: torch.ops.aten.relu(x, out=out)


def linear(torch, direction, rows, inputs, outputs):
    x, w, b = torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(outputs)
    y, dx, dw, db = torch.randn(rows, outputs), torch.empty_like(x), torch.empty_like(w), b.clone()

    def backward():
        torch.mm(y, w, out=dx)
        torch.mm(y.t(), x, out=dw)
        torch.sum(y, 0, out=db)

    return backward if direction == "backward" else lambda: torch.addmm(b, x, w.t(), out=y)


def cross_entropy(torch, rows, classes):
    logits, labels = torch.randn(rows, classes), torch.arange(rows) % classes
    aten, one = torch.ops.aten, torch.ones(())

    def step():
        log_softmax = aten._log_softmax(logits, 1, False)
        loss, weight = aten.nll_loss_forward(log_softmax, labels, None, 1, -100)
        grad = aten.nll_loss_backward(one, log_softmax, labels, None, 1, -100, weight)
        aten._log_softmax_backward_data(grad, log_softmax, 1, logits.dtype)
        return loss

    return step


def sgd(torch, count):
    w = torch.nn.Parameter(torch.randn(count))
    w.grad = torch.randn(count)
    step = torch.optim.SGD([w], lr=0.05, momentum=0.9).step

    def call():
        with torch.enable_grad():
            step()

    return call


def views(torch, layout, dims, dtype):
    """The input in each way that PyTorch can be handed it without a copy, with the way's name."""
    last = [dims[0], *dims[2:], dims[1]] if layout == "NLC" else dims
    x = (torch.rand(last) + 0.5).to(dtype)
    if len(dims) < 3:
        return [("", x)]
    x = x.transpose(1, 2) if layout == "NLC" else x
    return [("3-D", x), ("4-D", x.unsqueeze(3) if layout != "NLC" else x.unsqueeze(2))]


def seconds_of(call, calls):
    begin = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - begin


def fastest(calls):
    """Of (way, call); the shortest of three after one that warms up."""
    if len(calls) == 1:
        return calls[0]
    return min(calls, key=lambda c: (c[1](), min(seconds_of(c[1], 1) for _ in range(3)))[-1])


def prepare(torch, operator, direction, dtype, layout, dims):
    """The way's name and what makes a call."""
    dtypes = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
    dtype = {**dtypes, "f64": torch.float64}[dtype]
    if operator == "linear":
        return "", linear(torch, direction, *dims)
    if operator == "cross_entropy":
        return "", cross_entropy(torch, *dims)
    if operator == "sgd":
        return "", sgd(torch, *dims)
    if not operator.startswith("batch_norm"):
        x = (torch.rand(dims) - 0.5).to(dtype)
        return "", elementwise(torch, operator, direction, x)
    calls = []
    for way, x in views(torch, layout, dims, dtype):
        calls.append((way, batch_norm(torch, x, direction, operator[len("batch_norm"):])))
    return fastest(calls)


def answer(torch, words, call):
    """The line to answer with, and the call to make from now on."""
    if words[0] == "run":
        return repr(seconds_of(call, int(words[1]))), call
    try:
        way, call = prepare(torch, *words[1:5], [int(dim) for dim in words[5:]])
        call()
        return f"ok {way}", call
    except (RuntimeError, TypeError, AttributeError) as error:
        return "!" + str(error).split("\n")[0][:200], None


def main():
    memory = keep_memory()
    try:
        import torch
    except ImportError as error:
        print(f"!{sys.executable}: {error}", flush=True)
        return
    torch.set_num_threads(int(sys.argv[1]))
    torch.set_grad_enabled(False)
    about = f"PyTorch {torch.__version__}, CPU, threads: {torch.get_num_threads()}"
    print(f"{about}, {memory}", flush=True)
    call = None
    for line in sys.stdin:
        words = line.split()
        if words[0] == "prepare":
            call = None
        text, call = answer(torch, words, call)
        print(text, flush=True)


main()
