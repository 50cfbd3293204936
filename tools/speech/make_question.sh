#!/bin/sh
# Makes models/speech/question.wav, which the demo asks: spoken by flite's default voice, with silence around it.
# Needs the programs flite and sox.
set -eu
cd "$(dirname "$0")/../.."
spoken=$(mktemp --suffix=.wav)
flite -voice slt -t 'Set a timer for the pasta for nine minutes.' -o "$spoken"
sox "$spoken" -b 16 -c 1 -r 16000 models/speech/question.wav pad 0.3 0.3
rm -f "$spoken"
