"""Numbers in a text: digits and number words, with unit and label, each with its place.

A spoken number can be read in more ways than one ("one fifty" is 150, or 1 and 50), so a quantity
holds every reading; a draft's number is supported if a reading of the source equals it.
"""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from medtune.clinical.faithful.dates import dates
from medtune.clinical.faithful.number_words import WORD_RUN, number_words, spoken
from medtune.clinical.units import ucum

FIGURE = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
MIXED = re.compile(r"(?<![\w/.-])(\d+)[- ](\d)/(\d)(?![\d/])")
NUMBER = re.compile(
    rf"(?<![\w.])(?<![A-Za-z]-)(?<![A-Za-z]\d-)(?<!\d:)(?P<first>{FIGURE})"
    rf"(?:\s*/\s*(?P<second>\d+(?:\.\d+)?))?(?!\d|st\b|nd\b|rd\b|th\b|:\d\d|\s?'?s\b)",
    re.IGNORECASE,
)
POINT = re.compile(r"(?:\bpoint|\s\.)\s+$", re.IGNORECASE)
UNIT = re.compile(
    r"[\s-]*(?P<unit>(?:milli|micro|nano)?grams? per (?:deci|milli)?liter|mcg/[dm]l|mg/dl|"
    r"g/dl|mmol/l|meq/l|u/l|mm\s?hg|mg/kg|ml/hr|k/ul|/mm3|/min"
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
        words = number_words(match[0])
        if len(words) > LONGEST_WORDS:
            continue
        unit, end = _unit(text, match.end())
        label = _label(text, match.start(), match.end(), end)
        readings = spoken(words)
        if POINT.search(text[max(0, match.start() - 7) : match.start()]):
            readings |= _decimals(text, match.start(), readings)
        yield Quantity(match.start(), match.end(), readings, unit, label, 0)


def _decimals(text: str, start: int, readings: frozenset[Fraction]) -> frozenset[Fraction]:
    """The readings as digits after "point", alone and after the whole number before it."""
    before = [m for m in WORD_RUN.finditer(text, max(0, start - 40), start) if m.end() < start]
    tail = text[before[-1].end() : start] if before else ""
    whole = {Fraction(0)}
    if before and tail.split() in (["point"], ["."]):
        words = number_words(before[-1][0])
        whole |= spoken(words)
    digits = [str(int(one)) for one in readings if one.denominator == 1]
    shifted = {Fraction(int(d), 10 ** len(d)) for d in digits}
    shifted |= {Fraction(int(d), 10 ** (len(d) + 1)) for d in digits}
    return frozenset(a + b for a in whole for b in shifted)


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
    """What the words after the number say that it measures, else the last ones before it.

    Those before it count within the clause, and if no other number stands between.
    """
    for pattern, name in ((AGE_AFTER, "age"), (SCORE_AFTER, "pain score")):
        if pattern.match(text, number_end):
            return name
    after = LABEL.match(text, end + 1)
    if after:
        return LABEL_OF[after[0].lower()]
    clause = re.split(r"[.;\n]|\band\b", text[max(0, start - NEAR) : start])[-1]
    found = list(LABEL.finditer(clause))
    if not found or re.search(r"\d", PAIRED.sub("", clause[found[-1].end() :])):
        return ""
    return LABEL_OF[found[-1][0].lower()]
