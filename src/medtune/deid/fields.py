"""Labelled fields: `MRN: 123`, `Domicilio: ...`. Names after a label are read in `people.py`."""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from medtune.deid.document import Document
from medtune.deid.kinds import Kind, Language
from medtune.deid.span import Span
from medtune.deid.vocabulary import VOCABULARIES, Field

LABELLED = 75
"""Weight of what a label with a colon announces; without a colon it is 10 less."""
CODED = 92
"""Weight of a number after its own label: `Fax:` makes a fax of what looks like a telephone."""
ADDRESS: dict[Language, int] = {"en": 48, "es": 85}
"""The line after `Address:`. English addresses are read in parts, of which this is the rest; the
parts of Spanish ones (street, number, floor, door) make one line."""
DATE = re.compile(
    r"(?:\d{1,2}[-/.]\d{1,2}[-/.](?:\d\d){1,2}|(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2})\b"
)
DATED: frozenset[Kind] = frozenset({"id", "phone", "fax"})
"""Whose labels stand before dates, too: `Visit: 12/03/2024`, `last contact 12/03/2024`."""
MIN_DIGITS = 4
"""Of a code that follows a label without a colon: "visit 2" is not one."""
MIN_PHONE = 5

LINK = r"(?:[ \t]*(?:number|numero|num|no|n[º°]|id|code|is|was|es|at|to|me|on|him|her|us)\b\.?)*"
COLON = r"[ \t]*[:=][ \t]*"
LOOSE = r"[ \t]*[:#=.-]{0,2}[ \t]*#?[ \t]*"
CODE = r"(?P<value>(?:[a-z]{1,6}[-/]?)?\d[a-z\d]*(?:[ ./-]{1,2}[a-z]?\d[a-z\d]*|-[a-z]{1,3}\b)*)"
DIGITS = r"(?P<value>\+?\(?\d[\d()/ .-]*\d|\d)"
LINE = r"(?P<value>[^\n]*?)(?=[ \t]*(?:\.?[ \t]*(?:\n|$)|[ \t]{3,}|[ \t][\w /]{2,25}:))"
WORD = r"(?P<value>[^\W\d_]+)"
AGE = r"(?P<value>\d{1,3}(?:[ ]?(?:years?|yrs?|y/?o|months?|anos?|meses|dias|a)\b)?)"
VALUES = {"code": CODE, "digits": DIGITS, "line": LINE, "places": LINE, "word": WORD, "age": AGE}


class _Reader(NamedTuple):
    kind: Kind
    reads: str
    pattern: re.Pattern[str]


def find_fields(document: Document) -> Iterator[Span]:
    """Yield the values of labelled fields, all but names."""
    flat = document.flat
    has_digits = any(c.isdigit() for c in flat)
    has_colon = ":" in flat or "=" in flat
    for reader in _readers(document.language):
        needs_digits = reader.reads in ("code", "digits", "age")
        if (needs_digits and not has_digits) or (not needs_digits and not has_colon):
            continue
        for match in reader.pattern.finditer(flat):
            yield from _spans(document, reader, match)


def _spans(document: Document, reader: _Reader, match: re.Match[str]) -> Iterator[Span]:
    start, end = match.span("value")
    has_colon = any(mark in document.flat[match.start() : start] for mark in ":=#")
    if reader.reads in ("code", "digits"):
        least = MIN_PHONE if reader.kind in ("phone", "fax") else MIN_DIGITS
        if not has_colon and sum(c.isdigit() for c in match["value"]) < least:
            return
        if reader.kind in DATED and DATE.match(match["value"]):
            return
    weight = _weight(document.language, reader, has_colon=has_colon)
    if reader.reads == "places":
        for part in re.finditer(r"[^,/()\s][^,/()]*", document.text[start:end]):
            yield _trimmed(document, start + part.start(), start + part.end(), reader.kind, weight)
    elif start < end:
        yield _trimmed(document, start, end, reader.kind, weight)


def _weight(language: Language, reader: _Reader, *, has_colon: bool) -> int:
    if reader.kind == "street":
        return ADDRESS[language]
    if reader.reads in ("code", "digits") and has_colon and reader.kind != "id":
        return CODED
    return LABELLED if has_colon else LABELLED - 10


def _trimmed(document: Document, start: int, end: int, kind: Kind, weight: int) -> Span:
    while start < end and document.text[end - 1] in " .,;:\t":
        end -= 1
    return Span(start, max(end, start), kind, "label", weight)


@cache
def _readers(language: Language) -> tuple[_Reader, ...]:
    return tuple(
        _Reader(field.kind, field.reads, re.compile(_pattern(field)))
        for field in VOCABULARIES[language].fields
        if field.reads != "name"
    )


def _pattern(field: Field) -> str:
    link = COLON if field.colon else LINK + LOOSE
    return rf"(?<![\w])(?:{field.label}){link}{VALUES[field.reads]}"
