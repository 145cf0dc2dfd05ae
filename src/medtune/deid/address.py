"""The rest of an address, once a part of it is found: the town between street and country, the zip.

The parts of an address stand close together. A street, a flat or a country whose neighbours nobody
knows still says what they are.
"""

import re
from collections.abc import Iterator, Sequence

from medtune.deid.document import Document
from medtune.deid.kinds import Kind
from medtune.deid.lexicon import COUNTRY, STATE, WORD
from medtune.deid.runs import is_capital, is_particle
from medtune.deid.span import Span

TOWN = 58
ZIP = 59
MOST_WORDS = 5
PARTS: frozenset[Kind] = frozenset({"street", "city", "state", "country", "zip"})
AFTER_PLACE = re.compile(r"(?:[ \t,\n]|nan|\?\?\?){1,8}(?P<value>\d{5}(?:-\d{4})?)(?![\w-])")


def complete(document: Document, spans: Sequence[Span]) -> Iterator[Span]:
    """Yield the towns that follow a street or a flat, and the codes that follow a place."""
    for span in spans:
        town = _town(document, span) if span.kind == "street" else None
        if town:
            yield town
        places = [span] if span.kind in ("city", "state", "country") else []
        for place in [*places, *([town] if town else [])]:
            code = AFTER_PLACE.match(document.text, place.end)
            if code:
                yield Span(*code.span("value"), "zip", "address", ZIP)


def _town(document: Document, street: Span) -> Span | None:
    """The words after a street, up to a mark, the end of the line, a number or a country."""
    first = document.token_at(street.end)
    while first < len(document.words) and document.words[first] in ",?-":
        first += 1
    last = first
    while last < min(len(document.words), first + MOST_WORDS) and _is_in_town(
        document, first, last
    ):
        last += 1
    while last > first and is_particle(document, last - 1):
        last -= 1
    if last == first or not _ends(document, last):
        return None
    return Span(document.starts[first], document.ends[last - 1], "city", "address", TOWN)


def _is_in_town(document: Document, first: int, i: int) -> bool:
    word, what = document.words[i], document.bits(document.words[i])
    if not word[0].isalpha() or what & (STATE | COUNTRY) or (i > first and "\n" in document.gap(i)):
        return False
    if document.gap(i).count("\n") > 1:
        return False
    if document.case != "mixed":
        return not what & WORD or is_particle(document, i)
    near = "\n" not in document.gap(i) or not what & WORD
    return (is_capital(document, i) and near) or (i > first and is_particle(document, i))


def _ends(document: Document, i: int) -> bool:
    """Whether an address may end, or go on with a country or a number, at token `i`."""
    if i >= len(document.words) or "\n" in document.gap(i):
        return True
    word = document.words[i]
    return word in ",.;?!)" or word.isdigit() or bool(document.bits(word) & (STATE | COUNTRY))
