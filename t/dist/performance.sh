#!/bin/sh
# doc/performance.md says what the files beside it say; and bench/report.py and bench/growth.py,
# which make its tables, read files of known content rightly.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

if ! command -v python3 >/dev/null; then
    echo "1..0 # SKIP no python3"
    exit 0
fi

report() { # ARGUMENT...
    python3 -B "$top_srcdir/bench/report.py" "$@" 2>&1
}
differences() { # FOLDER
    report --check "$1"
}
finds_none "the document's tables are those of its files" differences "$top_srcdir/doc"
tables() {
    grep -c '^<!-- table ' "$top_srcdir/doc/performance.md"
}
finds "and there are some" "11" tables

# tables_of NAME: the document with this table only, as report.py writes it in $planted/doc.
tables_of() {
    printf 'Before.\n\n<!-- table %s -->\nold\n<!-- end of %s -->\n\nAfter.\n' "$1" "$1" |
        plant doc/performance.md
    report "$planted/doc" && cat "$planted/doc/performance.md"
}
finds "without a file there are no figures" "No figures recorded yet" tables_of train
finds "and the command that makes them" "bncl-bench --operator batch_norm --dtype" \
    tables_of train
finds "an unknown table is refused" "got a table 'trian'" tables_of trian

head='operator,direction,dtype,layout,shape,bytes,flops,launches,noisy'
for who in libbncl limit empty pytorch onednn onednn_given; do
    head="$head,${who}_seconds,${who}_low,${who}_high,${who}_ratio,${who}_alone,${who}_way"
done
# What one row has of one contestant: seconds, ratio, a call alone; none of what takes no part.
part() {
    printf ',%s,0,0,%s,%s,' "$@"
}
bench_rows() { # NOISY: bncl-bench's CSV, with no oneDNN in it
    none=,,,,,,
    echo "$head"
    echo "batch_norm,train,f32,NCL,64x128x1024,67108864,1,3,$1$(part 0.002 1 0.002)$(
        part 0 0.876 0)$(part 1 1 1e-5)$(part 0 5.128 0)$none$none"
    echo "batch_norm,train,f32,NC,32x256,65536,1,1,0$(part 5e-6 1 3e-05)$(part 0 0.5 0)$(
        part 1 1 2.5e-05)$none$none$none"
    echo "batch_norm,eval,f16,NC,4096x1024,16777216,1,2,0$(part 0.001 1 1)$(part 0 0.61 0)$(
        part 1 1 1)$none$none$none"
}
bench_rows 0 | plant doc/performance.csv
bench_rows 0 | plant doc/narrow.csv
finds "a row has time, rate, shares and launches" \
    "| [64,128,1024] | NCL | 2 ms | 33.6 | 0.88 | 5.13 | – | – | 3 |" tables_of train
finds "microseconds" "| [32,256] | NC | 5 µs | 13.1 |" tables_of train
finds "what stands around a table stays" "Before." tables_of train
finds "what stood in it does not" "0" \
    sh -c "grep -c '^old' '$planted/doc/performance.md' || true"
finds "narrow types have their own" "| eval | f16 | [4096,1024] | NC | 1 ms | 16.8 | 0.61 |" \
    tables_of narrow
finds "small shapes too" "| train | 30 µs | 25 µs | 1.20 | 1 |" tables_of small
finds "a direction that is not in the file" "No figures recorded yet" tables_of backward
finds_none "what was written is what the files give" differences "$planted/doc"
tables_of train >/dev/null
bench_rows 1 | plant doc/performance.csv
finds "found: a file that has changed since" "do not give: | [64,128,1024] | NCL | 2 ms | 33.6" \
    differences "$planted/doc"
finds "noise is marked" "2 ms ~" tables_of train
sed 's/33\.6/43.6/' "$planted/doc/performance.md" >"$scratch/changed"
cp "$scratch/changed" "$planted/doc/performance.md"
finds "found: a figure that was changed by hand" \
    "do not give: | [64,128,1024] | NCL | 2 ms ~ | 43.6" differences "$planted/doc"

plant doc/mlp.json <<'END'
[{"name": "mlp_train_32", "noisy": false, "ratio": {"median": 1.234, "low": 1.1, "high": 1.3}},
 {"name": "mlp_eval_32", "noisy": true, "ratio": {"median": 2, "low": 1, "high": 3}}]
END
finds "ratios have their quartiles" "| mlp_train_32 | 1.23 | 1.10 – 1.30 |" tables_of mlp
finds "or are noisy" "| mlp_eval_32 | 2.00 ~ | 1.00 – 3.00 |" tables_of mlp
plant doc/traffic.json <<'END'
[{"name": "traffic/batch_norm/eval/f32/NC/64x64/lanes", "issued": 9, "counted": 4, "model": 5,
  "ratio": 0.8, "launches": [
   {"kernel": "apply", "grid": [128, 4, 2, 16, 4, 1], "moved": 4096, "passes": 1},
   {"kernel": "merge", "grid": [64, 1, 1, 64, 1, 1], "moved": 8, "passes": 0}]}]
END
finds "bytes" "| eval | f32 | NC | 64x64 | lanes | 9 | 4 | 5 | 0.800 | 2 |" tables_of traffic
# shellcheck disable=SC2016 # a name of a kernel, in the table's backticks
finds "work-groups and their items" '| eval | NC | `apply` | 16 | 64 | 4096 | 4 |' \
    tables_of occupancy
finds "of passes over memory only" "0" \
    sh -c "grep -c '\`merge\`' '$planted/doc/performance.md' || true"

# ---- growth ----

# Time that begins as 10 us whatever n is, and grows from 1000 on: as n, then as n squared.
{
    echo "along,layout,direction,size,bytes,seconds,noisy"
    for point in 100,1e-5,0 300,1e-5,0 1000,1e-5,0 3000,3e-5,0 10000,1e-4,0 20000,4e-4,1 \
        100000,1e-2,0; do
        size=${point%%,*} rest=${point#*,}
        echo "n,NC,eval,$size,$((size * 10)),$rest"
    done
} | plant doc/growth.csv
growth() { # ARGUMENT...
    python3 -B "$top_srcdir/bench/growth.py" --read "$planted/doc/growth.csv" "$@" 2>&1
    echo "status $?"
}
finds "slopes of each decade" "growth/n/NC/eval           0.00    1.00    2.00~      10.0" growth
finds "and the rate at the end" "10000.0      0.1" growth
finds "noise is told" "status 3" growth
finds "the same in the document" "| n | NC | eval | 0.00, 1.00, 2.00 ~ | 10 µs | 10 ms | 0.1 |" \
    tables_of growth
finds "points come back as they were" "n,NC,eval,20000,200000,0.0004,1" \
    sh -c "python3 -B '$top_srcdir/bench/growth.py' --read '$planted/doc/growth.csv' \
        --csv '$scratch/again.csv' >/dev/null; cat '$scratch/again.csv'"
echo '<svg/>' | plant doc/growth.svg
finds "a picture is shown where there is one" "](growth.svg)" tables_of growth
finish
