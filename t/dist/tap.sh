# shellcheck shell=sh
# TAP for the scripts of this folder, which source it. A check is a function that prints what is
# wrong, one finding a line, and nothing when all is well. Each is tried on the tree, and on a
# planted violation in $planted, for a check that finds nothing anywhere shows nothing.
#
# Automake's environment gives $top_srcdir, $top_builddir, $CC, $CXX and $AWK.

LC_ALL=C
export LC_ALL
: "${top_srcdir:?}" "${top_builddir:?}"
CC=${CC:-cc} CXX=${CXX:-c++} AWK=${AWK:-awk}
points=0
failures=0
scratch=$(mktemp -d) || exit 1
planted=$scratch/planted
mkdir "$planted"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

point() { # VERDICT NAME
    points=$((points + 1))
    echo "$1 $points - $2"
    [ "$1" = ok ] || failures=$((failures + 1))
}

# finds_none NAME CHECK ARGUMENT...: passes if the check prints nothing.
finds_none() {
    name=$1
    shift
    found=$("$@" 2>&1)
    if [ -z "$found" ]; then
        point ok "$name"
    else
        point "not ok" "$name"
        printf '%s\n' "$found" | head -n 60 | sed 's/^/# /'
    fi
}

# finds NAME TEXT CHECK ARGUMENT...: passes if the check's findings contain TEXT.
finds() {
    name=$1 text=$2
    shift 2
    found=$("$@" 2>&1)
    case $found in
    *"$text"*) point ok "$name" ;;
    *)
        point "not ok" "$name"
        echo "# expected a finding with: $text"
        printf '%s\n' "got: ${found:-nothing}" | sed 's/^/# /'
        ;;
    esac
}

# needs_library: sets $library to the shared library; skips the script without it, or without nm.
needs_library() {
    library=$top_builddir/.libs/libbncl.so
    if [ ! -e "$library" ] || ! command -v nm >/dev/null; then
        echo "1..0 # SKIP no $library, or no nm to read it with"
        exit 0
    fi
}

# plant FILE: standard input becomes a file of the planted tree.
plant() {
    mkdir -p "$planted/$(dirname "$1")"
    cat >"$planted/$1"
}

finish() {
    echo "1..$points"
    [ "$failures" -eq 0 ]
    exit
}
