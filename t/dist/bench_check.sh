#!/bin/sh
# bench/check.py, on runs that are made up: a figure that reaches its bar holds, one
# that does not falls short, noise is no result, and what is lacking shows nothing.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

if ! command -v python3 >/dev/null; then
    echo "1..0 # SKIP no python3"
    exit 0
fi

# make_run FOLDER STATEMENT: the JSON of runs in which every figure reaches its bar, after what the
# statement, of Python, has made of their `cases' and of the `others', the rows of other programs.
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


def timed(name, ratio):
    return name, {"name": name, "ratio": {"median": ratio, "low": ratio, "high": ratio},
                  "noisy": False}


cases = {}
for direction in ("train", "eval", "backward"):
    cases[direction, "small"] = case(direction, "f32", "NC", [32, 256])
    cases[direction, "NCL"] = case(direction, "f32", "NCL", [64, 128, 1024], 4)
    for dtype in ("f16", "bf16"):
        cases[direction, dtype] = case(direction, dtype, "NC", [4096, 1024], 4)
others = dict(timed(f"mlp_{what}_{batch}", 1.2)
              for what in ("train", "eval") for batch in (32, 128, 512, 2048))
others |= [timed("mlp_epoch_128", 1.1), timed("startup_warm", 1.4)]
for direction in ("train", "eval", "backward", "frozen"):
    for dtype in ("f32", "f16"):
        for layout in ("NC", "NCL", "NLC"):
            name = f"traffic/batch_norm/{direction}/{dtype}/{layout}/1x1/wide"
            others[name] = {"name": name, "counted": 98, "model": 100, "ratio": 0.98}
exec(sys.argv[2])
for name, rows in ("bncl-bench", {"cases": list(cases.values())}), ("rest", [*others.values()]):
    with open(f"{sys.argv[1]}/{name}.json", "w", encoding="utf-8") as file:
        json.dump(rows, file)
END
}

# verdict STATEMENT [OPTION]...: what check.py prints of such runs, and its exit status.
verdict() {
    make_run "$scratch" "$1"
    shift
    python3 -B "$top_srcdir/bench/check.py" "$@" "$scratch/bncl-bench.json" "$scratch/rest.json"
    echo "status $?"
}

set_ratio() { # CASE CONTESTANT RATIO: a statement
    echo "cases[$1]['timings']['$2']['ratio']['median'] = $3"
}

finds "all figures hold" "17 holds, 0 SHORT, 0 noisy, 0 missing" verdict pass
finds "and the status says so" "status 0" verdict pass
slow=$(set_ratio "'eval', 'NCL'" limit 0.89)
finds "found: eval below its part of the limit" "eval, of the limit: batch_norm/eval/f32/NCL" \
    verdict "$slow"
finds "which is one figure" "16 holds, 1 SHORT" verdict "$slow"
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
finds "noise does not hide another case that falls short" "SHORT         0.70" \
    verdict "cases['train', 'NCL']['noisy'] = True
cases['again'] = case('train', 'f32', 'NLC', [64, 128, 1024])
cases['again']['timings']['limit']['ratio']['median'] = 0.7"
finds "what is less than 1 MB is not held to the limit" "17 holds" \
    verdict "$(set_ratio "'eval', 'small'" limit 0.1)"

# ---- what is lacking shows nothing ----

finds "a run without bf16 shows nothing of it" "16 holds, 0 SHORT, 0 noisy, 1 missing" \
    verdict "[cases.pop((d, 'bf16')) for d in ('train', 'eval', 'backward')]"
finds "nor one without a peer in one case" "missing       5.00" \
    verdict "cases['train', 'NCL']['timings'].pop('onednn')
cases['train', 'small']['timings']['onednn']['ratio']['median'] = 5"
finds "and the status says so" "status 3" \
    verdict "cases['train', 'NCL']['timings'].pop('pytorch')"
finds "which is the figure on both peers, too" "2 missing" \
    verdict "cases['train', 'NCL']['timings'].pop('pytorch')"
finds "nor one without the limit's own kernels" "missing          -" \
    verdict "cases['eval', 'NCL']['timings'].pop('limit')"
finds "nor one without a batch size" "1 of 4 cases, such as mlp_eval_512" \
    verdict "others.pop('mlp_eval_512')"
finds "nor one of the network without PyTorch" "1 of 4 cases, such as mlp_train_32" \
    verdict "others['mlp_train_32'].pop('ratio')"
finds "nor without one of the traffic's layouts" "traffic/batch_norm/frozen/f16/NLC/" \
    verdict "others.pop('traffic/batch_norm/frozen/f16/NLC/1x1/wide')"
finds "without any run all is missing" "0 holds, 0 SHORT, 0 noisy, 17 missing" \
    verdict "cases.clear(); others.clear()"

# ---- what other programs show ----

set_other() { # NAME RATIO: a statement
    echo "others['$1']['ratio']['median'] = $2"
}
finds "found: a step slower than PyTorch's" "SHORT         0.99" \
    verdict "$(set_other mlp_train_2048 0.99)"
finds "found: an epoch slower than PyTorch's" "16 holds, 1 SHORT" \
    verdict "$(set_other mlp_epoch_128 0.9)"
finds "found: a start that takes too long" "SHORT         1.51" \
    verdict "$(set_other startup_warm 1.51)"
finds "a noisy start is no result" "1 noisy" verdict "others['startup_warm']['noisy'] = True"
finds "found: more bytes than the model's" "SHORT         0.06" \
    verdict "others['traffic/batch_norm/eval/f32/NC/1x1/wide']['ratio'] = 1.06"
finds "found: fewer" "SHORT         0.06" \
    verdict "others['traffic/batch_norm/eval/f32/NC/1x1/wide']['ratio'] = 0.94"

# ---- parts, and programs ----

finds "one part of all" "2 holds, 0 SHORT, 0 noisy, 0 missing; left out: limit" \
    verdict "$slow" --only traffic,startup
finds "no other falls short" "status 0" verdict "$slow" --only traffic,startup
finds "an unknown part is refused" "expected some of limit,narrow,peers" verdict pass --only speed

# Programs that write what the real ones would, or nothing.
mkdir "$scratch/bench"
program() { # NAME, its text on standard input
    cat >"$scratch/bench/$1"
    chmod +x "$scratch/bench/$1"
}
check_programs() {
    python3 -B "$top_srcdir/bench/check.py" --programs "$scratch/bench" "$@" 2>&1
    echo "status $?"
}
make_run "$scratch" "others.pop('startup_warm')"
program mlp <<END
#!/bin/sh
cp "$scratch/rest.json" "\$2" && exit 3
END
program startup <<END
#!/bin/sh
exit 1
END
finds "a program's results are read, whatever its status" "3 holds, 0 SHORT, 0 noisy, 0 missing" \
    check_programs --only mlp
finds "one that fails is missing" "startup ended with status 1, and without a result" \
    check_programs --only mlp,startup --keep "$scratch/kept"
finds "so the whole shows nothing" "3 holds, 0 SHORT, 0 noisy, 1 missing" \
    check_programs --only mlp,startup --keep "$scratch/kept2"
finds "one that is not there is missing" "bncl-bench is missing: No such file" \
    check_programs --only small
finds "and its figures" "0 holds, 0 SHORT, 0 noisy, 3 missing" check_programs --only small
program bncl-bench <<END
#!/bin/sh
echo "bncl-bench \$*" >>"$scratch/commands"
while [ \$# -gt 1 ] && [ "\$1" != --json ]; do shift; done
cp "$scratch/bncl-bench.json" "\$2"
END
finds "the limit and the peers take one run a direction" "9 holds" \
    check_programs --only limit,narrow,peers -- --rounds 5
commands() {
    grep -c "$1" "$scratch/commands"
}
finds "with the peers for f32" "3" commands "--dtype f32 --direction [a-z]* --rounds 5 --json"
finds "and without for narrow types" "6" commands "16 --direction [a-z]* --no-peers --rounds 5"
finish
