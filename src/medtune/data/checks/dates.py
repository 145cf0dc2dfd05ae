"""Dates that cannot be, and dates in the wrong order.

Looked at are the record's own date, fields that hold an ISO date (2024-05-31), and in a text what
follows "Date of Birth:", "Admission Date:" and the like. Their names tell the order: birth comes
before all, and of each pair of `PAIRS` the first not after the second.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from medtune.artifacts import Check
from medtune.data.checks.shares import Look, by_share, not_run
from medtune.records import Example

FAIL = 0.005
EARLIEST = date(1900, 1, 1)
"""A date of care before it is a default value or a slip."""
BIRTH = frozenset({"birth", "born", "dob", "birthdate"})
PAIRS = (
    ({"admission", "admitted", "admit", "arrival"}, {"discharge", "discharged"}),
    ({"start", "begin", "from"}, {"end", "stop", "until"}),
    ({"onset"}, {"abatement", "resolved", "resolution"}),
    ({"ordered", "order", "collected"}, {"resulted", "result", "reported"}),
    (
        {"admission", "admitted", "admit", "arrival", "start", "onset"},
        {"death", "died", "deceased"},
    ),
)
"""Words in names: what the first names is not after what the second names."""
YEAR = re.compile(r"\d{4}")
ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?")
LABELLED = re.compile(
    r"\b(date of birth|dob|admission date|date of admission|discharge date|date of discharge|"
    r"date of death)\s*:\s*(\d{4}-\d{2}-\d{2})",
    re.IGNORECASE,
)
OWN = "own"


class Dated(NamedTuple):
    """A date of a record with the words that name it; None if the calendar has no such day."""

    words: frozenset[str]
    day: date | None


def date_order(
    examples: Sequence[Example], today: date, *, moved: timedelta | None = None
) -> Check:
    """Records with a date that cannot be, or with two dates in the wrong order.

    Args:
        examples: The records, as they are learnt from.
        today: No date is after it.
        moved: By how much de-identification may have moved a date, on or back; None where it did
            not touch them. Where it did, the record's own date may be a year alone.
    """
    dated = {e.id: list(_dates(e, with_years=moved is not None)) for e in examples}
    seen = {name: dates for name, dates in dated.items() if dates}
    if not seen:
        return not_run("dates", "plausibility", "no record has an ISO date")
    look = Look(
        "dates",
        "plausibility",
        "with a date have one that is no day, before 1900 or after today, or two in the wrong "
        "order",
        "correct the dates at the source; a shift by de-identification must move all dates of a "
        "patient together",
        fail=FAIL,
    )
    earliest, latest = EARLIEST - (moved or timedelta()), today + (moved or timedelta())
    bad = [name for name, dates in seen.items() if not _possible(dates, earliest, latest)]
    return by_share(look, bad, len(seen))


def _dates(example: Example, *, with_years: bool) -> Iterator[Dated]:
    if example.time:
        is_year = with_years and YEAR.fullmatch(example.time) is not None
        yield Dated(frozenset({OWN}), _day(f"{example.time}-01-01" if is_year else example.time))
    for name, text in example.fields.items():
        if ISO.fullmatch(text.strip()):
            yield Dated(_words(name), _day(text.strip()))
        else:
            for label, written in LABELLED.findall(text):
                yield Dated(_words(label), _day(written))


def _possible(dates: Sequence[Dated], earliest: date, latest: date) -> bool:
    births = [day for words, day in dates if words & BIRTH and day is not None]
    for words, day in dates:
        if day is None or day > latest:
            return False
        care = not words & BIRTH
        if care and (day < earliest or any(day < birth for birth in births)):
            return False
    return not any(
        one.day > other.day
        for first, second in PAIRS
        for one in dates
        for other in dates
        if one.day and other.day and one.words & first and other.words & second
    )


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+", name.lower()))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
