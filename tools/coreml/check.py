#!/usr/bin/env python3
"""Check the packages that `sotto export` writes, with Apple's own coremltools and with numpy.

usage: check.py SOTTO MODEL... [--bits 16,4] [--contexts 32,128]

Each MODEL, a Hugging Face folder of a tiny model, is exported with 16 bits as it is, and with 4 bits after it was
converted to q4_0; what the engine computes from the very same weights is the reference.

1. coremltools loads the program for specification version 9. It rebuilds every operation with its own builder, which
   knows parameters, types and constants, and compares the types that it infers with those that are declared.
2. numpy evaluates the program. A prompt and then single tokens are fed as three callers do it, and the logits are
   compared with the engine's: the largest difference over the largest logit of its row. The program rounds every
   result to 11 bits, 2^-11 = 5e-4 of a value, some twenty times for each layer; independent errors add up like roots,
   and tiny models have few dimensions to average them over: 2e-2 is allowed.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import evaluate

BOUND = 2e-2
PROMPT, STEPS = 13, 8


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def engine_logits(sotto, model, tokens):
    text = run(sotto, "inspect", "logits", "-m", model, "--cache-type", "f32", "--json", "--tokens",
               ",".join(map(str, tokens)))
    return evaluate.np.array(json.loads(text)["logits"], dtype=evaluate.np.float64)


def worst(got, want):
    want = want[-len(got):]  # the last token of each call only, with --logits last
    return float((abs(got - want) / abs(want).max(axis=-1, keepdims=True)).max())


def prepare(sotto, model, bits, folder):
    """What is exported, and what the engine runs: the same weights."""
    if bits == 16:
        return model, model
    q4, f32 = os.path.join(folder, "q4_0.gguf"), os.path.join(folder, "f32.gguf")
    run(sotto, "convert", model, q4, "--type", "q4_0", "--head", "q4_0", "--force")
    run(sotto, "convert", q4, f32, "--type", "f32", "--force")
    return q4, f32


def check(sotto, model, bits, context, half, options, folder):
    source, reference = prepare(sotto, model, bits, folder)
    package = os.path.join(folder, f"{os.path.basename(model)}.mlpackage")
    run(sotto, "export", source, "-o", package, "--bits", str(bits), "--context", str(context), "--force", *options)
    program = evaluate.Program(package, half)
    tokens = evaluate.np.random.default_rng(1).integers(3, program.n_vocab, PROMPT + STEPS).tolist()
    want = engine_logits(sotto, reference, tokens)
    errors = [worst(evaluate.run_caller(program, caller, tokens, PROMPT), want)
              for caller in ("triangle", "zeros", "single")]
    fine = max(errors) <= BOUND
    print(f"{os.path.basename(model):14} {bits:2} bits, context {context:4}: triangle {errors[0]:.1e}, "
          f"zeros {errors[1]:.1e}, one by one {errors[2]:.1e}{'' if fine else '  TOO LARGE'}", flush=True)
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sotto")
    parser.add_argument("model", nargs="+")
    parser.add_argument("--bits", default="16,4")
    parser.add_argument("--contexts", default="32,128")
    parser.add_argument("--float32", action="store_true", help="compute in float what the program computes in fp16")
    a, options = parser.parse_known_args()
    half = evaluate.np.float32 if a.float32 else evaluate.np.float16
    numbers = lambda text: [int(x) for x in text.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        fine = [check(a.sotto, model.rstrip("/"), bits, context, half, options, folder)
                for model in a.model for bits in numbers(a.bits) for context in numbers(a.contexts)]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
