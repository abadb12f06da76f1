#!/bin/sh
# The programs of t/api name, in quotes, each public function that they ask for what it must refuse.
# This compares those names with the headers' functions; what is asked of each is not looked at.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

declared() { # FOLDER-OF-HEADERS
    "$AWK" -f "$top_srcdir/t/dist/api_functions.awk" "$1"/*.h | sort
}

named() { # FOLDER-OF-TESTS
    grep -ho '"bncl_[a-z0-9_]*"' "$1"/*.c | tr -d '"' | sort -u
}

differences() { # FOLDER-OF-HEADERS FOLDER-OF-TESTS
    declared "$1" >"$scratch/declared"
    named "$2" >"$scratch/named"
    comm -23 "$scratch/declared" "$scratch/named" | sed 's/$/ is not named/'
    comm -13 "$scratch/declared" "$scratch/named" | sed 's/$/ is named, but no public function/'
}

finds_none "t/api names every public function in quotes, and no other" differences \
    "$top_srcdir/include/bncl" "$top_srcdir/t/api"
finds "functions were read from the headers" "bncl_batch_norm_forward_train" declared \
    "$top_srcdir/include/bncl"

cp "$top_srcdir"/include/bncl/*.h "$planted"
echo 'BNCL_API int bncl_planted(void);' | plant new.h
finds "found: a function that is not named" "bncl_planted is not named" differences "$planted" \
    "$top_srcdir/t/api"
rm "$planted/new.h" "$planted/version.h"
finds "found: a name of something else" "bncl_version is named, but no public function" \
    differences "$planted" "$top_srcdir/t/api"

finish
