"""Numbers in a message that are red flags by themselves or with another word.

Sources: fever, NICE NG143 (2019, updated 2021): 38 C under 3 months, 39 C at 3 to 6 months; oxygen,
NICE NG191 and BTS 2017: 92 % or less; blood pressure, NICE NG136 (2019): 180/120, in pregnancy
NICE NG133 (2019): 140/90 and 160/110; glucose, ADA Standards of Care 2025, section 6: under 54 and
under 70 mg/dL, and over 250 mg/dL as a sign to test ketones; pulse, NICE NG253 (2025): over 130.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from medtune.clinical.redflags.lexicon import Found
from medtune.clinical.redflags.text import Text

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
WORD_NUMBERS = {word: float(number) for number, word in enumerate(WORDS)}
LEADING = re.compile(r"(\d+(?:\.\d+)?)([a-z]*)")
YEAR_NUMBER = re.compile(r"(?:19|20)\d\d")
PRESSURE = re.compile(r"(\d{2,3})/(\d{2,3})")
MONTHS = {"day": 1 / 30.4, "week": 12 / 52.2, "wk": 12 / 52.2, "month": 1.0, "mo": 1.0, "mth": 1.0}
BABY = {"baby", "newborn", "infant", "babys"}
YEAR = {"year", "yr", "yo", "y"}
HEAT = {
    "running",
    "hot",
    "burning",
    "fever",
    "temp",
    "temperature",
    "degrees",
    "degree",
    "celsius",
    "fahrenheit",
    "c",
    "f",
}
UNITS = frozenset(
    ("kg", "kilos", "lbs", "pounds", "cm", "mm", "mg", "ml", "g", "weeks", "years", "percent", "km")
)
"""Units that make a number no temperature."""
OXYGEN = {"oxygen", "o2", "spo2", "sats", "sat", "saturation", "sp02", "oximeter"}
SUGAR = {"sugar", "sugars", "glucose", "bg", "bs", "bgl", "bm", "cbg", "dexcom", "libre"}
KETONES = {"ketone", "ketones"}
PULSE = {"pulse", "heartrate", "hr", "bpm", "rate", "heart", "heartbeat"}
PILLS = {"pills", "tablets", "tabs", "capsules", "tylenol", "paracetamol", "ibuprofen", "aspirin"}
LASTED = frozenset(
    (
        *(
            "for",
            "last",
            "past",
            "in",
            "about",
            "over",
            "every",
            "next",
            "the",
            "ago",
            "old",
            "now",
        ),
        *("later", "after", "post", "since", "before", "within", "of", "and", "these", "earlier"),
    )
)
"""Words by a number of weeks that make it a length of time."""
REACH = 5
"""Words between a number and the word that says what it counts."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number with the letters that follow it, such as 38.5 and "c"."""

    value: float
    unit: str
    place: int


def find_numbers(text: Text) -> Iterator[Found]:
    """Concepts that numbers of the text state: ages, fevers, readings, pills."""
    for number in _numbers(text):
        near = _near(text, number.place)
        yield from (Found(name, number.place, number.place + 1) for name in _age(text, number))
        yield from (Found(name, number.place, number.place + 1) for name in _reading(number, near))
        if not near & HEAT and not number.unit and _is_bare_fever(text, number):
            yield from (Found(one, number.place, number.place + 1) for one in _fever(number.value))
        yield from _weeks(text, number)
    for place, word in enumerate(text.words):
        spoken = text.words[place + 1 : place + 2] == ("over",)  # "220 over 130"
        match = PRESSURE.fullmatch("/".join(text.words[place : place + 3 : 2]) if spoken else word)
        if match:
            yield from _pressure(int(match[1]), int(match[2]), place)
        elif YEAR_NUMBER.fullmatch(word) and text.words[max(place - 1, 0)] in ("in", "since"):
            yield Found("past", place, place + 1)


def _numbers(text: Text) -> Iterator[Number]:
    for place, word in enumerate(text.words):
        if word in WORD_NUMBERS:
            yield Number(WORD_NUMBERS[word], "", place)
        elif match := LEADING.fullmatch(word):
            yield Number(float(match[1]), match[2], place)


def _near(text: Text, place: int) -> frozenset[str]:
    low, high = max(place - REACH, 0), place + REACH + 1
    here = text.sentence[place]
    return frozenset(
        word
        for word, sentence in zip(text.words[low:high], text.sentence[low:high], strict=True)
        if sentence == here
    )


def _age(text: Text, number: Number) -> Iterator[str]:
    """Age of a person, from "6 week old", "6wk old", "3 months old" or "70yo"."""
    after = text.words[number.place + 1 : number.place + 3]
    unit, rest = (number.unit, after) if number.unit else (next(iter(after), ""), after[1:])
    before = text.words[max(number.place - 2, 0) : number.place]
    is_baby = bool(BABY & set(before)) and "ago" not in rest[:1]
    is_age = "old" in rest[:1] or unit in ("yo", "mo") or is_baby
    single = unit.rstrip("s") if unit not in ("yo", "y") else unit
    if not is_age:
        return
    if single in MONTHS:
        months = number.value * MONTHS[single]
    elif single in YEAR:
        months = number.value * 12
    else:
        return
    yield from _bands(months)


def _weeks(text: Text, number: Number) -> Iterator[Found]:
    """Weeks of a pregnancy that is not named, such as "28 weeks, bleeding": no age, no duration."""
    words, place = text.words, number.place
    before = words[max(place - 1, 0)] if place else ""
    is_weeks = words[place + 1 : place + 2] in (("weeks",), ("wks",), ("week",))
    after = words[place + 2] if place + 2 < len(words) else ""
    is_open = after not in LASTED or (after == "and" and before in ("", "at", "im"))
    if is_weeks and is_open and 4 <= number.value <= 42 and before not in LASTED:  # noqa: PLR2004
        yield Found("weeks_along", place, place + 2)


def _bands(months: float) -> Iterator[str]:
    if months < 3:  # noqa: PLR2004  NICE NG143: under 3 months
        yield "age_under_3_months"
    if 3 <= months <= 6:  # noqa: PLR2004  NICE NG143: 3 to 6 months
        yield "age_3_to_6_months"
    if months < 60:  # noqa: PLR2004  under five years
        yield "baby"
    if months >= 65 * 12:
        yield "age_65"


def _reading(number: Number, near: frozenset[str]) -> Iterator[str]:
    value = number.value
    if near & HEAT or number.unit in ("c", "f"):
        yield from _fever(value)
    if near & OXYGEN and 50 <= value <= 92:  # noqa: PLR2004  see the module's sources
        yield "oxygen_low"
    if near & SUGAR:
        yield from _sugar(value)
    if near & KETONES and 1.5 <= value < 15:  # noqa: PLR2004  mmol/L in blood, JBDS 02, 2023
        yield "ketones"
    if near & PULSE and not near & UNITS and 130 < value < 300:  # noqa: PLR2004  see the module's sources
        yield "pulse_fast"
    if near & PILLS and 10 <= value <= 500:  # noqa: PLR2004  above ten, any drug needs advice
        yield "many_pills"


def _is_bare_fever(text: Text, number: Number) -> bool:
    """Whether a number such as 38.7 stands without a unit of anything else."""
    after = text.words[number.place + 1 : number.place + 2]
    has_point = "." in text.words[number.place]
    return has_point and 38 <= number.value <= 42.5 and not (set(after) & UNITS)  # noqa: PLR2004


def _fever(value: float) -> Iterator[str]:
    if 38 <= value <= 43 or 100.4 <= value <= 110:  # noqa: PLR2004  Celsius or Fahrenheit
        yield "fever_measured"
    if 39 <= value <= 43 or 102.2 <= value <= 110:  # noqa: PLR2004
        yield "fever_39"
    if 40 <= value <= 43 or 104 <= value <= 110:  # noqa: PLR2004
        yield "fever_40"


def _sugar(value: float) -> Iterator[str]:
    if 20 <= value < 54 or 0 < value < 3.0:  # noqa: PLR2004  mg/dL or mmol/L
        yield "sugar_very_low"
    elif 54 <= value < 70 or 3.0 <= value < 3.9:  # noqa: PLR2004
        yield "sugar_low"
    elif 250 < value < 2000 or 14 <= value < 20:  # noqa: PLR2004
        yield "sugar_high"


def _pressure(systolic: int, diastolic: int, place: int) -> Iterator[Found]:
    if not 60 <= systolic <= 300 or not 30 <= diastolic < systolic:  # noqa: PLR2004  no pressure
        return
    steps = (("pressure_180", 180, 120), ("pressure_160", 160, 110), ("pressure_140", 140, 90))
    for name, high, low in steps:
        if systolic >= high or diastolic >= low:
            yield Found(name, place, place + 1)
