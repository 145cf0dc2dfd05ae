"""Places of the tables: cities, states, countries, where the words around them allow it."""

from collections.abc import Iterator
from typing import NamedTuple

from medtune.deid.document import Document
from medtune.deid.kinds import Kind
from medtune.deid.lexicon import (
    CITY,
    COUNTRY,
    GIVEN,
    KNOWN,
    STATE,
    SURNAME,
    WORD,
    long_places,
    regions,
)
from medtune.deid.span import Span
from medtune.deid.vocabulary import VOCABULARIES

LONG = 62
"""Weight of a place of several words; one word alone has less than a person's name."""
CUED = 61
PLAIN = 45
SHORT = 3


class Place(NamedTuple):
    """Tokens that name a place."""

    first: int
    last: int
    kind: Kind


def find_places(document: Document) -> Iterator[Span]:
    """Yield cities, states and countries."""
    i, n = 0, len(document.words)
    mixed = document.case == "mixed"
    while i < n:
        if mixed and not document.words[i][0].isupper():
            i += 1
            continue
        place = _long(document, i) or _short(document, i)
        if place is None:
            i += 1
            continue
        is_long = place.last - place.first > 1
        weight = LONG if is_long else CUED if is_cued(document, i) else PLAIN
        start, end = document.starts[place.first], document.ends[place.last - 1]
        yield Span(start, end, place.kind, "place", weight)
        i = place.last


def _long(document: Document, i: int) -> Place | None:
    """A place of several words that starts at `i`: the longest the tables know."""
    candidates = long_places().get(document.low[i])
    if not candidates or not (document.case != "mixed" or document.words[i][0].isupper()):
        return None
    best = 0
    for words in candidates:
        if len(words) > best and document.low[i : i + len(words)] == list(words):
            last = i + len(words) - 1
            if document.case != "mixed" or document.words[last][0].isupper():
                best = len(words)
    plain = all(document.bits(word) & WORD for word in document.words[i : i + best])
    if not best or (document.case != "mixed" and plain):
        return None
    return Place(i, i + best, _region(" ".join(document.low[i : i + best])))


def _region(name: str) -> Kind:
    return regions().get(name, "city")


def _short(document: Document, i: int) -> Place | None:
    """A place of one word that is nothing else, or that a word before it makes a place."""
    if not _is_written_as_place(document, i):
        return None
    what, mixed = document.bits(document.words[i]), document.case == "mixed"
    kind = _region(document.low[i])
    if is_cued(document, i) and (mixed or not what & WORD):
        return Place(i, i + 1, kind)
    if kind == "city":
        sure = mixed and not what & (WORD | GIVEN | SURNAME | KNOWN)
    else:
        sure = mixed or not what & WORD
    return Place(i, i + 1, kind) if sure else None


def _is_written_as_place(document: Document, i: int) -> bool:
    word, low = document.words[i], document.low[i]
    words = VOCABULARIES[document.language]
    if len(word) < SHORT or low in words.not_names or low in words.eponyms:
        return False
    written = word.istitle() or (word.isupper() and len(word) > SHORT)
    known = document.bits(word) & (CITY | STATE | COUNTRY)
    return bool(known) and (written or document.case != "mixed")


def is_cued(document: Document, i: int) -> bool:
    """Whether the word before says that a place follows, or a state or country does after it."""
    if i and document.low[i - 1] in VOCABULARIES[document.language].place_cues:
        return True
    after = document.words[i + 1 : i + 3]
    return len(after) > 1 and after[0] in ",(" and bool(document.bits(after[1]) & (STATE | COUNTRY))
