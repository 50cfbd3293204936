#!/bin/sh
# Shows, on any machine, that the engine compiles and links for macOS on Apple silicon.
#
# usage: tools/macos-check.sh            (ZIG="path/to/zig" or ZIG="python3 -m ziglang"; default: zig)
#
# `zig cc` is clang with the C headers and library stubs of macOS on board; PyPI has it as "ziglang". What is
# compiled: every file of src/ but cli/, with the warnings of the normal build, for CPU apple_m1. What is linked:
# a dylib of all of them; every symbol must come from the engine itself or from macOS's libSystem, but for those
# of jansson and utf8proc, which a Mac gets from Homebrew or MacPorts, and of its own SQLite. Their headers are the same everywhere and
# are taken from this machine. What it does not show: that the result runs. For that there is ./dev test on a Mac.
set -eu
cd "$(dirname "$0")/.."
zig=${ZIG:-zig}
$zig version >/dev/null 2>&1 || {
    echo "macos-check: $zig does not run; install zig, or: python3 -m venv V && V/bin/pip install ziglang, then" >&2
    echo "ZIG='V/bin/python -m ziglang' $0" >&2
    exit 2
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/include"
for header in jansson.h jansson_config.h utf8proc.h sqlite3.h; do
    found=$(find /usr/include /usr/local/include /opt/homebrew/include -name "$header" 2>/dev/null | head -n 1)
    [ -n "$found" ] || { echo "macos-check: $header is not installed here" >&2; exit 2; }
    cp "$found" "$work/include/"
done

# No -march beyond the baseline here either: files that need dotprod or i8mm switch them on themselves.
flags="-target aarch64-macos -std=c11 -O2 -fPIC -fvisibility=hidden -ffp-contract=off -Wall -Wextra -Wshadow
       -Wconversion -Wno-sign-conversion -Wundef -Wvla -Werror -Iinclude -Isrc -isystem $work/include"
count=0
failed=0
for source in $(find src -name '*.c' ! -path 'src/cli/*' | sort); do
    object=$work/$(echo "$source" | tr / _).o
    $zig cc $flags -c "$source" -o "$object" || { echo "macos-check: $source does not compile" >&2; failed=1; }
    count=$((count + 1))
done
[ $failed = 0 ] || exit 1

$zig cc -target aarch64-macos -shared -o "$work/libsotto.dylib" "$work"/*.o -Wl,-undefined,dynamic_lookup

# A dylib linked with dynamic_lookup would hide a function that nobody has. So link once more without it, with
# stand-ins for these libraries' functions only: now every other name must be found.
grep -ho -E '\b(json|utf8proc|sqlite3)_[a-z0-9_]+\(' "$work"/include/*.h | tr -d '(' | sort -u |
    awk '{ print "int " $1 "(void); int " $1 "(void) { return 0; }" }' > "$work/stand_in.c"
$zig cc -target aarch64-macos -w -c "$work/stand_in.c" -o "$work/stand_in.o"
$zig cc -target aarch64-macos -shared -o "$work/closed.dylib" "$work"/*.o

file "$work/libsotto.dylib" 2>/dev/null | sed "s|$work/||" || true
echo "macos-check: $count files compile and link for macOS arm64"
