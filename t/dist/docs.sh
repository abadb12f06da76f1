#!/bin/sh
# What is written down agrees: version numbers, a comment for every public function, the links
# between the documents.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

configured_version() { # TREE
    sed -n 's/^AC_INIT(\[libbncl\], *\[\([^]]*\)\].*/\1/p' "$1/configure.ac"
}

macro_of() { # TREE NAME
    sed -n "s/^#define BNCL_VERSION_$2 *\"\{0,1\}\([0-9.]*\)\"\{0,1\}$/\1/p" \
        "$1/include/bncl/version.h"
}

disagreeing_versions() { # TREE
    version=$(configured_version "$1")
    [ -n "$version" ] || echo "no version in configure.ac"
    string=$(macro_of "$1" STRING)
    [ "$string" = "$version" ] ||
        echo "version.h: BNCL_VERSION_STRING is $string, configure.ac says $version"
    numbers=$(macro_of "$1" MAJOR).$(macro_of "$1" MINOR).$(macro_of "$1" PATCH)
    [ "$numbers" = "$version" ] || echo "version.h: its numbers are $numbers, not $version"
    "$AWK" -v version="$version" '/^## / && index($0, version) { found = 1 }
        END { if (!found) print "CHANGELOG.md has no heading for " version }' "$1/CHANGELOG.md"
}

undocumented() { # TREE
    "$AWK" -v undocumented=1 -f "$top_srcdir/t/dist/api_functions.awk" "$1"/include/bncl/*.h
}

# Links from one document to a file of the tree that is not there.
dead_links() { # TREE
    for document in "$1"/*.md "$1"/doc/*.md; do
        [ ! -e "$document" ] || grep -o '](\([^)#]*\)' "$document" | sed 's/^](//' |
            grep -v '^[a-z]*:' | while read -r target; do
            [ -z "$target" ] || [ -e "$(dirname "$document")/$target" ] ||
                echo "${document#"$1/"} links to $target, which is not there"
        done
    done
}

finds_none "the version is the same everywhere" disagreeing_versions "$top_srcdir"
finds_none "every public function has a comment" undocumented "$top_srcdir"
finds_none "the documents' links lead somewhere" dead_links "$top_srcdir"

# ---- planted violations ----

plant configure.ac <<'END'
AC_INIT([libbncl], [1.2.3], [], [libbncl])
END
plant include/bncl/version.h <<'END'
#define BNCL_VERSION_MAJOR 1
#define BNCL_VERSION_MINOR 2
#define BNCL_VERSION_PATCH 4
#define BNCL_VERSION_STRING "1.2.5"
END
echo '## 1.2.2' | plant CHANGELOG.md
finds "found: another version in the header's text" "STRING is 1.2.5" \
    disagreeing_versions "$planted"
finds "found: another version in the header's numbers" "numbers are 1.2.4" \
    disagreeing_versions "$planted"
finds "found: a change log without this version" "no heading for 1.2.3" \
    disagreeing_versions "$planted"

plant include/bncl/new.h <<'END'
/* Says something of the file. */

/* Documented. */
BNCL_API int bncl_documented(int x,
                             int y);
BNCL_API int bncl_same_comment(void);

BNCL_API int bncl_bare(void);
END
finds "found: a public function without a comment" "bncl_bare" undocumented "$planted"
bare_count() {
    undocumented "$planted" | wc -l | tr -d ' '
}
finds "and no other" "1" bare_count
echo 'See [there](doc/missing.md).' | plant README.md
finds "found: a dead link" "README.md links to doc/missing.md" dead_links "$planted"

finish
