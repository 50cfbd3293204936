#!/usr/bin/env python3
"""Compare sotto with llama.cpp on the same files.

  compare.py --sotto build/sotto --llama ./llama_logits MODEL.gguf ...     files that exist (any type both read)
  compare.py --sotto build/sotto --llama ./llama_logits --golden           golden models, converted to each type

For each file: the root mean square difference of all logits of a prompt over that of llama.cpp's, how often the most
likely token is the same, and at how many of 64 steps sotto chooses the token that llama.cpp chose, along llama.cpp's
own greedy path. Needs numpy and, for --golden, safetensors. README.md beside this file says how to build llama_logits.

Some golden models ask for what llama.cpp's loader has no key for (an attention scale that is not head_dim^-1/2, a
sliding window in the llama architecture); --golden takes copies of them without it.
"""
import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
NO_KEY = {"query_pre_attn_scalar": lambda c: c.get("head_dim", 256), "sliding_window": lambda c: None}
SKIP = {"gemma4-e": "llama.cpp wants the last two layers with keys to be one of each kind"}


def output(command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-300:] or f"exit code {done.returncode}")
    return done.stdout


def sotto_logits(args, model, ids):
    text = output([args.sotto, "inspect", "logits", "-m", model, "--tokens", ",".join(map(str, ids)), "--json", "--quiet",
                   "--cache-type", "f32"])
    return np.array(json.loads(text)["logits"])


def llama_logits(args, model, ids, n_greedy):
    lines = output([args.llama, model, ",".join(map(str, ids)), n_greedy]).strip().split("\n")
    n = int(lines[0].split()[1])
    return np.array([np.fromstring(line, sep=" ") for line in lines[1:1 + n]]), [int(x) for x in lines[1 + n].split()]


def compare(args, label, model, ids, steps=64):
    try:
        theirs, path = llama_logits(args, model, ids, steps)
        ours = sotto_logits(args, model, ids + path[:-1])
    except RuntimeError as e:
        print(f"{label:28s} failed: {e}")
        return
    same = int((ours[len(ids) - 1:].argmax(1) == np.array(path)).sum())
    ours = ours[:len(ids)]
    rms = np.sqrt(((ours - theirs) ** 2).mean() / (theirs ** 2).mean())
    top = (ours.argmax(1) == theirs.argmax(1)).mean()
    print(f"{label:28s} rms {rms:.1e}   top-1 {100 * top:5.1f} %   greedy {same}/{steps}", flush=True)


def plain_copy(folder, name, work):
    """The model without what llama.cpp has no key for."""
    copy = work / name
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text())
    text = config.get("text_config", config)
    if name.startswith(("gemma2", "gemma3")):
        text["query_pre_attn_scalar"] = NO_KEY["query_pre_attn_scalar"](text)
    if name == "mistral":
        text["sliding_window"] = None
    (copy / "config.json").write_text(json.dumps(config))
    return copy


def golden(args):
    from safetensors.numpy import load_file
    with tempfile.TemporaryDirectory() as work:
        for folder in sorted(p for p in GOLDEN.iterdir() if p.is_dir()):
            if folder.name in SKIP:
                print(f"{folder.name:28s} skipped: {SKIP[folder.name]}")
                continue
            ids = load_file(folder / "expected.safetensors")["tokens"].tolist()
            source = plain_copy(folder, folder.name, Path(work))
            for kind in args.types.split(","):
                model = Path(work) / f"{folder.name}-{kind}.gguf"
                output([args.sotto, "convert", source, model, "--type", kind, "--quiet"])
                compare(args, f"{folder.name} {kind}", model, ids)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sotto", default="build/sotto")
    parser.add_argument("--llama", default="./llama_logits")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--types", default="f32,f16,q8_0,q4_0")
    parser.add_argument("models", nargs="*")
    args = parser.parse_args()
    if args.golden:
        golden(args)
    for model in args.models:
        compare(args, Path(model).name, model, [2] + [(i * 7919 + 13) % 40000 for i in range(11)], 32)


if __name__ == "__main__":
    main()
