"""Dates: where they stand, and what day, month and year they name.

English text is read month first, Spanish text day first, unless only the other order makes a date.
A year alone is a kind of its own: Safe Harbor keeps it.
"""

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import NamedTuple

from medtune.deid.document import Document
from medtune.deid.kinds import Language
from medtune.deid.span import Span
from medtune.deid.vocabulary import VOCABULARIES

FULL = 89
"""Weight of a date with day, month and year: such a form says more than a tagger."""
DATE = 70
YEAR = 30
CENTURY = 2000
PIVOT = 40
"""Two digits below it are of this century: 39 is 2039, 40 is 1940. Notes look back, not far on."""

ISO = r"(?P<y1>(?:19|20)\d\d)(?P<s1>[-/.])(?P<m1>\d{1,2})(?P=s1)(?P<d1>\d{1,2})(?!\d)"
NUMERIC = (
    r"(?P<a>\d{1,2})(?P<s2>[ ]?[-/.][ ]?)(?P<b>\d{1,2})(?:(?P=s2)(?P<y2>(?:19|20)\d\d|\d\d)"
    r"|[ ]?/{1,2}[ ]?(?P<y10>(?:19|20)\d\d))"
    r"(?![\d%]|[.,/-]\d|[ ]?(?:mg|ml|mm|cm|x)\b)"
)
TIME = (
    r"(?:[ ]?(?:t|,|at|a las)?[ ]?\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:[ ]?[ap]\.?m\.?)?"
    r"(?:z|[+-]\d\d:?\d\d)?)?"
)
ORDINALS = (
    r"(?:twenty|thirty)[ -](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|first"
    r"|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth"
    r"|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth"
)
YEARS = r"(?:19|20)\d\d"


class Found(NamedTuple):
    """One date in a text, as far as it is written out."""

    start: int
    end: int
    day: int | None
    month: int | None
    year: int | None
    parts: tuple[tuple[int, int, str], ...]
    """Start, end and role (`day`, `month`, `name`, `year`, `yy`) of each part, in order."""


def find_dates(document: Document) -> Iterator[Span]:
    """Yield dates, months, weekdays and years."""
    for found in parse_dates(document.flat, document.language):
        only_year = found.month is None and found.day is None
        kind = "year" if only_year and found.year is not None else "date"
        is_full = None not in (found.day, found.month, found.year)
        weight = FULL if is_full else YEAR if only_year else DATE
        yield Span(found.start, found.end, kind, "date", weight)


def parse_dates(flat: str, language: Language) -> Iterator[Found]:
    """Yield the dates of a text in lower case without accents, none overlapping."""
    taken = 0
    for match in _pattern(language).finditer(flat):
        found = _numeric(match, language) if match["a"] else _read(match, language)
        if found is not None and found.start >= taken:
            taken = found.end
            yield found


def _numeric(match: re.Match[str], language: Language) -> Found | None:
    """A date in digits, the order by language unless it makes no date."""
    first, second = int(match["a"]), int(match["b"])
    written = "y2" if match["y2"] else "y10"
    year = full_year(match[written])
    month_first = language == "en"
    if not _is_date(year, *((first, second) if month_first else (second, first))):
        month_first = not month_first
    month, day = (first, second) if month_first else (second, first)
    if not _is_date(year, month, day):
        return None
    roles = ("month", "day") if month_first else ("day", "month")
    parts = (
        (*match.span("a"), roles[0]),
        (*match.span("b"), roles[1]),
        (*match.span(written), "year" if len(match[written]) > 2 else "yy"),  # noqa: PLR2004  digits
    )
    return Found(*match.span(), day, month, year, parts)


def _read(match: re.Match[str], language: Language) -> Found | None:
    """Any other form: by its named groups, whose first letters say what they are."""
    values: dict[str, int] = {}
    parts: list[tuple[int, int, str]] = []
    for name, text in match.groupdict().items():
        role = {"d": "day", "m": "month", "n": "name", "y": "year"}.get(name[0])
        if text is None or role is None:
            continue
        if role == "name":
            values["month"] = VOCABULARIES[language].months[text.rstrip(".")]
        elif role == "year":
            values["year"] = full_year(text)
            role = "year" if len(text) > 2 else "yy"  # noqa: PLR2004  digits
        else:
            values[role] = int(text)
        parts.append((*match.span(name), role))
    day, month, year = values.get("day"), values.get("month"), values.get("year")
    if not _is_date(year or CENTURY, month or 1, day or 1):
        return None
    return Found(*match.span(), day, month, year, tuple(sorted(parts)))


def full_year(text: str) -> int:
    """A year of two or four digits in full."""
    year = int(text)
    if len(text) > 2:  # noqa: PLR2004  digits
        return year
    return year + CENTURY if year < PIVOT else year + CENTURY - 100


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


@cache
def _pattern(language: Language) -> re.Pattern[str]:
    """All forms of a language in one pattern, longest first."""
    words = VOCABULARIES[language]
    months = "|".join(sorted(words.months, key=len, reverse=True))
    full = "|".join(sorted((m for m in words.months if len(m) > 3), key=len, reverse=True))  # noqa: PLR2004
    weekdays = "|".join(sorted(words.weekdays))
    forms = _english(months, full, weekdays) if language == "en" else _spanish(months, weekdays)
    joined = "|".join((ISO + TIME, NUMERIC + TIME, *forms))
    return re.compile(rf"(?<![\w.,/-])(?:{joined})(?![\w])")


def _english(months: str, full: str, weekdays: str) -> tuple[str, ...]:
    month = rf"(?:{months})\.?"
    nth = r"(?:st|nd|rd|th)?"
    return (
        rf"(?P<n3>{month}),? (?:of )?(?P<y5>{YEARS})",
        rf"(?:(?:{weekdays}),? )?(?P<n1>{month}),? (?P<d2>\d{{1,2}}){nth}"
        rf"(?:,? ?(?P<y3>{YEARS}|'?\d\d(?=\b)))?",
        rf"(?P<d3>\d{{1,2}}){nth}[ -](?:of )?(?P<n2>{month})(?:,?[ -](?P<y4>{YEARS}|\d\d))?",
        rf"(?P<n5>{full}) (?:the )?(?:{ORDINALS})(?:,? (?P<y7>{YEARS}))?",
        rf"(?<=\b(?:in|of|on|by)[ ])(?P<n4>{full})",
        r"(?<=\bon )(?P<m2>\d{1,2})/(?P<d4>\d{1,2})(?![/\d])",
        r"(?<=\bsince )(?P<m3>\d{1,2})/(?P<d5>\d{1,2})(?![/\d])",
        rf"(?:{weekdays})",
        r"(?:christmas(?: eve| day)?|thanksgiving|new year'?s(?: eve| day)?|easter|halloween)",
        rf"(?P<y6>{YEARS})(?!\s*(?:mg|ml|mcg|g|cc|kcal|cal|steps|units|iu|hours|hrs)\b)",
    )


def _spanish(months: str, weekdays: str) -> tuple[str, ...]:
    return (
        rf"(?:(?:{weekdays}),? )?(?P<d2>\d{{1,2}})(?:\.?[ºª°])? (?:de )?(?P<n1>{months})"
        rf"(?:,? (?:del? )?(?:ano )?(?P<y3>{YEARS}))?",
        rf"(?P<d3>\d{{1,2}})[-/](?P<n2>{months})[-/](?P<y4>{YEARS}|\d\d)",
        rf"(?P<n3>{months}),? (?:del? )?(?:ano )?(?P<y5>{YEARS})",
        rf"(?P<n6>{months}) (?:del )?(?P<y9>0\d)(?![.,:/]?\d)",
        rf"(?P<n4>{months})",
        rf"(?P<m2>\d\d)/(?P<y7>{YEARS})",
        rf"ano (?:de )?(?P<y8>{YEARS})",
        rf"(?:{weekdays})",
        rf"(?P<y6>{YEARS})(?!\s*(?:mg|ml|mcg|g|cc|kcal|cal|ui|horas|u)\b)",
    )
