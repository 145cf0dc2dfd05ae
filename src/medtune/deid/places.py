"""Places of the tables: cities, states, countries, where the words around them allow it."""

import re
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
from medtune.deid.runs import Run, is_eponym, is_no_name, is_particle
from medtune.deid.span import Span
from medtune.deid.vocabulary import VOCABULARIES

LONG = 62
"""Weight of a place of several words; one word alone has less than a person's name."""
CUED = 61
PLAIN = 45
SHORT = 3
MOST = 4
"""Words of a place that no table knows."""
DRUG = re.compile(
    r"(?:one|pril|statin|sartan|cillin|mycin|micin|azole|mab|nib|vir|olol|pam|idine|amide|oxacin"
    r"|caine|phil|zide|cycline|triptan|setron|parin|gliptin|flozin|glutide)$"
)
"""How names of drugs end: the stems of the WHO's International Nonproprietary Names (2018)."""
PREPOSITIONS = frozenset({"in", "near", "at", "to", "from", "en", "de", "a"})


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
        place = _long(document, i) or _short(document, i) or _unknown(document, i)
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


def _unknown(document: Document, i: int) -> Place | None:
    """A place that no table knows: capitalized, after `in`, or where somebody goes or lives."""
    before = document.low[max(0, i - 3) : i]
    if document.case != "mixed" or not before or before[-1] not in PREPOSITIONS:
        return None
    goes = bool(VOCABULARIES[document.language].moves.intersection(before[:-1]))
    if not (goes or before[-1] in ("in", "near")):
        return None
    last = i
    while last < min(len(document.words), i + MOST) and _may_be_place(document, i, last):
        last += 1
    while last > i and is_particle(document, last - 1):
        last -= 1
    is_term = last > i and (is_eponym(document, Run(i, last)) or DRUG.search(document.low[i]))
    return Place(i, last, "city") if last > i and not is_term else None


def _may_be_place(document: Document, first: int, i: int) -> bool:
    word, what = document.words[i], document.bits(document.words[i])
    if i > first:
        small = is_particle(document, i) and document.gap(i) == " "
        return small or (word.istitle() and document.gap(i) == " " and not is_no_name(document, i))
    known = what & (WORD | KNOWN) or is_no_name(document, i)
    return word.istitle() and len(word) > SHORT and not known


def is_cued(document: Document, i: int) -> bool:
    """Whether the word before says that a place follows, or a state or country does after it."""
    if i and document.low[i - 1] in VOCABULARIES[document.language].place_cues:
        return True
    after = document.words[i + 1 : i + 3]
    return len(after) > 1 and after[0] in ",(" and bool(document.bits(after[1]) & (STATE | COUNTRY))
