#!/usr/bin/env python3
"""Which held-out conversations the templates of the training text can say: there should be none.

  overlap.py                     name the templates that can say a conversation of tests/starter/heldout (exit 1)
  overlap.py --quiet             only how many
  overlap.py --drop-templates    take these lines out of text/*.txt, unseen
  overlap.py --heldout DIR --keep OUT   write DIR's conversations that no template can say to OUT

It is stricter than the text is: a slot may be any few words, numbers and times any words that numbers and times are
said with, and what the program puts around a request (openers, politeness, fillers, repetitions, two requests in one
sentence) counts as said. A conversation of several turns is covered if all of its turns are, by turns in a row of one
dialogue. A template without a word of its own, only slots, counts for nothing.
"""

import argparse
import collections
import json
import pathlib
import re
import sys

import slots
from noise import ASKS, CLOSERS, OPENERS
from template import HERE, Lists, SLOT, parse_line, read_file

HELDOUT = HERE.parent.parent / "tests" / "starter" / "heldout"
TIMED = {"dur", "durs", "clock", "clockday", "day", "days"}
NUMBER_WORDS = """a an the half quarter quarters third thirds fourth fifth point and of couple few dozen to past too ate for fore
won weak our oh o in at on minus negative percent hundred thousand million billion no sorry wait i mean actually make
that rather or not uh scratch hold""".split() + slots.ONES + [t for t in slots.TENS if t]
TIME_WORDS = """second seconds sec secs s minute minutes min mins m hour hours hr hrs h day days d week weeks wk wks month months year
years o'clock noon midday midnight am pm a.m p.m p morning afternoon evening night tonight today tomorrow yesterday
monday tuesday wednesday thursday friday saturday sunday next this before after from now ago back later till til before
weaks ours twelve half""".split()
DIGITS = r"[-+]?[0-9][0-9.,:/]*[a-z]*"
FILLERS = set("um uh er erm uhm hmm ah".split())


def some_of(words, most):
    one = "(?:" + DIGITS + "|" + "|".join(map(re.escape, sorted(set(words), key=len, reverse=True))) + ")"
    return f"{one}(?: {one}){{0,{most}}}"


NUMBER, TIME = some_of(NUMBER_WORDS, 8), some_of(NUMBER_WORDS + TIME_WORDS, 12)
LISTS = Lists(HERE / "lists").values


def any_words(kind):
    """As many words as all but a few values of this list have."""
    lengths = sorted(len(v.split()) for v in LISTS.get(kind, ["one word"]))
    return r"[^ ]+(?: [^ ]+){0,%d}" % (lengths[int(0.98 * (len(lengths) - 1))] - 1)


def plain(text):
    """Lower case, no marks, no fillers, no word said twice."""
    text = text.lower().replace("’", "'")
    text = re.sub(r"(?<=[0-9]),(?=[0-9]{3})", "", text)
    text = re.sub(r"[\"!?;,…()]|[.:](?![0-9])| - |(?<=[a-z0-9])-(?=[a-z])|--+", " ", text)
    words = []
    for w in text.split():
        if w not in FILLERS and words[-1:] != [w]:
            words.append(w)
    return " ".join(words)


def literal(text):
    return "".join(re.escape(w) + " " for w in plain(text).split())


def pattern(sequence):
    """The regular expression of a parsed line; every word is followed by a space."""
    out = ""
    for part in sequence:
        if not isinstance(part, str):
            optional, options = part
            out += "(?:" + "|".join(pattern(o) for o in options) + ")" + ("?" if optional else "")
            continue
        at = 0
        for m in SLOT.finditer(part):
            kind = m[1].partition(".")[0]
            out += literal(part[at:m.start()])
            out += (NUMBER if kind in slots.NUMBERS or kind == "price" else TIME if kind in TIMED else any_words(kind)) + " "
            at = m.end()
        out += literal(part[at:])
    return out


def starts(sentence, words):
    return [sentence[len(w) + 1:] for w in words if sentence.startswith(w + " ")]


def bare(sentence):
    """The sentence, and what is left of it without two openers, two ways to ask and two closers."""
    found = {sentence}
    for words in (OPENERS, OPENERS, ASKS, ASKS):
        found |= {left for s in found for left in starts(s, map(plain, words))}
    for _ in range(2):
        found |= {s[:-len(c) - 1] for s in found for c in map(plain, CLOSERS) if s.endswith(" " + c)}
    return found


def needed(sequence, often):
    """Words of which each sentence of the line has at least one, the rarest; none if it can do without its own words."""
    best = None
    for part in sequence:
        if isinstance(part, str):
            found = [[w] for w in plain(SLOT.sub(" ", part)).split()]
        else:
            inner = [needed(o, often) for o in part[1]]
            found = [] if part[0] or not all(inner) else [[w for i in inner for w in i]]
        for words in found:
            if best is None or sum(often[w] for w in words) < sum(often[w] for w in best):
                best = words
    return best


class Line:
    def __init__(self, template, turn, source):
        self.template, self.turn, self.source = template, turn, source
        self.parsed, self.compiled = parse_line(source), None

    def says(self, sentences):
        if self.compiled is None:
            self.compiled = re.compile(pattern(self.parsed))
        return any(self.compiled.fullmatch(s + " ") for s in sentences)


class Text:
    """All lines of the text, found by a word that they need."""

    def __init__(self, sentences):
        lines = [Line(t, i, source) for path in sorted((HERE / "text").glob("*.txt")) for t in read_file(path)
                 for i, turn in enumerate(t.turns) for source in turn.source]
        often = collections.Counter(w for s in sentences for w in set(s.split()))
        self.by_word = collections.defaultdict(list)
        for line in lines:
            for w in set(needed(line.parsed, often) or ()):
                self.by_word[w].append(line)

    def lines(self, sentence):
        seen = {id(line): line for w in set(sentence.split()) for line in self.by_word.get(w, ())}
        sentences = bare(sentence)
        return [line for line in seen.values() if line.says(sentences)]

    def covering(self, turns):
        """The lines that say the last sentence of a conversation that they cover."""
        last = self.lines(turns[-1])
        if len(turns) == 1:
            if last:
                return last
            for m in re.finditer(r" (?:and then|and also|and|then|also) ", turns[0]):
                a, b = self.lines(turns[0][:m.start()]), self.lines(turns[0][m.end():])
                if a and b:
                    return a + b
            return []
        before = [{(id(line.template), line.turn) for line in self.lines(s)} for s in turns[:-1]]
        return [line for line in last if line.turn >= len(before) and
                all((id(line.template), line.turn - len(before) + i) in b for i, b in enumerate(before))]


def conversations(folder):
    return [json.loads(line) | {"file": path.name} for path in sorted(folder.glob("*.jsonl"))
            for line in path.read_text().splitlines()]


def without(lines, guilty):
    """The lines of a file without these; a dialogue ends before a turn that nothing is left of."""
    kept, turn, ended = [], 0, False
    for line in lines:
        text = line.strip()
        if text[:1] == "@" or text[:2] == "==":
            turn, ended = 0, False
        if text[:1] == "<" and not ended:
            ended = turn == 0
            turn = 0
        elif text[:1] == ">":
            if text[1:].strip() in guilty:
                continue
            turn += 1
        if text not in guilty and not (ended and text[:1] in "<>"):
            kept.append(line)
    following = [next((k.strip()[0] for k in kept[i + 1:] if k.strip() and k[0] != "#"), "") for i in range(len(kept))]
    return [line for line, after in zip(kept, following) if line.strip()[:1] != "@" or after == ">"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heldout", type=pathlib.Path, default=HELDOUT)
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--drop-templates", action="store_true")
    parser.add_argument("--keep", type=pathlib.Path)
    args = parser.parse_args()
    rows = conversations(args.heldout)
    said = [[plain(t["user"]) for t in row["turns"]] for row in rows]
    text = Text([s for turns in said for s in turns])
    covered = {row["id"]: lines for row, turns in zip(rows, said) if (lines := text.covering(turns))}
    guilty = {(line.template.file, line.source) for lines in covered.values() for line in lines}
    print(f"{len(covered)} of {len(rows)} held-out conversations can be said by {len(guilty)} lines of the training text")
    if not args.quiet and not args.drop_templates and not args.keep:
        for file, source in sorted(guilty):
            print(f"  {file}: {source}")
    if args.drop_templates:
        for path in sorted((HERE / "text").glob("*.txt")):
            path.write_text("".join(without(path.read_text().splitlines(keepends=True),
                                            {source for file, source in guilty if file == path.name})))
    if args.keep:
        args.keep.mkdir(exist_ok=True)
        for file in sorted({row["file"] for row in rows}):
            with open(args.keep / file, "w") as out:
                for row in rows:
                    if row["file"] == file and row["id"] not in covered:
                        row = {k: v for k, v in row.items() if k != "file"}
                        out.write(json.dumps(row, ensure_ascii=False) + "\n")
    sys.exit(1 if covered and not args.drop_templates and not args.keep else 0)


if __name__ == "__main__":
    main()
