#!/usr/bin/env python3
"""Make the recogniser's language model of what people say to an assistant: a trigram model in ARPA format.

  make_lm.py OUT.arpa [-n N] [--seed S] [--dictionary FILE] [--keep-bigrams C] [--keep-trigrams C]
  make_lm.py --show N
  make_lm.py --said FILE.jsonl...     what the users of conversations for tests say, to measure the recogniser with

Sentences are drawn from the templates of the starter model's training text (tools/train), without its noise, and
written as a recogniser writes: lower case, numbers as words, no marks. A sentence with a word that is not in the
recogniser's dictionary is left out. Probabilities are smoothed by absolute discounting with interpolation (Ney, Essen
and Kneser 1994): D is taken off each count and given to the shorter history.
"""

import argparse
import collections
import json
import math
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "train"))
import slots
from maketext import VOWEL, Maker
from template import Segment, draw_segments

DICTIONARY = "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict"
DISCOUNT = 0.5
# As the dictionary spells what the templates spell otherwise.
SPELLINGS = {"a.m.": "am", "p.m.": "pm", "a.m": "am", "p.m": "pm", "ok": "okay", "&": "and", "%": "percent", "+": "plus",
             "=": "equals", "till": "until", "'til": "until", "til": "until"}
WRITTEN_ONLY = re.compile(r"\d[a-z:.]|[a-z]\d|[*/^=+°×√÷$€£#_<>-]|\b(thx|pls|plz|u|min|mins|secs?|hrs?|km|kg|lbs?)\b", re.I)
MARKS = re.compile(r"[,?!;:\"()\[\]]|\.(?=\s|$)|(?<=\s)[-–—]+(?=\s)")


class Clean(Maker):
    """Draws what is said, without slips of the tongue and misheard words."""

    def __init__(self, seed):
        super().__init__(seed)
        self.copied = set()  # no words without sense

    def filler(self, style):
        taken = set()

        def fill(slot, name):
            said, value = self.fill_once(slot, style, taken)
            return Segment("".join(said), name, value)  # what is counted ("six", "eggs"), in one

        return fill

    def said(self):
        """What the user says in one conversation."""
        style, bound = slots.Style(self.rng, True), {}
        for turn in self.draw_template().turns:
            segments = draw_segments(self.rng.choice(turn.lines), self.rng, self.filler(style), bound)
            yield recognised("".join(s.text for s in segments), self.rng)


def recognised(text, rng):
    """A sentence as the recogniser would write it."""
    text = re.sub(r"(\d),(?=\d{3})", r"\1", text.lower())
    text = MARKS.sub(" ", re.sub(r"[-–—/](?=[a-z])", " ", text).replace("%", " percent "))
    text = re.sub(r"\d+", lambda m: " " + slots.words(int(m[0]), rng) + " ", text)
    text = " ".join(SPELLINGS.get(w, w) for w in text.split())
    text = re.sub(r"\b(second|minute|hour|day|week)s (timer|countdown|alarm|reminder)\b", r"\1 \2", text)
    return re.sub(r"\ban? (?=(\w+))", lambda m: "an " if VOWEL.match(m[1]) else "a ", text)


def read_dictionary(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return {line.split(None, 1)[0] for line in f if line.strip()}


def draw(n, seed, known):
    """n sentences; a request that people make in few words comes as often as its templates have it."""
    maker, out = Clean(seed), []
    while len(out) < n:
        out += [s.split() for s in maker.said() if s and all(w in known for w in s.split())]
    return out[:n]


def said_in(paths, known):
    """Each turn once; without those that nobody would say as they are typed."""
    rng, out = random.Random(1), {}
    for path in paths:
        for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
            for turn in json.loads(line)["turns"]:
                sentence = recognised(turn["user"], rng)
                if not WRITTEN_ONLY.search(turn["user"]) and all(w in known for w in sentence.split()):
                    out[sentence] = True
    return list(out)


def count(sentences):
    counts = [collections.Counter() for _ in range(3)]
    for words in sentences:
        words = ["<s>", *words, "</s>"]
        for i in range(len(words)):
            for order in (1, 2, 3):
                if i + 1 >= order and (order > 1 or i):
                    counts[order - 1][tuple(words[i + 1 - order:i + 1])] += 1
    return counts


class Model:
    """log10 probabilities and back-off weights of the n-grams that are kept."""

    def __init__(self, counts, keep):
        self.kept = [counts[0]] + [self.pruned(counts, order, keep) for order in (2, 3)]
        total = sum(counts[0].values())
        self.probability = [{g: c / total for g, c in counts[0].items()}, {}, {}]
        self.backoff = [{}, {}]
        for order in (2, 3):
            self.add(order, counts)
        self.probability[0][("<s>",)] = 0  # never predicted

    @staticmethod
    def pruned(counts, order, keep):
        # A trigram is kept with the bigram that it begins with, as the format wants.
        return {g: c for g, c in counts[order - 1].items()
                if c >= keep[order] and (order == 2 or counts[1][g[:2]] >= keep[2])}

    def add(self, order, counts):
        totals, mass = collections.Counter(), collections.Counter()
        for g, c in counts[order - 1].items():
            totals[g[:-1]] += c
        kept = self.kept[order - 1]
        for g, c in kept.items():
            mass[g[:-1]] += (c - DISCOUNT) / totals[g[:-1]]
        lower = self.probability[order - 2]
        for g, c in kept.items():
            self.probability[order - 1][g] = (c - DISCOUNT) / totals[g[:-1]] + (1 - mass[g[:-1]]) * self.of(g[1:], lower)
        # What is left for words that are not kept after a history, against what the shorter history gives to them.
        seen, seen_lower = collections.Counter(), collections.Counter()
        for g in kept:
            seen[g[:-1]] += self.probability[order - 1][g]
            seen_lower[g[:-1]] += self.of(g[1:], lower)
        for h in seen:
            self.backoff[order - 2][h] = max(1 - seen[h], 1e-7) / max(1 - seen_lower[h], 1e-7)

    def of(self, gram, table):
        """The probability of a gram by its own order, or by shorter histories where it is not kept."""
        if gram in table:
            return table[gram]
        return self.backoff[len(gram) - 2].get(gram[:-1], 1) * self.of(gram[1:], self.probability[len(gram) - 2])

    def write(self, path):
        def log(p):
            return f"{math.log10(p):.2f}" if p > 0 else "-99"

        with open(path, "w", encoding="utf-8") as out:
            out.write("Made by tools/speech/make_lm.py.\n\n\\data\\\n")
            for order in (1, 2, 3):
                out.write(f"ngram {order}={len(self.probability[order - 1])}\n")
            for order in (1, 2, 3):
                out.write(f"\n\\{order}-grams:\n")
                for g in sorted(self.probability[order - 1]):
                    weight = f" {log(self.backoff[order - 1][g])}" if order < 3 and g in self.backoff[order - 1] else ""
                    out.write(f"{log(self.probability[order - 1][g])} {' '.join(g)}{weight}\n")
            out.write("\n\\end\\\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?")
    parser.add_argument("-n", type=int, default=60000, help="sentences")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dictionary", default=DICTIONARY)
    parser.add_argument("--keep-bigrams", type=int, default=2, metavar="C", help="those that come at least C times")
    parser.add_argument("--keep-trigrams", type=int, default=2, metavar="C")
    parser.add_argument("--show", type=int, metavar="N", help="print N sentences and end")
    parser.add_argument("--said", nargs="+", metavar="FILE")
    args = parser.parse_args()
    known = read_dictionary(args.dictionary)
    if args.show:
        print("\n".join(" ".join(s) for s in draw(args.show, args.seed, known)))
    elif args.said:
        print("\n".join(said_in(args.said, known)))
    elif args.out:
        model = Model(count(draw(args.n, args.seed, known)), {2: args.keep_bigrams, 3: args.keep_trigrams})
        model.write(args.out)
        print(" ".join(f"{len(p)} {name}" for p, name in zip(model.probability, ("words,", "bigrams,", "trigrams"))))
    else:
        parser.error("no file to write")


if __name__ == "__main__":
    main()
