#!/bin/sh
# The checks must be able to fail: a small tree with one fault of each kind, and every fault must be named.
# usage: selftest.sh CC
set -eu
tidy=$(cd "$(dirname "$0")" && pwd)/tidy.sh
tree=$(mktemp -d)
trap 'rm -r "$tree"' EXIT
cd "$tree"
mkdir -p src/base src/os src/kernels src/model src/unknown include/sotto tests tools

failures=0
# expect CHECK "text in its output" [ARGS]: the check fails and says so.
expect() {
    check=$1 text=$2
    shift 2
    if output=$(sh "$tidy" "$check" . "$@" 2>&1); then
        echo "$check did not fail for: $text"
        failures=1
    elif ! echo "$output" | grep -qF "$text"; then
        echo "$check did not say \"$text\" but: $output"
        failures=1
    fi
}
accept() {
    if ! output=$(sh "$tidy" "$@" 2>&1); then
        echo "$1 found in a clean tree: $output"
        failures=1
    fi
}

printf '#include <stdint.h>\n#include <sotto/error.h>\n' > src/base/base.h
printf '#if defined(__linux__)\n#include <unistd.h>\n#endif\n#include "base/base.h"\n' > src/os/os.h
printf '#include "os/os.h"\n' > src/kernels/kernels.c
printf 'int f(void);\n' > include/sotto/error.h
for check in include condition style; do accept "$check" .; done
accept headers . "$1" -x c -std=c11

printf '#include "os/os.h"\n' > src/kernels/other.c
expect include 'src/kernels/other.c:1: include: kernels may not include os/os.h'
printf '#include <unistd.h>\n' > src/model/a.c
expect include 'src/model/a.c:1: include: model may not include <unistd.h>'
printf '\n# include <sotto/sotto.h>\n' > src/model/b.c
expect include 'src/model/b.c:2: include: model may not include sotto/sotto.h'
printf 'int x;\n' > src/unknown/c.c
expect include 'src/unknown/c.c:1: include: folder unknown is not in the table'
printf '#if 1\n#elif defined(__AVX2__)\n#endif\n' > src/model/d.c
expect condition 'src/model/d.c:2: condition'
printf '#ifdef _WIN32\n#endif\n' > include/sotto/e.h
expect condition 'include/sotto/e.h:1: condition'
printf '\tint x;\n' > src/base/f.c
expect style 'src/base/f.c:1: blanks: a tab'
printf 'int x; \n' > tests/g.c
expect style 'tests/g.c:1: blanks: a blank at the end'
printf '/* TO''DO */\n' > tools/h.c
expect style 'tools/h.c:1: words'
printf '#ifndef SOTTO_X_H\n' > src/base/x.h
cp src/base/x.h src/os/x.h
expect style 'src/os/x.h:1: guard: SOTTO_X_H is also the guard of src/base/x.h'
awk 'BEGIN { for (i = 0; i < 1001; i++) print "" }' > src/base/i.c
expect style 'src/base/i.c:1001: lines'
awk 'BEGIN { for (i = 0; i < 121; i++) printf "x"; print "" }' > src/base/j.c
expect style 'src/base/j.c:1: columns: 121'
awk 'BEGIN { for (i = 0; i < 120; i++) printf "\303\251"; print "" }' > src/base/k.c
if sh "$tidy" style . | grep -q 'k.c'; then echo 'style counts bytes, not characters'; failures=1; fi
printf 'size_t f(void);\n' > include/sotto/l.h
expect headers 'include/sotto/l.h:1: header' "$1" -x c -std=c11

cat > nm <<'END'
#!/bin/sh
case $2 in
-g) printf 'lib.a[x.o]:\nsotto_a T 0 1\nrogue T 0 1\nprintf U\n' ;;
-D) printf 'sotto_a T 0 1\nsotto_extra T 0 1\n' ;;
esac
END
chmod +x nm
rm include/sotto/l.h
printf 'SOTTO_API int sotto_a(int x);\nSOTTO_API const char *sotto_missing(void);\n' > include/sotto/m.h
expect symbols 'rogue does not begin with sotto_' ./nm a so
expect symbols 'sotto_missing is declared but not exported' ./nm a so
expect symbols 'sotto_extra is exported but not declared' ./nm a so
if sh "$tidy" symbols . ./nm a so | grep -q -e printf -e 'sotto_a '; then echo 'symbols: false fault'; failures=1; fi
exit $failures
