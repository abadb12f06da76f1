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

finish
