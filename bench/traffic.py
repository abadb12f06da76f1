#!/usr/bin/python3
"""The bytes that batch norm moves, counted: `make bench-traffic'.

Runs bench/traffic on Oclgrind, which simulates a device instruction by instruction, and prints for
each direction, type, layout and tuning
  issued  the bytes that kernels load and store, by Oclgrind's own count of their instructions
          (OCLGRIND_INST_COUNTS=1; a vloadN is a counted call, of N elements);
  moved   those of them that a cache of --cache bytes does not keep: each load of an element that
          is not in it, and each element that was written and leaves it. The cache is empty at each
          launch, holds single elements, not lines, and drops what was not used for longest. It
          sees the accesses in the order in which Oclgrind runs them, from a trace of all of them
          (see traffic.c), and the trace's loads and stores must come to the bytes issued, kernel by
          kernel;
  model   the bytes of x, y, dx and dy that must move (see MODELS). What a channel has one of is
          left out of the model, and not out of the counts;
and moved/model. The difference of issued and moved is what a kernel finds in the cache: the second
pass over a tile, coefficients, what many work-items read.

Exit status: 0 all within --within of the model, 1 not, 2 wrong usage or no Oclgrind."""
import argparse
import collections
import functools
import json
import os
import re
import subprocess
import sys
import tempfile

# ---- what is run ----

LAYOUTS = {"NC": "1024x32", "NCL": "8x32x128", "NLC": "16x32x64"}
DTYPES = ("f32", "f16")
WIDE = "vector=16,vectors=4,lane_items=1,lines=32,group=8,block_group=1,whole=4096,direct=1024"
LANES = "vector=1,vectors=1,lane_items=64,lines=8,group=64,block_group=64,whole=16,direct=256"
TUNINGS = {
    "wide": WIDE,
    "wide-apart": WIDE + ",whole=0,direct=0",
    "lanes": LANES,
    "lanes-apart": LANES + ",whole=0,direct=0",
}

# Tensors of x's size, read and written: where one launch passes over them and the slab of a channel
# (see bench_model.h) stays in the cache, and where two do, or it does not.
MODELS = {"train": (2, 3), "eval": (2, 2), "backward": (3, 5), "frozen": (2, 2)}


DRIVER = "liboclgrind-rt-icd.so"


@functools.cache
def oclgrind():
    """The environment that has the OpenCL loader take Oclgrind, or None where it is not."""
    drivers = [
        os.path.join(folder, DRIVER)
        for top in ("/usr/lib", "/usr/local/lib")
        for folder, _, files in os.walk(top)
        if DRIVER in files
    ]
    if not drivers:
        return None
    return {"OCL_ICD_VENDORS": drivers[0], "BNCL_DEVICE": "oclgrind", "OCLGRIND_INST_COUNTS": "1",
            "OCLGRIND_NUM_THREADS": "1", "OCLGRIND_MAX_ERRORS": str(2**31 - 1)}


def environment(tuning, folder):
    """Of a run. The folder keeps what is compiled: a trace's kernels are not the library's own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OCLGRIND_", "BNCL_"))}
    for name in ("BNCL_KERNEL_DIR",):
        if name in os.environ:
            kept[name] = os.environ[name]
    return kept | oclgrind() | {"BNCL_TUNING": tuning, "HOME": folder, "XDG_CACHE_HOME": folder}


# ---- Oclgrind's counts ----

ELEMENTS = {"Dh": 2, "h": 1, "c": 1, "t": 2, "s": 2, "f": 4, "j": 4, "i": 4, "d": 8, "m": 8, "l": 8}
LOADED = re.compile(r"(\d+) - load global \((\d+) bytes\)")
STORED = re.compile(r"(\d+) - store global \((\d+) bytes\)")
# As C++ spells it: vload4(ulong, global float const *) is _Z6vload4mPU3AS1Kf. PU3AS1: to global.
CALLED = re.compile(
    r"(\d+) - call _Z\d+v(load|store)(?:a?_half)?(\d*)(?:_rte|_rtz|_rtp|_rtn)?"
    r"[^P]*PU3AS1K?([a-z]|Dh)\(")


def counted(line):
    """(bytes loaded, bytes stored) that a line of Oclgrind's counts tells of."""
    if found := LOADED.search(line):
        return int(found[2]), 0
    if found := STORED.search(line):
        return 0, int(found[2])
    if found := CALLED.search(line):
        size = int(found[1]) * int(found[3] or 1) * ELEMENTS[found[4]]
        return (size, 0) if found[2] == "load" else (0, size)
    if re.search(r"call _Z\d+(vload|vstore|async_work|atomic_|atom_)", line) and "AS1" in line:
        sys.exit(f"traffic.py: no bytes are known of what Oclgrind counts as {line.strip()!r}")
    return 0, 0


def read_counts(lines):
    """A [kernel, bytes loaded, bytes stored] for each launch that was told of."""
    launches, open_launch = [], False
    for line in lines:
        if line.startswith("== launch "):
            launches.append([line.split()[2], 0, 0])
            open_launch = True
        elif line.startswith("Instructions executed for kernel"):
            open_launch = open_launch and bool(launches) and launches[-1][0] in line
        elif not line.strip():
            if launches and (launches[-1][1] or launches[-1][2]):
                open_launch = False
        elif open_launch:
            loaded, stored = counted(line)
            launches[-1][1] += loaded
            launches[-1][2] += stored
    return launches


# ---- the trace, and the cache that sees it ----


class Cache:
    """Elements of `grain' bytes, the one that was used last at the end; True: to be written."""

    def __init__(self, capacity, grain):
        self.held, self.most, self.grain = collections.OrderedDict(), capacity // grain, grain
        self.loaded = self.stored = self.missed = self.written = 0
        self.seen = collections.Counter()  # by buffer: bytes that were missing

    def access(self, write, address, size):
        if write:
            self.stored += size
        else:
            self.loaded += size
        for at in range(address // self.grain, (address + size - 1) // self.grain + 1):
            if at in self.held:
                self.held.move_to_end(at)
                if write:
                    self.held[at] = True
                continue
            if not write:
                self.missed += self.grain
                self.seen[address >> 48] += self.grain
            self.held[at] = write
            if len(self.held) > self.most and self.held.popitem(last=False)[1]:
                self.written += self.grain

    def moved(self):
        """Bytes, with what is still to be written."""
        return self.missed + self.written + self.grain * sum(self.held.values())


Launch = collections.namedtuple("Launch", "kernel grid loaded stored moved passes")
Case = collections.namedtuple("Case", "name direction bytes slab launches")


def close_launch(case, about, cache):
    """Adds a launch. It passes over memory if it misses half of a tensor of x's size."""
    if cache is None:
        return
    kernel, *grid = about
    passes = sum(2 * missed >= case.bytes for missed in cache.seen.values())
    case.launches.append(Launch(kernel, [int(size) for size in grid], cache.loaded, cache.stored,
                                cache.moved(), passes))


ACCESS = re.compile(rb"Invalid (read|write) of size (\d+) at global memory address 0x([0-9a-f]+)")


def read_trace(lines, capacity):
    """The cases, with their launches, of what bench/traffic and Oclgrind write."""
    cases, cache, about, rest = [], None, None, []
    for line in lines:
        if line.startswith(b"Invalid "):
            found = ACCESS.match(line)
            if not found or cache is None:
                rest.append(line)
                continue
            cache.access(found[1] == b"write", int(found[3], 16), int(found[2]))
        elif line.startswith(b"== "):
            words = line.decode().split()
            if cases:
                close_launch(cases[-1], about, cache)
            if words[1] == "case":
                elements, size, values = map(int, words[3:])
                _, direction, _, layout, _ = words[2].split("/")
                together = 1 if layout == "NCL" else min(256 // size, elements // values)
                cases.append(Case(words[2], direction, elements * size, together * values * size,
                                  []))
                cache, grain = None, min(size, 4)
            else:
                cache, about = Cache(capacity, grain), words[2:]
        elif line.startswith(b"traffic: "):
            sys.exit(line.decode().strip())
    if cases:
        close_launch(cases[-1], about, cache)
    if rest:
        sys.exit(f"traffic.py: Oclgrind says {rest[0].decode().strip()!r}")
    return cases


# ---- a run ----


def run(program, what, tuning, capacity):
    """The cases of one dtype, layout and shape, both ways."""
    with tempfile.TemporaryDirectory() as folder:
        around = environment(tuning, folder)
        counts = subprocess.run([program, "count", *what], env=around, capture_output=True,
                                check=False, text=True)
        if counts.returncode != 0:
            sys.exit(f"traffic.py: {counts.stderr.strip() or counts.returncode}")
        # A file: Oclgrind writes a trace word by word, which a pipe takes for ever for.
        with open(f"{folder}/trace", "w+b") as trace:
            process = subprocess.run([program, "trace", *what], env=around, check=False,
                                     stdout=subprocess.DEVNULL, stderr=trace)
            trace.seek(0)
            cases = read_trace(trace, capacity)
            if process.returncode != 0:
                sys.exit(f"traffic.py: {program} ended with status {process.returncode}")
    compare(read_counts(counts.stdout.splitlines()), cases)
    return cases


def compare(counts, cases):
    """Ends the program where the trace is not what the counts of the library's own run tell of."""
    launches = [launch for case in cases for launch in case.launches]
    traced = [[launch.kernel, launch.loaded, launch.stored] for launch in launches]
    for count, trace in zip(counts, traced):
        # An element at the very beginning of a buffer may lie inside its one byte.
        if count[0] != trace[0] or any(abs(a - b) > 2 for a, b in zip(count[1:], trace[1:])):
            sys.exit(f"traffic.py: Oclgrind counts {count[1]} + {count[2]} bytes of {count[0]}, "
                     f"its trace has {trace[1]} + {trace[2]} of {trace[0]}")
    if len(counts) != len(traced) or not traced:
        sys.exit(f"traffic.py: {len(counts)} launches counted, {len(traced)} traced")


def slab_fits(case, capacity):
    """Whether what lies together of a channel, of x and in backward of dy, takes half of the cache
    or less; as bench_slab_fits has it, with one work-group at a time."""
    tensors = 2 if case.direction == "backward" else 1
    return 2 * tensors * case.slab <= capacity


def row_of(case, tuning, capacity):
    """What is written of a case."""
    passes = [launch for launch in case.launches if launch.passes > 0]
    twice = len(passes) > 1 or not slab_fits(case, capacity)
    model = MODELS[case.direction][twice] * case.bytes
    moved = sum(launch.moved for launch in case.launches)
    return {
        "name": f"traffic/{case.name}/{tuning}",
        "issued": sum(launch.loaded + launch.stored for launch in case.launches),
        "counted": moved,
        "model": model,
        "ratio": moved / model,
        "passes": len(passes),
        "launches": [launch._asdict() for launch in case.launches],
    }


def print_row(row, within):
    kernels = " ".join(launch["kernel"].removeprefix("batch_norm_") for launch in row["launches"])
    mark = " " if abs(row["ratio"] - 1) <= within else "!"
    print(f"{row['name']:60} {row['issued']:>9} {row['counted']:>9} {row['model']:>9} "
          f"{row['ratio']:>6.3f}{mark} {row['passes']:>6}  {kernels}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", default="bench/traffic", help="bench/traffic, as it is built")
    parser.add_argument("--only", default="", help="part of DTYPE/LAYOUT/TUNING, such as f32/NCL")
    parser.add_argument("--shape", help="instead of the layout's own, such as 16x32x128")
    parser.add_argument("--tuning", help="a BNCL_TUNING, instead of those of " + ", ".join(TUNINGS))
    parser.add_argument("--cache", type=int, default=32768, help="bytes (default 32768)")
    parser.add_argument("--within", type=float, default=0.05, help="of the model (default 0.05)")
    parser.add_argument("--json", help="write what was counted to this file")
    arguments = parser.parse_args()
    if oclgrind() is None:
        print("traffic.py: Oclgrind is missing (Debian: apt-get install oclgrind)", file=sys.stderr)
        sys.exit(2)
    tunings = {"given": arguments.tuning} if arguments.tuning else TUNINGS
    print(f"{'bytes':60} {'issued':>9} {'moved':>9} {'model':>9} {'ratio':>6}  passes  launches",
          flush=True)
    rows = []
    for dtype in DTYPES:
        for layout, usual in LAYOUTS.items():
            for tuning, text in tunings.items():
                if arguments.only not in f"{dtype}/{layout}/{tuning}":
                    continue
                what = [dtype, layout, arguments.shape or usual]
                for case in run(arguments.program, what, text, arguments.cache):
                    rows.append(row_of(case, tuning, arguments.cache))
                    print_row(rows[-1], arguments.within)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    far = [row for row in rows if abs(row["ratio"] - 1) > arguments.within]
    print(f"{len(rows) - len(far)} of {len(rows)} within {arguments.within:.0%} of the model")
    sys.exit(1 if far else 0 if rows else 2)


if __name__ == "__main__":
    main()
