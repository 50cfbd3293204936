#!/bin/sh
# What `./dev demo` shows once sotto is built: a conversation with the starter model that ships with it, a spoken question
# and its answer, that it reads a model as published, computes what the reference implementation computes, makes a small
# file of it, and how fast this machine is.
#
# usage: tools/demo.sh PROGRAM [MODEL]      with MODEL, a question to that model comes first
#
# The tree has no large model in it (they are gigabytes, with licences of their own), so what is computed as the
# reference does is shown with one of the tiny models with random weights of tests/golden/: nonsense, but exactly the
# nonsense that it should be.
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

# One conversation in one process; its answers, and the calls behind them in brackets, are shown below what was said.
converse() {
    rm -f "$work/demo.db" "$work/demo.db-wal" "$work/demo.db-shm"
    "$sotto" chat --tools-file "$work/demo.db" --color never < "$work/said" > "$work/answered" 2>&1
    exec 3< "$work/answered"
    while read -r said; do
        printf '  %s> %s%s\n' "$bold" "$said" "$plain"
        while read -r line <&3; do
            printf '    %s\n' "$line"
            case $line in '['*) ;; *) break ;; esac
        done
    done < "$work/said"
    exec 3<&-
}

step 'A conversation with the starter model, in which it chooses tools (sotto chat)'
cat > "$work/said" <<'END'
Hello, what can you do?
Set a timer for the pasta, nine minutes please
make it ten
um add milk and eggs to the shopping list
what is on my list
how much is 15 percent of 80
convert 26 miles to kilometers
and in meters
remember that my locker code is 4417
remind me to call Anna tomorrow at half past nine in the morning
what's my locker code
which timers are running
who wrote Hamlet
thanks, bye
END
converse

step 'A question as sound, answered as sound (sotto talk; --stats says where the time went)'
rm -f "$work/demo.db" "$work/demo.db-wal" "$work/demo.db-shm"
run "$sotto" talk --in models/speech/question.wav --out "$work/answer.wav" --realtime --stats --color never \
    --tools-file "$work/demo.db" 2>&1
printf '  the answer is in %s\n' "$work/answer.wav"

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

printf '\nNow with a microphone:  %s talk\nor a model of yours:    %s chat -m MODEL.gguf\n' "$sotto" "$sotto"
