#!/usr/bin/python3
"""Writes the tables of doc/performance.md from the files beside it: `make bench-report'. So no
figure there is typed by hand; `--check' tells where the document is not what the files give.

A table stands between two lines, <!-- table NAME --> and <!-- end of NAME -->; TABLES below says
which there are, and of which file, from which command. A file that is not there leaves a table that
says so.

Exit status: 0 success, 1 with --check: the document is another, 2 wrong usage."""
import argparse
import csv
import json
import os
import re
import sys

import growth

UNITS = (1e-3, "ms"), (1e-6, "µs")


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


# ---- how numbers are written ----


def duration(seconds):
    unit, name = next((pair for pair in UNITS if seconds >= pair[0]), UNITS[-1])
    count = seconds / unit
    return f"{count:.3g} {name}" if count < 1000 else f"{count:.0f} {name}"


def number(row, field, digits=2):
    """A field of a CSV; "–" where there is none."""
    return f"{float(row[field]):.{digits}f}" if row.get(field) else "–"


def rate(row):
    return f"{1e-9 * float(row['bytes']) / float(row['libbncl_seconds']):.1f}"


def markdown(heading, rows):
    """A table; the columns whose names begin with > are set to the right."""
    names = [name.removeprefix(">") for name in heading]
    rule = "|".join("--:" if name.startswith(">") else "---" for name in heading)
    lines = [" | ".join(map(str, line)) for line in (names, *rows)]
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])])


# ---- the tables of bncl-bench's CSV ----


def cases(rows, operator, directions, dtypes):
    return [row for row in rows if row["operator"] == operator
            and row["direction"] in directions and row["dtype"] in dtypes]


def noisy(row):
    return " ~" if row["noisy"] == "1" else ""


def shape(row):
    return "[" + row["shape"].replace("x", ",") + "]"


def speed_table(direction):
    """f32, one direction: time, rate, and the others' times in libbncl's."""

    def table(rows):
        lines = [(shape(row), row["layout"], duration(float(row["libbncl_seconds"])) + noisy(row),
                  rate(row), number(row, "limit_ratio"), number(row, "pytorch_ratio"),
                  number(row, "onednn_ratio"), number(row, "onednn_given_ratio"), row["launches"])
                 for row in cases(rows, "batch_norm", (direction,), ("f32",))]
        return lines and markdown(
            ("shape", "layout", ">a call", ">GB/s", ">of the limit", ">PyTorch", ">oneDNN",
             ">oneDNN, given format", ">launches"), lines)

    return table


def narrow_table(rows):
    lines = [(row["direction"], row["dtype"], shape(row), row["layout"],
              duration(float(row["libbncl_seconds"])) + noisy(row), rate(row),
              number(row, "limit_ratio"))
             for row in cases(rows, "batch_norm", ("train", "eval", "backward"), ("f16", "bf16"))]
    return lines and markdown(("direction", "type", "shape", "layout", ">a call", ">GB/s",
                               ">of the limit"), lines)


def small_table(rows):
    """One call that is waited for, beside an empty kernel's."""
    lines = [(row["direction"], duration(float(row["libbncl_alone"])),
              duration(float(row["empty_alone"])),
              f"{float(row['libbncl_alone']) / float(row['empty_alone']):.2f}" + noisy(row),
              row["launches"])
             for row in cases(rows, "batch_norm", ("train", "eval", "backward", "frozen"), ("f32",))
             if row["shape"] == "32x256" and row["empty_alone"]]
    return lines and markdown(("direction", ">a call", ">an empty kernel", ">ratio", ">launches"),
                              lines)


# ---- the others ----


def growth_table(rows):
    points = [growth.Point(row["along"], row["layout"], row["direction"], int(row["size"]),
                           int(row["bytes"]), float(row["seconds"]), int(row["noisy"]))
              for row in rows]
    lines = []
    for row in growth.slopes(points):
        _, along, layout, direction = row["name"].split("/")
        each = [f"{one['slope']:.2f}" + (" ~" if one["noisy"] else "") for one in row["slopes"]]
        lines.append((along, layout, direction, ", ".join(each), duration(row["first_seconds"]),
                      duration(row["last_seconds"]), f"{1e-9 * row['last_bytes_per_second']:.1f}"))
    return lines and markdown(("along", "layout", "direction", ">slope, decade by decade",
                               ">smallest", ">largest", ">its GB/s"), lines)


def traffic_table(rows):
    lines = [(*row["name"].split("/")[2:], row["issued"], row["counted"], row["model"],
              f"{row['ratio']:.3f}", len(row["launches"])) for row in rows]
    return lines and markdown(("direction", "type", "layout", "shape", "tuning", ">issued",
                               ">moved", ">model", ">moved/model", ">launches"), lines)


def occupancy_table(rows):
    """Passes over memory in the lane-wise tuning: what a device has to work on."""
    lines = []
    for row in rows:
        _, _, direction, dtype, layout, size, tuning = row["name"].split("/")
        if tuning != "lanes" or dtype != "f32":
            continue
        for launch in (launch for launch in row["launches"] if launch["passes"]):
            x, y, z, *local = launch["grid"]
            items, group = x * y * z, local[0] * local[1] * local[2]
            moved = launch["moved"]
            lines.append((direction, layout, f"`{launch['kernel']}`", items // group, group, moved,
                          f"{moved / items:.0f}"))
    return lines and markdown(("direction", "layout", "kernel", ">work-groups", ">items of a group",
                               ">bytes moved", ">bytes an item"), lines)


def ratio_table(rows):
    """What bench/mlp and bench/startup write: a ratio, with its quartiles."""
    lines = [(row["name"], f"{row['ratio']['median']:.2f}" + (" ~" if row.get("noisy") else ""),
              f"{row['ratio']['low']:.2f} – {row['ratio']['high']:.2f}")
             for row in rows if row.get("ratio")]
    return lines and markdown(("case", ">ratio", ">quartiles"), lines)


# ---- the document ----

BENCH = ("performance.csv", "bench/bncl-bench --operator batch_norm --dtype f32 --rounds 5 "
         "--csv doc/performance.csv --plot doc/performance.svg", read_csv)
NARROW = ("narrow.csv", "bench/bncl-bench --operator batch_norm --only '*f16/*64x128x1024' "
          "--rounds 9 --csv doc/narrow.csv", read_csv)
GROWTH = ("growth.csv", "make bench-growth GROWTH_OPTIONS='--csv doc/growth.csv --plot "
          "doc/growth.svg -- --rounds 5'", read_csv)
TRAFFIC = ("traffic.json", "make bench-traffic TRAFFIC_OPTIONS='--json doc/traffic.json'",
           read_json)
MLP = ("mlp.json", "bench/mlp --json doc/mlp.json", read_json)
STARTUP = ("startup.json", "bench/startup --rounds 41 --cold 0 --json doc/startup.json",
           read_json)

TABLES = {
    "train": (BENCH, speed_table("train")),
    "eval": (BENCH, speed_table("eval")),
    "backward": (BENCH, speed_table("backward")),
    "frozen": (BENCH, speed_table("frozen")),
    "narrow": (NARROW, narrow_table),
    "small": (BENCH, small_table),
    "growth": (GROWTH, growth_table),
    "traffic": (TRAFFIC, traffic_table),
    "occupancy": (TRAFFIC, occupancy_table),
    "mlp": (MLP, ratio_table),
    "startup": (STARTUP, ratio_table),
}
# What the picture that a table's file has beside it shows.
PICTURES = {"growth": "Time of a call against n and against C", "train": "Rates beside the limit"}
PLACE = re.compile(r"<!-- table (\S+) -->\n(.*?)<!-- end of \1 -->", re.DOTALL)


def table_text(name, folder):
    """What stands between the lines of a table."""
    (file, command, read), table = TABLES[name]
    path = os.path.join(folder, file)
    made = table(read(path)) if os.path.exists(path) else None
    if not made:
        return f"\n*No figures recorded yet.* They come from\n\n    {command}\n\n"
    picture = os.path.splitext(file)[0] + ".svg"
    if os.path.exists(os.path.join(folder, picture)) and name in PICTURES:
        made += f"\n\n![{PICTURES[name]}]({picture})"
    return f"\n{made}\n\nFrom [{file}]({file}), by\n\n    {command}\n\n"


def written(text, folder):
    """The document with its tables made anew."""
    known = [place[1] for place in PLACE.finditer(text)]
    for name in re.findall(r"<!-- (?:table|end of) (\S+) -->", text):
        if name not in TABLES:
            sys.exit(f"report.py: expected one of {', '.join(TABLES)}, got a table '{name}'")
        if name not in known:
            sys.exit(f"report.py: the table '{name}' has no begin, or no end")
    return PLACE.sub(lambda place: f"<!-- table {place[1]} -->\n{table_text(place[1], folder)}"
                                   f"<!-- end of {place[1]} -->", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="that of performance.md and its files")
    parser.add_argument("--check", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    document = os.path.join(arguments.folder, "performance.md")
    with open(document, encoding="utf-8") as file:
        before = file.read()
    after = written(before, arguments.folder)
    if arguments.check:
        new = after.splitlines()
        for line in before.splitlines():
            if line not in new:
                print(f"{document} has a line that its files do not give: {line}")
        if after != before:
            print(f"{document} is not what its files give: make bench-report")
        sys.exit(1 if after != before else 0)
    with open(document, "w", encoding="utf-8") as file:
        file.write(after)


if __name__ == "__main__":
    main()
