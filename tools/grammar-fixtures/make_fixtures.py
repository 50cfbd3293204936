#!/usr/bin/env python3
"""Writes tests/grammar/gbnf.json and schemas.json: grammars and schemas, with texts that they must accept or refuse.

    pip install llguidance lark jsonschema
    python tools/grammar-fixtures/make_fixtures.py tests/grammar

The verdicts are not ours. For GBNF they are llguidance's; for grammars made at random, where its lexer decides too
early, they are those of lark's Earley parser and of a recogniser below that tries every way, as plainly as the notation
reads, and both must agree. For schemas they are jsonschema's: what
it finds invalid must be refused. Not all that is valid is accepted, so what must be is given with each schema."""
import json
import random
import re
import sys

import jsonschema
import lark
from llguidance import LLMatcher, LLTokenizer
from llguidance.gbnf_to_lark import gbnf_to_lark

TOKENIZER = LLTokenizer("byte")
LETTERS = "abc\u00e9\u6f22\U0001f600"


# ---- GBNF -----------------------------------------------------------------------------------------------

def llguidance_accepts(grammar, text):
    matcher = LLMatcher(TOKENIZER, LLMatcher.grammar_from_lark(grammar))
    assert not matcher.is_error(), matcher.get_error()
    tokens = list(text.encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


def lark_accepts(reference, text):
    try:
        reference.parse(text)
    except lark.exceptions.UnexpectedInput:
        return False
    return True


class Rules:
    """Random rules without left recursion: a rule calls later rules anywhere, and others only after a text."""

    def __init__(self, rng, n):
        self.rng, self.n = rng, n
        self.rules = [self.choice(i, 3, False) for i in range(n)]

    def choice(self, rule, depth, inside):
        return ("or", [self.sequence(rule, depth - 1, inside) for _ in range(self.rng.randint(1, 3))])

    def sequence(self, rule, depth, inside):
        parts, some = [], inside
        for _ in range(self.rng.randint(1, 3)):
            part, sure = self.part(rule, depth, some)
            parts.append(part)
            some = some or sure
        return ("and", parts)

    def part(self, rule, depth, inside):
        """A part, and whether it always takes a character."""
        kind = self.rng.random()
        if kind < 0.35 or depth <= 0:
            text = "".join(self.rng.choice(LETTERS) for _ in range(self.rng.randint(1, 2)))
            part, sure = ("text", text), True
        elif kind < 0.5:
            chars = "".join(sorted(set(self.rng.choice(LETTERS) for _ in range(2))))
            part, sure = ("class", self.rng.random() < 0.3, chars), True
        elif kind < 0.7 and (rule + 1 < self.n or inside):
            first = 1 if inside else rule + 1
            if first >= self.n:
                return ("text", "a"), True
            called = self.rng.randrange(first, self.n)
            # A rule that is called behind a text may lead back here; "x" ends it.
            return ("or", [("rule", called), ("text", "x")]), False
        else:
            part, sure = self.choice(rule, depth, inside), False
        if self.rng.random() < 0.3:
            low = self.rng.randint(0, 2)
            high = self.rng.choice([None, low, low + 1, low + 2])
            if high != 0:
                return ("repeat", part, low, high), sure and low > 0
        return part, sure

    def print(self, node):
        kind = node[0]
        if kind == "text":
            return '"' + node[1] + '"'
        if kind == "class":
            slash = "/" if self.for_lark else ""
            return slash + "[" + ("^" if node[1] else "") + node[2] + "]" + slash
        if kind == "rule":
            return f"r{node[1]}" if node[1] else self.root()
        if kind == "and":
            return " ".join(self.print(x) for x in node[1])
        if kind == "or":
            body = " | ".join(self.print(x) for x in node[1])
            return self.name(body) if self.for_lark else "(" + body + ")"
        _, part, low, high = node
        if self.for_lark:
            copies, more = [self.print(part)] * low, [self.print(part) + ("*" if high is None else "?")]
            return self.name(" ".join(copies + more * (1 if high is None else high - low)))
        mark = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((low, high))
        if mark is None:
            mark = "{%d}" % low if low == high else "{%d,%s}" % (low, "" if high is None else high)
        return self.print(part) + mark

    def root(self):
        return "start" if self.for_lark else "root"

    def name(self, body):
        """A name for this body: lark multiplies out what stands in parentheses."""
        self.named.append(f"n{len(self.named)}: {body}\n")
        return self.named[-1].split(":")[0]

    def text(self, for_lark):
        self.for_lark, self.named = for_lark, []
        defines = ":" if for_lark else " ::="
        lines = [f"{f'r{i}' if i else self.root()}{defines} {self.print(r)}\n" for i, r in enumerate(self.rules)]
        return "".join(lines + self.named)

    def ends(self, node, text, at, memo):
        """Where a text of the node that begins at `at` can end."""
        kind = node[0]
        if kind == "text":
            return {at + len(node[1])} if text.startswith(node[1], at) else set()
        if kind == "class":
            return {at + 1} if at < len(text) and (text[at] in node[2]) != node[1] else set()
        if kind == "rule":
            key = (node[1], at)
            if key not in memo:
                memo[key] = self.ends(self.rules[node[1]], text, at, memo)
            return memo[key]
        if kind == "or":
            return set().union(*(self.ends(x, text, at, memo) for x in node[1]))
        if kind == "and":
            places = {at}
            for x in node[1]:
                places = set().union(*(self.ends(x, text, p, memo) for p in places))
            return places
        _, part, low, high = node
        places, found, count = {at}, set(), 0
        while places and (high is None or count <= high):
            if count >= low:
                if places <= found:
                    break
                found |= places
            places = set().union(*(self.ends(part, text, p, memo) for p in places))
            count += 1
        return found

    def accepts(self, text):
        return len(text) in self.ends(self.rules[0], text, 0, {})

    def sample(self, node, depth):
        """A text of the node, or None where it grows too deep or too long."""
        kind = node[0]
        self.budget -= 1
        if depth > 30 or self.budget < 0:
            return None
        if kind == "text":
            return node[1]
        if kind == "class":
            return self.rng.choice([c for c in LETTERS + "xyz" if (c in node[2]) != node[1]])
        if kind == "rule":
            return self.sample(self.rules[node[1]], depth + 1)
        if kind == "or":
            return self.sample(self.rng.choice(node[1]), depth + 1)
        if kind == "and":
            parts = [self.sample(x, depth + 1) for x in node[1]]
        else:
            low = node[2]
            high = low + 2 if node[3] is None else node[3]
            parts = [self.sample(node[1], depth + 1) for _ in range(self.rng.randint(low, high))]
        return None if None in parts else "".join(parts)


def change(rng, text, letters):
    """A text near this one."""
    at = rng.randint(0, len(text))
    return rng.choice([text[:at] + text[at + 1:], text[:at] + rng.choice(letters) + text[at:],
                       text[:at] + rng.choice(letters) + text[at + 1:], text[:at], text + text[at:]])


def random_grammars(n):
    rng = random.Random(7)
    out = []
    while len(out) < n:
        rules = Rules(rng, rng.randint(1, 4))
        texts = {""}
        for _ in range(40):
            rules.budget = 200
            text = rules.sample(rules.rules[0], 0)
            if text is not None and len(text) <= 14:
                texts |= {text, change(rng, text, LETTERS + "x"), change(rng, text, LETTERS + "x")}
        texts = sorted(texts)
        rng.shuffle(texts)
        case = {"grammar": rules.text(False), "accept": [], "refuse": []}
        reference = lark.Lark(rules.text(True), parser="earley", lexer="dynamic_complete", ambiguity="resolve")
        for text in texts[:12]:
            ours = rules.accepts(text)
            assert lark_accepts(reference, text) == ours, (case["grammar"], text, ours)
            case["accept" if ours else "refuse"].append(text)
        if case["accept"] and case["refuse"]:
            out.append(case)
    return out


# Each with the same in the reference's own notation where its converter does not know ours, and texts to try.
ARITHMETIC = 'root ::= expr\nexpr ::= term ([-+] term)*\nterm ::= num | "(" expr ")"\nnum ::= [0-9]+\n'
LISTS = 'root ::= item+\nitem ::= "- " [^\\r\\n]+ "\\n"\n'
JSON_GBNF = r'''
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt/] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9]{1,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
'''
WRITTEN = [
    (ARITHMETIC, None, ["1", "1+2", "(1-2)+34", "((7))", "1+", "()", "(1", "1)", "", "12+(3-(4+5))"]),
    (LISTS, None, ["- a\n", "- a\n- b c\n", "- \n", "- a", "a\n", "- é漢\n"]),
    (JSON_GBNF, None, ['{}', '{"a": 1}', '{"a":[1,2,{"b":null}]}', '{"a":}', '{"a" :1}', '{"a":"\\n"}', '{"a":"\\x"}',
                       '[1]', '{"a":1,}', '{"a":1.5e-3, "b":"é😀"}', '{"a":\n    true}\n', '{"a":01}']),
    ('root ::= "a" root "b" | "a" root "c" | "x"', None, ["x", "axb", "aaxbc", "aaxb", "aaaaaaxbcbcbc", "aaaaaaxbcbcb"]),
    ('root ::= a a a\na ::= "x"? "y"?', None, ["", "x", "xyxyxy", "yyy", "xxxx", "yx", "xyxyxyx"]),
    ('root ::= [a-c]{2,3} # three\n  ', None, ["ab", "abc", "a", "abca", "abd"]),
    ('root ::= (\n  "a" |\n  "b" # the second\n)+\n', None, ["a", "abba", "", "c"]),
    ('root ::= "\\x41\\u00e9\\U0001F600\\t\\\\\\"\\[\\]"', 'start: "A\u00e9\U0001f600\\t\\\\\\"[]"',
     ['A\u00e9\U0001f600\t\\"[]', "A\u00e9", 'A\u00e8\U0001f600\t\\"[]']),
    ('root ::= [\\x30-\\x39\\u4e00-\\u9fff\\]-]+', 'start: /[0-9\u4e00-\u9fff\\]\\-]+/',
     ["0", "9漢]", "-", "a", "\u9fff", "\ua000", "\u4dff", "\u4e00"]),
    ('root ::= [^\\n]', None, ["a", "\u007f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff",
                                "\U00010000", "\U0010ffff", "\n", "", "ab"]),
    ('root ::= [\\u0080-\\u07ff]', 'start: /[\u0080-\u07ff]/', ["\u007f", "\u0080", "\u00bf", "\u00c0", "\u07ff", "\u0800"]),
    ('root ::= [\\u0123-\\U00012345]', 'start: /[\u0123-\U00012345]/',
     ["\u0122", "\u0123", "\u013f", "\u0140", "\u0fff", "\u1000", "\uffff", "\U00010000", "\U00011fff", "\U00012345",
      "\U00012346"]),
    ('root ::= . .', 'start: /(.|\\n){2}/', ["ab", "a", "abc", "é漢", "\n\n"]),
    ('root ::= "a"{0} "b"{1} "c"{2,} "d"{0,1}', 'start: /bccc*d?/', ["bcc", "bccccd", "abcc", "bc", "bccdd"]),
    ('root ::= ("a"? "b"?)* "c"', None, ["c", "abc", "ba" * 12 + "c", "abab", "cc"]),
    ('root ::= s "e"\ns ::= "x" s | "y" s | ""', None, ["e", "xyxyxyxe", "xyz", "xy"]),
    ('root ::= "if " c " then " s\nc ::= "x" | "y"\ns ::= "a" | root | root " else " s', None,
     ["if x then a", "if x then if y then a else a", "if x then", "if x then a else a",
      "if x then if y then if x then a else a else a"]),
    ('root ::= <|call|> [a-z]+ <|end|>?', 'start: "<|call|>" /[a-z]+/ "<|end|>"?',
     ["<|call|>ab", "<|call|>ab<|end|>", "<|call|>", "ab<|end|>", "<|call|>ab<|end|><|end|>"]),
    ('root ::= "(" (root | <x> ) ")"', 'start: "(" (start | "<x>") ")"', ["(<x>)", "((<x>))", "()", "((<x>)"]),
]

# Grammars that are refused, and the sentence.
REFUSED = [
    ('root ::= "a', 'grammar, line 1, column 10: this text has no closing quote'),
    ('root ::= ("a"', 'grammar, line 1, column 10: this ( has no )'),
    ('root ::= [a', 'grammar, line 1, column 10: this [ has no ]'),
    ('root ::= []', 'grammar, line 1, column 10: the class has no characters'),
    ('root ::= [^\\x00-\\U0010FFFF]', 'grammar, line 1, column 10: the class has no characters'),
    ('root ::= [b-a]', 'grammar, line 1, column 12: the range ends before it begins'),
    ('root ::= "\\q"', 'grammar, line 1, column 11: an unknown escape; \\n \\r \\t \\\\ \\" \\[ \\] \\xNN \\uNNNN '
                       '\\UNNNNNNNN exist'),
    ('root ::= "\\u12"', 'grammar, line 1, column 11: \\u needs 4 hexadecimal digits'),
    ('root ::= "\\ud800"', 'grammar, line 1, column 11: the escape names no character'),
    ('root ::= "\\UFFFFFFFF"', 'grammar, line 1, column 11: the escape names no character'),
    ('# é\nroot ::= "é" item\n', 'grammar, line 2, column 14: there is no rule "item"'),
    ('item ::= "a"', 'the grammar has no rule "root", which is the answer'),
    ('', 'the grammar has no rule "root", which is the answer'),
    ('root ::= "a"\nroot ::= "b"', 'grammar, line 2, column 1: the rule "root" is defined a second time'),
    ('root = "a"', 'grammar, line 1, column 6: ::= is expected after the name of a rule'),
    ('root ::= "a" )', 'grammar, line 1, column 14: ")" is out of place here'),
    ('root ::= "a" **', 'grammar, line 1, column 15: "*" is out of place here'),
    ('root ::= "a"\n| "b"', 'grammar, line 2, column 1: a rule is expected: name ::= body'),
    ('root ::= "a"{2,1}', 'grammar, line 1, column 13: at most 1 repetitions, but at least 2'),
    ('root ::= "a"{2', 'grammar, line 1, column 13: this { has no }'),
    ('root ::= "a"{x}', 'grammar, line 1, column 14: a number is expected in { }'),
    ('root ::= "a"{100001}', 'grammar, line 1, column 14: at most 100000 repetitions are allowed'),
    ('root ::= <tool', 'grammar, line 1, column 10: this < has no > in its line; a token is written <its text>'),
    ('root ::= !<a>', 'grammar, line 1, column 10: "any token but" (!) is not supported; name the tokens that may come'),
    ('root ::= "a" root', 'the rule "root" never ends: each of its ways needs one that never ends'),
    ('root ::= x | "a"\nx ::= "b" y\ny ::= "c" x', 'the rule "x" never ends: each of its ways needs one that never ends'),
    ('root ::= root "a" | "b"', 'the rule "root" is left recursive: it can call itself again before any text; put what '
                                'it begins with first, or use * or +'),
    ('root ::= x\nx ::= y* z | "a"\ny ::= "b"?\nz ::= x "c"',
     'the rule "x" is left recursive: it can call itself again before any text; put what it begins with first, or use '
     '* or +'),
    ('root ::= ' + '(' * 201 + '"a"' + ')' * 201, 'grammar, line 1, column 210: more than 200 groups in each other'),
    ('root ::= (("a"{100000}){1000} | ' + '"b"{99999} ' * 12 + ')',
     'grammar, line 1, column 142: the grammar grows too large here; ask for fewer repetitions'),
]


def written_grammars():
    out = []
    for gbnf, reference, texts in WRITTEN:
        theirs = "%llguidance {}\n" + reference if reference else gbnf_to_lark(gbnf)
        case = {"grammar": gbnf, "accept": [], "refuse": []}
        for text in texts:
            case["accept" if llguidance_accepts(theirs, text) else "refuse"].append(text)
        out.append(case)
    return out


# ---- schemas --------------------------------------------------------------------------------------------

def obj(properties, required=None, **more):
    return {"type": "object", "properties": properties, "required": list(properties) if required is None else required,
            **more}


STRING, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
NODE = {"$defs": {"node": obj({"value": INTEGER, "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]}})},
        "$ref": "#/$defs/node"}
SHAPES = {"oneOf": [obj({"kind": {"const": "circle"}, "r": NUMBER}), obj({"kind": {"const": "square"}, "side": NUMBER})]}

# A schema, values that must be accepted, and values to try: jsonschema judges them.
SCHEMAS = [
    ({}, [1, "a", None, True, [], {}, {"a": [1, {"b": 2.5}]}], []),
    (True, [1, "a"], []),
    ({"title": "t", "description": "d", "default": 1, "examples": [1], "x-note": 1}, [1, "a"], []),
    ({"type": "boolean"}, [True, False], [None, 0, "true"]),
    ({"type": "null"}, [None], [False, "null"]),
    (STRING, ["", "a", "é漢😀", "\n\t\"\\/\b\f\r", "\u0001", "\U0001f600"], [1, None, ["a"]]),
    (INTEGER, [0, 1, -1, 123456789012345678], [1.5, "1", None, True]),
    (NUMBER, [0, 1, -1, 1.5, -0.25, 1e20, 1.5e-7], ["1", None, True]),
    ({"type": ["string", "null"]}, ["a", None], [1, True]),
    ({"type": ["integer", "boolean"]}, [3, True], [1.5, "x", None]),
    ({"type": "integer", "minimum": 0}, [0, 7, 10, 99, 123456], [-1, -10]),
    ({"type": "integer", "minimum": 17, "maximum": 4321}, [17, 18, 20, 99, 100, 999, 1000, 4320, 4321],
     [16, 9, 0, -17, 4322, 5000, 10000]),
    ({"type": "integer", "minimum": -120, "maximum": 35}, [-120, -119, -100, -99, -1, 0, 9, 10, 35],
     [-121, -130, 36, 40, 100]),
    ({"type": "integer", "exclusiveMinimum": 5, "exclusiveMaximum": 8}, [6, 7], [5, 8, 4, 9]),
    ({"type": "integer", "minimum": 1.5, "maximum": 3.5}, [2, 3], [1, 4]),
    ({"type": "integer", "maximum": -40}, [-40, -41, -399, -400, -100000], [-39, -4, 0, 40]),
    ({"type": "integer", "minimum": 1000000007}, [1000000007, 1000000010, 9999999999], [1000000006, 999999999]),
    ({"type": "integer", "minimum": 5, "maximum": 5}, [5], [4, 6, 55]),
    ({"type": "integer", "multipleOf": 1}, [3], [3.5]),
    ({"type": "number", "minimum": 0}, [0, 0.5, 1, 1e3], [-0.1, -1]),
    ({"type": "number", "minimum": 0, "maximum": 1}, [0, 0.5, 1, 1.0], [1.1, 2, -0.5, 1.01, 10]),
    ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 10}, [0.01, 1, 9.99, 9], [0, 0.0, 10, 10.0, -1, 11]),
    ({"type": "number", "minimum": -3, "maximum": 12}, [-3, -3.0, -2.99, -0.5, 0, 11.99, 12], [-3.01, -4, 12.1, 13, 120]),
    ({"type": "number", "exclusiveMaximum": -5}, [-5.1, -6, -100.5], [-5, -4.9, 0, 5.5]),
    ({"type": "string", "minLength": 2, "maxLength": 4}, ["ab", "é漢😀", "a\"\\b"], ["a", "abcde", "", "\"\\\"\\\"\\"]),
    ({"type": "string", "minLength": 1}, ["a", "abc"], [""]),
    ({"type": "string", "maxLength": 3}, ["", "abc"], ["abcd"]),
    ({"type": "string", "pattern": "^[a-z]+$"}, ["a", "abc"], ["", "A", "a1", "1a"]),
    ({"type": "string", "pattern": "^\\d{3}-\\d{4}$"}, ["555-1234"], ["5551234", "555-12345", "x555-1234"]),
    ({"type": "string", "pattern": "cat"}, ["cat", "a cat!", "concatenate"], ["cart", "", "ca"]),
    ({"type": "string", "pattern": "^a|b$"}, ["a", "axx", "b", "xxb"], ["xax", "bx", ""]),
    ({"type": "string", "pattern": "^(ab|c(?:d|e)+)?$"}, ["", "ab", "cd", "cdede"], ["a", "c", "abab"]),
    ({"type": "string", "pattern": "^\"[^\"\\\\]*\"\\\\$"}, ["\"a\"\\", "\"\"\\"], ["\"a\"", "\"a\"b"]),
    ({"type": "string", "pattern": "^.{2,3}$"}, ["ab", "é\"c"], ["a", "abcd", "a\nb"]),
    ({"type": "string", "pattern": "^\\w+@\\w+\\.(com|org)$"}, ["a@b.com", "x_1@y.org"], ["a@b.net", "a@b,com", "@b.com"]),
    ({"type": "string", "pattern": "^[^\\s]+\\s[\\x41-\\u005A\\-\\]]$"}, ["ab A", "x\tZ", "q -", "q ]"],
     ["abA", " A", "ab a"]),
    ({"type": "string", "pattern": "^a{0}b{2}c{1,}?d*?$"}, ["bbc", "bbccd"], ["abbc", "bbd"]),
    ({"type": "string", "pattern": "^x{a}$"}, ["x{a}"], ["x", "xa"]),
    ({"type": "string", "format": "date"}, ["2024-02-29", "2023-02-28", "1999-12-31", "2000-02-29", "2024-04-30"],
     ["2023-02-29", "1900-02-29", "2024-13-01", "2024-04-31", "2024-00-10", "24-01-01", "2024-1-1"]),
    ({"type": "string", "format": "date-time"}, ["2024-02-29T12:30:00Z", "2024-01-01T23:59:59.123+02:00"],
     ["2024-02-30T12:30:00Z", "2024-01-01T24:00:00Z", "2024-01-01", "2024-01-01T12:30:00"]),
    ({"type": "string", "format": "time"}, ["12:30:00Z", "00:00:00-08:00"], ["25:00:00Z", "12:60:00Z"]),
    ({"type": "string", "format": "uuid"}, ["123e4567-e89b-12d3-a456-426614174000"],
     ["123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g"]),
    ({"enum": ["a", "b", 3, None, 1.5, {"x": [1]}]}, ["a", "b", 3, None, 1.5, {"x": [1]}], ["c", 4, True, {"x": [2]}]),
    ({"type": "string", "enum": ["on", "off", 1]}, ["on", "off"], [1, "o", "one"]),
    ({"const": "only"}, ["only"], ["other", 1]),
    ({"const": {"a": "é\"", "b": [True]}}, [{"a": "é\"", "b": [True]}], [{"a": "é\""}]),
    (obj({"a": INTEGER}), [{"a": 1}], [{}, {"a": "x"}, {"b": 1}, 3, []]),
    (obj({"a": INTEGER, "b": STRING, "c": {"type": "boolean"}}, ["b"]),
     [{"b": "x"}, {"a": 1, "b": "x"}, {"b": "x", "c": True}, {"a": 1, "b": "x", "c": False}],
     [{"a": 1}, {"a": 1, "c": True}, {}, {"b": 1}]),
    (obj({"a": INTEGER, "b": INTEGER}, []), [{}, {"a": 1}, {"b": 2}, {"a": 1, "b": 2}], [{"a": "x"}, {"b": None}]),
    (obj({"a": INTEGER}, [], additionalProperties=False), [{}, {"a": 1}], [{"b": 1}, {"a": 1, "b": 2}]),
    (obj({"a": INTEGER, "ab": INTEGER}, ["a"], additionalProperties=STRING),
     [{"a": 1}, {"a": 1, "b": "x"}, {"a": 1, "ab": 2, "abc": "x", "": "y"}], [{"a": 1, "b": 2}, {"a": 1, "ab": "x"}]),
    (obj({"a": INTEGER, "é": INTEGER}, [], additionalProperties=STRING), [{"b": "x"}, {"é": 1, "è": "x"}, {"a": 1, "aa": "y"}],
     [{"é": "x"}, {"a": "x"}]),
    ({"type": "object"}, [{}, {"a": 1}, {"a": {"b": [1, 2]}}], [[], 1]),
    ({"type": "object", "additionalProperties": INTEGER}, [{}, {"a": 1}, {"a": 1, "b": 2}], [{"a": "x"}]),
    ({"type": "object", "additionalProperties": INTEGER, "minProperties": 1, "maxProperties": 2},
     [{"a": 1}, {"a": 1, "b": 2}], [{}, {"a": 1, "b": 2, "c": 3}]),
    ({"type": "object", "additionalProperties": False}, [{}], [{"a": 1}]),
    ({"type": "object", "required": ["a"], "additionalProperties": INTEGER}, [{"a": 1}, {"a": 1, "b": 2}], [{}, {"a": "x"}]),
    ({"properties": {"a": INTEGER}, "required": ["a"]}, [{"a": 1}], [{}, {"a": "x"}]),
    ({"type": "array", "items": INTEGER}, [[], [1], [1, 2, 3]], [["x"], 1, {}]),
    ({"type": "array", "items": INTEGER, "minItems": 1, "maxItems": 3}, [[1], [1, 2], [1, 2, 3]], [[], [1, 2, 3, 4]]),
    ({"type": "array", "items": STRING, "minItems": 2}, [["a", "b"], ["a", "b", "c"]], [[], ["a"]]),
    ({"type": "array", "maxItems": 0}, [[]], [[1]]),
    ({"type": "array"}, [[], [1, "a", None]], [{}]),
    ({"type": "array", "prefixItems": [INTEGER, STRING]}, [[], [1], [1, "a"]], [["a"], [1, 2]]),
    ({"type": "array", "prefixItems": [INTEGER, STRING], "items": False, "minItems": 2}, [[1, "a"]],
     [[], [1], [1, "a", 2]]),
    ({"type": "array", "prefixItems": [INTEGER], "items": STRING, "minItems": 2, "maxItems": 3},
     [[1, "a"], [1, "a", "b"]], [[1], [1, 2], [1, "a", "b", "c"]]),
    ({"type": "array", "prefixItems": [INTEGER], "minItems": 2}, [[1, "a"], [1, None]], [[1], ["a", 1]]),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "array", "items": [INTEGER, STRING],
      "additionalItems": {"type": "null"}}, [[], [1, "a"], [1, "a", None]], [["a"], [1, "a", 2]]),
    ({"anyOf": [STRING, INTEGER]}, ["a", 1], [None, 1.5]),
    ({"anyOf": [obj({"a": INTEGER}), obj({"b": STRING})]}, [{"a": 1}, {"b": "x"}], [{"a": "x"}, {"b": 1}, {}]),
    ({"type": "object", "properties": {"t": STRING}, "required": ["t"],
      "anyOf": [{"properties": {"a": INTEGER}, "required": ["a"]}, {"properties": {"b": INTEGER}, "required": ["b"]}]},
     [{"t": "x", "a": 1}, {"t": "x", "b": 1}], [{"t": "x"}, {"a": 1}, {"t": 1, "a": 1}]),
    ({"oneOf": [STRING, {"type": "null"}]}, ["a", None], [1]),
    (SHAPES, [{"kind": "circle", "r": 1.5}, {"kind": "square", "side": 2}],
     [{"kind": "circle", "side": 2}, {"kind": "oval", "r": 1}, {}]),
    ({"oneOf": [obj({"a": INTEGER}, additionalProperties=False), obj({"b": INTEGER}, additionalProperties=False)]},
     [{"a": 1}, {"b": 1}], [{"a": 1, "b": 1}, {}]),
    ({"allOf": [obj({"a": INTEGER}), obj({"b": STRING})]}, [{"a": 1, "b": "x"}], [{"a": 1}, {"b": "x"}, {}]),
    ({"allOf": [{"type": ["integer", "string", "null"]}, {"type": ["number", "string"]}]}, [1, "a"], [None, 1.5]),
    ({"allOf": [{"type": "integer", "minimum": 3}, {"minimum": 5, "maximum": 9}, {"maximum": 12}]}, [5, 9], [4, 10, 3]),
    ({"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}]}, [2, 3], [1, 4]),
    ({"$defs": {"base": obj({"id": INTEGER})}, "allOf": [{"$ref": "#/$defs/base"}, obj({"name": STRING})]},
     [{"id": 1, "name": "x"}], [{"id": 1}, {"name": "x"}]),
    ({"allOf": [obj({"a": {"type": "integer", "minimum": 1}}), obj({"a": {"maximum": 3}})]}, [{"a": 1}, {"a": 3}],
     [{"a": 0}, {"a": 4}]),
    (NODE, [{"value": 1, "next": None}, {"value": 1, "next": {"value": 2, "next": None}}],
     [{"value": 1}, {"value": 1, "next": {"value": 2}}, {"value": 1, "next": 3}]),
    ({"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}, "required": ["kids"]},
     [{"kids": []}, {"kids": [{"kids": []}, {"kids": []}]}], [{}, {"kids": [1]}]),
    ({"definitions": {"a/b": INTEGER, "c~d": {"$ref": "#/definitions/a~1b"}}, "$ref": "#/definitions/c~0d"}, [1], ["x"]),
    ({"$defs": {"p": {"$ref": "#/$defs/q", "description": "an alias"}, "q": STRING},
      "type": "array", "items": {"$ref": "#/$defs/p"}}, [["a"]], [[1]]),
    (obj({"city": STRING, "unit": {"type": "string", "enum": ["C", "F"]}, "days": {"type": "integer", "minimum": 1,
          "maximum": 14}, "tags": {"type": "array", "items": STRING, "maxItems": 2}}, ["city", "unit"]),
     [{"city": "Z", "unit": "C"}, {"city": "Z", "unit": "F", "days": 14, "tags": ["a", "b"]}],
     [{"city": "Z"}, {"city": "Z", "unit": "K"}, {"city": "Z", "unit": "C", "days": 15}]),
    (obj({"a": obj({"b": obj({"c": {"type": "array", "items": obj({"d": {"type": "null"}})}})})}),
     [{"a": {"b": {"c": [{"d": None}]}}}], [{"a": {"b": {"c": [{"d": 1}]}}}, {"a": {"b": {}}}]),
]

# Schemas that are refused, and the sentence.
CANNOT = "this keyword is not supported: a grammar cannot say it"
REFUSED_SCHEMAS = [
    ('{', "the JSON schema is not JSON: line 1, column 1: string or '}' expected near end of file"),
    ({"not": {}}, "JSON schema, #/not: " + CANNOT),
    (obj({"a": {"if": {}}}), "JSON schema, #/properties/a/if: " + CANNOT),
    (obj({"a/b": {"items": {"anyOf": [{"type": "string"}, {"contains": {}}]}}}),
     "JSON schema, #/properties/a~1b/items/anyOf/1/contains: " + CANNOT),
    ({"type": "array", "uniqueItems": True}, "JSON schema, #/uniqueItems: a grammar cannot compare elements"),
    ({"type": "number", "multipleOf": 0.5}, "JSON schema, #/multipleOf: a grammar cannot divide"),
    ({"type": "number", "minimum": 0.5}, "JSON schema, #/minimum: bounds of a number must be whole: a grammar reads "
                                         "digits, and does not compute"),
    ({"type": "integer", "minimum": 5, "maximum": 4},
     "JSON schema, #: no number of at most 18 digits lies within the bounds"),
    ({"type": "integer", "minimum": 10 ** 18}, "JSON schema, #: no number of at most 18 digits lies within the bounds"),
    ({"type": "text"}, 'JSON schema, #/type: "text" is none of object, array, string, integer, number, boolean, null'),
    ({"type": "string", "format": "email"},
     'JSON schema, #/format: "email" is not supported; date, time, date-time, uuid and patterns are'),
    ({"type": "string", "pattern": "a", "minLength": 2},
     "JSON schema, #/pattern: of pattern, format and lengths a grammar can hold a string to one only"),
    ({"type": "string", "pattern": "(?=a)"},
     "JSON schema, #/pattern: the regular expression looks ahead or behind, which a grammar cannot"),
    ({"type": "string", "pattern": "(a)\\1"},
     "JSON schema, #/pattern: the regular expression has an escape that a grammar cannot follow (\\b, \\1, \\p ...)"),
    ({"type": "string", "pattern": "a{4,3}"},
     "JSON schema, #/pattern: the regular expression has a repetition that ends before it begins, or is too long"),
    ({"type": "string", "pattern": "a)"}, "JSON schema, #/pattern: the regular expression has a ) without ("),
    ({"type": "string", "pattern": "(^a)"},
     "JSON schema, #/pattern: the regular expression has ^ or $ inside of one of its outermost alternatives"),
    ({"type": "string", "minLength": 3, "maxLength": 2}, "JSON schema, #/minLength: 3 is more than maxLength, which is 2"),
    ({"type": "string", "maxLength": -1}, "JSON schema, #/maxLength: a whole number of at least 0 is expected"),
    ({"type": "string", "maxLength": 10 ** 7}, "JSON schema, #/maxLength: at most 100000 is supported"),
    ({"enum": []}, "JSON schema, #/enum: no value is left"),
    ({"type": "integer", "enum": ["a"]}, "JSON schema, #/enum: no value is left"),
    ({"enum": ["a", "b"], "minLength": 1},
     "JSON schema, #/minLength: not supported beside enum: leave out the values that it forbids"),
    ({"$ref": "#/$defs/x"}, 'JSON schema, #/$ref: there is nothing at "#/$defs/x"'),
    ({"$ref": "http://example.com/x"},
     'JSON schema, #/$ref: only places in this schema can be named, as in "#/$defs/name"'),
    ({"properties": {"a": False}, "required": ["a"]}, "JSON schema, #/properties/a: false allows no value"),
    ({"type": "object", "required": ["a"], "additionalProperties": False},
     'JSON schema, #/required: there is no property "a"'),
    (obj({"a": INTEGER}, [], minProperties=1), "JSON schema, #/minProperties: a grammar cannot count these properties"),
    ({"oneOf": [STRING, {"maxLength": 3}]},
     "JSON schema, #/oneOf: a value may fit alternatives 0 and 1 at once, which a grammar cannot forbid: give them "
     "different types or a required property with different values, or write anyOf"),
    ({"allOf": [obj({"a": INTEGER}, additionalProperties=False), obj({"b": INTEGER})]},
     "JSON schema, #/additionalProperties: it forbids properties that another part of the schema has"),
    ({"allOf": [{"pattern": "a"}, {"pattern": "b"}]},
     "JSON schema, #/pattern: two parts of the schema have it, and a grammar cannot say both"),
    ({"allOf": [{"$ref": "#"}]},
     "JSON schema, #: more than 1000 parts must hold together; one may need itself"),
    ({"anyOf": [{"$ref": "#"}, {"type": "string"}]},
     'the JSON schema as a grammar: the rule "root" is left recursive: it can call itself again before any text; put '
     'what it begins with first, or use * or +'),
    (obj({"a": {"$ref": "#"}}), 'the JSON schema as a grammar: the rule "root-1" never ends: each of its ways needs one '
                                'that never ends'),
    ([], "JSON schema, #: a schema is expected: an object, true or false"),
]


def is_valid(validator, text):
    try:
        return validator.is_valid(json.loads(text, parse_constant=lambda _: 1 / 0))
    except (ValueError, ZeroDivisionError, RecursionError):
        return False


def ascii_classes(schema):
    """ECMA-262's \\d, \\w and \\s are of ASCII; Python's need to be told, in every pattern."""
    if isinstance(schema, dict):
        return {k: "(?a:" + v + ")" if k == "pattern" else ascii_classes(v) for k, v in schema.items()}
    return [ascii_classes(x) for x in schema] if isinstance(schema, list) else schema


def judged_schemas():
    rng = random.Random(11)
    checker = jsonschema.FormatChecker()
    checker.checks("time")(lambda x: bool(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[-+]\d\d:\d\d)", x)))
    checker.checks("date-time")(
        lambda x: "T" in x and checker.conforms(x.split("T")[0], "date") and checker.conforms(x.split("T", 1)[1], "time"))
    out = []
    for schema, accept, others in SCHEMAS:
        kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
        validator = kind(ascii_classes(schema), format_checker=checker)
        good = set()
        for value in accept:
            assert validator.is_valid(value), (schema, value)
            good.add(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
            if not {"enum", "const"} & set(schema if isinstance(schema, dict) else ()):
                good.add(json.dumps(value, ensure_ascii=False))
        bad = {t for t in (json.dumps(v, ensure_ascii=False) for v in others) if not is_valid(validator, t)}
        near = set()
        for text in sorted(good | bad):
            for _ in range(12):
                near.add(change(rng, text, '"{}[]:,0159.-eax \\\n'))
        near = sorted(t for t in near if not is_valid(validator, t))
        rng.shuffle(near)
        out.append({"schema": schema, "accept": sorted(good), "refuse": sorted(bad | set(near[:12]))})
    return out


def write(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=True, indent=1)
        f.write("\n")


def main():
    folder = sys.argv[1]
    cases = written_grammars() + random_grammars(80)
    write(folder + "/gbnf.json", {"cases": cases, "errors": [{"grammar": g, "error": e} for g, e in REFUSED]})
    schemas = judged_schemas()
    errors = [{"schema": s if isinstance(s, str) else json.dumps(s), "error": e} for s, e in REFUSED_SCHEMAS]
    write(folder + "/schemas.json", {"cases": schemas, "errors": errors})
    print(len(cases), "grammars,", sum(len(c["accept"]) + len(c["refuse"]) for c in cases), "texts;",
          len(schemas), "schemas,", sum(len(c["accept"]) + len(c["refuse"]) for c in schemas), "texts")


if __name__ == "__main__":
    main()
