#!/usr/bin/env python3
"""Writes tests/unit/data/sampler.txt: logits, history and parameters, and the tokens with their probabilities that
must be left, computed by implementations that are not ours.

    pip install numpy torch transformers
    python tools/sampler-fixtures/make_fixtures.py tests/unit/data/sampler.txt

Repetition penalty, temperature, top-k, typical, top-p and min-p are transformers' logits processors, run in float64.
Logit bias, presence and frequency penalties and DRY are written here as plainly as their definitions read.
"""
import sys

import numpy as np
import torch
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

OFF = dict(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, typical_p=1.0, repetition_penalty=1.0,
           presence_penalty=0.0, frequency_penalty=0.0, penalty_last=-1, dry_multiplier=0.0, dry_base=1.75,
           dry_allowed_length=2, dry_last=-1)


def window(history, last):
    return history if last < 0 else history[len(history) - min(last, len(history)):]


def dry_lengths(history, breaks):
    """For each token: how long the repetition would become. Every earlier place is compared token by token."""
    longest = {}
    for follower in range(1, len(history)):
        length = 0
        while follower - 1 - length >= 0:
            a, b = history[follower - 1 - length], history[len(history) - 1 - length]
            if a != b or b in breaks:
                break
            length += 1
        token = history[follower]
        if length and token not in breaks:
            longest[token] = max(longest.get(token, 0), length)
    return longest


def expected(logits, history, breaks, bias, p):
    x = np.array(logits, dtype=np.float64)
    for token, value in bias:
        x[token] += value
    x = torch.tensor(x)[None]
    recent = window(history, p["penalty_last"])
    if p["repetition_penalty"] != 1 and recent:
        x = RepetitionPenaltyLogitsProcessor(float(p["repetition_penalty"]))(torch.tensor([recent]), x)
    for token in set(recent):
        x[0, token] -= p["presence_penalty"] + p["frequency_penalty"] * recent.count(token)
    if p["dry_multiplier"]:
        for token, length in dry_lengths(window(history, p["dry_last"]), breaks).items():
            if length >= p["dry_allowed_length"]:
                x[0, token] -= p["dry_multiplier"] * p["dry_base"] ** (length - p["dry_allowed_length"])
    if p["temperature"] == 0:
        return [(int(x.argmax()), 1.0)]
    ids = torch.tensor([history])
    x = TemperatureLogitsWarper(float(p["temperature"]))(ids, x)
    if p["top_k"]:
        x = TopKLogitsWarper(p["top_k"])(ids, x)
    if p["typical_p"] < 1:
        x = TypicalLogitsWarper(p["typical_p"])(ids, x)
    if p["top_p"] < 1:
        x = TopPLogitsWarper(p["top_p"])(ids, x)
    if p["min_p"] > 0:
        x = MinPLogitsWarper(p["min_p"])(ids, x)
    prob = torch.softmax(x, -1)[0]
    return [(i, float(prob[i])) for i in range(len(prob)) if x[0, i] > -np.inf]


def cases(rng):
    def draw(n, spread=3.0):
        return [float(np.float32(v)) for v in rng.normal(0, spread, n)]

    def words(n_vocab, n):
        return [int(t) for t in rng.integers(0, n_vocab, n)]

    repeating = [1, 2, 3, 4, 5, 9, 2, 3, 4, 6, 7, 1, 2, 3, 4]
    for t in (0.1, 0.7, 1.0, 1.5, 5.0):
        yield f"temperature {t}", draw(40), [], [], [], dict(temperature=t)
    yield "greedy", draw(200), words(200, 9), [], [], dict(temperature=0.0, repetition_penalty=1.3)
    for k in (1, 2, 17, 64, 100, 1000):
        yield f"top-k {k}", draw(100), [], [], [], dict(top_k=k)
    for p in (0.0, 0.1, 0.5, 0.9, 0.99):
        yield f"top-p {p}", draw(120), [], [], [], dict(top_p=p)
        if p > 0:
            yield f"typical {p}", draw(120, 2.0), [], [], [], dict(typical_p=p)
    for p in (0.01, 0.1, 0.5, 1.0):
        yield f"min-p {p}", draw(100), [], [], [], dict(min_p=p)
    for value in (0.8, 1.1, 2.0):
        yield f"repetition {value}", draw(40), words(40, 25), [], [], dict(repetition_penalty=value)
    yield "repetition, last 6", draw(40), words(40, 25), [], [], dict(repetition_penalty=1.5, penalty_last=6)
    yield "repetition, last 0", draw(20), words(20, 9), [], [], dict(repetition_penalty=1.5, penalty_last=0)
    yield "repetition, no history", draw(20), [], [], [], dict(repetition_penalty=1.5)
    yield "presence", draw(20), words(20, 25), [], [], dict(presence_penalty=0.6)
    yield "frequency", draw(20), words(20, 25), [], [], dict(frequency_penalty=0.4)
    yield "frequency below 0", draw(20), words(20, 25), [], [], dict(frequency_penalty=-0.3, penalty_last=12)
    yield "all penalties", draw(20), words(20, 30), [], [], dict(repetition_penalty=1.2, presence_penalty=0.5,
                                                                 frequency_penalty=0.2, penalty_last=20)
    yield "bias", draw(20), [], [], [(3, 2.5), (4, -1.0), (3, 0.25)], {}
    yield "bias forbids", draw(20), [], [], [(i, -np.inf) for i in range(0, 20, 2)], dict(top_k=15)
    for length in (1, 2, 3, 4):
        yield f"dry, allowed {length}", draw(12), repeating, [], [], dict(dry_multiplier=0.8,
                                                                          dry_allowed_length=length)
    yield "dry, break inside", draw(12), repeating, [3], [], dict(dry_multiplier=0.8, dry_allowed_length=1)
    yield "dry, break last", draw(12), repeating, [4], [], dict(dry_multiplier=0.8, dry_allowed_length=1)
    yield "dry, break follows", draw(12), repeating, [5, 6], [], dict(dry_multiplier=0.8, dry_allowed_length=1)
    yield "dry, last 9", draw(12), repeating, [], [], dict(dry_multiplier=1.1, dry_last=9)
    yield "dry, one token again and again", draw(8), [5] * 12, [], [], dict(dry_multiplier=0.1, dry_base=1.2)
    for i in range(20):
        n = int(rng.integers(2, 4))
        history = [int(t) for t in rng.integers(0, n, 60)]
        breaks = [0] if i % 3 == 0 and n > 2 else []
        yield f"dry, random {i}", draw(5), history, breaks, [], dict(dry_multiplier=0.3, dry_base=1.1)
    for i in range(16):
        n = int(rng.integers(30, 160))
        yield f"everything {i}", draw(n), words(n, 40), [], [(1, 1.5), (2, -np.inf)], dict(
            temperature=float(rng.choice([0.3, 0.8, 1.2, 2.0])), top_k=int(rng.choice([0, 20, 50])),
            typical_p=float(rng.choice([1.0, 0.9, 0.5])), top_p=float(rng.choice([1.0, 0.95, 0.7])),
            min_p=float(rng.choice([0.0, 0.02, 0.1])), repetition_penalty=1.1, presence_penalty=0.3,
            frequency_penalty=0.1, penalty_last=32, dry_multiplier=0.5, dry_allowed_length=1, dry_last=-1)


def main(path):
    rng = np.random.default_rng(20240607)
    with open(path, "w") as f:
        for name, logits, history, breaks, bias, changes in cases(rng):
            p = {key: float(np.float32(value)) if isinstance(value, float) else value
                 for key, value in {**OFF, **changes}.items()}
            want = expected(logits, history, breaks, bias, p)
            f.write(f"case {name}\n")
            f.write("params " + " ".join(f"{p[key]:.9g}" for key in OFF) + "\n")
            for what, values in (("logits", [f"{v:.9g}" for v in logits]), ("history", history), ("breaks", breaks),
                                 ("bias", [f"{t} {v:.9g}" for t, v in bias]),
                                 ("want", [f"{t} {v:.9g}" for t, v in want])):
                f.write(" ".join([what, str(len(values)), *map(str, values)]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
