"""Names of people: announced, by the tables of names, in lists, and again where they recur.

No table holds every name. What carries the most weight is context: a label, a title, letters after
the name, a neighbour that is surely a name; then the tables; then the same name once more.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from medtune.deid.document import Document
from medtune.deid.kinds import Kind
from medtune.deid.lexicon import CITY, COUNTRY, GIVEN, KNOWN, STATE, SURNAME, WORD
from medtune.deid.names_announced import find_announced
from medtune.deid.names_listed import find_listed
from medtune.deid.runs import SHORT, Run, is_capital, is_eponym, is_no_name, is_particle, named
from medtune.deid.span import Span
from medtune.deid.vocabulary import VOCABULARIES

REPEATED = 55
PLACE = CITY | STATE | COUNTRY
AND = frozenset({",", "and", "y", "&"})


def find_people(document: Document, known: Iterable[str] = ()) -> list[Span]:
    """Names of people in a document.

    Args:
        document: The text.
        known: Names that are known from elsewhere, such as a column of the same record: they and
            their parts are found wherever they stand.
    """
    found = [*find_announced(document), *find_listed(document)]
    if document.case == "mixed":
        found += _joined(document, found)
    roles = _roles(document, found)
    for name in known:
        roles |= dict.fromkeys((part for part in _parts(name)), "patient")
    return [_in_role(document, span, roles) for span in found] + list(_repeated(document, roles))


def _parts(name: str) -> Iterator[str]:
    for part in re.split(r"[\s,.]+", name.lower()):
        if len(part) >= SHORT:
            yield part


def _joined(document: Document, found: Sequence[Span]) -> Iterator[Span]:
    """`Kovalev, Lee and Phillips`: words that stand in one list with a name."""
    places = [(document.token_at(span.start), document.token_at(span.end)) for span in found]
    starts, ends = {start for start, _ in places}, {end for _, end in places}
    taken = {i for start, end in places for i in range(start, end)}
    for i, word in enumerate(document.words):
        if i in taken or len(word) < SHORT or not is_capital(document, i):
            continue
        left = i > 1 and document.low[i - 1] in AND and i - 1 in ends
        right = bool(AND.intersection(document.low[i + 1 : i + 2])) and i + 2 in starts
        if (left or right) and _may_be_name(document, i):
            yield named(document, Run(i, i + 1), "person", "list", REPEATED)


def _may_be_name(document: Document, i: int) -> bool:
    what = document.bits(document.words[i])
    is_word = what & (WORD | PLACE) or (what & KNOWN and not what & (GIVEN | SURNAME))
    return not (is_word or is_no_name(document, i) or is_eponym(document, Run(i, i + 1)))


def _roles(document: Document, found: Iterable[Span]) -> dict[str, Kind]:
    """Who bears each part of the names found; a label or a title tells more than the tables."""
    roles: dict[str, Kind] = {}
    for span in found:
        for low in _lasting(document, span):
            if roles.get(low, "person") == "person":
                roles[low] = span.kind
    return roles


def _lasting(document: Document, span: Span) -> Iterator[str]:
    """The parts of a name that are a name wherever they stand."""
    eponyms = VOCABULARIES[document.language].eponyms
    for i in range(document.token_at(span.start), document.token_at(span.end)):
        low, what = document.low[i], document.bits(document.words[i])
        is_small = len(low) < SHORT or is_particle(document, i)
        if not (is_small or what & WORD or low in eponyms or is_no_name(document, i)):
            yield low


def _in_role(document: Document, span: Span, roles: Mapping[str, Kind]) -> Span:
    """The span in the role of its first part that has one."""
    if span.kind != "person":
        return span
    known = (roles.get(low, "person") for low in _lasting(document, span))
    return span._replace(kind=next((kind for kind in known if kind != "person"), "person"))


def _repeated(document: Document, roles: Mapping[str, Kind]) -> Iterator[Span]:
    """The same names once more, or a part of one, wherever they stand."""
    for i, low in enumerate(document.low):
        kind = roles.get(low)
        written = kind and (document.case != "mixed" or is_capital(document, i))
        if kind and written and not is_eponym(document, Run(i, i + 1)):
            yield named(document, Run(i, i + 1), kind, "repeat", REPEATED)
