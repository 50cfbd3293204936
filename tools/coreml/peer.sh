#!/bin/sh
# Core ML packages before Apple's own coremltools, both ways: it reads what sotto writes, and sotto what it writes.
# The ctest test coreml/peer; `./dev coreml` makes the environment that it needs.
#
# usage: peer.sh ENVIRONMENT SOTTO TEST_OPERATIONS TEST_RUN, in the folder tests/
set -eu
python=$1/bin/python sotto=$2 test_operations=$3 test_run=$4
tools=$(cd "$(dirname "$0")" && pwd)

if [ ! -x "$python" ]; then
    echo "there is no Python with coremltools in $1: ./dev coreml makes it"
    [ "${CI:-}" != true ] || exit 1
    exit 77 # skipped
fi

"$python" "$tools/check.py" "$sotto" golden/llama3 golden/gemma2 golden/gemma3 --contexts 32

# What the C tests read lies in the tree; here they read what coremltools has just made.
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
mkdir "$fresh/coreml"
for make in make_operations make_toy; do
    "$python" "$tools/$make.py" "$fresh/coreml" >"$fresh/log" 2>&1 || { cat "$fresh/log"; exit 1; }
done
cd "$fresh"
"$test_operations"
"$test_run" apple_s_tools
