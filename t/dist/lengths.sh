#!/bin/sh
# Functions to 60 lines, C files to 400, kernels to 200, lines to 100 columns.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

# files_of TREE NAME-PATTERN...: the tree's own files of such names.
files_of() {
    tree=$1
    shift
    for folder in include lib kernels examples tools bench t; do
        [ ! -d "$tree/$folder" ] || for pattern in "$@"; do
            find "$tree/$folder" -type f -name "$pattern"
        done
    done | sort
}

functions_of() { # TREE
    files_of "$1" '*.c' '*.h' '*.cl' | xargs "$AWK" -f "$top_srcdir/t/dist/function_lengths.awk"
}

long_functions() { # TREE
    functions_of "$1" | "$AWK" '$2 > 60 { print $1, $3 " has " $2 " lines" }'
}

long_files() { # TREE MOST NAME-PATTERN...
    tree=$1 most=$2
    shift 2
    files_of "$tree" "$@" | while read -r file; do
        lines=$(wc -l <"$file")
        [ "$lines" -le "$most" ] || echo "$file: $lines lines"
    done
}

# The scripts without an extension, those that are there.
plain_scripts() { # TREE
    for script in quickstart runtests .ci/run; do
        [ ! -e "$1/$script" ] || echo "$1/$script"
    done
}

# Columns are characters: the bytes that go on with a character of UTF-8 are not counted.
wide_lines() { # TREE
    { files_of "$1" '*.c' '*.h' '*.cl' '*.sh' '*.awk' '*.py' '*.mk' && plain_scripts "$1"; } |
        xargs "$AWK" '{ line = $0; gsub(/[\200-\277]/, "", line) }
                      length(line) > 100 { print FILENAME ":" FNR ": " length(line) " columns" }'
}

median_of_lib() {
    functions_of "$top_srcdir" | grep "^$top_srcdir/lib/" | sort -n -k 2 |
        "$AWK" '{ length_of[NR] = $2 } END { print length_of[int((NR + 1) / 2)] " of " NR }'
}

finds_none "no function has more than 60 lines" long_functions "$top_srcdir"
finds_none "no C file has more than 400 lines" long_files "$top_srcdir" 400 '*.c' '*.h'
finds_none "no kernel file has more than 200 lines" long_files "$top_srcdir" 200 '*.cl'
finds_none "no line has more than 100 columns" wide_lines "$top_srcdir"
echo "# the median function of lib/ has this many lines: $(median_of_lib)"

# ---- the counters themselves ----

lines() { # COUNT TEXT
    "$AWK" -v count="$1" -v text="$2" 'BEGIN { while (count-- > 0) print text }'
}

{
    printf '/* { not a brace */\nstatic const int table[] = {\n'
    lines 80 '    1,'
    printf '};\n#define OPEN {\n#define TWO \\\n    {\nint ok(const char *s)\n{\n'
    lines 57 '    s = "}{\\"}"; /* } */ // }'
    printf '}\n\nMACRO_WITHOUT_SEMICOLON(x)\n\nstatic long\nlong_one(int a,\n         int b)\n{\n'
    lines 56 "    a = '{';"
    printf "%s\n}\n" '    if (a) { b = 1; }'
    printf 'struct s {\n    int a;\n};\nint one_line(void) { return 1; }\n'
} | plant lib/base/planted.c
finds "a function of 60 lines is counted as such" ": 60 ok" functions_of "$planted"
finds "a function of 62 lines is found, from its return type on" "long_one has 62 lines" \
    long_functions "$planted"
finds "a function of one line is counted" ": 1 one_line" functions_of "$planted"
count_planted() {
    functions_of "$planted" | wc -l | tr -d ' '
}
finds "tables and structs are no functions" "3" count_planted

printf 'void open(void)\n{\n' | plant lib/base/unmatched.c
printf 'int after;\n' | plant lib/base/unmatched_then.c
finds "unmatched braces are found" "unmatched.c:1: unmatched has 1000000 lines" \
    long_functions "$planted"

lines 401 'int x;' | plant lib/base/long.c
finds "a C file of 401 lines is found" "long.c: 401 lines" long_files "$planted" 400 '*.c'
lines 201 '/* */' | plant kernels/long.cl
finds "a kernel file of 201 lines is found" "long.cl: 201 lines" long_files "$planted" 200 '*.cl'

{
    lines 100 'é' | tr -d '\n'
    echo
    lines 101 'é' | tr -d '\n'
    echo
} | plant tools/wide.sh
finds "a line of 101 columns is found" "wide.sh:2: 101 columns" wide_lines "$planted"
wide_count() {
    wide_lines "$planted" | wc -l | tr -d ' '
}
finds "a line of 100 columns of two bytes each is not" "1" wide_count
for script in quickstart runtests .ci/run; do
    lines 101 x | tr -d '\n' | plant "$script"
    finds "a line of 101 columns of $script is found" "$script:1: 101 columns" wide_lines "$planted"
done

finish
