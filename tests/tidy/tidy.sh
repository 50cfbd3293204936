#!/bin/sh
# Checks that the rules of the tree hold. usage: tidy.sh CHECK ROOT [ARGS]
#
#   include    ROOT             every #include follows tests/tidy/includes.txt
#   condition  ROOT             no #if on a system or a CPU outside os/, kernels/ and audio/
#   style      ROOT             file and line lengths, blanks, words that mark unfinished work, unique guards
#   headers    ROOT CC...       every public header compiles alone, with this compiler
#   symbols    ROOT NM ARCHIVE SHARED   every global symbol is ours; exactly SOTTO_API is exported
#
# Prints one line per fault, "path:line: what", and fails if there is one.
set -eu
export LC_ALL=C # bytes: awk must read any file

here=$(cd "$(dirname "$0")" && pwd)
check=$1
root=$2
shift 2
cd "$root"
faults=$(mktemp)
trap 'rm -f "$faults"' EXIT

sources() { find "$@" -name '*.[ch]' -o -name '*.inc' | sort; }

# Lines "path:line: rule: text" that exceptions.txt does not allow, to the list of faults.
report() {
    awk -v allowed="$here/exceptions.txt" '
        BEGIN { while ((getline line < allowed) > 0) { split(line, f, /[ \t]+/); ok[f[1] " " f[2]] = 1 } }
        { path = $1; sub(/:.*/, "", path); rule = $2; sub(/:$/, "", rule) }
        !((rule " " path) in ok)' >> "$faults"
}

check_include() {
    sources src include | xargs awk -v table="$here/includes.txt" '
        BEGIN {
            while ((getline line < table) > 0) {
                if (line ~ /^#/ || line !~ /:/) continue
                folder = line; sub(/:.*/, "", folder); sub(/^[^:]*:/, "", line)
                n = split(line, item, " ")
                for (i = 1; i <= n; i++) may[folder " " item[i]] = 1
                known[folder] = 1
            }
            n = split("assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal " \
                      "stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath " \
                      "time uchar wchar wctype", item, " ")
            for (i = 1; i <= n; i++) standard["<" item[i] ".h>"] = 1
        }
        FNR == 1 {
            file = FILENAME; sub(/^src\//, "", file)
            folder = file; sub(/\/.*/, "", folder)
            if (!(folder in known)) print FILENAME ":1: include: folder " folder " is not in the table"
        }
        /^[ \t]*#[ \t]*include/ {
            name = $0; sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
            quoted = name ~ /^"/
            sub(/^"/, "", name); sub(/".*$/, "", name); sub(/>.*$/, ">", name)
            ours = quoted || name ~ /^<sotto\//
            if (ours) gsub(/[<>]/, "", name)
            other = name; sub(/\/.*/, "", other)
            if (ours && (other == folder || other == name)) next            # own folder
            if (!ours && (name in standard || (folder " <*>") in may)) next
            if ((folder " " name) in may || (file " " name) in may) next
            if (ours && ((folder " " other) in may || (file " " other) in may)) next
            print FILENAME ":" FNR ": include: " folder " may not include " name
        }' | report
}

check_condition() {
    sources src include | grep -v -e '^src/os/' -e '^src/kernels/' -e '^src/audio/' | xargs awk '
        /^[ \t]*#[ \t]*(if|elif)/ &&
        /__linux|__APPLE__|__MACH__|_WIN32|__unix|__ANDROID|BSD__|__GLIBC__|x86_64|__i386|__aarch64|__arm|__ARM|_M_X64|_M_IX86|_M_ARM|__SSE|__AVX|__FMA|__F16C|__riscv|__powerpc|TARGET_OS/ {
            print FILENAME ":" FNR ": condition: a test for a system or CPU belongs into os/ or kernels/"
        }' | report
}

check_style() {
    sources src include tests tools | xargs awk -v lines_max=1000 -v columns_max=120 '
        function fault(rule, text) { print FILENAME ":" FNR ": " rule ": " text }
        FNR == lines_max + 1 { fault("lines", "the file has more than " lines_max " lines") }
        FILENAME ~ /\.h$/ && /^#ifndef [A-Z0-9_]*_H$/ {
            if ($2 in guard) fault("guard", $2 " is also the guard of " guard[$2])
            guard[$2] = FILENAME
        }
        /\t/ { fault("blanks", "a tab") }
        /[ \r]$/ { fault("blanks", "a blank at the end") }
        /(^|[^A-Za-z_])(TODO|FIXME)([^A-Za-z_]|$)/ || /(^|[^X])XXX([^X]|$)/ { fault("words", "unfinished work") }
        { text = $0; gsub(/[\200-\277]/, "", text) }        # continuation bytes of UTF-8 take no column
        length(text) > columns_max { fault("columns", length(text) " columns of at most " columns_max) }' | report
}

check_headers() {
    for header in include/sotto/*.h; do
        if ! echo "#include <sotto/${header##*/}>" | "$@" -Wall -Wextra -pedantic -Werror -fsyntax-only -Iinclude - ; then
            echo "$header:1: header: does not compile alone with $*" >> "$faults"
        fi
    done
}

# Names in nm's POSIX format; Mach-O puts an underscore before each.
defined() { "$@" | awk 'NF >= 2 && $2 ~ /^[A-TV-Z]$/ { sub(/^_sotto/, "sotto", $1); print $1 }' | sort -u; }

# The libraries of sanitizers and compilers add symbols that begin with two underscores: not ours, not C's.
check_symbols() {
    nm=$1 archive=$2 shared=$3
    defined "$nm" -P -g "$archive" | grep -v -e '^sotto_' -e '^__' |
        sed 's/.*/libsotto.a:0: symbol: & does not begin with sotto_/' >> "$faults" || true
    work=$(mktemp -d)
    # A declaration: SOTTO_API, a type, the name, a parenthesis.
    cat include/sotto/*.h | awk '/^SOTTO_API / { sub(/\(.*/, ""); sub(/.*[ *]/, ""); print }' | sort -u > "$work/declared"
    defined "$nm" -P -D --defined-only "$shared" | grep -v '^__' > "$work/exported" || true
    comm -23 "$work/declared" "$work/exported" | sed 's/.*/libsotto.so:0: symbol: & is declared but not exported/' >> "$faults"
    comm -13 "$work/declared" "$work/exported" | sed 's/.*/libsotto.so:0: symbol: & is exported but not declared/' >> "$faults"
    test -s "$work/declared" || echo "include:0: symbol: no SOTTO_API declaration found" >> "$faults"
    rm -r "$work"
}

"check_$check" "$@"
cat "$faults"
test ! -s "$faults"
