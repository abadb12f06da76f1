#!/bin/sh
# t/api asks every public function for what it must refuse: each function of the headers stands
# there by its name, in quotes.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

declared() { # FOLDER-OF-HEADERS
    "$AWK" -f "$top_srcdir/t/dist/api_functions.awk" "$1"/*.h | sort
}

tested() { # FOLDER-OF-TESTS
    grep -ho '"bncl_[a-z0-9_]*"' "$1"/*.c | tr -d '"' | sort -u
}

differences() { # FOLDER-OF-HEADERS FOLDER-OF-TESTS
    declared "$1" >"$scratch/declared"
    tested "$2" >"$scratch/tested"
    comm -23 "$scratch/declared" "$scratch/tested" | sed 's/$/ is not tested/'
    comm -13 "$scratch/declared" "$scratch/tested" | sed 's/$/ is tested, but no public function/'
}

finds_none "every public function is tested for bad arguments" differences \
    "$top_srcdir/include/bncl" "$top_srcdir/t/api"
finds "functions were read from the headers" "bncl_batch_norm_forward_train" declared \
    "$top_srcdir/include/bncl"

cp "$top_srcdir"/include/bncl/*.h "$planted"
echo 'BNCL_API int bncl_planted(void);' | plant new.h
finds "found: a function that is not tested" "bncl_planted is not tested" differences "$planted" \
    "$top_srcdir/t/api"
rm "$planted/new.h" "$planted/version.h"
finds "found: a test of something else" "bncl_version is tested, but no public function" \
    differences "$planted" "$top_srcdir/t/api"

finish
