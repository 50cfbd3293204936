#!/bin/sh
# What `./dev demo` shows once sotto is built: that it reads a model as published, computes what the reference
# implementation computes, makes a small file of it, and how fast this machine is.
#
# usage: tools/demo.sh PROGRAM [MODEL]      with MODEL, a question to that model comes first
#
# The tree has no real model in it (they are gigabytes, with licences of their own), so the first part uses one of
# the tiny models with random weights of tests/golden/: nonsense, but exactly the nonsense that it should be.
set -eu
cd "$(dirname "$0")/.."
sotto=$1
model=${2:-}
tiny=tests/golden/gemma3
work=build/demo
mkdir -p "$work"

bold= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); fi
step() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
run() {
    printf '  $'
    for word; do case $word in *' '*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac; done
    printf '\n'
    "$@" | sed 's/^/  /'
}

step 'This machine'
run "$sotto" --version

if [ -n "$model" ]; then
    step 'A question to your model'
    run "$sotto" run -m "$model" -p 'Explain in two sentences why the sky is blue.' -n 120
fi

step 'A model as Hugging Face publishes it (here a tiny Gemma 3 with random weights)'
run "$sotto" inspect "$tiny" --quiet

step 'The same as one 4-bit file, which llama.cpp reads too'
run "$sotto" convert "$tiny" "$work/tiny-q4_0.gguf" --type q4_0 --force --quiet
run ls -l "$work/tiny-q4_0.gguf"

step 'What it says: nonsense, as its weights are random, but to the token what the reference implementation says'
run "$sotto" run -m "$tiny" --raw -p 'Once upon a time' --temp 0 -n 12 --ignore-end --json --quiet

step 'How fast this machine would run Gemma 3 with 270 million weights (random ones: speed does not depend on them)'
XDG_CACHE_HOME=$PWD/$work # the 200 MB of it belong to the demo
export XDG_CACHE_HOME
run "$sotto" bench --synthetic gemma3-270m -p 128 -n 32 -r 2

printf '\nNow with a model of yours:  %s chat -m MODEL.gguf\n' "$sotto"
