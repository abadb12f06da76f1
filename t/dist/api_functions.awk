# Prints the names of the functions that public headers mark with BNCL_API, in the headers' order.
# With -v undocumented=1 only those without a comment: the comment of a declaration ends above it in
# the same block of lines, where an empty line ends a block.

FNR == 1 || /^[ \t]*$/ {
    commented = 0
    declaration = ""
}

/\*\// {
    commented = 1
}

/^BNCL_API / || declaration != "" {
    declaration = declaration " " $0
    if (match(declaration, /[A-Za-z_][A-Za-z_0-9]* *\(/)) {
        if (!undocumented || !commented)
            print substr(declaration, RSTART, RLENGTH - 1)
        declaration = ""
    }
}
