#!/bin/sh
# The shared library exports the functions that the public headers mark with BNCL_API, no more and
# no less, and each begins with bncl_.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

needs_library

declared() { # FOLDER-OF-HEADERS
    "$AWK" -f "$top_srcdir/t/dist/api_functions.awk" "$1"/*.h | sort
}

# Everything that others could link to: functions, data, whatever the linker puts in.
exported() { # LIBRARY
    nm -D --defined-only "$1" | "$AWK" '{ print $NF }' | sed 's/@.*//' | sort -u
}

differences() { # FOLDER-OF-HEADERS LIBRARY
    declared "$1" >"$scratch/declared"
    exported "$2" >"$scratch/exported"
    comm -23 "$scratch/declared" "$scratch/exported" | sed 's/$/ is declared but not exported/'
    comm -13 "$scratch/declared" "$scratch/exported" | sed 's/$/ is exported but not declared/'
    uniq -d "$scratch/declared" | sed 's/$/ is declared twice/'
}

badly_named() { # FOLDER-OF-HEADERS
    declared "$1" | grep -v '^bncl_[a-z0-9_]*$'
}

finds_none "exported are the functions marked BNCL_API" \
    differences "$top_srcdir/include/bncl" "$library"
finds_none "each begins with bncl_" badly_named "$top_srcdir/include/bncl"
finds "functions were read from the headers" "bncl_batch_norm_forward_train" \
    declared "$top_srcdir/include/bncl"

cp "$top_srcdir"/include/bncl/*.h "$planted"
plant new.h <<'END'
/* A declaration that nothing implements. */
BNCL_API const char *bncl_planted(
    int x);
END
finds "found: a declaration without a function" "bncl_planted is declared but not exported" \
    differences "$planted" "$library"
rm "$planted/new.h" "$planted/version.h"
finds "found: a function without a declaration" "bncl_version is exported but not declared" \
    differences "$planted" "$library"
echo 'BNCL_API int other_name(void);' | plant new.h
finds "found: a name that does not begin with bncl_" "other_name" badly_named "$planted"

# The reader of headers that t/pytorch has, which no test runs otherwise: all functions but
# opencl.h's, which it leaves out.
read_by_python() { # FOLDER-WITH-bncl
    PYTHONPATH=$top_srcdir/t/pytorch python3 -B -c '
import sys
from library import Library
print(*sorted(Library(*sys.argv[1:]).functions), sep="\n")' "$library" "$1"
}

unread() {
    mkdir "$scratch/most"
    cp "$top_srcdir"/include/bncl/*.h "$scratch/most"
    rm "$scratch/most/opencl.h"
    declared "$scratch/most" >"$scratch/declared"
    read_by_python "$top_srcdir/include" | diff "$scratch/declared" -
}

if command -v python3 >/dev/null; then
    finds_none "t/pytorch reads the headers" unread
    mkdir -p "$planted/strange/bncl"
    echo 'typedef struct bncl_strange { int (*function)(void); } bncl_strange;' |
        plant strange/bncl/strange.h
    finds "found: a field that it does not understand" "not understood: int (*function)(void)" \
        read_by_python "$planted/strange"
else
    for name in "t/pytorch reads the headers" "found: a field that it does not understand"; do
        point ok "$name # SKIP no python3"
    done
fi

finish
