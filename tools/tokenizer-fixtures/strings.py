"""The texts of the tokenizer fixtures: what the small tokenizers are trained on, and the strings they must encode.

Everything is made here from a fixed seed, so that running it again gives the same bytes."""

import unicodedata


class Random:
    """SplitMix64: the same numbers with every version of Python."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
        return (z ^ z >> 31) % n

    def pick(self, items):
        return items[self.below(len(items))]


SENTENCES = """The lighthouse keeper writes down the weather every evening before the lamp is lit.
It's not that they're late; we've waited, I'd said, and she'll come when she's ready. Don't worry, I'm here.
Version 2.14.3 was released on 2024-03-17 and fixed 1,204 bugs in 365 days (about 3.3 per day).
She asked: "What is the name of the river?" and nobody knew, so they walked on through the tall grass.
A small engine reads a model from a file, turns text into tokens, and predicts what may come next.
Les élèves préparent une fête à l'école; où étaient-ils hier, après le déjeuner ?
Der alte Bäcker verkauft süße Brötchen, während draußen der große Schnee fällt.
El niño soñó con un pingüino que cantaba canciones en el corazón de la montaña.
Съешь ещё этих мягких булок, а потом выпей чаю и почитай хорошую книгу у окна.
Η θάλασσα ήταν ήσυχη και τα παιδιά έπαιζαν στην άμμο κάτω από τον ήλιο.
明天我们一起去图书馆看书，然后在湖边喝茶。今天的天气很好，风也不大。
昨日の夜、静かな駅で古い友達に会いました。それから二人でラーメンを食べました。
바다 위에 작은 배가 천천히 떠 있고 아이들은 노래를 부른다.
كان البيت القديم قرب البحر هادئا في الليل، والقمر فوق السطح.
הילד קרא ספר ישן בחצר ושמע את הגשם יורד על הגג.
नदी के किनारे एक छोटा गाँव था जहाँ सब लोग साथ रहते थे।
ในคืนที่เงียบสงบ แมวตัวเล็กนอนอยู่ใต้ต้นไม้
for (size_t i = 0; i < n; i++) { sum += values[i] * weights[i]; } /* dot product */
def read_lines(path):\n    with open(path, encoding="utf-8") as f:\n        return [line.rstrip() for line in f]
if (x != NULL && x->next == y) return -1; else printf("%d items, %s\\n", count, name);
<table><tr><td>one</td><td>two</td></tr></table> <b>bold</b> <code>x = 1</code>
SELECT name, COUNT(*) FROM users WHERE age >= 18 GROUP BY name ORDER BY 2 DESC;
{"role": "user", "content": "hello", "temperature": 0.7, "stop": ["###", null], "n": 12}
# Title\n\n- first item\n- second item\n\n1. one\n2. two\n\n> a quotation, **bold** and *italic* text""".replace("\\n", "\n").split("\n")

EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇨🇭", "❤️", "1️⃣", "🤷🏻‍♀️", "🚀🚀", "☕", "👨‍💻"]
MARKS = ["e\u0301", "n\u0303", "a\u030a\u0323", "q\u0307\u0323", "\u1100\u1161\u11a8", "가", "ẛ\u0323", "क\u094d\u0937",
         "Z\u0351\u036b\u0343a\u0322l", "\u0301start", "ﬁ", "Å", "Ω", "é", "o\u0308\u0304", "\u0344", "\u1e9b\u0323\u0307"]
SPACES = ["\u00a0", "\u2003", "\u3000", "\u2028", "\u0085", "\u200b", "\ufeff", "\u202f", "\u1680", "\x0b", "\x0c", "\x1f"]
SPECIALS = ["<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "<pad>", "<unk>", "<s>", "</s>", "<|begin_of_text|>",
            "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|im_start|>", "<|im_end|>", "<|endoftext|>",
            "<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|\"|>", "<|tool_call>", "<tool_call>", "</tool_call>", "<think>",
            "<0x0A>", "<0xE2>", "<mask>", "[@BOS@]", "<unused0>", "<start_of_image>", "<|", "|>", "<start_of", "_turn>", "<|eot_id",
            "<étage>", "<e\u0301tage>", "<left>", "<right>", "<table>", "</code>", "▁", "▁▁", "▁▁▁", "[PAD7]"]
CONTRACTIONS = ["it's", "IT'S", "We'Ve", "they'RE", "I'm", "I'M", "you'll", "YOU'LL", "he'd", "HE'D", "can't", "CAN'T",
                "it'ſ", "'s", "''s", "x's's", "rock 'n' roll", "o'clock", "'tis", "l'été", "it’s", "'Dx", "'lL1", "'ve\n", " 'd"]
NUMBERS = ["0", "7", "42", "123", "1234", "12345", "1234567890", "3.14159", "1,000,000", "-5", "1e-6", "0x1F", "²³", "½", "Ⅷ",
           "٣٤٥", "१२३", "①②", "2024-03-17T10:20:30Z", "a1b2c3", "1 2  3", " 99", "9 ", "v1.2.3-rc4", "五百", "1\n2"]
WORDS = ["hello", "Hello", "world", "the", " the", "token", "unreachablewhole", " unreachablewhole", " приветик", "!?!?!?", "??!!", "...",
         "river", "antidisestablishmentarianism", "naïve", "Straße", "ДА", "ΣΊΣΥΦΟΣ", "ǅ", "ʰ", "ªº", "_x_", "a_b", "C++", "#tag",
         "@me", "http://example.org/a?b=c&d=%20#e", "user@example.com", "C:\\temp\\x.txt", "$(rm -rf /)", "\\n", "'", '"', "`", "~", "^"]


def training_lines():
    rng = Random(7)
    lines = [line for line in SENTENCES if line]
    for _ in range(400):
        words = [rng.pick(rng.pick(lines).split(" ")) for _ in range(4 + rng.below(12))]
        lines.append(" ".join(words))
    return lines


def assigned():
    """Code points that Unicode 3.2 knew: no library disagrees about them."""
    old = unicodedata.ucd_3_2_0
    return [c for c in range(0x20, 0x2FA1E) if old.category(chr(c)) not in ("Cn", "Cs", "Co")]


def unusual(rng, everything):
    return "".join(chr(rng.pick(everything)) for _ in range(1 + rng.below(8)))


def broken(rng):
    """Bytes that are not UTF-8: lone continuations, cut and overlong sequences, surrogates, beyond U+10FFFF."""
    parts = [b"\x80", b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
             b"\xe0\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xbf\xbf", "é".encode(), "😀".encode(), b"a", b" ", b"\n", b"ok"]
    return b"".join(rng.pick(parts) for _ in range(1 + rng.below(7)))


def mixture(rng, everything):
    """A string of several things next to each other, with all kinds of space between."""
    lists = [WORDS, SPECIALS, CONTRACTIONS, NUMBERS, EMOJI, MARKS, SPACES]
    gaps = ["", "", "", " ", " ", "  ", "\n", "\n\n", "\t", "\r\n", "   ", " \n", "\n ", "    ", "\n\n\n", "\t\t"]
    out = rng.pick(gaps)
    for _ in range(1 + rng.below(5)):
        kind = rng.below(9)
        if kind < 7:
            out += rng.pick(lists[kind])
        elif kind == 7:
            words = rng.pick(SENTENCES).split(" ")
            at = rng.below(len(words))
            out += " ".join(words[at:at + 4])
        else:
            out += unusual(rng, everything)
        out += rng.pick(gaps)
    return out


def make_strings():
    rng = Random(2024)
    everything = assigned()
    out = [""]
    for group in (SENTENCES, WORDS, SPECIALS, CONTRACTIONS, NUMBERS, EMOJI, MARKS, SPACES):
        out += group
    out += [" " * n for n in range(1, 36)] + ["\n" * n for n in range(1, 36)] + ["\t" * n for n in range(1, 8)]
    out += [" " * n + "x" for n in range(1, 12)] + ["x" + " " * n for n in range(1, 6)] + ["x" + " " * n + "y" for n in range(1, 6)]
    out += [chr(c) for c in range(0x20)] + ["a" + chr(c) + "b" for c in range(0x20)] + ["\x7f", "a\x7fb"]
    out += ["a" * n for n in (50, 100, 300)] + ["ab" * 60, "the" * 40, "😀" * 20, "é" * 30, "\r\n" * 12, " \n" * 9, "一二" * 20]
    out += [a + b for a in SPECIALS[:24] for b in (" hi", "\n")] + ["x" + s + "y" for s in SPECIALS] + [s + s for s in SPECIALS]
    out += ["a  1", "1  a", "a 1", " 1", "  1", "1 ", "12 34  56", "  \n  a", " \n", "\n ", "a\n\n b", "x\r\ny", "\r", "\r\r\n", "a\u3000b", "\u3000\u3000b"]
    out += ["  <left>  x", "x \n<left>", "<right> \n x", "a <right>  <left> b", "<left><right>", " <s> hi", "<s> hi </s> yo", "hi<s>"]
    out += ["a" + "\u0301\u0323" * 40 + "b", "\u0323\u0301\u0323\u0301", "각각", "\u1100\u1161\u1100\u1161\u11a8\u11a8"]
    while len(out) < 2150:
        out.append(mixture(rng, everything) if rng.below(8) else unusual(rng, everything))
    raw = [s.encode() for s in out]
    raw += [broken(rng) for _ in range(120)] + [b"\xe2", b"a\xe2\x82", b"\x80\x80\x80", b"\xf0\x9f\x98\x80\xf0\x9f\x98"]
    seen = set()
    return [s for s in raw if not (s in seen or seen.add(s))]


STRINGS = make_strings()
