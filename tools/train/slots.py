"""Slots that the program makes: numbers, durations, clock times, days, units; each with what is said and what it means.

`said` is a list of words in which a number is a Number until the style (digits or words) is chosen by `write`.
"""

import random

ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen").split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
UNITS_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


def words(n, rng, hyphen=False):
    """A whole number as people say it."""
    if n < 0:
        return rng.choice(("minus ", "negative ")) + words(-n, rng, hyphen)
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (("-" if hyphen else " ") + ONES[n % 10] if n % 10 else "")
    if 1100 <= n < 10000 and n % 100 == 0 and n % 1000 and rng.random() < 0.4:
        return words(n // 100, rng, hyphen) + " hundred"
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if n >= size:
            head, rest = divmod(n, size)
            first = "a" if head == 1 and (size == 100 or rest == 0) and rng.random() < 0.4 else words(head, rng, hyphen)
            link = " and " if 0 < rest < 100 and rng.random() < 0.5 else " "
            return first + " " + name + (link + words(rest, rng, hyphen) if rest else "")


def plain(x):
    """A number as the answers write it."""
    return str(int(x)) if x == int(x) else repr(round(x, 6))


class Style:
    """How numbers are written in one sentence."""

    def __init__(self, rng, spoken):
        self.rng, self.spoken = rng, spoken
        self.digits = not spoken and rng.random() < 0.75
        self.hyphen = not spoken and rng.random() < 0.6
        self.commas = rng.random() < 0.3

    def number(self, x):
        rng = self.rng
        if self.digits:
            if x == int(x):
                return f"{int(x):,}" if self.commas else str(int(x))
            return plain(x)
        if x == int(x):
            return words(int(x), rng, self.hyphen)
        if x < 0:
            return rng.choice(("minus ", "negative ")) + self.number(-x)
        whole, _, fraction = plain(x).partition(".")
        if fraction == "5" and int(whole) and rng.random() < 0.4:
            return words(int(whole), rng, self.hyphen) + " and a half"
        if x == 0.5 and rng.random() < 0.3:
            return rng.choice(("half a", "a half", "half"))
        head = words(int(whole), rng, self.hyphen) + " " if int(whole) or rng.random() < 0.5 else ""
        return head + "point " + " ".join(rng.choice(("oh", "zero")) if d == "0" else ONES[int(d)] for d in fraction)


def small_int(rng):
    return rng.randint(1, 12)


def num(rng):
    r = rng.random()
    if r < 0.35:
        return rng.randint(1, 12)
    if r < 0.6:
        return rng.choice((10, 15, 20, 25, 30, 40, 45, 50, 60, 75, 80, 90, 100))
    return rng.randint(1, 100)


def integer(rng):
    r = rng.random()
    if r < 0.25:
        return rng.randint(2, 20)
    if r < 0.55:
        return rng.randint(10, 100)
    if r < 0.75:
        return rng.randint(100, 999)
    if r < 0.83:
        return rng.choice((100, 200, 250, 300, 400, 500, 600, 750, 1000, 1200, 1500, 2000, 5000, 10000, 100000, 1000000))
    if r < 0.95:
        return rng.randint(1000, 9999)
    return rng.choice((rng.randint(10000, 99999), rng.randint(100000, 999999), rng.randint(1, 999) * 1000,
                       rng.randint(1, 20) * 1000000))


def decimal(rng):
    r = rng.random()
    if r < 0.35:
        return rng.randint(0, 12) + 0.5
    if r < 0.8:
        return rng.randint(1, 199) / 10
    return rng.randint(1, 9999) / 100


def percent(rng):
    return rng.choice((5, 10, 15, 18, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90, 100)) if rng.random() < 0.5 else \
        rng.randint(1, 100)


def big(rng):
    return rng.randint(10, 999) * rng.choice((10, 50, 100)) if rng.random() < 0.5 else rng.randint(1000, 99999)


def tens(rng):
    return rng.randint(1, 20) * rng.choice((5, 10, 10, 25, 50, 100))


def deep(rng):
    return rng.randint(1, 99999) / 1000


def real(rng):
    r = rng.random()
    return num(rng) if r < 0.45 else integer(rng) if r < 0.7 else decimal(rng) if r < 0.97 else -rng.randint(1, 60)


NUMBERS = {"num": num, "small": small_int, "int": integer, "dec": decimal, "real": real, "pct": percent,
           "ten": lambda rng: rng.randint(1, 10), "big": big, "tens": tens, "deep": deep, "neg": lambda rng: -rng.randint(1, 100)}


def price(style):
    """ "12.50", "$12.50", "twelve fifty", "twelve pounds fifty", "twelve dollars and fifty cents"."""
    rng = style.rng
    whole = rng.randint(1, 30) if rng.random() < 0.6 else rng.randint(1, 300)
    cents = rng.choice((50, 50, 50, 99, 99, 25, 75, 20, 40, 60, 80, 95, 49, 0, 0, rng.randint(10, 99), rng.randint(1, 99)))
    value = plain(whole + cents / 100)
    if style.digits:
        said = f"{whole}.{cents:02d}" if cents or rng.random() < 0.3 else str(whole)
        return rng.choice(("", "", "", "$", "$", "£", "€")) + said, value
    head = words(whole, rng, style.hyphen)
    if not cents:
        return head + rng.choice((" dollars", " pounds", " euros", " quid", "")), value
    tail = words(cents, rng, style.hyphen)
    name, small = rng.choice((("dollar", "cents"), ("pound", "pence"), ("euro", "cents")))
    name += "" if whole == 1 or name == "pound" and rng.random() < 0.2 else "s"
    if cents < 10:
        return f"{head} {name} and {tail} {small}", value
    return rng.choice((f"{head} {tail}", f"{head} {tail}", f"{head} {tail}", f"{head} {name} {tail}", f"{head} {name} {tail}",
                       f"{head} {name} and {tail} {small}")), value


SHORT = {"second": ("s", "sec", "secs"), "minute": ("m", "min", "mins"), "hour": ("h", "hr", "hrs"), "day": ("d",),
         "week": ("wk", "wks")}


def term(n, unit):
    return plain(n) if unit == "second" else f"{plain(n)}*{UNITS_SECONDS[unit]}"


def count_for(unit, rng):
    if unit in ("second", "minute"):
        return rng.choice((5, 10, 15, 20, 30, 40, 45, 50, 90)) if rng.random() < 0.5 else rng.randint(1, 99)
    return rng.randint(1, 12) if unit == "hour" else rng.randint(1, 10)


def counted(n, unit, style):
    """ "five minutes", "an hour", "5 min", "5m"."""
    rng = style.rng
    if n == 1 and rng.random() < 0.6:
        return ("an " if unit == "hour" else "a ") + unit
    if style.digits and rng.random() < 0.25:
        short = rng.choice(SHORT[unit])
        return style.number(n) + ("" if rng.random() < 0.5 else " ") + short
    return style.number(n) + " " + unit + ("" if n == 1 else "s")


def simple_duration(style):
    rng = style.rng
    unit = rng.choices(("second", "minute", "hour", "day", "week"), (3, 12, 4, 0.7, 0.3))[0]
    n = count_for(unit, rng)
    return counted(n, unit, style), term(n, unit)


def duration(style):
    rng = style.rng
    r = rng.random()
    if r < 0.5:
        return simple_duration(style)
    if r < 0.72:
        big, less = rng.choice((("hour", "minute"), ("hour", "minute"), ("minute", "second"), ("minute", "second"),
                                ("hour", "second"), ("day", "hour"), ("week", "day")))
        a, b = count_for(big, rng), count_for(less, rng)
        if big == "minute":
            a = rng.randint(1, 30)
        if style.digits and rng.random() < 0.35 and (big, less) in (("hour", "minute"), ("minute", "second")):
            joint = rng.choice(("", " "))
            said = f"{a}{SHORT[big][0]}{joint}{b}" + rng.choice((SHORT[less][0], SHORT[less][1], ""))
            return said, term(a, big) + "+" + term(b, less)
        if rng.random() < 0.2 and b >= 10 and big in ("hour", "minute") and less != "second" or \
                (big, less) == ("minute", "second") and b >= 10 and rng.random() < 0.2:
            return counted(a, big, style) + " " + style.number(b), term(a, big) + "+" + term(b, less)
        return counted(a, big, style) + rng.choice((" and ", " ", ", ")) + counted(b, less, style), \
            term(a, big) + "+" + term(b, less)
    if r < 0.74:
        a, b, c = rng.randint(1, 5), count_for("minute", rng), count_for("second", rng)
        return f"{counted(a, 'hour', style)} {counted(b, 'minute', style)} {rng.choice(('', 'and '))}" \
               f"{counted(c, 'second', style)}", f"{term(a, 'hour')}+{term(b, 'minute')}+{term(c, 'second')}"
    unit = rng.choices(("minute", "hour", "day"), (3, 6, 0.5))[0]
    article = "an" if unit == "hour" else "a"
    kind = rng.choices(range(8), (4, 2, 2, 2, 2, 3, 1, 1))[0]
    if kind == 0:
        how = rng.choice((f"half {article} {unit}", f"half {article} {unit}", f"half {article} {unit}", f"a half {unit}",
                          f"half {unit}", f"1/2 {unit}" if style.digits else f"one half of {article} {unit}"))
        return how, f"0.5*{UNITS_SECONDS[unit]}"
    if kind == 1:
        return f"{article} {unit} and a half", f"1.5*{UNITS_SECONDS[unit]}"
    if kind in (2, 3):
        n = rng.randint(1, 9)
        how = f"{style.number(n)} and a half {unit}s"
        if style.digits and rng.random() < 0.6:
            how = f"{n}.5 {unit}s"
        elif not style.digits and rng.random() < 0.3:
            how = f"{style.number(n)} point five {unit}s"
        return how, f"{n}.5*{UNITS_SECONDS[unit]}"
    if kind == 4:
        return rng.choice((f"a quarter of {article} {unit}", f"quarter of {article} {unit}")), \
            f"0.25*{UNITS_SECONDS[unit]}"
    if kind == 5:
        return f"3/4 of {article} {unit}" if style.digits and rng.random() < 0.4 else \
            rng.choice((f"three quarters of {article} {unit}", f"three quarter {unit}s")), f"0.75*{UNITS_SECONDS[unit]}"
    if kind == 6:
        return rng.choice((f"a couple of {unit}s", f"a couple {unit}s")), f"2*{UNITS_SECONDS[unit]}"
    return rng.choice((f"one and a half {unit}s", f"1.5 {unit}s" if style.digits else f"one and a half {unit}s")), \
        f"1.5*{UNITS_SECONDS[unit]}"


# ---- amounts of things -------------------------------------------------------------------------------------

CONTAINERS = ("bottle", "can", "tin", "bag", "box", "pack", "packet", "jar", "carton", "bunch", "loaf", "roll", "tube", "case",
              "tub", "bar", "slice", "piece", "crate", "sack", "head", "stick", "tray", "pair", "set", "bucket", "stack", "sheet")
MEASURES = ("pound", "kilo", "gram", "ounce", "liter", "litre", "gallon", "pint", "cup", "dozen", "kilogram", "quart")


def amount(item, style):
    """An article, which is no part of what is put on a list, and an amount of the item, which is."""
    rng = style.rng
    r = rng.random()
    if r < 0.22:
        return "", f"{style.number(rng.choice((2, 2, 3, 4, 5, 6, 8, 10, 12, 20, rng.randint(2, 30))))} {item}"
    if r < 0.32:
        return rng.choice((("a ", f"dozen {item}"), ("", f"half a dozen {item}"), ("", f"two dozen {item}"),
                           ("a ", f"couple of {item}"), ("a ", f"few {item}")))
    name = rng.choice(CONTAINERS) if rng.random() < 0.6 else rng.choice(MEASURES)
    plural = "loaves" if name == "loaf" else name + ("es" if name == "box" else "" if name == "dozen" else "s")
    r = rng.random()
    if r < 0.4:
        return "an " if name == "ounce" else "a ", f"{name} of {item}"
    if r < 0.48 and name in MEASURES:
        return "", f"half a {name} of {item}"
    n = rng.choice((2, 2, 3, 3, 4, 5, 6, 10)) if name != "gram" else rng.choice((100, 200, 250, 300, 500, 750))
    return "", f"{style.number(n)} {plural} of {item}"


# ---- clock times -------------------------------------------------------------------------------------------

def hhmm(hour, minute, half):
    """half: "am", "pm", "24" (as said) or "" (not known)."""
    if half == "":
        return f"{hour}:{minute:02d}?"
    if half == "am":
        hour %= 12
    elif half == "pm":
        hour = hour % 12 + 12
    return f"{hour:02d}:{minute:02d}"


def clock(style):
    rng = style.rng
    r = rng.random()
    if r < 0.05:
        return rng.choice((("noon", "12:00"), ("midday", "12:00"), ("midnight", "00:00"), ("twelve noon", "12:00")))
    minute = 0 if rng.random() < 0.45 else rng.choice((15, 30, 45, 30, 45, 10, 20, 40, 50, 50, 5, 55)) \
        if rng.random() < 0.75 else rng.randint(1, 59)
    if r < 0.11 and (style.digits or minute):  # 24 hours
        hour = rng.randint(13, 23)
        if style.digits:
            return rng.choice((f"{hour}:{minute:02d}", f"{hour}:{minute:02d}", f"{hour}h{minute:02d}",
                               f"{hour}{minute:02d}")), hhmm(hour, minute, "24")
        return f"{words(hour, rng)} {words(minute, rng) if minute > 9 else 'oh ' + ONES[minute]}", \
            hhmm(hour, minute, "24")
    hour = rng.randint(1, 12)
    half = rng.choice(("am", "pm", "pm", "", ""))
    base = clock_words(hour, minute, style)
    return base + half_words(hour, half, rng), hhmm(hour, minute, half)


def half_words(hour, half, rng):
    if half == "":
        return ""
    if half == "am":
        return rng.choice((" am", " am", " a.m.", " in the morning", "am"))
    said = [" pm", " pm", " p.m.", "pm"]
    if hour == 12 or hour < 6:
        said += [" in the afternoon"] * 2
    if 5 <= hour < 12:
        said += [" in the evening"] * 2
    if 8 <= hour < 12:
        said += [" at night"]
    return rng.choice(said)


def clock_words(hour, minute, style):
    rng = style.rng
    if minute and rng.random() < (0.65 if minute > 30 and minute % 5 == 0 else 0.45):
        name = style.number(hour) if style.digits and rng.random() < 0.5 else ONES[hour]
        after = style.number(hour % 12 + 1) if style.digits and rng.random() < 0.5 else ONES[hour % 12 + 1]
        if minute == 30:
            return rng.choice(("half past ", "half past ", "half ")) + name
        if minute == 15:
            return rng.choice(("quarter past ", "a quarter past ", "quarter after ")) + name
        if minute == 45:
            return rng.choice(("quarter to ", "a quarter to ", "quarter of ", "quarter til ")) + after
        if minute % 5 == 0 or rng.random() < 0.4:
            if minute < 30:
                return f"{style.number(minute)}{rng.choice((' minutes', ''))} {rng.choice(('past', 'after'))} {name}"
            return f"{style.number(60 - minute)}{rng.choice((' minutes', ''))} {rng.choice(('to', 'to', 'till', 'before'))} {after}"
    if style.digits:
        if minute == 0 and rng.random() < 0.7:
            return str(hour) + ("" if rng.random() < 0.8 else " o'clock")
        return f"{hour}:{minute:02d}" if rng.random() < 0.9 else f"{hour}.{minute:02d}"
    if minute == 0:
        return ONES[hour] + rng.choice(("", "", " o'clock", " o'clock"))
    return f"{ONES[hour]} {words(minute, rng, style.hyphen) if minute > 9 else 'oh ' + ONES[minute]}"


WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
PARTS = {"morning": "09:00", "afternoon": "15:00", "evening": "19:00", "night": "19:00"}


def day(style):
    rng = style.rng
    if rng.random() < 0.4:
        return "tomorrow", "tomorrow"
    name = rng.choice(WEEKDAYS)
    said = name.capitalize() if not style.spoken and rng.random() < 0.5 else name
    return rng.choice(("", "", "next ", "this ", "on ")) + said, name


def clock_day(style):
    rng = style.rng
    said, value = day(style)
    r = rng.random()
    if r < 0.3:
        part = rng.choice(("morning", "afternoon", "evening", "night"))
        return f"{said} {part}", f"{value} {PARTS[part]}"
    if r < 0.36:
        part = rng.choice(("this afternoon", "this evening", "tonight", "this morning"))
        return part, PARTS[{"tonight": "night"}.get(part, part.split()[-1])]
    if r < 0.5:  # a part of the day settles the half
        part = rng.choice(("morning", "afternoon", "evening"))
        hour = {"morning": rng.randint(5, 11), "afternoon": rng.randint(1, 5), "evening": rng.randint(5, 11)}[part]
        minute = rng.choice((0, 0, 0, 15, 30, 45))
        time = clock_words(hour, minute, style)
        half = "am" if part == "morning" else "pm"
        if rng.random() < 0.4:
            now = "tonight" if part == "evening" else "this " + part
            return rng.choice((f"{now} at {time}", f"at {time} {now}")), hhmm(hour, minute, half)
        return rng.choice((f"{said} {part} at {time}", f"at {time} {said} {part}")), f"{value} {hhmm(hour, minute, half)}"
    time, at = clock(style)
    bare = said.removeprefix("on ")
    order = rng.random()
    if order < 0.5:
        return f"{said} at {time}", f"{value} {at}"
    if order < 0.85:
        return f"at {time} {said}" if value == "tomorrow" else f"at {time} on {bare.removeprefix('next ').removeprefix('this ')}", \
            f"{value} {at}"
    return f"{bare} {time}", f"{value} {at}"


def days(style):
    rng = style.rng
    r = rng.random()
    if r < 0.2:
        return rng.choice((("tomorrow", "1"), ("yesterday", "-1"), ("the day after tomorrow", "2"),
                           ("the day before yesterday", "-2"), ("today", "0")))
    n, ago = rng.randint(1, 60) if rng.random() < 0.5 else rng.randint(1, 10), rng.random() < 0.35
    unit, factor = rng.choice((("day", ""), ("day", ""), ("week", "*7")))
    if unit == "week":
        n = rng.randint(1, 12)
    amount = f"{style.number(n)} {unit}{'' if n == 1 else 's'}"
    if n == 1 and rng.random() < 0.5:
        amount = "a " + unit
    if ago:
        return rng.choice((f"{amount} ago", f"{amount} before today", f"{amount} back")), f"-{n}{factor}"
    return rng.choice((f"in {amount}", f"{amount} from now", f"{amount} from today", f"in {amount}", f"{amount} later")), \
        f"{n}{factor}"


# ---- units -------------------------------------------------------------------------------------------------

# name: (singulars, plurals, abbreviations)
UNITS = {
    "length": {
        "millimeter": (["millimeter", "millimetre"], None, ["mm"]), "centimeter": (["centimeter", "centimetre"], None, ["cm"]),
        "meter": (["meter", "metre"], None, ["m"]), "kilometer": (["kilometer", "kilometre"], ["kilometers", "kilometres", "kilometers", "kilometres", "klicks", "k's"], ["km", "kms"]),
        "inch": (["inch"], ["inches"], ["in"]), "foot": (["foot"], ["feet", "feet", "foot"], ["ft"]), "yard": (["yard"], None, ["yd", "yds"]),
        "mile": (["mile"], None, ["mi"]), "nautical_mile": (["nautical mile"], None, ["nmi"])},
    "mass": {
        "milligram": (["milligram"], None, ["mg"]), "gram": (["gram", "gramme"], None, ["g"]),
        "kilogram": (["kilogram", "kilo"], None, ["kg", "kgs"]), "tonne": (["tonne", "ton", "metric ton"], None, ["t"]),
        "ounce": (["ounce"], None, ["oz"]), "pound": (["pound"], None, ["lb", "lbs"]), "stone": (["stone"], ["stone", "stones"], ["st"])},
    "volume": {
        "milliliter": (["milliliter", "millilitre", "mil"], None, ["ml", "ml", "mL"]), "centiliter": (["centiliter", "centilitre"], None, ["cl"]),
        "liter": (["liter", "litre"], None, ["l", "l", "L"]), "cubic_meter": (["cubic meter", "cubic metre"], None, ["m3"]),
        "teaspoon": (["teaspoon"], None, ["tsp"]), "tablespoon": (["tablespoon"], None, ["tbsp"]), "cup": (["cup"], None, []),
        "pint": (["pint"], None, ["pt"]), "quart": (["quart"], None, ["qt"]), "gallon": (["gallon"], None, ["gal"]),
        "fluid_ounce": (["fluid ounce"], None, ["fl oz"])},
    "temperature": {
        "celsius": (["celsius", "degrees celsius", "degree celsius", "centigrade", "degrees c"], ["celsius", "degrees celsius", "centigrade", "degrees c"], ["c", "°c", "C", "C", "°C"]),
        "fahrenheit": (["fahrenheit", "degrees fahrenheit", "degree fahrenheit", "degrees f"], ["fahrenheit", "degrees fahrenheit", "degrees f"], ["f", "°f", "F", "F", "°F"]),
        "kelvin": (["kelvin"], ["kelvin", "kelvins", "degrees kelvin"], ["k", "K"])},
    "speed": {
        "meter_per_second": (["meter per second", "metre per second"], ["meters per second", "metres per second", "meters a second"], ["m/s"]),
        "kilometer_per_hour": (["kilometer per hour", "kilometre per hour"], ["kilometers per hour", "kilometres per hour", "kilometers an hour", "kilometres an hour"], ["km/h", "kph", "kmh"]),
        "mile_per_hour": (["mile per hour", "mile an hour"], ["miles per hour", "miles an hour", "m p h"], ["mph"]),
        "knot": (["knot"], None, ["kn", "kt"])},
    "area": {
        "square_meter": (["square meter", "square metre"], None, ["m2", "sqm", "sq m"]), "square_kilometer": (["square kilometer", "square kilometre"], None, ["km2"]),
        "square_centimeter": (["square centimeter", "square centimetre"], None, ["cm2"]), "hectare": (["hectare"], None, ["ha"]),
        "acre": (["acre"], None, []), "square_foot": (["square foot"], ["square feet", "square feet", "square foot"], ["sq ft", "sqft"]),
        "square_mile": (["square mile"], None, ["sq mi"])},
    "time": {
        "millisecond": (["millisecond"], None, ["ms"]), "second": (["second"], None, ["s", "sec"]), "minute": (["minute"], None, ["min"]),
        "hour": (["hour"], None, ["h", "hr"]), "day": (["day"], None, []), "week": (["week"], None, []), "month": (["month"], None, []),
        "year": (["year"], None, ["yr"])},
    "data": {
        "bit": (["bit"], None, []), "byte": (["byte"], None, []), "kilobyte": (["kilobyte"], None, ["kb"]),
        "megabyte": (["megabyte", "meg"], None, ["mb", "MB"]), "gigabyte": (["gigabyte", "gig"], None, ["gb", "GB"]),
        "terabyte": (["terabyte"], None, ["tb", "TB"]), "kibibyte": (["kibibyte"], None, ["kib"]), "mebibyte": (["mebibyte"], None, ["mib"]),
        "gibibyte": (["gibibyte"], None, ["gib"])},
}
ABBREVIATIONS = {a for kind in UNITS.values() for _, _, short in kind.values() for a in short}
COMMON = {"mile", "kilometer", "meter", "foot", "inch", "centimeter", "pound", "kilogram", "ounce", "gram", "cup", "liter",
          "milliliter", "tablespoon", "teaspoon", "celsius", "fahrenheit", "mile_per_hour", "kilometer_per_hour", "gallon",
          "acre", "hectare", "megabyte", "gigabyte", "hour", "minute", "day", "square_foot", "square_meter"}


def unit(kind, plural, style, taken):
    rng = style.rng
    names = [n for n in UNITS[kind] if n not in taken]
    name = rng.choices(names, [3 if n in COMMON else 1 for n in names])[0]
    singular, plurals, short = UNITS[kind][name]
    if short and not style.spoken and rng.random() < (0.4 if style.digits else 0.1):
        return rng.choice(short), name
    if plural:
        return rng.choice(plurals or [s + "s" for s in singular]), name
    return rng.choice(singular), name
