# Prints the length of each function of C files, signature and braces included:
#   FILE:FIRST-LINE: LENGTH NAME
# It needs no particular style. A function is a brace at depth 0 that follows a closing parenthesis;
# comments, literals and preprocessor lines are passed over. Braces that do not match are told as a
# function of 1000000 lines, for then nothing that was counted holds.

function restart()
{
    depth = 0
    head = ""
    in_comment = 0
    in_directive = 0
}

# The line without comments and literals.
function code_of(line,    out, rest)
{
    out = ""
    while (line != "") {
        if (in_comment) {
            if (!match(line, /\*\//))
                return out
            line = substr(line, RSTART + 2)
            in_comment = 0
        } else if (!match(line, /"|'|\/\*|\/\//)) {
            return out line
        } else {
            out = out substr(line, 1, RSTART - 1)
            rest = substr(line, RSTART)
            if (substr(rest, 1, 2) == "//")
                return out
            if (substr(rest, 1, 2) == "/*") {
                in_comment = 1
                line = substr(rest, 3)
            } else {
                if (!match(rest, /^'([^'\\]|\\.)*'?/))
                    match(rest, /^"([^"\\]|\\.)*"?/)
                line = substr(rest, RLENGTH + 1)
                out = out "0"
            }
        }
    }
    return out
}

function name_of(signature)
{
    gsub(/__attribute__ *\(\([^{]*\)\) /, "", signature)
    match(signature, /[A-Za-z_][A-Za-z_0-9]* *\(/)
    return RSTART ? substr(signature, RSTART, RLENGTH - 1) : "?"
}

function opens()
{
    if (depth++ == 0) {
        is_function = head ~ /\)[ \t]*$/
        name = name_of(head)
        first = head_line
    }
}

function closes()
{
    if (--depth == 0) {
        if (is_function)
            printf "%s:%d: %d %s\n", FILENAME, first, FNR - first + 1, name
        head = ""
    }
}

# At depth 0 the text since the last declaration is kept: the signature, if a brace comes next.
function outside(char)
{
    if (head == "" && char ~ /[^ \t;]/)
        head_line = FNR
    head = char == ";" ? "" : (head == "" && char ~ /[ \t]/) ? "" : head char
}

FNR == 1 {
    if (NR > 1 && depth != 0)
        printf "%s:1: 1000000 unmatched braces\n", last_file
    restart()
    last_file = FILENAME
}

in_directive || (!in_comment && /^[ \t]*#/) {
    in_directive = /\\$/
    next
}

{
    code = code_of($0)
    if (depth == 0 && code ~ /^[ \t]*$/ && !in_comment && $0 ~ /^[ \t]*$/)
        head = ""
    while (match(code, /[{}]/) || code != "") {
        char = substr(code, 1, 1)
        if (depth > 0 && RSTART == 0)
            break
        if (depth > 0) {
            char = substr(code, RSTART, 1)
            code = substr(code, RSTART)
        }
        if (char == "{")
            opens()
        else if (char == "}")
            closes()
        else
            outside(char)
        code = substr(code, 2)
    }
    if (depth == 0 && head != "")
        head = head " "
}

END {
    if (depth != 0)
        printf "%s:1: 1000000 unmatched braces\n", last_file
}
