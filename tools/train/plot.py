#!/usr/bin/env python3
"""Draw a training log: plot.py log.jsonl out.svg"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "sotto"  # the same log gives the same file
import matplotlib.pyplot as plt


def main():
    rows = [json.loads(line) for line in pathlib.Path(sys.argv[1]).read_text().splitlines()]
    rows = list({r["step"]: r for r in rows}.values())  # of steps that were done again after a stop, the last
    rows.sort(key=lambda r: r["step"])
    steps, loss = [r["step"] for r in rows], [r["loss"] for r in rows]
    q4 = next((r["step"] for r in rows if r["q4"]), None)
    figure, (left, right) = plt.subplots(2, 1, figsize=(8, 5.5), sharex=True, height_ratios=(3, 1))
    left.plot(steps, loss, color="#20639b", linewidth=1.2)
    left.set_yscale("log")
    left.set_ylabel("loss (nats per token)")
    left.grid(alpha=0.3, which="both")
    right.plot(steps, [r["lr"] for r in rows], color="#8a5a00", linewidth=1.2)
    right.set_ylabel("learning rate")
    right.set_xlabel("step")
    right.grid(alpha=0.3)
    if q4:
        for axis in (left, right):
            axis.axvspan(q4, steps[-1], color="#3caea3", alpha=0.15, linewidth=0)
        left.text(q4, max(loss), "4-bit weights ", va="top", ha="right", color="#1d6f66")
    left.set_title("Training the starter model")
    figure.tight_layout()
    figure.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
