#!/bin/sh
# Writes tests/fuzz/corpus/audio_file: sound files of a few milliseconds, one of each kind, where the fuzzer begins.
# Needs sox. usage: make_corpus.sh FOLDER
set -eu
mkdir -p "$1"
cd "$1"
tone='synth 0.02 sine 440'
sox -q -n -r 16000 -c 1 -b 16 mono.wav $tone
sox -q -n -r 8000 -c 1 -b 8 small.wav $tone
sox -q -n -r 48000 -c 2 -b 24 extensible.wav $tone
sox -q -n -r 22050 -c 1 -e floating-point -b 32 float.wav $tone
sox -q -n -r 8000 -c 1 -e u-law law.wav $tone
sox -q -n -r 8000 -c 1 -e ms-adpcm adpcm.wav $tone
sox -q -n -r 16000 -c 1 -b 16 -t wav - $tone | cat > pipe.wav
sox -q -n -r 16000 -c 1 -b 16 lossless.flac $tone
sox -q -n -r 16000 -c 1 vorbis.ogg $tone
