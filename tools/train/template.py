"""The notation of the training text (see text/README.md): parsing it, and drawing sentences from it.

A drawn sentence is a list of segments, so that what comes later (case, fillers, misheard words) can tell the words
of a template from those that end up in an argument.
"""

import dataclasses
import pathlib
import random
import re

HERE = pathlib.Path(__file__).resolve().parent
SLOT = re.compile(r"\{([a-z_.]+)(?::([a-z_0-9]+))?\}")


@dataclasses.dataclass
class Segment:
    text: str
    slot: str = ""  # the name by which the answer calls it; empty: words of the template
    value: object = None  # None: the text itself, as it ends up in the sentence


def parse_choice(text, i, close):
    """Alternatives up to `close` -> (list of sequences, index behind it). A sequence holds texts and choices."""
    options, sequence = [], []
    start = i
    while i < len(text):
        c = text[i]
        if c in "([":
            if i > start:
                sequence.append(text[start:i])
            inner, i = parse_choice(text, i + 1, ")" if c == "(" else "]")
            sequence.append((c == "[", inner))
            start = i
            continue
        if c == "|" and close:
            if i > start:
                sequence.append(text[start:i])
            options.append(sequence)
            sequence, start = [], i + 1
        elif c in ")]":
            if c != close:
                raise ValueError(f'"{c}" without its opening in: {text}')
            if i > start:
                sequence.append(text[start:i])
            options.append(sequence)
            return options, i + 1
        i += 1
    if close:
        raise ValueError(f'"{close}" is missing in: {text}')
    if i > start:
        sequence.append(text[start:i])
    options.append(sequence)
    return options, i


def parse_line(text):
    return parse_choice(text, 0, "")[0][0]


def expand(sequence, rng):
    out = []
    for part in sequence:
        if isinstance(part, str):
            out.append(part)
            continue
        optional, options = part
        if optional and rng.random() < 0.5:
            continue
        out.append(expand(rng.choice(options), rng))
    return "".join(out)


def tidy(text):
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r" ([,.?!;])", r"\1", text)


@dataclasses.dataclass
class Turn:
    lines: list  # parsed alternatives
    source: list
    answer: str


@dataclasses.dataclass
class Template:
    file: str
    turns: list  # of Turn
    weight: float


def read_file(path):
    """All templates of a file; a dialogue is one template of several turns."""
    answer, weight, dialogue, found = None, 1.0, None, []

    def fail(what):
        raise ValueError(f"{path.name}:{number}: {what}: {line}")

    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        try:
            if line.startswith("=="):
                mark = re.match(r"==([0-9.]*)\s+(.*)", line) or fail("no answer")
                weight, answer, dialogue = float(mark[1] or 1), mark[2].strip(), None
            elif line.startswith("@"):
                dialogue = Template(path.name, [], float(line[1:].strip() or 1))
                found.append(dialogue)
            elif line[0] == ">" and dialogue is not None:
                said = line[1:].strip()
                if not dialogue.turns or dialogue.turns[-1].answer:
                    dialogue.turns.append(Turn([], [], ""))
                dialogue.turns[-1].lines.append(parse_line(said))
                dialogue.turns[-1].source.append(said)
            elif line[0] == "<" and dialogue is not None:
                if not dialogue.turns or dialogue.turns[-1].answer:
                    fail("an answer to nothing")
                dialogue.turns[-1].answer = line[1:].strip()
            elif answer is None:
                fail("a line before any answer")
            else:
                found.append(Template(path.name, [Turn([parse_line(line)], [line], answer)], weight))
        except ValueError as e:
            raise ValueError(f"{path.name}:{number}: {e}") from None
    return found


class Lists:
    def __init__(self, folder):
        self.values = {}
        for path in sorted(folder.glob("*.txt")):
            lines = [v.strip() for v in path.read_text().splitlines()]
            self.values[path.stem] = list(dict.fromkeys(v for v in lines if v and not v.startswith("#")))

    def draw(self, name, rng):
        return rng.choice(self.values[name])


def draw_segments(sequence, rng, fill, bound):
    """A sentence of a parsed line. `fill(slot, name)` gives a Segment; `bound` keeps slots of earlier turns."""
    text, out, at = tidy(expand(sequence, rng)), [], 0
    for m in SLOT.finditer(text):
        if m.start() > at:
            out.append(Segment(text[at:m.start()]))
        name = m[2] or m[1]
        before = bound.get(name)
        out.append(Segment(before.text, name, before.value) if before else fill(m[1], name))
        bound[name] = out[-1]
        at = m.end()
    if at < len(text):
        out.append(Segment(text[at:]))
    return out
