#!/bin/sh
# What is written down agrees: version numbers, a comment for every public function, the links
# between the documents, the files that they name.
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

# What stands in backticks in the documents: a line each, "DOCUMENT WORD". Of a command, its first
# word; blocks of code are no prose.
quoted_words() { # TREE
    for document in README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md; do
        [ ! -e "$1/$document" ] || "$AWK" -v document="$document" '
            /^```/ { block = !block; next }
            block || /^    / { next }
            { text = text "\n" $0 }
            END {
                count = split(text, part, "`")
                for (i = 2; i <= count; i += 2) {
                    split(part[i], word, /[ \n]/)
                    print document, word[1]
                }
            }' "$1/$document"
    done | sort -u
}

# Of those, what looks like a path of the tree: it has a slash or a known extension, and is no
# pattern, no placeholder, and nothing that is only built.
quoted_paths() { # TREE
    quoted_words "$1" | while read -r document word; do
        case $word in
        *[!A-Za-z0-9_./-]* | *NAME* | /* | .[a-z] | .[a-z][a-z] | build/* | build-*/*) ;;
        */* | *.c | *.h | *.cl | *.sh | *.py | *.awk | *.mk | *.am | *.ac | *.md | *.txt | *.in)
            echo "$document" "$word"
            ;;
        esac
    done
}

# A path is the root's, or, as the documents call the rooms of lib/, lib's; a file's bare name may
# be of any folder.
missing_paths() { # TREE
    quoted_paths "$1" | while read -r document path; do
        [ ! -e "$1/$path" ] && [ ! -e "$1/lib/$path" ] || continue
        case $path in
        */*) ;;
        *) [ -z "$(find "$1" -name "$path" ! -path "$1/build*" -print)" ] || continue ;;
        esac
        echo "$document names $path, which is not there"
    done
}

finds_none "the version is the same everywhere" disagreeing_versions "$top_srcdir"
finds_none "every public function has a comment" undocumented "$top_srcdir"
finds_none "the documents' links lead somewhere" dead_links "$top_srcdir"
finds_none "the files that the documents name are there" missing_paths "$top_srcdir"
finds "names of files were found in them" "README.md CHANGELOG.md" quoted_paths "$top_srcdir"

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

: | plant lib/tensor/there.c
plant ARCHITECTURE.md <<'END'
Files: `lib/tensor/there.c`, `tensor/there.c`, `there.c`, `./lib/tensor/`; not names of files, or of
none to be had: `*.c`, `kernels/NAME.cl`, `build/there.log`, `$HOME/there.c`, `a.b`, `.cl`.

    a block: `here/gone.c`

```
another: `` `here/gone.c` ``
```
Gone: `lib/base/gone.c`, `tensor/gone.c`, `gone.sh --help`.
END
finds "found: a path that is not there" "ARCHITECTURE.md names lib/base/gone.c" \
    missing_paths "$planted"
finds "found: a path of lib/ that is not there" "names tensor/gone.c" missing_paths "$planted"
finds "found: a file's name that is not there" "names gone.sh" missing_paths "$planted"
missing_count() {
    missing_paths "$planted" | wc -l | tr -d ' '
}
finds "and no other" "3" missing_count

finish
