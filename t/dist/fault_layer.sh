#!/bin/sh
# The fault layer knows every OpenCL function that the library calls: one it did not know would
# never be made to fail.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

needs_library

called() { # LIBRARY
    nm -D --undefined-only "$1" | "$AWK" '{ print $NF }' | sed 's/@.*//' | grep '^cl[A-Z]' | sort -u
}

# The functions that the layer puts in place of the driver's.
taken() { # FOLDER-OF-THE-LAYER
    sed -n 's/^ *dispatch->\(cl[A-Za-z]*\) = .*/\1/p' "$1"/fault_layer_*.c | sort -u
}

unknown() { # LIBRARY FOLDER-OF-THE-LAYER
    called "$1" >"$scratch/called"
    taken "$2" >"$scratch/taken"
    comm -23 "$scratch/called" "$scratch/taken" | sed 's/$/ is called, but unknown to the layer/'
}

finds_none "the layer knows every OpenCL call of the library" unknown "$library" \
    "$top_srcdir/t/fault"
finds "calls were read from the library" "clEnqueueNDRangeKernel" called "$library"

cp "$top_srcdir"/t/fault/fault_layer_*.c "$planted"
sed -i '/clEnqueueNDRangeKernel = /d' "$planted"/fault_layer_commands.c
finds "found: a call that the layer does not know" \
    "clEnqueueNDRangeKernel is called, but unknown to the layer" unknown "$library" "$planted"

finish
