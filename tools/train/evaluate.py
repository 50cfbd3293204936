#!/usr/bin/env python3
"""Accuracy on conversations such as tests/starter/heldout/*.jsonl of a checkpoint in PyTorch.

A call is right when tool and arguments are: numbers and expressions by value, texts without regard to case, the order
of arguments free. `sotto` itself is measured by the same files in tests/starter.
"""

import argparse
import ast
import collections
import json
import math
import pathlib
import re

import torch

from maketext import REPLIES
from model import Config, Model
from slots import plain


def value(text):
    """The value of an arithmetic expression as the calculator reads it."""
    text = re.sub(r"(\d+(?:\.\d+)?)\s*([+-])\s*(\d+(?:\.\d+)?)%(?!\*)", r"(\1\2\1*\3/100)", text)
    text = re.sub(r"(\d+(?:\.\d+)?)%", r"(\1/100)", text).replace("^", "**")
    if not re.fullmatch(r"(?:[0-9+\-*/(). ]|sqrt|cbrt|mod|pi)*", text):
        raise ValueError(text)
    return float(eval(text.replace("mod", "%"),
                      {"__builtins__": {}, "sqrt": math.sqrt, "cbrt": lambda x: x ** (1 / 3), "pi": math.pi}))


def normal(name, v):
    """An argument as it is compared: numbers and expressions by value, texts without case and extra space."""
    if not isinstance(v, str):
        return round(v, 6)
    return round(value(v), 6) if name == "expression" else re.sub(r"\s+", " ", v).strip().lower()


def parse_calls(text):
    """The calls that an answer writes, [(name, {argument: value})]; None for what is no list of calls."""
    try:
        tree = ast.parse(re.sub(r"\bfrom=", "from_=", text.strip()), mode="eval").body  # a word of Python
        if not isinstance(tree, ast.List):
            return None
        return [(c.func.id, {k.arg.rstrip("_"): normal(k.arg, k.value.value) if isinstance(k.value, ast.Constant) and
                             isinstance(k.value.value, str) else round(value(ast.unparse(k.value)), 6)
                             for k in c.keywords}) for c in tree.elts]
    except Exception:
        return None


def expected_calls(expected):
    return [(c["name"], {k: normal(k, v) for k, v in c["arguments"].items()}) for c in expected]


def same(expected, got):
    if isinstance(expected, str):
        return got.strip() == REPLIES[expected[1:]]
    return expected_calls(expected) == parse_calls(got)


def right(expected, got):
    return any(same(e, got) for e in expected)


def written(expected):
    """An expectation as the model reads it in the turns before."""
    if isinstance(expected, str):
        return REPLIES[expected[1:]]
    show = lambda v: f'"{v}"' if isinstance(v, str) else plain(v)
    return "[" + ", ".join(f"{c['name']}({', '.join(f'{k}={show(v)}' for k, v in c['arguments'].items())})"
                           for c in expected) + "]"


def kind_of(got):
    """The row or column of the confusion table."""
    if isinstance(got, list):
        return got[0]["name"]
    calls = parse_calls(got)
    if calls:
        return calls[0][0]
    for key, reply in REPLIES.items():
        if got.strip() == reply or got == "!" + key:
            return "!" + re.sub(r"\d", "", key)
    return "malformed" if got.startswith("[") else "other text"


@torch.no_grad()
def answer(model, encoder, prompts, most=96):
    """Greedy continuations of the prompts, batched by length."""
    out = [None] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for first in range(0, len(order), 128):
        rows = order[first:first + 128]
        ids = [list(prompts[i]) for i in rows]
        live = list(range(len(rows)))
        for _ in range(most):
            n = max(len(ids[i]) for i in live)
            x = torch.zeros(len(live), n, dtype=torch.long)
            for k, i in enumerate(live):
                x[k, : len(ids[i])] = torch.tensor(ids[i])
            h = model.hidden(x)
            last = torch.tensor([len(ids[i]) - 1 for i in live])
            best = model.logits(h[torch.arange(len(live)), last]).argmax(-1).tolist()
            still = []
            for i, t in zip(live, best):
                if t in (encoder.end, 1):
                    continue
                ids[i].append(t)
                still.append(i)
            live = still
            if not live:
                break
        for k, i in enumerate(rows):
            out[i] = encoder.sp.decode(ids[k][len(prompts[i]):])
    return out


def main():
    from train import Encoder
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--wrong", action="store_true", help="print what was wrong")
    parser.add_argument("--q4", action="store_true", help="with 4-bit weights")
    parser.add_argument("--confusion", action="store_true")
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    args = parser.parse_args()
    saved = torch.load(args.work / "checkpoint.pt", map_location="cpu")
    model = Model(Config(**saved["config"]))
    model.load_state_dict(saved["model"])
    model.set_fake_q4(args.q4)
    encoder = Encoder(args.work / "tokenizer.model")
    rows = [json.loads(line) for f in args.files for line in f.read_text().splitlines() if line.strip()]
    prompts = []
    for r in rows:
        context = [(t["user"], written(t["expect"][0])) for t in r["turns"][:-1]]
        prompts.append(encoder.prompt(context, r["turns"][-1]["user"]))
    answers = answer(model, encoder, prompts)
    score = collections.defaultdict(lambda: [0, 0])
    confusion = collections.Counter()
    refused = 0
    for r, got in zip(rows, answers):
        expect = r["turns"][-1]["expect"]
        ok = right(expect, got)
        first = expect[0]
        for key in ((r["kind"], r["style"]), ("by tool", kind_of(first))):
            score[key][0] += ok
            score[key][1] += 1
        confusion[kind_of(first), kind_of(got)] += 1
        refused += r["kind"] in ("tool", "talk", "followup") and kind_of(got) == "!beyond" and not ok
        if args.wrong and not ok:
            print(f"{r['id']} {' | '.join(t['user'] for t in r['turns'])}\n    expected {expect}\n    got      {got}")
    for key, (a, b) in sorted(score.items()):
        print(f"{key[0]:10} {key[1]:16} {a:5} / {b:5}  {100 * a / b:6.2f} %")
    inside = sum(r["kind"] in ("tool", "talk", "followup") for r in rows)
    print(f"in scope but refused: {refused} / {inside}")
    if args.confusion:
        for (a, b), n in sorted(confusion.items()):
            if a != b:
                print(f"{a:18} taken for {b:18} {n}")


if __name__ == "__main__":
    main()
