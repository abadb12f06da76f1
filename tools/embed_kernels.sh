#!/bin/sh
# Writes a C file on standard output that holds every .cl file of a folder, as an array of lines
# each: a single string may not exceed 4095 characters in ISO C.
#   embed_kernels.sh FOLDER > kernel_sources.c
set -eu

if [ $# -ne 1 ] || [ ! -d "$1" ]; then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi

# Some OpenCL compilers stop at bytes beyond ASCII, even in comments.
if LC_ALL=C grep -n '[^ -~]' "$1"/*.cl >&2; then
    echo "$0: expected ASCII in kernels, got the bytes above" >&2
    exit 1
fi

echo '/* Made by tools/embed_kernels.sh from kernels/: change those. */'
echo '#include "program/source.h"'
for file in "$1"/*.cl; do
    name=$(basename "$file" .cl)
    printf '\nstatic const char *const %s_lines[] = {\n' "$name"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$/\\n",/' "$file"
    echo '};'
done
printf '\nconst bncli_source bncli_sources[] = {\n'
for file in "$1"/*.cl; do
    name=$(basename "$file" .cl)
    echo "    {\"$name\", ${name}_lines, sizeof ${name}_lines / sizeof ${name}_lines[0]},"
done
echo '    {0, 0, 0},'
echo '};'
