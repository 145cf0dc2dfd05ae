"""Numbers in a message that are red flags by themselves or with another word: ages and fevers.

Readings of meters are in `readings.py`, amounts of drugs in `amounts.py`. Source of fever: NICE
NG143 (2019, updated 2021): 38 C under 3 months, 39 C at 3 to 6 months.
"""

import re
from collections.abc import Iterator

from medtune.clinical.redflags.amounts import find_amounts
from medtune.clinical.redflags.lexicon import Found
from medtune.clinical.redflags.readings import MMOL, UNITS, Number, find_pressure, find_readings
from medtune.clinical.redflags.text import Text

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
WORD_NUMBERS = {word: float(number) for number, word in enumerate(WORDS)}
LEADING = re.compile(r"(\d+(?:\.\d+)?)([a-z]*)")
YEAR_NUMBER = re.compile(r"(?:19|20)\d\d")
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


def find_numbers(text: Text) -> Iterator[Found]:
    """Concepts that numbers of the text state: ages, fevers, readings, pills."""
    for number in _numbers(text):
        near = _near(text, number.place)
        named = (
            *_age(text, number),
            *(_fever(number.value) if near & HEAT or number.unit in ("c", "f") else ()),
            *find_readings(text, number, near),
            *find_amounts(text, number, near),
        )
        yield from (Found(name, number.place, number.place + 1) for name in named)
        if not near & HEAT and not number.unit and _is_bare_fever(text, number):
            yield from (Found(one, number.place, number.place + 1) for one in _fever(number.value))
        yield from _weeks(text, number)
    for place, word in enumerate(text.words):
        if word[0].isdigit():
            yield from find_pressure(text, place, _near(text, place))
        if YEAR_NUMBER.fullmatch(word) and text.words[max(place - 1, 0)] in ("in", "since"):
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


def _is_bare_fever(text: Text, number: Number) -> bool:
    """Whether a number such as 38.7 stands without a unit of anything else."""
    after = text.words[number.place + 1 : number.place + 2]
    has_point = "." in text.words[number.place]
    return has_point and 38 <= number.value <= 42.5 and not (set(after) & (UNITS | MMOL))  # noqa: PLR2004


def _fever(value: float) -> Iterator[str]:
    if 38 <= value <= 43 or 100.4 <= value <= 110:  # noqa: PLR2004  Celsius or Fahrenheit
        yield "fever_measured"
    if 39 <= value <= 43 or 102.2 <= value <= 110:  # noqa: PLR2004
        yield "fever_39"
    if 40 <= value <= 43 or 104 <= value <= 110:  # noqa: PLR2004
        yield "fever_40"
