#!/usr/bin/env python3
"""Time sotto beside llama.cpp, or programs that take the options of its llama-bench, on the same file, in alternation.

  peers.py --sotto build/sotto --peer "llama.cpp=llama-bench --no-warmup" --peer "ik=PATH/llama-bench -w 0" MODEL.gguf
           [-t 2] [-p 256] [-n 24] [-d 0] [--rounds 5]

One round is one run of each; what counts is the ratio within a round, as machines change their speed from one minute
to the next. -p 0 or -n 0 leaves a test out. CSV on standard output, the ratios' least, median and most on standard
error. Run it on an idle machine.
"""
import argparse
import json
import pathlib
import shlex
import statistics
import subprocess
import sys


def output(command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[0]}: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout)


def run_peer(command, args):
    command = command + ["-m", args.model, "-t", args.threads, "-p", args.prefill, "-n", args.decode, "-r", 1, "-o", "json"]
    if args.depth:
        command += ["-d", args.depth]
    return {"prefill" if t["n_prompt"] else "decode": t["avg_ts"] for t in output(command)}


def run_sotto(args):
    command = [args.sotto, "bench", "-m", args.model, "-t", args.threads, "-p", args.prefill, "-n", args.decode,
               "-d", args.depth, "-r", 1, "--json"]
    return {t["test"]: (t["tokens_per_s"]["median"], t["ceiling_share"]) for t in output(command)["tests"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--sotto", required=True)
    parser.add_argument("--peer", required=True, action="append", metavar="NAME=COMMAND")
    parser.add_argument("-t", "--threads", type=int, default=2)
    parser.add_argument("-p", "--prefill", type=int, default=256, help="tokens of the prompt")
    parser.add_argument("-n", "--decode", type=int, default=24, help="tokens of the answer")
    parser.add_argument("-d", "--depth", type=int, default=0, help="tokens in the context before")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    peers = {name: shlex.split(command) for name, _, command in (p.partition("=") for p in args.peer)}
    model, ratios = pathlib.Path(args.model).stem, {}
    print("model,threads,test,tokens,depth,round,peer,peer tokens/s,sotto tokens/s,ratio,share of ceiling")
    for i in range(args.rounds):
        own = run_sotto(args)
        for name, command in peers.items():
            peer = run_peer(command, args)
            for test, tokens in (("prefill", args.prefill), ("decode", args.decode)):
                if test not in own or test not in peer:
                    continue
                speed, share = own[test]
                ratios.setdefault((test, name), []).append(speed / peer[test])
                print(f"{model},{args.threads},{test},{tokens},{args.depth},{i + 1},{name},{peer[test]:.2f},{speed:.2f},"
                      f"{speed / peer[test]:.2f},{share:.2f}", flush=True)
    for (test, name), r in ratios.items():
        print(f"{test}: sotto / {name} {min(r):.2f}, {statistics.median(r):.2f}, {max(r):.2f}", file=sys.stderr)


if __name__ == "__main__":
    main()
