#!/usr/bin/env python3
"""Writes tests/tools/*.txt: what calculator, units and spoken numbers must give.

    make_fixtures.py            (needs pint, from PyPI)

Sums are drawn as trees and worked out there in 60 decimal digits before they are written as text, so nothing here
reads an expression; those of tests/starter are worked out by tools/train/evaluate.py. Units are pint's, which has its
own table; where its unit of that name is another one, UNLIKE says so.
"""

import ast
import decimal
import json
import math
import pathlib
import random
import re
import sys

import pint

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests" / "tools"
sys.path.insert(0, str(ROOT / "tools" / "train"))
import slots  # noqa: E402

D = decimal.Decimal
decimal.getcontext().prec = 60
rng = random.Random(20261126)


# ---- sums ------------------------------------------------------------------------------------------------------------

def written(x):
    """A number, as people write it."""
    text = format(x, "f")
    if x == x.to_integral_value() and x >= 1000 and rng.random() < 0.3:
        text = f"{int(x):,}"
    return text


def leaf():
    kind = rng.random()
    x = D(rng.randint(0, 12)) if kind < 0.4 else D(rng.randint(0, 99999)) if kind < 0.6 else D(rng.randint(0, 9999)) / 100
    return x, written(x), 9


SIGNS = {"+": ("+", " + ", " plus "), "-": ("-", " - ", "−", " minus "), "*": ("*", " * ", "×", " x ", "·", " times "),
         "/": ("/", " / ", "÷"), "^": ("^", "**", " ^ "), "mod": (" mod ",)}


def closed(node, level):
    """In parentheses where the sign beside it binds more tightly, and sometimes elsewhere."""
    _, text, own = node
    return f"({text})" if own < level or rng.random() < 0.1 else text


def tree(depth):
    """(value, text, level): level 1 sums, 2 products, 3 signs, 4 powers, 9 what needs no parentheses."""
    if depth == 0 or rng.random() < 0.15:
        return leaf()
    kind = rng.choice(("+", "-", "*", "/", "+", "-", "*", "/", "^", "neg", "sqrt", "square", "percent", "of", "mod"))
    a = tree(depth - 1)
    if kind == "neg":
        return -a[0], "-" + closed(a, 4), 3
    if kind == "sqrt":
        if a[0] < 0:
            return a
        return a[0].sqrt(), rng.choice(("sqrt(", "√(", "sqrt (")) + a[1] + ")", 9
    if kind == "square":
        return a[0] * a[0], closed(a, 9) + "²", 9
    if kind == "percent":
        p, sign = leaf(), rng.choice("+-")
        return a[0] + (a[0] * p[0] / 100) * (1 if sign == "+" else -1), f"{closed(a, 1)}{sign}{p[1]}%", 1
    if kind == "of":
        p = leaf()
        return p[0] / 100 * a[0], f"{p[1]}%{rng.choice((' of ', '*'))}{closed(a, 3)}", 2
    b = tree(depth - 1)
    if kind == "^":
        b = leaf()
        if b[0] > 12 or (a[0] == 0 and b[0] == 0) or a[0] < 0 and b[0] != int(b[0]):
            return a
        return a[0] ** b[0], closed(a, 9) + rng.choice(SIGNS["^"]) + closed(b, 9), 4
    if kind == "mod":
        a, b = (D(rng.randint(-999, 999)),) * 3, (D(rng.randint(1, 99)),) * 3
        return a[0] - b[0] * (a[0] / b[0]).to_integral_value(decimal.ROUND_FLOOR), f"({int(a[0])}) mod {int(b[0])}", 2
    sign = rng.choice(SIGNS[kind])
    if kind in "+-":
        right = closed(b, 2)
        if b[2] == 1 and not right.startswith("("):
            right = f"({b[1]})"
        return (a[0] + b[0] if kind == "+" else a[0] - b[0]), closed(a, 1) + sign + right, 1
    if kind == "/" and b[0] == 0:
        return a
    return (a[0] * b[0] if kind == "*" else a[0] / b[0]), closed(a, 2) + sign + closed(b, 3), 2


def largest(node_value, text):
    """Whether the result is not what is left of much larger numbers, where a double keeps few digits."""
    numbers = [float(n.replace(",", "")) for n in re.findall(r"[\d.,]*\d", text)]
    return abs(node_value) > 1e-9 * max(numbers + [1]) or node_value == 0


def evaluator():
    """value() of tools/train/evaluate.py, without what that file needs for its models."""
    source = (ROOT / "tools/train/evaluate.py").read_text()
    function = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == "value")
    names = {"re": re, "math": math}
    exec(ast.unparse(function), names)
    return names["value"]


def sums():
    rows, value = {}, evaluator()
    for f in sorted((ROOT / "tests/starter").glob("*.jsonl")):
        for text in re.findall(r'expression=\\"(.*?)\\"', f.read_text()):
            rows[text] = D(value(text))
    while len(rows) < 1200:
        x, text, _ = tree(rng.randint(1, 4))
        if len(text) < 120 and abs(x) < D("1e60") and largest(x, text):
            rows[text] = x
    return [f"{text}\t{x:.20g}" for text, x in rows.items()]


# ---- calls -----------------------------------------------------------------------------------------------------------

def calls():
    """Every call that tests/starter expects of the small model, its sums worked out as the model's reader does."""
    rows, value = {}, evaluator()
    for f in sorted((ROOT / "tests/starter").glob("*.jsonl")):
        for line in f.read_text().splitlines():
            for turn in json.loads(line)["turns"]:
                expected = turn["expect"] if isinstance(turn["expect"], list) else [turn["expect"]]
                for text in (e for e in expected if e.startswith("[")):
                    for call in ast.parse(re.sub(r"\bfrom=", "from_=", text), mode="eval").body.elts:
                        given = {k.arg.rstrip("_"): k.value.value if isinstance(getattr(k.value, "value", None), str)
                                 else value(ast.unparse(k.value)) for k in call.keywords}
                        rows[f"{call.func.id}\t{json.dumps(given)}"] = True
    return list(rows)


# ---- numbers ---------------------------------------------------------------------------------------------------------

def said(x, digits, aloud):
    """The number as the comment on sotto_say_number has it."""
    sign, d = ("minus " if aloud else "-") if x < 0 else "", abs(D(x))
    if d == d.to_integral_value() and d <= 2**53:
        return sign + str(int(d))
    power = d.adjusted()
    step = D(10) ** (power - digits + 1)
    rounded = (d / step).to_integral_value(decimal.ROUND_HALF_EVEN) * step
    power = rounded.adjusted()
    if digits <= power < 15:
        rounded = d.to_integral_value(decimal.ROUND_HALF_EVEN)
    if -9 <= power < 15:
        text = format(rounded, "f")
        return sign + (text.rstrip("0").rstrip(".") if "." in text else text)
    mantissa = format(rounded.scaleb(-power).normalize(), "f")
    return sign + mantissa + (f" times 10 to the power of {'minus ' if power < 0 else ''}{abs(power)}" if aloud
                              else f"e{power}")


def numbers():
    values = [0.1 + 0.2, 1 / 3, 2 / 3, 1e15, 1e16, 2.0**53, 2.0**53 + 2, 1e-9, 9.99e-10, 123456789.123456789, 0.5, -0.25,
              999999.9999999, 99999.5, 0.099999999999999, 1234567.891, 5e-324, 1.7976931348623157e308, -1e-7]
    for _ in range(300):
        values.append(rng.choice((1, -1)) * rng.random() * 10.0 ** rng.randint(-14, 20))
    for _ in range(50):
        values.append(rng.randint(-10**9, 10**9) / 100)
    rows = []
    for x in values:
        digits = rng.choice((4, 6, 12))
        rows.append(f"{x!r}\t{digits}\t{said(x, digits, False)}\t{said(x, digits, True)}")
    return rows


# ---- units -----------------------------------------------------------------------------------------------------------

MORE = {
    "length": {"nanometer": ["nm"], "micrometer": ["µm"], "decimeter": ["dm"], "light_year": ["light years"]},
    "mass": {"microgram": ["µg", "mcg"], "short_ton": ["short tons", "US tons"], "long_ton": ["long tons"]},
    "volume": {"deciliter": ["dl", "decilitres"], "imperial_pint": ["imperial pints", "UK pint"],
               "imperial_gallon": ["imperial gallons"], "imperial_quart": ["imperial quart"],
               "imperial_fluid_ounce": ["imperial fluid ounces"], "cubic_inch": ["cubic inches", "in³"],
               "cubic_foot": ["cu ft", "ft^3", "cubic feet"], "barrel": ["barrels"]},
    "speed": {"foot_per_second": ["feet per second", "ft/s"]},
    "area": {"square_millimeter": ["mm²"], "square_inch": ["sq in", "square inches"], "square_yard": ["sq yd"]},
    "time": {"microsecond": ["µs"], "decade": ["decades"], "century": ["centuries"]},
    "data": {"kilobit": ["kbit"], "megabit": ["megabits"], "gigabit": ["Gbit"], "petabyte": ["PB"], "tebibyte": ["TiB"]},
}
UNLIKE = {"tonne": "metric_ton", "year": "gregorian_year", "month": "gregorian_year/12", "decade": "10*gregorian_year",
          "century": "100*gregorian_year", "acre": "4840*yard**2", "celsius": "degC", "fahrenheit": "degF",
          "barrel": "42*gallon", "pint": "gallon/8", "quart": "gallon/4", "cup": "gallon/16", "stone": "14*pound"}


def pint_name(name):
    if name in UNLIKE:
        return UNLIKE[name]
    name = re.sub(r"^square_(\w+)$", r"\1**2", name)
    name = re.sub(r"^cubic_(\w+)$", r"\1**3", name)
    return name.replace("_per_", "/")


def forms(kind, name):
    """The ways of writing a unit that tools/train and MORE have."""
    if name not in slots.UNITS[kind]:
        return MORE[kind][name] + [name]
    singular, plural, short = slots.UNITS[kind][name]
    return singular + (plural or [s + "s" for s in singular]) + short + [name]


def units():
    registry = pint.UnitRegistry(non_int_type=D)
    rows = []
    for kind in slots.UNITS:
        names = list(slots.UNITS[kind]) + list(MORE.get(kind, {}))
        for a in names:
            for b in names:
                value = D(rng.choice((1, 5, 12, 100, 350, rng.randint(1, 9999)))) / rng.choice((1, 1, 10))
                quantity = registry.Quantity(value, registry.parse_units(pint_name(a))) if kind == "temperature" else \
                    value * registry.parse_expression(pint_name(a))
                target = registry.parse_units(pint_name(b)) if kind == "temperature" else None
                x = quantity.to(target).magnitude if target else \
                    (quantity / registry.parse_expression(pint_name(b))).to("dimensionless").magnitude
                for form in rng.sample(forms(kind, a), min(3, len(forms(kind, a)))):
                    rows.append(f"{value}\t{form}\t{rng.choice(forms(kind, b))}\t{b}\t{D(x):.20g}")
    return rows


HEAD = "# Written by tools/toolbox-fixtures/make_fixtures.py: "
for name, rows, what in (("calculate", sums(), "expression, value"),
                         ("calls", calls(), "tool, arguments"),
                         ("numbers", numbers(), "number, digits, as written, as said"),
                         ("units", units(), "value, from, to, name of that unit, value")):
    (OUT / f"{name}.txt").write_text(f"{HEAD}{what}\n" + "\n".join(rows) + "\n")
    print(f"tests/tools/{name}.txt: {len(rows)} cases")
