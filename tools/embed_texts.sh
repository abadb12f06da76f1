#!/bin/sh
# Writes a C file on standard output that holds each file as a constant, char NAME_text[], where
# NAME is the file's without its extension. (Bytes, since a string may not exceed 4095 characters in
# ISO C.)
#   embed_texts.sh HEADER FILE... > texts.c
set -eu

if [ $# -lt 2 ]; then
    echo "usage: $0 HEADER FILE..." >&2
    exit 2
fi
header=$1
shift

echo '/* Made by tools/embed_texts.sh: change what it was made from. */'
echo "#include \"$header\""
for file in "$@"; do
    name=$(basename "$file")
    printf '\nconst char %s_text[] = {\n' "${name%.*}"
    # Above 127 a byte is no char where that is signed: the cast is what makes it one.
    od -An -v -t u1 "$file" | awk '{
        line = "   "
        for (i = 1; i <= NF; ++i)
            line = line ($i < 128 ? " " $i : " (char)" $i) ","
        print line
    }'
    echo '    0};'
done
