#!/bin/sh
# bench/check.py, on runs of bncl-bench that are made up: a figure that reaches its bar holds, one
# that does not falls short, noise is no result.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

if ! command -v python3 >/dev/null; then
    echo "1..0 # SKIP no python3"
    exit 0
fi

# make_run FILE STATEMENT: the JSON of a run in which every figure reaches its bar, after what the
# statement, of Python, has made of its `cases'.
make_run() {
    python3 - "$@" <<'END'
import json
import sys


def case(direction, dtype, layout, shape, launches=1):
    second = {"median": 1e-4, "low": 1e-4, "high": 1e-4}
    times = {"limit": 0.95, "libbncl": 1, "empty": 1}
    times |= {"pytorch": 5, "onednn": 1.5, "onednn_given": 6}
    timings = {
        name: {"seconds": second, "ratio": {"median": ratio}, "alone": second}
        for name, ratio in times.items()
    }
    return {
        "name": f"batch_norm/{direction}/{dtype}/{layout}/" + "x".join(map(str, shape)),
        "operator": "batch_norm", "direction": direction, "dtype": dtype, "layout": layout,
        "shape": shape, "launches": launches, "noisy": False, "timings": timings,
    }


cases = {}
for direction in ("train", "eval", "backward"):
    cases[direction, "small"] = case(direction, "f32", "NC", [32, 256])
    cases[direction, "NCL"] = case(direction, "f32", "NCL", [64, 128, 1024], 4)
    cases[direction, "bf16"] = case(direction, "bf16", "NC", [4096, 1024], 4)
exec(sys.argv[2])
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump({"cases": list(cases.values())}, file)
END
}

# verdict STATEMENT: what check.py prints of such a run, and its exit status.
verdict() {
    make_run "$scratch/run.json" "$1"
    python3 "$top_srcdir/bench/check.py" "$scratch/run.json"
    echo "status $?"
}

set_ratio() { # CASE CONTESTANT RATIO: a statement
    echo "cases[$1]['timings']['$2']['ratio']['median'] = $3"
}

finds "all figures hold" "11 holds, 0 SHORT, 0 noisy, 0 missing" verdict pass
finds "and the status says so" "status 0" verdict pass
finds "what is not shown is told" "an epoch of Fashion-MNIST" verdict pass
slow=$(set_ratio "'eval', 'NCL'" limit 0.89)
finds "found: eval below its part of the limit" "eval, of the limit: batch_norm/eval/f32/NCL" \
    verdict "$slow"
finds "which is one figure" "10 holds, 1 SHORT" verdict "$slow"
finds "and the status says so" "status 1" verdict "$slow"
finds "found: a peer that is faster" "1 SHORT" verdict "$(set_ratio "'train', 'NCL'" onednn 0.99)"
finds "found: a peer that is less than four times slower on [N,C,L]" "1 SHORT" \
    verdict "$(set_ratio "'backward', 'NCL'" onednn_given 3.9)"
finds "found: two launches of a small shape" "[32,256] forward, launches: batch_norm/train" \
    verdict "cases['train', 'small']['launches'] = 2"
finds "found: a small shape that waits" "SHORT         1.26" \
    verdict "cases['eval', 'small']['timings']['libbncl']['alone'] = {'median': 1.26e-4}"
noisy="cases['train', 'NCL']['noisy'] = True"
finds "noise is no result" "1 of 1 cases are no result" verdict "$noisy"
finds "and the status says so" "status 3" verdict "$noisy"
finds "a run without narrow types shows nothing of them" "1 missing" \
    verdict "[cases.pop((d, 'bf16')) for d in ('train', 'eval', 'backward')]"
finish
