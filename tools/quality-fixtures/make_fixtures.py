#!/usr/bin/env python3
"""Writes tests/golden/quality.json: texts and what `sotto quality` must say of the golden models on them, computed by
implementations that are not ours.

    pip install -r tools/golden/requirements.txt
    python tools/quality-fixtures/make_fixtures.py build/sotto tests/golden/quality.json

The logits are transformers' (float32), with the stored weights for the reference and with gguf.quants' rounding of them
to q4_0 for the model: sotto's q4_0 file, its weights turned back into f32, must give the same figures. Each scored
token is a forward pass of its own over exactly the tokens that it may see, so that nothing here knows of windows,
chunks or caches. What follows from the logits is numpy in float64.

A q4_0 file that is run as it is also rounds activations; those logits exist only in sotto. They are taken from
`sotto inspect logits`, which the golden tests hold to transformers', and go through the same numpy: the case "direct".
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
sys.path.insert(0, str(ROOT / "tools" / "golden"))
import make_golden as golden  # noqa: E402

LONG = """Three boats were tied to the landing stage, and none of them was ours.

"Number four," said the boatman, without looking up, "is out. It will be back at 5:30, or at 6, or when they have seen
the heron." He had a pencil behind each ear and wrote with a third.

- oars: 2 pairs
- price: 7.50 an hour (children 3.25)

We paid for two hours, which made 21.50 for the four of us, and sat down in the grass. The heron stood ten steps away.
It had the look of somebody who has been told to wait, too; and nobody, for the whole of the afternoon, went to see it.
"""
SHORT = "It was not the bridge that moved, but the river."


def tokens_of(name, text):
    """Ids of the text, and BOS or None."""
    tokenizer = Tokenizer.from_file(str(GOLDEN / name / "tokenizer.json"))
    plain = tokenizer.encode(text, add_special_tokens=False).ids
    full = tokenizer.encode(text, add_special_tokens=True).ids
    assert full[len(full) - len(plain):] == plain and len(full) - len(plain) in (0, 1)
    return plain, full[0] if len(full) > len(plain) else None


def contexts(plain, bos, window):
    """(what a scored token may see, the token): by the definition in sotto.h."""
    head = [] if bos is None else [bos]
    window = min(window, len(plain) + len(head))
    half = window // 2
    for at in range(half - len(head), len(plain)):
        begin = (at + len(head) - half) // (window - half) * (window - half)
        yield head + plain[begin:at], plain[at]


def log_softmax(logits):
    x = np.asarray(logits, np.float64)
    x = x - x.max()
    return x - np.log(np.exp(x).sum())


def statistics(model, reference, truth):
    """model, reference: log probabilities [scored, vocab]."""
    n = len(truth)
    rows = np.arange(n)
    surprise, surprise_ref = -model[rows, truth], -reference[rows, truth]
    kl = (np.exp(reference) * (reference - model)).sum(axis=1)
    delta = np.exp(-surprise) - np.exp(-surprise_ref)
    agree = (model.argmax(axis=1) == reference.argmax(axis=1)).astype(np.float64)

    def error(values):
        return values.std(ddof=1) / np.sqrt(n)

    rms = np.sqrt((delta**2).mean())
    ratio = surprise - surprise_ref
    return {
        "scored": n,
        "perplexity": [np.exp(surprise.mean()), np.exp(surprise.mean()) * error(surprise)],
        "reference_perplexity": [np.exp(surprise_ref.mean()), np.exp(surprise_ref.mean()) * error(surprise_ref)],
        "perplexity_ratio": [np.exp(ratio.mean()), np.exp(ratio.mean()) * error(ratio)],
        "kl": [kl.mean(), error(kl)],
        "kl_tail": [np.percentile(kl, 50), np.percentile(kl, 99), np.percentile(kl, 99.9), kl.max()],
        "delta_p": [delta.mean(), error(delta)],
        "delta_p_rms": [rms, error(delta**2) / (2 * rms)],
        "agreement": [agree.mean(), error(agree)],
    }


def by_transformers(folder, rounded):
    model = golden.load(folder)
    if rounded:
        golden.quantise(model, "q4_0")
    return lambda tokens: golden.logits_of(model, tokens)[-1]


def by_sotto(program, path):
    def last(tokens):
        ids = ",".join(map(str, tokens))
        out = subprocess.run([program, "inspect", "logits", "-q", "-m", path, "--cpu", "ref", "--cache-type", "f32",
                              "--tokens", ids, "--last", "--json"], check=True, capture_output=True).stdout
        return np.array(json.loads(out)["logits"][0])
    return last


def case(name, text, window, kind, model, reference):
    plain, bos = tokens_of(name, text)
    seen = list(contexts(plain, bos, window))
    rows = [np.stack([log_softmax(side(tokens)) for tokens, _ in seen]) for side in (model, reference)]
    result = statistics(*rows, np.array([truth for _, truth in seen]))
    print(f"{name:8} {kind:7} {len(plain):4} tokens, {len(seen):4} scored, KL {result['kl'][0]:.5f}", flush=True)
    return {"model": name, "kind": kind, "text": text, "window": window, "tokens": len(plain), **result}


def main():
    program, out = sys.argv[1:]
    cases = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, window in (("gemma3", 64), ("llama2", 48), ("qwen2", 33)):
            folder, file = GOLDEN / name, f"{scratch}/{name}.gguf"
            rounded, stored = by_transformers(folder, True), by_transformers(folder, False)
            cases.append(case(name, LONG, window, "weights", rounded, stored))
            cases.append(case(name, SHORT, 128, "weights", rounded, stored))
            subprocess.run([program, "convert", folder, file, "--type", "q4_0", "--head", "q8_0", "-q"], check=True)
            cases.append(case(name, LONG, window, "direct", by_sotto(program, file), by_sotto(program, folder)))
    Path(out).write_text(json.dumps(cases, indent=1) + "\n")


main()
