#!/usr/bin/python3
"""How the time of batch norm grows with n, the values of a channel, and with C, the channels:
`make bench-growth'.

Runs bncl-bench, without peers, on shapes in which n, or C, grows by four decades while the other
stays, and prints the slope of time in n, or C, on logarithmic axes over each decade: 0 where the
launch is what costs, 1 where every byte costs the same, more where it costs more than the one
before. A slope is that of the straight line which fits the decade's points best, both its ends
among them. ~: some of them are noisy, and the slope is no result.

Exit status: 0 success, 1 failure, 2 wrong usage, 3 noisy."""
import argparse
import collections
import csv
import json
import math
import os
import subprocess
import sys
import tempfile

FIXED_C, FIXED_N, LINE = 16, 100, 100  # channels; values of a channel; L of [N,C,L]
STEPS = [round(base * 10**power) for power in range(4) for base in (1, 2, 5)] + [10**4]
DIRECTIONS = ("train", "eval", "backward", "frozen")

# What grows, the layout, and the shape of a step.
SWEEPS = [
    ("n", "NC", lambda step: (100 * step, FIXED_C)),
    ("n", "NCL", lambda step: (step, FIXED_C, LINE)),
    ("n", "NLC", lambda step: (step, FIXED_C, LINE)),
    ("C", "NC", lambda step: (FIXED_N, 10 * step)),
    ("C", "NCL", lambda step: (FIXED_N // LINE, 10 * step, LINE)),
    ("C", "NLC", lambda step: (FIXED_N // LINE, 10 * step, LINE)),
]

# A point: size of what grows; bytes that must move; seconds of a call.
Point = collections.namedtuple("Point", "along layout direction size bytes seconds noisy")


def bench(program, layout, shapes, options):
    """The cases of a run of bncl-bench."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "growth.json")
        command = [program, "--operator", "batch_norm", "--dtype", "f32", "--layout", layout,
                   "--no-peers", "--json", file, *options]
        for shape in shapes:
            command += ["--shape", "x".join(map(str, shape))]
        status = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
        if status not in (0, 3):
            sys.exit(f"growth.py: {program} ended with status {status}")
        with open(file, encoding="utf-8") as results:
            return json.load(results)["cases"]


def size_of(along, shape):
    return shape[1] if along == "C" else shape[0] * math.prod(shape[2:])


def measure(program, options):
    """The points of all sweeps."""
    points = []
    for along, layout, shape in SWEEPS:
        for case in bench(program, layout, [shape(step) for step in STEPS], options):
            seconds = case["timings"]["libbncl"]["seconds"]["median"]
            points.append(Point(along, layout, case["direction"], size_of(along, case["shape"]),
                                int(case["bytes"]), seconds, int(case["noisy"])))
    return points


# ---- slopes ----


def slope(points):
    """Of the line that fits log(seconds) over log(size) best; None with less than two sizes."""
    xs = [math.log(point.size) for point in points]
    ys = [math.log(point.seconds) for point in points]
    if len(set(xs)) < 2:
        return None
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys)) / sum((a - x) ** 2 for a in xs)


def decades(points):
    """(size at its begin, its points) of each decade from the smallest size on."""
    first = min(point.size for point in points)
    last = max(point.size for point in points)
    found = []
    while first < last:
        found.append((first, [p for p in points if first <= p.size <= 10 * first]))
        first *= 10
    return found


def curves(points):
    """The points of each curve, by (along, layout, direction)."""
    found = {}
    for point in points:
        found.setdefault((point.along, point.layout, point.direction), []).append(point)
    return {key: sorted(curve, key=lambda point: point.size) for key, curve in found.items()}


def slopes(points):
    """A row for each curve: its slopes by decade, with whether they are noisy, and its ends."""
    rows = []
    for (along, layout, direction), curve in curves(points).items():
        last = curve[-1]
        rows.append({
            "name": f"growth/{along}/{layout}/{direction}",
            "slopes": [{"from": first, "slope": slope(part), "noisy": any(p.noisy for p in part)}
                       for first, part in decades(curve)],
            "first_seconds": curve[0].seconds,
            "last_seconds": last.seconds,
            "last_bytes_per_second": last.bytes / last.seconds,
        })
    return rows


def print_rows(rows):
    print("growth of time, the slope over each decade       first us    last us  GB/s at last")
    for row in rows:
        each = " ".join(f"{one['slope']:6.2f}{'~' if one['noisy'] else ' '}"
                        for one in row["slopes"])
        print(f"{row['name']:24} {each} {1e6 * row['first_seconds']:>9.1f} "
              f"{1e6 * row['last_seconds']:>10.1f} {1e-9 * row['last_bytes_per_second']:>8.1f}")


# ---- files ----


def write_csv(points, name):
    with open(name, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Point._fields)
        for point in points:
            writer.writerow([*point[:5], f"{point.seconds:.4g}", point.noisy])


def read_csv(name):
    with open(name, encoding="utf-8", newline="") as file:
        return [Point(row["along"], row["layout"], row["direction"], int(row["size"]),
                      int(row["bytes"]), float(row["seconds"]), int(row["noisy"]))
                for row in csv.DictReader(file)]


# Colours that remain apart to colour-blind eyes (Okabe and Ito), one a direction; a dash a layout.
PLOT = """set terminal svg size 1100,640 dynamic noenhanced name 'growth' \\
    font 'Helvetica,Arial,sans-serif,13' background '#ffffff'
set encoding utf8
set border 3 linecolor rgb '#707070'
set tics out nomirror scale 0.6 textcolor rgb '#404040'
set grid xtics ytics linetype 1 linecolor rgb '#e6e6e6' linewidth 0.8
set logscale xy
set format xy '%g'
set key below center samplen 2 maxrows 4 font ',11'
set multiplot layout 1,2
set ylabel 'microseconds of a call'
"""
COLOURS = dict(zip(DIRECTIONS, ("#0072b2", "#009e73", "#d55e00", "#cc79a7")))
DASHES = {"NC": 1, "NCL": 2, "NLC": 3}
TITLES = {"n": f"n, values of a channel, with C = {FIXED_C}",
          "C": f"C, channels, with n = {FIXED_N}"}


def plot_of(points):
    """The text that gnuplot draws the picture from."""
    text = PLOT
    for along, title in TITLES.items():
        lines = []
        for number, ((_, layout, direction), curve) in enumerate(
                (item for item in curves(points).items() if item[0][0] == along)):
            block = f"${along}{number}"
            text += f"{block} << END\n"
            text += "".join(f"{point.size} {1e6 * point.seconds:.6g}\n" for point in curve)
            text += "END\n"
            lines.append(f"{block} using 1:2 with linespoints pointtype 7 pointsize 0.4 "
                         f"linewidth 1.5 dashtype {DASHES[layout]} linecolor rgb "
                         f"'{COLOURS[direction]}' title '{direction} {layout}'")
        if lines:
            text += f"set xlabel '{title}'\nplot " + ", \\\n    ".join(lines) + "\n"
    return text + "unset multiplot\n"


def plot(points, name):
    with open(name, "w", encoding="utf-8") as file:
        try:
            subprocess.run(["gnuplot", "-"], input=plot_of(points), text=True, stdout=file,
                           check=True)
        except OSError as error:
            sys.exit(f"growth.py: gnuplot, which draws, is missing (Debian: apt-get install "
                     f"gnuplot-nox): {error.strerror}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default="bench/bncl-bench", help="the bncl-bench to run")
    parser.add_argument("--read", metavar="CSV", help="take the points of this file; measure none")
    parser.add_argument("--csv", help="write the points to this file")
    parser.add_argument("--json", help="write the slopes to this file")
    parser.add_argument("--plot", help="draw the curves into this file, an SVG; needs gnuplot")
    parser.add_argument("options", nargs="*", help="after --: options of bncl-bench's")
    arguments = parser.parse_args()
    points = (read_csv(arguments.read) if arguments.read
              else measure(arguments.bench, arguments.options))
    rows = slopes(points)
    print_rows(rows)
    if arguments.csv:
        write_csv(points, arguments.csv)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    if arguments.plot:
        plot(points, arguments.plot)
    sys.exit(3 if any(point.noisy for point in points) else 0)


if __name__ == "__main__":
    main()
