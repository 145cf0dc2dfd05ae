"""Calendar dates of a text, in digits or words, as far as they are given."""

import re
from typing import NamedTuple

from medtune.clinical.faithful.number_words import (
    ONES,
    ORDINALS,
    SCALES,
    TENS,
    WORD_RUN,
    WORDS,
    number_words,
    spoken,
)
from medtune.clinical.phrases import listed

NAMES = dict(
    zip(
        listed("""january february march april may june july august september october
    november december"""),
        range(1, 13),
        strict=True,
    )
)
MONTHS = NAMES | {m[:3]: i for m, i in NAMES.items() if m != "may"}
MONTH = re.compile(
    r"\b(?P<month>" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\b\.?(?:\s+(?:of\s+)?"
    r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\b)?(?:,?\s+(?:of\s+)?(?P<year>(?:19|20)\d\d)\b)?",
    re.IGNORECASE,
)
NUMERIC_DATE = re.compile(
    r"(?<![\d/])(?:(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{2,4})|"
    r"(?P<Y>\d{4})-(?P<M>\d\d)-(?P<D>\d\d))"
    r"(?![\d/])|(?<![\d/])(?P<m2>0?[1-9]|1[0-2])/(?P<y2>(?:19|20)\d\d)(?![\d/])"
)


AMBIGUOUS = frozenset({"may", "mar", "march", "dec", "sep", "jan"})
"""Names of months that are words or names too; alone they are no date."""


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
        end, day, year = m.end(), int(m["day"] or 0), int(m["year"] or 0)
        if not (day or year):
            end, day, year = _spoken_day(text, m.end())
        if m["month"].lower() in AMBIGUOUS and not (day or year):
            continue
        found.append(When(m.start(), end, year, MONTHS[m["month"].lower()], day))
    return sorted(found)


def _spoken_day(text: str, place: int) -> tuple[int, int, int]:
    """Day and year in words after a month, such as "tenth two thousand nine"."""
    gap = re.compile(r"(?:\s+of)?\s+").match(text, place)
    run = WORD_RUN.match(text, gap.end()) if gap else None
    if run is None:
        return place, 0, 0
    words = number_words(run[0])
    n_day = 2 if len(words) > 1 and words[0] in TENS and words[1] in (ONES | ORDINALS) else 1
    day = sum(int(WORDS[w]) for w in words[:n_day])
    if day > 31 or words[0] in SCALES or words[1:2] == ["thousand"]:  # noqa: PLR2004
        n_day, day = 0, 0
    year = max((int(r) for r in spoken(words[n_day:]) if 1900 <= r <= 2100), default=0)  # noqa: PLR2004
    return run.end(), day, year
