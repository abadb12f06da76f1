#!/bin/sh
# Each public header compiles alone, in C11 and in C++11, without a warning; what `make install'
# puts somewhere can be found by pkg-config, linked and run, from C and from C++.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

opencl_cflags=$(pkg-config --cflags OpenCL 2>/dev/null)
have_cxx=no
! echo 'int main() { return 0; }' | $CXX -x c++ -fsyntax-only - 2>/dev/null || have_cxx=yes

# Twice, so that a missing include guard shows; with a declaration after it, for ISO C has no empty
# files.
compile_alone() { # FOLDER HEADER LANGUAGE: FOLDER/bncl/HEADER; LANGUAGE: c or c++
    case $3 in
    c) set -- "$1" "$2" "$CC -std=c11 -Wstrict-prototypes -x c" ;;
    *) set -- "$1" "$2" "$CXX -std=c++11 -x c++" ;;
    esac
    # shellcheck disable=SC2086 # commands with options
    printf '#include <bncl/%s>\n#include <bncl/%s>\ntypedef int end_of_file;\n' "$2" "$2" |
        $3 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I"$1" $opencl_cflags \
            -fsyntax-only -
}

without_cxx() { # NAME: tells a point that cannot be tried
    [ "$have_cxx" = no ] || return 1
    point ok "$1 # SKIP no C++ compiler: $CXX"
}

for path in "$top_srcdir"/include/bncl/*.h; do
    header=${path##*/}
    finds_none "$header alone in C" compile_alone "$top_srcdir/include" "$header" c
    without_cxx "$header alone in C++" ||
        finds_none "$header alone in C++" compile_alone "$top_srcdir/include" "$header" c++
done

echo 'size_t f(void);' | plant bncl/bare.h
finds "found: a header that needs another one" "size_t" compile_alone "$planted" bare.h c
printf '#ifndef G\n#define G\ntypedef struct s { int class; } s;\n#endif\n' | plant bncl/keyword.h
without_cxx "found: a header that is no C++" ||
    finds "found: a header that is no C++" "class" compile_alone "$planted" keyword.h c++
echo 'typedef struct s { int x; } s;' | plant bncl/unguarded.h
finds "found: a header without a guard" "redefinition" compile_alone "$planted" unguarded.h c

# ---- installed ----

# The make that runs this test must not share its job slots with the one below.
install_tree() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "${MAKE:-make}" -C "$top_builddir" install \
        DESTDIR="$scratch/root" >"$scratch/install.log" 2>&1 || cat "$scratch/install.log"
}
finds_none "make install into a folder" install_tree

pc=$(find "$scratch/root" -name bncl.pc)
root_prefix=$scratch/root$(sed -n 's/^prefix=//p' "$pc")
PKG_CONFIG_PATH=$(dirname "$pc")${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH

bncl_config() {
    pkg-config --define-variable=prefix="$root_prefix" "$@" bncl
}

headers_installed() {
    # shellcheck disable=SC2012 # names without spaces
    (cd "$top_srcdir/include/bncl" && ls) >"$scratch/headers"
    # shellcheck disable=SC2012
    (cd "$(bncl_config --variable=includedir)/bncl" && ls) | diff "$scratch/headers" -
}
finds_none "every public header is installed" headers_installed

# A program that includes every header and calls the library: prints the version it runs.
program() {
    sed 's/.*/#include <bncl\/&>/' "$scratch/headers"
    cat <<'END'
#include <stdio.h>
int main(void)
{
    bncl_batch_norm_options options = bncl_batch_norm_options_default();
    bncl_context_destroy(NULL);
    printf("%s\n", options.momentum == 0.1 ? bncl_version() : "wrong options");
    return 0;
}
END
}

# build_and_run COMPILER SUFFIX [PKG-CONFIG-OPTION]: prints what is not as expected.
build_and_run() {
    program >"$scratch/program.$2"
    # shellcheck disable=SC2046,SC2086 # commands with options
    $1 -Wall -Wextra -Werror "$scratch/program.$2" -o "$scratch/program" \
        $(bncl_config --cflags --libs) || return
    LD_LIBRARY_PATH=$(bncl_config --variable=libdir)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
        "$scratch/program" >"$scratch/printed"
    bncl_config --modversion | diff - "$scratch/printed"
}
finds_none "a C program by pkg-config runs" build_and_run "$CC -std=c11" c
without_cxx "a C++ program by pkg-config runs" ||
    finds_none "a C++ program by pkg-config runs" build_and_run "$CXX -std=c++11" cc

broken_config() {
    (root_prefix=$scratch/nowhere && build_and_run "$CC -std=c11" c)
}
finds "found: an installation that is not there" "bncl/" broken_config

uninstall_tree() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "${MAKE:-make}" -C "$top_builddir" uninstall \
        DESTDIR="$scratch/root" >"$scratch/uninstall.log" 2>&1 || cat "$scratch/uninstall.log"
    find "$scratch/root" ! -type d
}
finds_none "make uninstall leaves nothing" uninstall_tree

finish
