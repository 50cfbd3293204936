#!/bin/sh
# Festival's full-context labels of a few sentences: what sotto's own are compared with (tests/speech/test_labels.c).
# Needs festival and festvox-us-slt-hts. usage: labels.sh > tests/speech/labels.txt
set -eu
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cat > "$work/sentences" <<'END'
"What time is it?"
"Set a timer for ten minutes."
"Do you want me to play some music?"
"Water boils at one hundred degrees."
"The weather in Berlin is sunny, with a light wind now."
"The capital of France is Paris, and it has about two million people."
"The train leaves at half past five; you should hurry."
"Please turn off the lights in the kitchen."
END
cat > "$work/labels.scm" <<END
(voice_cmu_us_slt_arctic_hts)
(set! in (fopen "$work/sentences" "r"))
(set! out (fopen "$work/labels" "w"))
(while (not (equal? (set! text (readfp in)) (eof-val)))
  (format out "# %s\n" text)
  (let ((utt (eval (list 'Utterance 'Text text))))
    (utt.synth utt)
    (mapcar (lambda (s) (format out "%s" (hts_feats_output_string s))) (utt.relation.items utt 'Segment))))
(fclose out)
END
festival -b "$work/labels.scm"
sed 's/^ *[0-9]* *[0-9]* //' "$work/labels" | grep .
