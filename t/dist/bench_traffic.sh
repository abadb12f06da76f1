#!/bin/sh
# bench/traffic.py: what it makes of Oclgrind's counts and trace, on ones that are made up; and,
# where Oclgrind is, that its trace comes to its counts.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

if ! command -v python3 >/dev/null; then
    echo "1..0 # SKIP no python3"
    exit 0
fi

# python STATEMENT: what it prints, with all of traffic.py at hand.
python() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$top_srcdir/bench python3 -c "from traffic import *
$1"
}

# counted_of LINE: the bytes loaded and stored of a line of Oclgrind's counts.
counted_of() {
    python "print(counted('$1'))"
}

finds "loads are counted" "(8192, 0)" counted_of "   512 - load global (8192 bytes)"
finds "stores are counted" "(0, 48)" counted_of "   12 - store global (48 bytes)"
finds "other memory is not" "(0, 0)" counted_of "   12 - store local (48 bytes)"
finds "a vector's load is a call" "(256, 0)" counted_of "  4 - call _Z7vload16mPU3AS1Kf()"
finds "and its store" "(0, 256)" counted_of "  4 - call _Z8vstore16Dv16_fmPU3AS1f()"
finds "a half" "(8, 0)" counted_of "  4 - call _Z10vload_halfmPU3AS1KDh()"
finds "four of them" "(0, 32)" counted_of "  4 - call _Z16vstore_half4_rteDv4_fmPU3AS1Dh()"
finds "a vector in private memory is none" "(0, 0)" counted_of "  4 - call _Z6vload4mPKf()"
finds "what has no size is not passed over" "no bytes are known" \
    counted_of "  4 - call _Z10atomic_addPU3AS1Vjj()"

# Of 2 elements in a cache of 8 bytes: what the statements on the cache c come to.
moved() {
    python "c = Cache(8, 4)
$1
print(c.loaded, c.stored, c.moved())"
}
finds "a load moves its bytes" "8 0 8" moved "c.access(False, 64, 8)"
finds "a second one of the same does not" "8 0 4" \
    moved "c.access(False, 64, 4); c.access(False, 64, 4)"
finds "unless the cache has dropped it" "16 0 16" \
    moved "for at in (64, 68, 72, 64): c.access(False, at, 4)"
finds "what was used last is kept" "16 0 12" \
    moved "for at in (64, 68, 64, 72): c.access(False, at, 4)"
finds "a store moves its bytes once" "0 8 4" moved "c.access(True, 64, 4); c.access(True, 64, 4)"
finds "and is read back from the cache" "4 4 4" \
    moved "c.access(True, 64, 4); c.access(False, 64, 4)"
finds "or, once dropped, from memory" "4 12 16" \
    moved "for at in (64, 68, 72): c.access(True, at, 4)
c.access(False, 64, 4)"

# A trace of two passes over x, in one launch or in two.
passes() { # SECOND, a line between them
    python "pass_over = [b'Invalid read of size 8 at global memory address 0x100000000000%d' % at
                         for at in (0, 8)]
case = read_trace([b'== case batch_norm/train/f32/NC/2x2 4 4 2', b'== launch a 1 1 1 1 1 1',
                   *pass_over, $1 *pass_over], 64)[0]
row = row_of(case, 'wide', ${2:-64})
print(row['name'], row['issued'], row['counted'], row['model'], row['passes'])"
}
finds "a launch finds in the cache what it has read" " 32 16 32 1" passes ""
finds "the next does not" "32 32 48 2" passes "b'== launch b 1 1 1 1 1 1',"
finds "a slab that the cache does not hold must be read twice" " 32 16 48 1" passes "" 31
finds "Oclgrind's other findings end it" "Oclgrind says 'Invalid write to read-only" \
    passes "b'Invalid write to read-only buffer',"
finds "a trace that is not what was counted ends it" "counts 4 + 0 bytes of a" \
    python "compare([['a', 4, 0]], [Case('n', 'eval', 4, 4, [Launch('a', [], 8, 0, 8, 1)])])"
finds "nor may a launch lack" "1 launches counted, 0 traced" python "compare([['a', 4, 0]], [])"

if [ -x "$top_builddir/bench/traffic" ] && [ "$(python 'print(oclgrind() is None)')" = False ]; then
    finds "and Oclgrind's own agree" "8 of 8 within" python3 -B "$top_srcdir/bench/traffic.py" \
        --program "$top_builddir/bench/traffic" --only f32/NC/wide --shape 64x16 --within 1
fi
finish
