#!/usr/bin/python3
"""What libbncl promises of its speed, beside what is measured: `make bench-check'.

Runs the programs that measure (--programs FOLDER), or reads the JSON that they have written, and
prints a line a figure: its bar, the worst that was measured, and the case that it was measured on.
A figure is
  holds    all of its cases are there, are results, and reach the bar
  SHORT    one that is a result does not
  noisy    some are no results, and none falls short
  missing  some are not there: a program, a peer or a run that is lacking shows nothing
Exit status: 0 every figure holds, 1 one falls short, 2 wrong usage, 3 none does, but some are noisy
or missing.

The parts, and about how long each takes on two cores:
  limit    f32 in the memory's limit                10 minutes, with the peers of `peers'
  narrow   f16 and bf16 in the memory's limit       10 minutes
  peers    f32 beside PyTorch and oneDNN            the same run as `limit'
  small    [32,256]                                 10 seconds, or the same run
  mlp      the example's network beside PyTorch's    4 minutes
  traffic  bytes that Oclgrind counts                2 minutes
  startup  a fresh process's first result            1 minute"""
import argparse
import collections
import json
import math
import os
import subprocess
import sys
import tempfile
import time

LARGE = 1 << 20  # bytes of x from which on memory, not the launch, is what limits a call
SIZES = {"f32": 4, "f16": 2, "bf16": 2, "f64": 8}
DIRECTIONS = ("train", "eval", "backward")
NARROW = ("f16", "bf16")

# What was measured: the cases of bncl-bench, and by name what the other programs write.
Measured = collections.namedtuple("Measured", "cases others")

# What a figure is judged by; value None: it was not measured.
Entry = collections.namedtuple("Entry", "value name noisy")

# ---- which of bncl-bench's cases a figure is about ----


def of(read, operator="batch_norm", directions=DIRECTIONS, dtypes=("f32",), **more):
    """The entries of cases, by operator, direction and dtype; `large', `layouts', `shape'."""

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

    def entries(measured):
        cases = [case for case in measured.cases if chosen(case)]
        # A launch is counted, not timed.
        return [Entry(read(case), case["name"], read is not launches and case["noisy"])
                for case in cases]

    return entries


# ---- what is read from a case; None where it was not measured ----


def ratio(case, name):
    timing = case["timings"].get(name)
    return timing and timing["ratio"]["median"]


def fraction(case):
    """libbncl's speed, as a part of the limit's."""
    return ratio(case, "limit")


def least(ratios):
    """The least, of peers that are all there."""
    return None if None in ratios else min(ratios)


def faster_peer(case):
    """libbncl's speed, in that of the faster of PyTorch and oneDNN in either format."""
    given = ratio(case, "onednn_given")
    peers = [ratio(case, "pytorch"), ratio(case, "onednn")]
    return least(peers if given is None else [*peers, given])


def given_peer(case):
    """The same, with oneDNN in the case's own layout."""
    return least([ratio(case, "pytorch"), ratio(case, "onednn_given")])


def launches(case):
    return case["launches"]


def empties(case):
    """A call that is waited for, in launches of an empty kernel that are waited for."""
    timings = case["timings"]
    if "empty" not in timings:
        return None
    return timings["libbncl"]["alone"]["median"] / timings["empty"]["alone"]["median"]


# ---- what is read from the other programs' results ----


def named(read, *beginnings):
    """An entry for each result whose name so begins; an empty one for what none begins with."""

    def entries(measured):
        found = []
        for beginning in beginnings:
            rows = [row for name, row in measured.others.items() if name.startswith(beginning)]
            found += [Entry(read(row), row["name"], row.get("noisy", False)) for row in rows]
            found += [] if rows else [Entry(None, beginning, False)]
        return found

    return entries


def timed(row):
    return row.get("ratio") and row["ratio"]["median"]


def distance(row):
    return abs(row["ratio"] - 1.0)


# ---- the figures: part, text, entries, at least or at most, bar ----

AT_LEAST, AT_MOST = "at least", "at most"
SMALL = {"shape": [32, 256], "layouts": ("NC",)}
MLP_BATCHES = (32, 128, 512, 2048)
TRAFFIC = [f"traffic/batch_norm/{direction}/{dtype}/{layout}/" for dtype in ("f32", "f16")
           for layout in ("NC", "NCL", "NLC") for direction in (*DIRECTIONS, "frozen")]

FIGURES = [
    ("limit", "eval, of the limit", of(fraction, directions=("eval",), large=True), AT_LEAST, 0.90),
    ("limit", "training forward, of the limit", of(fraction, directions=("train",), large=True),
     AT_LEAST, 0.80),
    ("limit", "backward, of the limit", of(fraction, directions=("backward",), large=True),
     AT_LEAST, 0.75),
    ("narrow", "f16, of the limit", of(fraction, dtypes=("f16",), large=True), AT_LEAST, 0.60),
    ("narrow", "bf16, of the limit", of(fraction, dtypes=("bf16",), large=True), AT_LEAST, 0.60),
    ("peers", "training forward, of the faster peer", of(faster_peer, directions=("train",)),
     AT_LEAST, 1.0),
    ("peers", "eval, of the faster peer", of(faster_peer, directions=("eval",)), AT_LEAST, 1.0),
    ("peers", "backward, of the faster peer", of(faster_peer, directions=("backward",)), AT_LEAST,
     1.0),
    ("peers", "training of plain [N,C,L], of both peers on it",
     of(given_peer, directions=("train", "backward"), layouts=("NCL",), large=True), AT_LEAST, 4.0),
    ("small", "[32,256] forward, launches", of(launches, directions=("train", "eval"), **SMALL),
     AT_MOST, 1),
    ("small", "[32,256] backward, launches", of(launches, directions=("backward",), **SMALL),
     AT_MOST, 1),
    ("small", "[32,256], of an empty kernel's launch", of(empties, **SMALL), AT_MOST, 1.25),
    ("mlp", "a training step of the example's MLP, of PyTorch's",
     named(timed, *[f"mlp_train_{batch}" for batch in MLP_BATCHES]), AT_LEAST, 1.0),
    ("mlp", "its eval, of PyTorch's", named(timed, *[f"mlp_eval_{batch}" for batch in MLP_BATCHES]),
     AT_LEAST, 1.0),
    ("mlp", "its epoch of Fashion-MNIST, of PyTorch's", named(timed, "mlp_epoch"), AT_LEAST, 1.0),
    ("traffic", "bytes counted, distance from the model", named(distance, *TRAFFIC), AT_MOST, 0.05),
    ("startup", "a warm first result, of a bare OpenCL program's", named(timed, "startup_warm"),
     AT_MOST, 1.5),
]
PARTS = list(dict.fromkeys(figure[0] for figure in FIGURES))


def judge(entries, sense, bar):
    """(verdict, worst value or None, what it is of)."""
    found = [entry for entry in entries if entry.value is not None]
    lacking = len(entries) - len(found)
    steady = [entry for entry in found if not entry.noisy]
    worst = min if sense == AT_LEAST else max
    if not found:
        return "missing", None, ""
    entry = worst(steady or found, key=lambda one: one.value)
    reached = entry.value >= bar if sense == AT_LEAST else entry.value <= bar
    if steady and not reached:
        return "SHORT", entry.value, entry.name
    if lacking:
        first = next(one.name for one in entries if one.value is None)
        return "missing", entry.value, f"{lacking} of {len(entries)} cases, such as {first}"
    if len(steady) < len(found):
        noisy = len(found) - len(steady)
        return "noisy", entry.value, f"{noisy} of {len(found)} cases are no result"
    return "holds", entry.value, f"{entry.name} of {len(found)}"


def report(measured, parts):
    """Prints the figures of the parts, and gives the exit status."""
    verdicts = []
    print(f"{'':8} {'measured':>9} {'bar':>15}  figure, and the case that it is worst on")
    for part, text, entries, sense, bar in FIGURES:
        if part not in parts:
            continue
        verdict, value, name = judge(entries(measured), sense, bar)
        shown = "-" if value is None else f"{value:.2f}"
        print(f"{verdict:8} {shown:>9} {f'{sense} {bar:g}':>15}  {text}" + (name and f": {name}"))
        verdicts.append(verdict)
    counts = [f"{verdicts.count(v)} {v}" for v in ("holds", "SHORT", "noisy", "missing")]
    left_out = [part for part in PARTS if part not in parts]
    print(", ".join(counts) + (f"; left out: {', '.join(left_out)}" if left_out else ""))
    if "SHORT" in verdicts:
        return 1
    return 0 if set(verdicts) == {"holds"} else 3


# ---- measuring ----


def runs_of(parts, options):
    """(program, arguments) of the runs that the parts need."""
    norm = ["--operator", "batch_norm"]
    large = {"limit", "peers"} & set(parts)
    alone = [] if "peers" in parts else ["--no-peers"]
    runs = []
    if large:
        runs += [("bncl-bench", [*norm, "--dtype", "f32", "--direction", direction, *alone])
                 for direction in DIRECTIONS]
    elif "small" in parts:
        runs += [("bncl-bench", [*norm, "--dtype", "f32", "--shape", "32x256", *alone])]
    if "narrow" in parts:
        runs += [("bncl-bench", [*norm, "--dtype", dtype, "--direction", direction, "--no-peers"])
                 for dtype in NARROW for direction in DIRECTIONS]
    runs = [(program, arguments + options) for program, arguments in runs]
    return runs + [(program, []) for program in ("mlp", "traffic", "startup") if program in parts]


def command_of(programs, program):
    """A script of this folder is run by Python, with the program that it drives."""
    path = os.path.join(programs, program)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{program}.py")
    if os.path.exists(path) and os.path.exists(script):
        return [sys.executable, "-B", script, "--program", path]
    return [path]


def run(programs, program, arguments, file):
    """Whether the program has written its JSON to the file; says so where it has not. Its status
    does not tell: that something is noisy, or far from its model, is for the figures to show."""
    begin = time.monotonic()
    command = [*command_of(programs, program), *arguments, "--json", file]
    told = " ".join([program, *arguments])
    try:
        status = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        print(f"check.py: {program} is missing: {error.strerror}", file=sys.stderr)
        return False
    print(f"check.py: {told}: {time.monotonic() - begin:.0f} s", file=sys.stderr)
    if os.path.exists(file) and os.path.getsize(file) > 0:
        return True
    print(f"check.py: {told} ended with status {status}, and without a result", file=sys.stderr)
    return False


def measure(programs, parts, options, folder):
    """The files that the runs have written to the folder."""
    files = []
    for number, (program, arguments) in enumerate(runs_of(parts, options)):
        file = os.path.join(folder, f"{number:02}-{program}.json")
        if os.path.exists(file):
            os.remove(file)
        if run(programs, program, arguments, file):
            files.append(file)
    return files


def read(files):
    measured = Measured([], {})
    for name in files:
        with open(name, encoding="utf-8") as file:
            results = json.load(file)
        if isinstance(results, dict):
            measured.cases.extend(results["cases"])
        else:
            measured.others.update({row["name"]: row for row in results})
    return measured


def parts_of(text):
    """The parts that a list names, or all of them without one."""
    parts = text.split(",") if text else PARTS
    for part in parts:
        if part not in PARTS:
            raise argparse.ArgumentTypeError(f"expected some of {','.join(PARTS)}, got '{part}'")
    return parts


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", metavar="FOLDER", help="where the programs to run are; what "
                        "follows -- are options of bncl-bench's, such as --rounds 9")
    parser.add_argument("--only", type=parts_of, default=PARTS, metavar="PART,...",
                        help="these parts, not all")
    parser.add_argument("--keep", metavar="FOLDER", help="leave the JSON of the runs there")
    parser.add_argument("files", nargs="*", help="JSON to read, or options of bncl-bench's")
    arguments = parser.parse_args()
    if not arguments.programs:
        sys.exit(report(read(arguments.files), arguments.only))
    with tempfile.TemporaryDirectory() as folder:
        folder = arguments.keep or folder
        os.makedirs(folder, exist_ok=True)
        files = measure(arguments.programs, arguments.only, arguments.files, folder)
        sys.exit(report(read(files), arguments.only))


if __name__ == "__main__":
    main()
