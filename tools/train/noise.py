"""What happens to a sentence between a person and the model: how it is typed, or how a recogniser writes it.

Words inside arguments are copied into the answer as they end up in the sentence; so every change here is made to
segments, and the answer is written afterwards.
"""

import re

from slots import ONES, words
from template import Segment

FILLERS = "um uh er erm uhm like so well okay ok you.know i.mean hmm ah".split()
OPENERS = ("hey", "hi", "hello", "okay", "ok", "so", "alright", "right", "well", "hey sotto", "sotto", "ok sotto",
           "hey computer", "computer", "please", "oh", "yeah", "listen", "excuse me", "now", "quick", "hey there",
           "good morning", "yes")
CLOSERS = ("please", "thanks", "thank you", "for me", "now", "will you", "would you", "ok", "okay", "cheers",
           "pls", "plz", "thx", "if you can", "if you don't mind", "right now", "real quick", "if possible", "sotto", "for me please",
           "would you please", "when you get a chance", "asap")
ASKS = ("can you", "could you", "would you", "will you", "please", "could you please", "can you please", "i want you to",
        "i need you to", "i'd like you to", "go ahead and", "would you mind", "be a dear and", "just", "let's", "you can",
        "quickly", "i would like you to", "do me a favor and", "do me a favour and", "kindly", "try to", "why don't you",
        "can u", "could u", "pls", "might you", "i was hoping you could", "are you able to", "would it be possible to")
VERBS = set("""set start add put remind cancel stop delete remove tell give make create calculate compute convert change
turn roll flip toss throw list show read take cross drop clear scratch strike remember note save store keep note memorize
memorise recall figure work divide multiply subtract raise lower increase decrease mute count time begin run pick choose
generate say repeat check let write append include insert jot log schedule wake alert ping notify nudge buzz kill end
discard erase wipe empty solve evaluate find switch crank bump bring pop stick chuck throw drop get""".split())
# What a recogniser writes for what was said: word -> what it may become.
MISHEARD = {
    "for": ("four", "fore"), "four": ("for",), "to": ("two", "too"), "two": ("to", "too"), "too": ("to", "two"), "eight": ("ate",),
    "one": ("won",), "three": ("tree", "free"), "five": ("fife",), "six": ("sex", "sicks", "sick"), "nine": ("mine",),
    "ten": ("then", "tin"), "lot": ("lots",), "timer": ("time are", "timor", "time her"), "set": ("sat", "said", "sent"),
    "add": ("at", "ad", "had"), "buy": ("by",), "by": ("buy",), "flour": ("flower",), "meat": ("meet",), "meet": ("meat",),
    "week": ("weak",), "weeks": ("weaks", "week's"), "hour": ("our",), "hours": ("ours",), "mail": ("male",), "pears": ("pairs",), "cereal": ("serial",), "steak": ("stake",),
    "bread": ("bred",), "leeks": ("leaks",), "mussels": ("muscles",), "quarter": ("quarters", "order"), "remind": ("rewind", "re mind"),
    "reminder": ("remainder",), "minutes": ("minute", "minuets"), "list": ("lest", "listen"), "the": ("a", "da"), "a": ("uh", "the"),
    "calculate": ("calculator",), "convert": ("convict",), "time": ("thyme", "tie"), "what's": ("what is", "whats"), "is": ("his",),
    "my": ("mine",), "i'm": ("im",), "flip": ("flipper",), "coin": ("coyne", "corn"), "dice": ("dies", "dais"), "die": ("dye",),
    "roll": ("role",), "know": ("no",), "no": ("know",), "here": ("hear",), "where": ("wear",), "their": ("there",), "plus": ("pluss",),
    "times": ("time",), "volume": ("volumes",), "louder": ("loader",), "pounds": ("pound",), "miles": ("mile",), "sum": ("some",),
    "some": ("sum",), "mute": ("moot",), "tea": ("tee",), "in": ("and", "an"), "and": ("an", "in"), "an": ("and",), "half": ("have",),
    "of": ("off", "a"), "off": ("of",), "wake": ("weak",), "me": ("may",), "cancel": ("council",), "milk": ("milks",),
    "eggs": ("eggs's", "x"), "sweet": ("suite",), "beans": ("beings",), "thyme": ("time",), "berry": ("bury",), "dough": ("doe",),
}
SLIPS = (" no ", " no wait ", " i mean ", " sorry ", " uh no ", " no make that ", " actually ", " no sorry ", " er no ",
         " wait no ", " scratch that ", " or rather ", " uh i mean ", " hold on ", " make that ", " no no ")
HARD_SLIPS = (" no wait ", " i mean ", " no sorry ", " no actually ", " wait no ", " scratch that ", " or rather ", " sorry i mean ",
              " no i meant ", " uh no ", " no make that ")
TYPED_SLIPS = (" - no, ", ", no, ", ", no wait, ", "... no, ", ". No wait, ", ", sorry, ", " no wait ", " - sorry, ", ", I mean ",
               ", actually ", ". Actually, ", ", make that ", "... make that ", ", or rather ", ". Scratch that, ", " (no, wait) ",
               ". No, ", ". I mean ", ", wait no, ")


def spoken_digits(text, rng):
    return re.sub(r"\d+", lambda m: words(int(m[0]), rng), text)


def misheard(text, rng, p):
    out = []
    for w in text.split(" "):
        other = MISHEARD.get(w)
        out.append(rng.choice(other) if other and rng.random() < p else w)
    return " ".join(out)


def typo(word, rng):
    if len(word) < 4 or not word.isalpha():
        return word
    i = rng.randrange(len(word) - 1)
    return rng.choice((word[:i] + word[i + 1:], word[:i] + word[i + 1] + word[i] + word[i + 2:],
                       word[:i] + word[i] + word[i:]))


def each_word(text, change):
    return re.sub(r"[^\s]+", lambda m: change(m[0]), text)


def frame(segments, rng, p_ask, p_open, p_close):
    """Politeness around a request that begins with a verb; openers and closers around anything."""
    first = re.match(r"[a-z']+", segments[0].text) if not segments[0].slot else None
    out = list(segments)
    if first and first[0] in VERBS and rng.random() < p_ask:
        ask = rng.choice(ASKS)
        out.insert(0, Segment(ask + " "))
    if rng.random() < p_open:
        out.insert(0, Segment(rng.choice(OPENERS) + rng.choice((", ", " ", " "))))
    if rng.random() < p_close:
        last = out[-1].text
        mark = last[-1] if last[-1:] in ".?!" else ""
        if mark:
            out[-1] = Segment(last[:-1], out[-1].slot, out[-1].value)
        out.append(Segment(rng.choice((", ", " ")) + rng.choice(CLOSERS) + mark))
    return out


def recognised(segments, rng):
    """As a speech recogniser writes it."""
    level = rng.choice((0, 0, 1, 1, 2))  # how bad a day
    p_misheard = (0, 0.012, 0.03)[level]
    p_filler, p_repeat = (0, 0.02, 0.06)[level], (0, 0.01, 0.025)[level]
    apostrophes = rng.random() < 0.75
    out = []
    for k, s in enumerate(segments):
        copied = s.slot and s.value is None
        text = spoken_digits(s.text.lower().replace("&", " and ").replace("%", " percent"), rng)
        text = re.sub(r"(\d|\b)°", " degrees ", text).replace("+", " plus ").replace("=", " equals ")
        text = re.sub(r"[^a-z0-9' ]", lambda m: "" if m[0] in ".,?!;:\"()" else m[0] if m[0].isalpha() else " ", text)
        if not apostrophes:
            text = text.replace("'", "")
        text = re.sub(" +", " ", text)
        text = misheard(text, rng, p_misheard * (0.7 if copied else 5 if s.slot else 1))
        if not copied:
            def disturb(w):
                r = rng.random()
                if r < p_repeat:
                    return w + " " + w
                if r < p_repeat + p_filler and not s.slot:
                    return rng.choice(FILLERS).replace(".", " ") + " " + w
                return w
            text = each_word(text, disturb)
        elif rng.random() < p_filler * 2:
            out.append(Segment(rng.choice(("um ", "uh ", "er ", "like "))))
        out.append(Segment(text, s.slot, s.value))
    if level and rng.random() < 0.03:
        first = out[0].text.split(" ")
        if not out[0].slot and len(first) > 2:
            out.insert(0, Segment(" ".join(first[: rng.randint(1, 2)]) + " "))
    if level and rng.random() < 0.12:
        out.insert(0, Segment(rng.choice(FILLERS).replace(".", " ") + " "))
    return out


def typed(segments, rng):
    """As a person types it."""
    kind = rng.choices(("sentence", "lower", "as is", "upper", "title"), (50, 38, 8, 2, 2))[0]
    ends = rng.random() < 0.55
    commas, apostrophes = rng.random() < 0.7, rng.random() < 0.85
    typos = 0.02 if rng.random() < 0.3 else 0
    out = []
    for k, s in enumerate(segments):
        text = s.text
        if not s.slot:
            if not commas:
                text = text.replace(",", "")
            if not apostrophes:
                text = text.replace("'", "")
            if typos:
                text = each_word(text, lambda w: typo(w, rng) if rng.random() < typos else w)
            if kind in ("sentence", "title"):
                text = re.sub(r"\bi\b", "I", text)
        if kind == "lower":
            text = text.lower()
        elif kind == "upper":
            text = text.upper()
        elif kind == "title":
            text = each_word(text, lambda w: w[:1].upper() + w[1:])
        elif kind == "sentence" and k == 0:
            text = text[:1].upper() + text[1:]
        if s.slot and s.value is None and '"' not in "".join(o.text for o in out[-1:]) + text and rng.random() < 0.06:
            out += [Segment('"'), Segment(text, s.slot, s.value), Segment('"')]
        else:
            out.append(Segment(text, s.slot, s.value))
    last = out[-1]
    if not last.slot:
        bare = last.text.rstrip(".?!")
        mark = last.text[len(bare):]
        out[-1] = Segment(bare + (mark if ends else ""), last.slot, last.value)
        if ends and not mark and rng.random() < 0.6:
            out.append(Segment(rng.choice((".", ".", ".", "!"))))
    elif ends and rng.random() < 0.6:
        out.append(Segment("."))
    return out


def plain_text(segments):
    return re.sub(r"\s+", " ", "".join(s.text for s in segments)).strip()


def copied_text(s):
    """A copied argument: as it stands in the sentence, without what surrounds it."""
    return re.sub(r"\s+", " ", s.text).strip().rstrip(".,?!")
