#!/usr/bin/python3
"""What libbncl promises of its speed, beside what bncl-bench measures: `make bench-check'.

Reads the JSON of bncl-bench's runs, or makes one with --bench, and prints a line a figure: its bar,
the worst that was measured, and the case that it was measured on. Exit status: 0 every figure that
is measured reaches its bar, 1 one falls short, 3 none does, but some are noisy or missing, so that
nothing is shown."""
import argparse
import json
import math
import subprocess
import sys
import tempfile

LARGE = 1 << 20  # bytes of x from which on memory, not the launch, is what limits a call
SIZES = {"f32": 4, "f16": 2, "bf16": 2, "f64": 8}

# ---- which cases a figure is about ----


def of(operator="batch_norm", directions=("train", "eval", "backward"), dtypes=("f32",), **more):
    """A choice of cases: by operator, direction and dtype; `large', `layouts', `shape'."""

    def chosen(case):
        large = math.prod(case["shape"]) * SIZES[case["dtype"]] >= LARGE
        return (
            case["operator"] == operator
            and case["direction"] in directions
            and case["dtype"] in dtypes
            and (large or not more.get("large", False))
            and ("layouts" not in more or case["layout"] in more["layouts"])
            and ("shape" not in more or case["shape"] == more["shape"])
        )

    return chosen


# ---- what is read from a case; None where it was not measured ----


def ratio(case, name):
    timing = case["timings"].get(name)
    return timing and timing["ratio"]["median"]


def fraction(case):
    """libbncl's speed, as a part of the limit's."""
    return ratio(case, "limit")


def faster_peer(case):
    """libbncl's speed, in that of the faster of PyTorch and oneDNN."""
    peers = [ratio(case, name) for name in ("pytorch", "onednn", "onednn_given")]
    return min((peer for peer in peers if peer is not None), default=None)


def given_peer(case):
    """The same, with oneDNN in the case's own layout."""
    peers = [ratio(case, name) for name in ("pytorch", "onednn_given")]
    return min((peer for peer in peers if peer is not None), default=None)


def launches(case):
    return case["launches"]


def empties(case):
    """A call that is waited for, in launches of an empty kernel that are waited for."""
    timings = case["timings"]
    return timings["libbncl"]["alone"]["median"] / timings["empty"]["alone"]["median"]


# ---- the figures: text, cases, what is read, at least or at most, bar ----

AT_LEAST, AT_MOST = "at least", "at most"
NARROW = ("f16", "bf16")
SMALL = {"shape": [32, 256], "layouts": ("NC",)}

FIGURES = [
    ("eval, of the limit", of(directions=("eval",), large=True), fraction, AT_LEAST, 0.90),
    ("training forward, of the limit", of(directions=("train",), large=True), fraction, AT_LEAST,
     0.80),
    ("backward, of the limit", of(directions=("backward",), large=True), fraction, AT_LEAST, 0.75),
    ("f16 and bf16, of the limit", of(dtypes=NARROW, large=True), fraction, AT_LEAST, 0.60),
    ("training forward, of the faster peer", of(directions=("train",)), faster_peer, AT_LEAST, 1.0),
    ("eval, of the faster peer", of(directions=("eval",)), faster_peer, AT_LEAST, 1.0),
    ("backward, of the faster peer", of(directions=("backward",)), faster_peer, AT_LEAST, 1.0),
    ("training of plain [N,C,L], of both peers on it",
     of(directions=("train", "backward"), layouts=("NCL",), large=True), given_peer, AT_LEAST, 4.0),
    ("[32,256] forward, launches", of(directions=("train", "eval"), **SMALL), launches, AT_MOST, 1),
    ("[32,256] backward, launches", of(directions=("backward",), **SMALL), launches, AT_MOST, 1),
    ("[32,256], of an empty kernel's launch", of(**SMALL), empties, AT_MOST, 1.25),
]

# What no run of bncl-bench shows.
ELSEWHERE = [
    "a training step, and eval, of the example's MLP beside PyTorch's",
    "an epoch of Fashion-MNIST beside PyTorch's",
    "bytes that Oclgrind counts beside the model's",
    "a fresh process's first result beside a bare OpenCL program's",
]


def judge(cases, figure):
    """(verdict, worst value or None, its case's name)."""
    _, chosen, read, sense, bar = figure
    found = [(read(case), case) for case in cases if chosen(case)]
    found = [(value, case) for value, case in found if value is not None]
    if not found:
        return "missing", None, ""
    steady = [(value, case) for value, case in found if read is launches or not case["noisy"]]
    worst = min if sense == AT_LEAST else max
    value, case = worst(steady or found, key=lambda pair: pair[0])
    reached = value >= bar if sense == AT_LEAST else value <= bar
    if steady and not reached:
        return "SHORT", value, case["name"]
    if len(steady) < len(found):
        noisy = len(found) - len(steady)
        return "noisy", value, f"{noisy} of {len(found)} cases are no result"
    return "holds", value, case["name"]


def report(cases):
    """Prints the figures, and gives the exit status."""
    verdicts = []
    print(f"{'':8} {'measured':>9} {'bar':>15}  figure, and the case that it is worst on")
    for figure in FIGURES:
        verdict, value, name = judge(cases, figure)
        measured = "-" if value is None else f"{value:.2f}"
        bar = f"{figure[3]} {figure[4]:g}"
        print(f"{verdict:8} {measured:>9} {bar:>15}  {figure[0]}{': ' if name else ''}{name}")
        verdicts.append(verdict)
    for text in ELSEWHERE:
        print(f"{'elsewhere':8} {'-':>8} {'':>15}  {text}")
    counts = [f"{verdicts.count(v)} {v}" for v in ("holds", "SHORT", "noisy", "missing")]
    print(", ".join(counts) + f", {len(ELSEWHERE)} not shown by bncl-bench")
    if "SHORT" in verdicts:
        return 1
    return 0 if set(verdicts) == {"holds"} else 3


def measure(bench, options):
    """The cases of a run of bncl-bench, whose noisy ones are told by status 3."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [bench, "--operator", "batch_norm", "--json", file.name, *options]
        status = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
        if status not in (0, 3):
            sys.exit(f"check.py: {bench} ended with status {status}")
        return json.load(file)["cases"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bench", help="the bncl-bench to run, with the options that follow --")
    parser.add_argument("files", nargs="*", help="JSON of bncl-bench, or options for --bench")
    arguments = parser.parse_args()
    if arguments.bench:
        cases = measure(arguments.bench, arguments.files)
    else:
        cases = []
        for name in arguments.files:
            with open(name, encoding="utf-8") as file:
                cases += json.load(file)["cases"]
    sys.exit(report(cases))


main()
