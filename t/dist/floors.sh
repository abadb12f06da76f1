#!/bin/sh
# Includes point down: a room of lib/ knows itself and the floors below it, and nothing outside the
# runtime knows OpenCL. ARCHITECTURE.md says why.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

# Room, floor, and the headers of other libraries that it may include.
rooms() {
    cat <<'END'
base    0
tensor  1 jansson.h
runtime 2 CL/cl.h clblast_c.h
program 3 nettle/sha2.h
ops     4 cblas.h
graph   5
END
}

# Public header, and the room that answers for it. bncl.h, which includes all, is of the top floor.
public_headers() {
    cat <<'END'
export        base
random        base
status        base
version       base
dtype         tensor
tensor        tensor
buffer        runtime
context       runtime
device        runtime
event         runtime
opencl        runtime
queue         runtime
tuning        program
activation    ops
batch_norm    ops
batch_norm_statistics ops
cross_entropy ops
elementwise   ops
gemm          ops
linear        ops
sgd           ops
bncl          graph
fold          graph
graph         graph
graph_profile graph
recalibrate   graph
state_dict    graph
END
}

# What the C library and POSIX bring: every room may include these.
system_headers() {
    echo assert ctype dirent errno fcntl fenv float inttypes limits locale math poll pthread \
        setjmp signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn \
        string strings sys/file sys/ioctl sys/random sys/stat sys/time sys/types sys/wait \
        time unistd
}

# includes TREE FOLDER: "FILE:LINE FILE'S-FOLDER-AND-NAME INCLUDED" for the C files of a folder.
includes() {
    (cd "$1" && [ -d "$2" ] && find "$2" -name '*.[ch]' | sort | xargs "$AWK" '
        /^[ \t]*#[ \t]*include/ {
            match($0, /[<"].*[>"]/)
            print FILENAME ":" FNR, FILENAME, substr($0, RSTART, RLENGTH)
        }')
}

# Reads the tables, then judges each include of lib/ and include/bncl/.
judge() {
    "$AWK" -v system_headers="$(system_headers)" '
    function told(text) { print $1 " includes " $3 ": " text }
    function judge_public(name,    room_of_it) {
        if (!(name in public_room))
            return told("t/dist/floors.sh does not know that header")
        room_of_it = public_room[name]
        if (floor[room_of_it] > floor[room])
            return told("that is of " room_of_it ", above " room)
        if (name == "opencl" && room != "runtime")
            return told("only the runtime may know OpenCL")
    }
    function judge_system(name) {
        if (name in is_system)
            return
        if (from_public && stem != "opencl" || !index(others[room], " " name ".h "))
            told("not for " (from_public ? "this public header" : room))
    }
    function judge_own(path,    parts) {
        if (from_public || split(path, parts, "/") != 2)
            return told("write <bncl/…> in public headers, \"room/file.h\" in lib/")
        if (!(parts[1] in floor))
            return told("no such room")
        if (floor[parts[1]] > floor[room])
            return told(parts[1] " is above " room)
    }
    BEGIN {
        for (n = split(system_headers, list, " "); n > 0; n--)
            is_system[list[n]] = 1
    }
    $1 == "room" { floor[$2] = $3; others[$2] = " " $4 " " $5 " "; next }
    $1 == "header" { public_room[$2] = $3; next }
    {
        split($2, path, "/")
        from_public = path[1] == "include"
        stem = path[3]
        sub(/\.[ch]$/, "", stem)
        room = from_public ? public_room[stem] : path[2]
        target = substr($3, 2, length($3) - 2)
        quoted = substr($3, 1, 1) == "\""
        name = target
        sub(/^bncl\//, "", name)
        sub(/\.h$/, "", name)
        if (!(room in floor))
            told("t/dist/floors.sh knows no room for this file")
        else if (quoted)
            judge_own(target)
        else if (target ~ /^bncl\//)
            judge_public(name)
        else
            judge_system(name)
    }'
}

pointing_up() { # TREE
    {
        rooms | sed 's/^/room /'
        public_headers | sed 's/^/header /'
        includes "$1" lib
        includes "$1" include
    } | judge
}

# Examples, tools and benchmarks see what a user sees, and files beside them; benchmarks may time
# the examples' own parts.
not_public() { # TREE
    for folder in examples tools bench; do
        includes "$1" "$folder"
    done | while read -r place file included; do
        case ${place%%/*}:$included in
        bench:'"../examples/'*)
            example=examples/${included#'"../examples/'}
            [ -e "$1/${example%\"}" ] || echo "$place includes $included: no such example"
            ;;
        *:'"'*/*) echo "$place includes $included: only <bncl/…> and files beside it" ;;
        *:'"'*)
            sibling=$(dirname "$file")/${included#\"}
            [ -e "$1/${sibling%\"}" ] || echo "$place includes $included: no such file beside it"
            ;;
        '<bncl/'*)
            header=${included#<}
            [ -e "$1/include/${header%>}" ] || echo "$place includes $included: no such header"
            ;;
        esac
    done
}

# The reference shares no code with what it judges.
reference_includes() { # TREE
    includes "$1" t/lib | grep '^t/lib/reference' |
        grep -E '<bncl/|"(base|tensor|runtime|program|ops|graph)/'
}

finds_none "lib/ and the public headers include nothing from above" pointing_up "$top_srcdir"
finds_none "examples, tools and benchmarks include public headers only" not_public "$top_srcdir"
finds_none "the tests' reference includes nothing of the library" reference_includes "$top_srcdir"

# ---- planted violations ----

# one FILE INCLUDE TEXT CHECK: a file with just this include is found.
one() {
    rm -rf "$planted"
    mkdir -p "$planted/include/bncl"
    : >"$planted/include/bncl/tensor.h"
    echo "#include $2" | plant "$1"
    finds "found: $1 with $2" "$3" "$4" "$planted"
}
one lib/base/a.c '"tensor/tensor.h"' 'above base' pointing_up
one lib/base/a.h '<jansson.h>' 'not for base' pointing_up
one lib/tensor/a.c '<bncl/buffer.h>' 'above tensor' pointing_up
one lib/tensor/a.c '<CL/cl.h>' 'not for tensor' pointing_up
one lib/program/a.c '  "ops/batch_norm.h"' 'above program' pointing_up
one lib/ops/a.c '<bncl/opencl.h>' 'only the runtime' pointing_up
one lib/ops/a.c '<clblast_c.h>' 'not for ops' pointing_up
one lib/runtime/a.c '<cblas.h>' 'not for runtime' pointing_up
one lib/graph/a.c '<CL/cl.h>' 'not for graph' pointing_up
one lib/graph/a.c '"layer.h"' 'room/file.h' pointing_up
one lib/graph/a.c '"misc/layer.h"' 'no such room' pointing_up
one lib/ops/a.c '<bncl/bncl.h>' 'above ops' pointing_up
one lib/new/a.c '"base/alloc.h"' 'knows no room' pointing_up
one lib/graph/a.c '<bncl/new.h>' 'does not know' pointing_up
one include/bncl/tensor.h '<bncl/queue.h>' 'above tensor' pointing_up
one include/bncl/graph.h '<CL/cl.h>' 'not for this public' pointing_up
one include/bncl/queue.h '<CL/cl.h>' 'not for this public' pointing_up
one include/bncl/queue.h '"runtime/queue.h"' 'in public headers' pointing_up
one examples/a.c '"ops/batch_norm.h"' 'only <bncl/' not_public
one bench/a.c '"missing.h"' 'no such file beside it' not_public
one bench/a.c '"../examples/missing.h"' 'no such example' not_public
one tools/a.c '"../examples/fail.h"' 'only <bncl/' not_public
one t/lib/reference.c '<bncl/tensor.h>' 't/lib/reference.c' reference_includes

rm -rf "$planted"
echo '#include <CL/cl.h>' | plant lib/runtime/a.c
echo '#include <CL/cl.h>' | plant include/bncl/opencl.h
echo '#include "base/alloc.h"' | plant lib/graph/a.c
echo '#include <bncl/tensor.h>' | plant lib/graph/b.c
finds_none "includes that point down are let through" pointing_up "$planted"

finish
