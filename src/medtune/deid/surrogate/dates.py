"""Dates moved by one number of days per patient, or cut to the year.

The number is a multiple of seven, so weekdays stay true, and every interval between two full dates
of a patient stays what it was. A moved date is still a date in the words of Safe Harbor: who needs
its letter turns moving off, and only years stay.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from medtune.deid.dates import ORDINALS, Found, full_year, parse_dates
from medtune.deid.document import flatten
from medtune.deid.kinds import OLDEST_KEPT, Language
from medtune.deid.surrogate.key import Key
from medtune.deid.vocabulary import VOCABULARIES

MOST_WEEKS = 52
TWO = 2
"""Digits of a day or month with its zero."""
MIDDLE_DAY = 15
MIDDLE_MONTH = 7
LEAP_YEAR = 2000
"""Stands in where a date has no year, so that 29 February exists."""
UNKNOWN = {"en": "[date]", "es": "[fecha]"}
OVER_89 = {"en": "[born 90 or more years ago]", "es": "[nacido hace 90 o más años]"}
BIRTH = re.compile(
    r"(?:\bdob|\bd\.o\.b\.?|date of birth|birth ?date|\bborn(?: on| in)?|birthday|f\.? ?nac\.?"
    r"|fecha (?:de )?nac\w*|nacid[oa](?: el)?(?: dia)?)[\s:.,(-]{0,6}(?:is |was |es )?$"
)


class Times(NamedTuple):
    """How dates are written anew."""

    days: int | None
    """Days to move by; None cuts dates to their year."""
    today: date
    """From which an age is counted."""


def offset_days(key: Key) -> int:
    """Days by which a patient's dates move: 1 to 52 weeks, back or on; never 0."""
    weeks = 1 + key.number("weeks", "", MOST_WEEKS)
    return 7 * weeks * (1 if key.number("direction", "", 2) else -1)


def is_birth(before: str) -> bool:
    """Whether the text before a date, in lower case without accents, says that it is of birth."""
    return bool(BIRTH.search(before[-40:]))


def rewritten(text: str, language: Language, times: Times, *, birth: bool) -> str:
    """A date as the times want it, in the form of the original."""
    found = next(parse_dates(flatten(text), language), None)
    if found is None or found.end - found.start < len(text.strip()) - 2:
        return UNKNOWN[language]
    year = found.year
    is_weekday = flatten(text).strip() in VOCABULARIES[language].weekdays
    if birth and year is not None and times.today.year - year > OLDEST_KEPT:
        new = OVER_89[language]
    elif times.days is None:
        new = str(year) if year is not None else UNKNOWN[language]
    elif not found.parts or re.search(rf"\b(?:{ORDINALS})\b", flatten(text)):
        new = text if is_weekday else UNKNOWN[language]
    else:
        new = _moved(text, found, timedelta(days=times.days), language)
    return new


def _moved(text: str, found: Found, by: timedelta, language: Language) -> str:
    """The text with each part of the date replaced by that of the moved date."""
    day = found.day or MIDDLE_DAY
    month = found.month or MIDDLE_MONTH
    moved = date(found.year or LEAP_YEAR, month, day) + by
    if found.year is None and (moved.month, moved.day) == (2, 29):
        moved -= timedelta(days=1)
    numbers = [text[a:b] for a, b, role in found.parts if role in ("day", "month")]
    named = any(role == "name" for _, _, role in found.parts)
    # `2023-11-02` shows that zeros lead; `11/12/2023` may, `November 12` does not
    zeros = bool(numbers) and all(len(n) == TWO for n in numbers)
    zeros = zeros and (not named or numbers[0][0] == "0")
    written: dict[str, Callable[[str], str]] = {
        "day": lambda _: f"{moved.day:02d}" if zeros else str(moved.day),
        "month": lambda _: f"{moved.month:02d}" if zeros else str(moved.month),
        "name": lambda old: _month_name(moved.month, old, language),
        "year": lambda _: str(moved.year),
        "yy": lambda old: _short_year(moved.year, old),
    }
    pieces: list[str] = []
    end = 0
    for start, stop, role in found.parts:
        pieces += [text[end:start], written[role](text[start:stop])]
        end = stop
    return "".join([*pieces, text[end:]])


def _short_year(year: int, old: str) -> str:
    """Two digits, unless they would be read as another century."""
    mark = old[: -2 if old[-2:].isdigit() else None]
    short = f"{year % 100:02d}"
    return mark + (short if full_year(short) == year else str(year))


def _month_name(month: int, old: str, language: Language) -> str:
    """The name of a month, short where the old one is short, in its case."""
    names = [name for name, n in VOCABULARIES[language].months.items() if n == month]
    dot = "." if old.endswith(".") else ""
    bare = old.rstrip(".")
    is_short = bare.lower() in SHORT_MONTHS
    name = min(names, key=len) if is_short else max(names, key=len)
    if bare.isupper() and len(bare) > 1:
        return name.upper() + dot
    return (name.capitalize() if bare[0].isupper() else name) + dot


_SHORT_MONTHS = "jan feb mar apr jun jul aug sept sep oct nov dec"
SHORT_MONTHS = frozenset(_SHORT_MONTHS.split())
