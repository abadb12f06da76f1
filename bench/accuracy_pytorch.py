#!/usr/bin/python3
"""torch.nn.BatchNorm1d in training mode, for bench/accuracy.

Standard output begins with a line: what this is, or "!" and why it cannot be used. Then, for each
request on standard input, a line "LAYOUT N C L" and N·C·L values laid out so, come as many values
of y, laid out likewise. Values are 32-bit floats in the machine's byte order. LAYOUT is NC, NCL or
NLC; the last goes to PyTorch as a [N,C,L] view of what lies in memory."""
import sys


def load():
    """numpy and torch; ends the program, after telling why, where they are not installed."""
    try:
        import numpy
        import torch
    except ImportError as error:
        print(f"!{sys.executable}: {error}", flush=True)
        sys.exit(0)
    print(f"PyTorch {torch.__version__}, CPU, threads: {torch.get_num_threads()}", flush=True)
    return numpy, torch


def answer(torch, layout, x):
    """y of the same shape as x."""
    x = torch.from_numpy(x)
    view = x.transpose(1, 2) if layout == "NLC" else x
    norm = torch.nn.BatchNorm1d(view.shape[1])
    with torch.no_grad():
        y = norm(view)
    return (y.transpose(1, 2) if layout == "NLC" else y).contiguous().numpy()


def main():
    numpy, torch = load()
    while line := sys.stdin.buffer.readline():
        layout, samples, channels, length = line.decode().split()
        samples, channels, length = int(samples), int(channels), int(length)
        shape = {
            "NC": (samples, channels),
            "NCL": (samples, channels, length),
            "NLC": (samples, length, channels),
        }[layout]
        data = bytearray(sys.stdin.buffer.read(4 * samples * channels * length))
        x = numpy.frombuffer(data, numpy.float32).reshape(shape)
        sys.stdout.buffer.write(answer(torch, layout, x).data)
        sys.stdout.buffer.flush()


main()
