#!/usr/bin/env python3
"""Make the training text: draw conversations from the templates, with the noise of typing and of recognisers.

  maketext.py --check            parse everything; name unknown slots and answers that cannot be written
  maketext.py --show FILE [-n N] print conversations drawn from one file (or from all: "all")
  maketext.py -n N --seed S      N conversations as JSON lines
"""

import argparse
import collections
import json
import random
import re
import sys

import slots
from noise import HARD_SLIPS, SLIPS, TYPED_SLIPS, copied_text, frame, plain_text, recognised, typed
from template import HERE, SLOT, Lists, Segment, draw_segments, read_file

REPLIES = json.loads((HERE / "replies.json").read_text())
# How often a conversation is drawn from each file; files that are not named have 1.
WEIGHTS = {
    "timers.txt": 2.6, "reminders.txt": 3.2, "time.txt": 0.6, "time-dialogues.txt": 3.0, "calculate.txt": 4.5,
    "units.txt": 3.0, "misc-tools.txt": 1.3, "number-dialogues.txt": 3.0, "lists.txt": 4.5, "memory.txt": 4.0,
    "list-dialogues.txt": 3.6, "talk.txt": 4.0, "beyond.txt": 8.0, "near.txt": 4.0,
    "more-beyond.txt": 5.2, "more-dialogues.txt": 3.6, "more-reminders.txt": 1.5, "more-calculate.txt": 2.2,
    "more-lists.txt": 2.0, "more-memory.txt": 2.0, "more-misc.txt": 0.8, "more-talk.txt": 3.2, "exact.txt": 5.0,
    "varied-timers.txt": 14.0, "varied-lists.txt": 15.0, "varied-sums.txt": 10.0, "varied-talk.txt": 4.0, "varied-dialogues.txt": 25.0,
    "varied-beyond.txt": 11.0, "varied-near.txt": 6.0,
}
NUMERIC = re.compile(r"((?:seconds|offset_days|value|percent|delta)=)([0-9.+*/()-]+?)(?=, |\)[,\]])")
SYMBOLS = re.compile(r"[()^*/=×÷√²³+]|\d['d]\d|\bd\d|^ ?- ?$")
VOWEL = re.compile(r"[aeio](?!ne\b|nce\b|u[rk])|hour|u(?!ni|se|su|ti|k)|8|11\b|18\b", re.I)
ODD = 0.15  # of the values that answers copy, how many are words that nobody would expect there
AMOUNTS = 0.12  # of the things on lists, how many come with one
SYLLABLES = [c + v + e for c in "b c d f g h j k l m n p r s t v w z br cl dr fl gr pl st tr sh ch".split()
             for v in "a e i o u".split() for e in ("", "", "n", "r", "l", "s", "m", "t", "ck")]
RESTARTS = set(slots.NUMBERS) - {"neg"} | {"dur", "durs", "clock", "item", "label", "task", "day", "price"}


def worked_out(answer):
    """The calls of an answer with plain numbers: seconds=5*60 -> seconds=300."""
    return NUMERIC.sub(lambda m: m[1] + evaluated(m[2]), answer)


def evaluated(expression):
    return slots.plain(eval(expression, {"__builtins__": {}}))


def with_past_worked_out(turns, chance, rng):
    """[(said, answer, learnt)]: calls of the past as sotto shows them, and what later answers repeat of them too."""
    out, known = [], {}
    for i, (said, answer) in enumerate(turns):
        for expression, value in known.items():
            answer = answer.replace(f"({expression})", value)
        if i < len(turns) - 1 and answer[0] == "[" and rng.random() < chance:
            known.update({m[2]: evaluated(m[2]) for m in NUMERIC.finditer(answer)})
            out.append((said, worked_out(answer), False))
        else:
            out.append((said, answer, True))
    return out


class Maker:
    def __init__(self, seed=0):
        self.rng = random.Random(seed)
        self.lists = Lists(HERE / "lists")
        self.files = {}
        for path in sorted((HERE / "text").glob("*.txt")):
            templates = read_file(path)
            if templates:
                self.files[path.name] = templates
        self.words = sorted({w for values in self.lists.values.values() for v in values for w in v.split()})
        self.copied = {m[1] for templates in self.files.values() for t in templates for turn in t.turns
                       for answer in [turn.answer] for line in turn.source for m in SLOT.finditer(line)
                       if "{" + (m[2] or m[1]) + "}" in answer} & set(self.lists.values)
        self.names = list(self.files)
        self.weights = [WEIGHTS.get(n, 1.0) for n in self.names]
        self.cumulative = {}
        for n, templates in self.files.items():
            total, self.cumulative[n] = 0.0, []
            for t in templates:
                total += t.weight
                self.cumulative[n].append(total)

    # ---- slots ---------------------------------------------------------------------------------------------

    def known(self, slot):
        kind, _, which = slot.partition(".")
        return slot in slots.NUMBERS or slot in ("dur", "durs", "clock", "clockday", "day", "days", "price") or \
            slot in self.lists.values or kind in ("unit", "units") and which in slots.UNITS

    def fill_once(self, slot, style, taken):
        rng = self.rng
        if slot in slots.NUMBERS:
            value = slots.NUMBERS[slot](rng)
            return style.number(value), slots.plain(value)
        made = {"dur": slots.duration, "durs": slots.simple_duration, "clock": slots.clock,
                "clockday": slots.clock_day, "day": slots.day, "days": slots.days, "price": slots.price}.get(slot)
        if made:
            return made(style)
        kind, _, which = slot.partition(".")
        if which:
            said, value = slots.unit(which, kind == "units", style, taken)
            taken.add(value)
            return said, value
        if slot in self.copied and rng.random() < ODD:
            return self.odd_value(style), None
        value = self.lists.draw(slot, rng)
        return slots.amount(value, style) if slot == "item" and rng.random() < AMOUNTS else value, None

    def odd_value(self, style):
        """One to four words without sense: they can only be copied, so that copying is what is learnt."""
        rng = self.rng
        made = lambda: "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 3)))
        value = " ".join(rng.choice(self.words) if rng.random() < 0.7 else made()
                         for _ in range(rng.choices((1, 2, 3, 4), (4, 5, 2, 1))[0]))
        return re.sub(r'["\\{}\[\]()|]', "", value).lower() or made()

    def filler(self, style):
        taken = set()

        def fill(slot, name):
            said, value = self.fill_once(slot, style, taken)
            before = ""
            if isinstance(said, tuple):
                before, said = said
            chance = 0.06 if style.spoken else 0.04
            if slot in RESTARTS and self.rng.random() < chance:
                wrong, _ = self.fill_once(slot, style, taken)
                wrong = "".join(wrong)
                if wrong != said:
                    slips = TYPED_SLIPS if not style.spoken else HARD_SLIPS if value is None else SLIPS
                    before = wrong + self.rng.choice(slips) + before
            segment = Segment(said, name, value)
            segment.before = before
            return segment

        return fill

    # ---- a conversation ------------------------------------------------------------------------------------

    def draw_template(self, name=None):
        name = name or self.rng.choices(self.names, self.weights)[0]
        return self.rng.choices(self.files[name], cum_weights=self.cumulative[name])[0]

    def sentence(self, turn, style, bound, framed):
        rng = self.rng
        segments = []
        drawn = draw_segments(rng.choice(turn.lines), rng, self.filler(style), bound)
        if style.spoken and any(SYMBOLS.search(s.text) for s in drawn):  # nobody says a caret
            style = slots.Style(rng, False)
            drawn = draw_segments(rng.choice(turn.lines), rng, self.filler(style), bound)
        for s, after in zip(drawn, drawn[1:]):  # "a" and "an" before a slot; "a five minute timer"
            if s.slot and s.value and re.match(r" (timer|countdown|alarm|reminder)\b", after.text) and rng.random() < 0.85:
                s.text = re.sub(r"\b(second|minute|hour|day|week)s\b", r"\1", s.text)
                if not style.spoken and s.text.count(" ") == 1 and rng.random() < 0.4:
                    s.text = s.text.replace(" ", "-")
            if not s.slot and re.search(r"\ban? $", s.text):
                s.text = re.sub(r"an? $", "an " if VOWEL.match(after.text) else "a ", s.text)
        for n, space, u in zip(drawn, drawn[1:], drawn[2:]):  # "20C", "500ml"
            if space.text == " " and n.text[-1:].isdigit() and u.text in slots.ABBREVIATIONS and rng.random() < 0.4:
                space.text = ""
        for s in drawn:
            before = getattr(s, "before", None)
            if before:
                segments.append(Segment(before))
            segments.append(s)
        if framed:
            segments = frame(segments, rng, 0.3, 0.1, 0.1)
        segments = (recognised if style.spoken else typed)(segments, rng)
        for s in segments:
            if s.slot:
                bound[s.slot] = s
        return segments

    def answer(self, text, bound):
        if text.startswith("!"):
            return REPLIES[text[1:]]

        def write(m):
            s = bound[m[2] or m[1]]
            if s.value is None:
                return copied_text(s).replace("\\", "").replace('"', "'")
            around = text[m.start() - 1] + text[m.end():m.end() + 1]
            if s.value.startswith("-") and re.search(r"^[-+*/^]|[\^]$", around):
                return f"({s.value})"
            return s.value

        return "[" + SLOT.sub(write, text) + "]"

    def turns(self, template, style=None):
        rng = self.rng
        style = style or slots.Style(rng, rng.random() < 0.5)
        bound, out = {}, []
        for turn in template.turns:
            segments = self.sentence(turn, style, bound, len(template.turns) == 1)
            out.append((plain_text(segments), self.answer(turn.answer, bound)))
        return out

    def joined(self):
        """Two requests in one sentence, or three."""
        rng = self.rng
        style = slots.Style(rng, rng.random() < 0.5)
        picked, file = [], None
        n = rng.choices((2, 3), (6, 1))[0]
        while len(picked) < n:
            t = self.draw_template(file)
            if len(t.turns) == 1 and not t.turns[0].answer.startswith("!") and \
                    not t.turns[0].answer.startswith(("stop", "repeat")) and t.turns[0].source[0].count(" ") < 12:
                picked.append(self.turns(t, style)[0])
                file = t.file if rng.random() < 0.35 else None  # two of the same tool, too
        said, answer = picked[0]
        for b, y in picked[1:]:
            said, answer = self.link(said, b, style), answer[:-1] + ", " + y[1:]
        return [(said, answer)]

    def link(self, a, b, style):
        rng = self.rng
        a = a.rstrip(".?!")
        if not style.spoken and not b.isupper() and b[1:2].islower() and rng.random() < 0.8:
            b = b[0].lower() + b[1:] if not b.startswith("I ") else b
        link = rng.choice((" and ", " and ", " and then ", " and also ", ", and ", ". Also ", " then ", ", then ", " also "))
        if style.spoken:
            link = re.sub(r"[,.]", "", link).lower()
        return a + link + b

    def conversation(self, name=None):
        """[(said, answer, whether it is to be learnt)]: of turns in the past the calls stand as sotto shows them, with
        the numbers worked out; only the rest is learnt."""
        rng = self.rng
        if name is None and rng.random() < 0.08:
            out = self.joined()
        else:
            out = self.turns(self.draw_template(name))
        if name is None and rng.random() < 0.16 and not out[0][1].startswith("[stop"):  # alone, "cancel" is stop
            before = []
            for _ in range(rng.choice((1, 1, 1, 2, 3))):
                t = self.draw_template()
                if len(t.turns) <= 2:
                    before += self.turns(t)
            out = before + out
        return with_past_worked_out(out[-6:], 0.75, rng)

    def check(self):
        wrong = 0
        for file, templates in self.files.items():
            for t in templates:
                have = set()
                for turn in t.turns:
                    seen = set.intersection(*({m[2] or m[1] for m in SLOT.finditer(line)} for line in turn.source))
                    for line in turn.source:
                        for m in SLOT.finditer(line):
                            if not self.known(m[1]):
                                wrong += 1
                                print(f"{file}: unknown slot {{{m[1]}}}: {line}")
                    have |= seen
                    if turn.answer.startswith("!"):
                        if turn.answer[1:] not in REPLIES:
                            wrong += 1
                            print(f"{file}: unknown answer {turn.answer}")
                        continue
                    for m in SLOT.finditer(turn.answer):
                        if (m[2] or m[1]) not in have:
                            wrong += 1
                            print(f"{file}: {{{m[2] or m[1]}}} is in the answer {turn.answer} "
                                  f"but not in each of: {' / '.join(turn.source)}")
                if not t.turns or not t.turns[-1].answer:
                    wrong += 1
                    print(f"{file}: a dialogue without a last answer")
        for file in self.files:
            print(f"{file}: {len(self.files[file])} templates")
        for n, v in self.lists.values.items():
            print(f"{{{n}}}: {len(v)}", end="  ")
        print()
        return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--show", metavar="FILE")
    parser.add_argument("-n", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    maker = Maker(args.seed)
    if args.check:
        sys.exit(1 if maker.check() else 0)
    for _ in range(args.n):
        talk = maker.conversation(None if args.show in (None, "all") else args.show)
        if args.show:
            print("\n".join(f"> {u}\n  {m}" for u, m, _ in talk), end="\n\n")
        else:
            print(json.dumps(talk, ensure_ascii=False))


if __name__ == "__main__":
    main()
