"""Numbers in a text: digits and number words, with unit, label and date, each with its place.

A spoken number can be read in more ways than one ("one fifty" is 150, or 1 and 50), so a quantity
holds every reading; a draft's number is supported if a reading of the source equals it.
"""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from medtune.clinical.units import ucum

ONES = {w: i for i, w in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen".split())}  # fmt: skip
TENS = {w: 10 * i for i, w in enumerate(
    "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}  # fmt: skip
ORDINALS = {w: i for i, w in enumerate(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth".split(), start=1)}  # fmt: skip
ORDINALS |= {"twentieth": 20, "thirtieth": 30}
SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
VAGUE = {"couple": 2, "dozen": 12, "half": Fraction(1, 2), "once": 1, "twice": 2, "single": 1}
WORDS: Mapping[str, int | Fraction] = {**ONES, **TENS, **ORDINALS, **SCALES, **VAGUE}
FIGURE = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
MIXED = re.compile(r"(?<![\w/.-])(\d+)[- ](\d)/(\d)(?![\d/])")
NUMBER = re.compile(
    rf"(?<![\w.])(?<![A-Za-z]-)(?<![A-Za-z]\d-)(?<!\d:)(?P<first>{FIGURE})"
    rf"(?:\s*/\s*(?P<second>\d+(?:\.\d+)?))?(?!\d|st\b|nd\b|rd\b|th\b|:\d\d|\s?'?s\b)",
    re.IGNORECASE,
)
WORD_RUN = re.compile(
    r"(?<![\w-])(?:" + "|".join(sorted(WORDS, key=len, reverse=True)) + r")"
    r"(?:(?:[\s-]+(?:and[\s-]+)?(?:a[\s-]+)?)(?:"
    + "|".join(sorted(WORDS, key=len, reverse=True)) + r"))*(?![\w])",
    re.IGNORECASE,
)  # fmt: skip
POINT = re.compile(r"\bpoint\s+$", re.IGNORECASE)
UNIT = re.compile(
    r"[\s-]*(?P<unit>(?:milli|micro|nano)?grams? per (?:deci|milli)?liter|mcg/[dm]l|mg/dl|g/dl|mmol/l|meq/l|u/l|mm\s?hg|mg/kg|ml/hr|k/ul|/mm3|/min"
    r"|milligrams?|micrograms?|grams?|kilograms?|milliliters?|liters?|millimeters?|centimeters?"
    r"|mcg|mg|kg|kgs|gm|ml|cc|meq|mmol|units?|iu|mm|cm|percent|%|°\s?[cf]|degrees?(?:\s[cf])?"
    r"|inch(?:es)?|feet|foot|ft|pounds?|lbs?|ounces?|oz|beats per minute|breaths per minute|bpm"
    r"|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|yrs?|g|l)\b(?!\w)",
    re.IGNORECASE,
)
LABELS: Mapping[str, tuple[str, ...]] = {
    "blood pressure": ("blood pressure", "bp"),
    "heart rate": ("heart rate", "pulse", "hr"),
    "respiratory rate": ("respiratory rate", "respirations", "rr", "breathing rate"),
    "temperature": ("temperature", "temp", "fever of"),
    "oxygen saturation": ("oxygen saturation", "o2 sat", "spo2", "saturation", "sats", "pulse ox"),
    "weight": ("weight", "weighs", "weighed"),
    "height": ("height",),
    "bmi": ("bmi", "body mass index"),
    "hemoglobin a1c": ("hemoglobin a1c", "a1c", "hba1c"),
    "hemoglobin": ("hemoglobin", "hgb"),
    "glucose": ("glucose", "blood sugar", "blood sugars", "sugars"),
    "creatinine": ("creatinine",),
    "potassium": ("potassium", "k+"),
    "sodium": ("sodium", "na+"),
    "white blood cells": ("white blood cell", "white blood cells", "wbc", "white count"),
    "platelets": ("platelets", "platelet count"),
    "cholesterol": ("cholesterol", "ldl", "hdl"),
    "inr": ("inr",),
    "ejection fraction": ("ejection fraction", "ef"),
    "pain score": ("pain score", "out of 10", "out of ten", "/10"),
    "age": ("years old", "year old", "year-old", "years of age"),
}
"""What a number measures, by the words beside it."""
LABEL_OF = {phrase: name for name, phrases in LABELS.items() for phrase in phrases}
LABEL = re.compile(
    r"(?<![\w])(?:" + "|".join(re.escape(p) for p in sorted(LABEL_OF, key=len, reverse=True))
    + r")(?![\w])",
    re.IGNORECASE,
)  # fmt: skip
MONTHS = {m: i for i, m in enumerate(
    "january february march april may june july august september october november december".split(),
    start=1)}  # fmt: skip
MONTHS |= {m[:3]: i for m, i in MONTHS.items() if m != "may"}
MONTH = re.compile(
    r"\b(?P<month>" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\b\.?(?:\s+(?:of\s+)?"
    r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\b)?(?:,?\s+(?:of\s+)?(?P<year>(?:19|20)\d\d)\b)?",
    re.IGNORECASE,
)
NUMERIC_DATE = re.compile(
    r"(?<![\d/])(?:(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{2,4})|(?P<Y>\d{4})-(?P<M>\d\d)-(?P<D>\d\d))"
    r"(?![\d/])|(?<![\d/])(?P<m2>0?[1-9]|1[0-2])/(?P<y2>(?:19|20)\d\d)(?![\d/])"
)
LONGEST_WORDS = 6
AGE_AFTER = re.compile(r"[\s-]*(?:years?|y)[\s/-]*(?:old|of age|o)\b", re.IGNORECASE)
SCORE_AFTER = re.compile(r"\s*(?:/|out of)\s*(?:10|ten)\b", re.IGNORECASE)
PAIRED = re.compile(r"\d+(?:\.\d+)?\s*(?:over|/|to|-)\s*$", re.IGNORECASE)
"""The first of two numbers of one measure, as in "132 over 84"."""
NEAR = 40
"""Characters between a number and the word that says what it measures."""


class Quantity(NamedTuple):
    """A number in a text."""

    start: int
    end: int
    readings: frozenset[Fraction]
    unit: str
    """UCUM code, or empty."""
    label: str
    """What it measures, where a known word stands beside it; else empty."""
    decimals: int


class When(NamedTuple):
    """A date, as far as it is given: year, month, day, each 0 if not stated."""

    start: int
    end: int
    year: int
    month: int
    day: int


def dates(text: str) -> list[When]:
    """The calendar dates of a text, in words or digits. A US order of month and day is taken."""
    found: list[When] = []
    for m in NUMERIC_DATE.finditer(text):
        if m["m2"]:
            found.append(When(m.start(), m.end(), int(m["y2"]), int(m["m2"]), 0))
        elif m["Y"]:
            found.append(When(m.start(), m.end(), int(m["Y"]), int(m["M"]), int(m["D"])))
        else:
            year = int(m["y"])
            full = year if year > 99 else 2000 + year if year < 50 else 1900 + year  # noqa: PLR2004
            found.append(When(m.start(), m.end(), full, int(m["m"]), int(m["d"])))
    for m in MONTH.finditer(text):
        if m["month"].lower() in ("may", "mar", "march") and not (m["day"] or m["year"]):
            continue
        end, day, year = m.end(), int(m["day"] or 0), int(m["year"] or 0)
        if not (day or year):
            end, day, year = _spoken_day(text, m.end())
        found.append(When(m.start(), end, year, MONTHS[m["month"].lower()], day))
    return sorted(found)


def _spoken_day(text: str, place: int) -> tuple[int, int, int]:
    """Day and year in words after a month, such as "tenth two thousand nine"."""
    gap = re.compile(r"(?:\s+of)?\s+").match(text, place)
    run = WORD_RUN.match(text, gap.end()) if gap else None
    if run is None:
        return place, 0, 0
    words = [word for word in re.findall(r"[a-z]+", run[0].lower()) if word in WORDS]
    n_day = 2 if len(words) > 1 and words[0] in TENS and words[1] in (ONES | ORDINALS) else 1
    day = sum(int(WORDS[w]) for w in words[:n_day])
    if day > 31 or words[0] in SCALES or words[1:2] == ["thousand"]:  # noqa: PLR2004
        n_day, day = 0, 0
    year = next((int(r) for r in _spoken(words[n_day:]) if 1900 <= r <= 2100), 0)  # noqa: PLR2004
    return run.end(), day, year


def quantities(text: str) -> list[Quantity]:
    """The numbers of a text that are no part of a date, in order."""
    taken = [(when.start, when.end) for when in dates(text)]
    found = [
        one
        for one in (*_digits(text), *_in_words(text))
        if not any(start <= one.start < end for start, end in taken)
    ]
    return sorted(found)


def _digits(text: str) -> Iterator[Quantity]:
    mixed = list(MIXED.finditer(text))
    for match in mixed:
        whole, above, below = (int(part) for part in match.groups())
        unit, end = _unit(text, match.end())
        label = _label(text, match.start(), match.end(), end)
        value = whole + Fraction(above, below or 1)
        yield Quantity(match.start(), match.end(), frozenset({value}), unit, label, 1)
    for match in NUMBER.finditer(text):
        if any(one.start() <= match.start() < one.end() for one in mixed):
            continue
        unit, end = _unit(text, match.end())
        label = _label(text, match.start(), match.end(), end)
        for part in ("first", "second"):
            if match[part]:
                number = match[part].replace(",", "")
                decimals = len(number.partition(".")[2])
                readings = frozenset({Fraction(number)})
                yield Quantity(*match.span(part), readings, unit, label, decimals)


def _in_words(text: str) -> Iterator[Quantity]:
    for match in WORD_RUN.finditer(text):
        words = re.findall(r"[a-z]+", match[0].lower())
        words = [word for word in words if word in WORDS]
        if len(words) > LONGEST_WORDS:
            continue
        unit, end = _unit(text, match.end())
        label = _label(text, match.start(), match.end(), end)
        readings = _spoken(words)
        if POINT.search(text[max(0, match.start() - 7) : match.start()]):
            readings |= _decimals(text, match.start(), readings)
        yield Quantity(match.start(), match.end(), readings, unit, label, 0)


def _decimals(text: str, start: int, readings: frozenset[Fraction]) -> frozenset[Fraction]:
    """The readings as digits after "point", alone and after the whole number before it."""
    before = [m for m in WORD_RUN.finditer(text, max(0, start - 40), start) if m.end() < start]
    tail = text[before[-1].end() : start] if before else ""
    whole = {Fraction(0)}
    if before and tail.split() == ["point"]:
        words = [w for w in re.findall(r"[a-z]+", before[-1][0].lower()) if w in WORDS]
        whole |= _spoken(words)
    digits = [str(int(one)) for one in readings if one.denominator == 1]
    shifted = {Fraction(int(d), 10 ** len(d)) for d in digits}
    shifted |= {Fraction(int(d), 10 ** (len(d) + 1)) for d in digits}
    return frozenset(a + b for a in whole for b in shifted)


def _spoken(words: list[str]) -> frozenset[Fraction]:
    """Every way to read a run of number words: as one number, as digits side by side, as parts."""
    values = [Fraction(WORDS[word]) for word in words]
    if not values:
        return frozenset()
    readings = set(values)
    total, current = Fraction(0), Fraction(0)
    for value in values:
        if value == 100:  # noqa: PLR2004
            current = max(current, Fraction(1)) * 100
        elif value >= 1000:  # noqa: PLR2004
            total, current = total + max(current, Fraction(1)) * value, Fraction(0)
        else:
            current += value
    readings.add(total + current)
    groups = _pairs(values)
    readings |= set(groups)
    if all(group.denominator == 1 for group in groups):
        readings.add(Fraction(int("".join(str(int(group)) for group in groups))))
    return frozenset(readings)


def _pairs(values: list[Fraction]) -> list[Fraction]:
    """Tens with the ones after them, such as [20, 6, 5] to [26, 5]."""
    grouped: list[Fraction] = []
    tens_open = False
    for value in values:
        if tens_open and 0 < value < 10:  # noqa: PLR2004
            grouped[-1] += value
        else:
            grouped.append(value)
        tens_open = 20 <= value < 100 and value % 10 == 0  # noqa: PLR2004
    return grouped


def _unit(text: str, place: int) -> tuple[str, int]:
    match = UNIT.match(text, place)
    if match is None:
        return "", place
    written = re.sub(r"\s+", " ", match["unit"].lower())
    if " per " in written and "minute" not in written:
        above, below = written.split(" per ")
        below = {"deciliter": "dL", "milliliter": "mL"}.get(below, "L")
        written = f"{above.replace('nanogram', 'ng')}/{below}"
    if written.startswith("degree"):
        written = {"c": "°c", "f": "°f"}.get(written[-1] if " " in written else "", "")
    return (ucum(written.replace("° ", "°")) if written else ""), match.end()


def _label(text: str, start: int, number_end: int, end: int) -> str:
    """What the words right after the number say that it measures, else the last ones before it in
    its clause, if no other number stands between.
    """
    if AGE_AFTER.match(text, number_end):
        return "age"
    if SCORE_AFTER.match(text, number_end):
        return "pain score"
    after = LABEL.match(text, end + 1)
    if after:
        return LABEL_OF[after[0].lower()]
    clause = re.split(r"[.;\n]|\band\b", text[max(0, start - NEAR) : start])[-1]
    found = list(LABEL.finditer(clause))
    if not found or re.search(r"\d", PAIRED.sub("", clause[found[-1].end() :])):
        return ""
    return LABEL_OF[found[-1][0].lower()]
