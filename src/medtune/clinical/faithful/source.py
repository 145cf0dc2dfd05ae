"""What a draft is checked against: a dialogue, a document or structured facts, read once.

Facts are written out as plain sentences, one each, so that all three are checked by the same code
and a sentence of the draft can point to the fact that bears it out.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from medtune.clinical.drugs.names import Mention
from medtune.clinical.faithful.assertion import Statement, Word, read
from medtune.clinical.faithful.dates import When, dates
from medtune.clinical.faithful.meds import Medicine, medicines
from medtune.clinical.faithful.tokens import Span, Token, Turn, tokens, turns
from medtune.clinical.faithful.values import Quantity, quantities

SIDE = re.compile(
    r"\bon (?:the|his|her|your|my) (?P<on>left|right)\b(?! now| away)"
    r"|\b(?P<side>left|right|bilateral(?:ly)?|both)(?:[- ]sided?)?\b(?! now| here| there| away|"
    r" after"
    r"| before| when| as | on\b| so\b| okay|\s*[?,.!]\s*(?:$|\n))"
    r"|(?<![\w/.-])(?<!\d )(?P<short>(?-i:[RL]|[RL][Tt]|[rl]t)(?:\.|(?=[- ])))(?=[- ]?[a-z]{3})"
    r"(?![- ](?:spine|wave|axis|treat|therap|plan|field|session|(?:to|was|is|for|and|with)\b))",
    re.IGNORECASE,
)
"""Also "R knee", "Lt. arm"; not "2 L", "L5", "R 16", the lumbar "L spine", "RT" for radiation."""
SIDES = {"l": "left", "r": "right", "b": "both"}
NOT_A_SIDE = re.compile(r"(?:all|that's|that is|is that|you're|yeah|yes|okay|,)\s*$", re.IGNORECASE)
SIDE_REACH = 3
"""Content words after a side, or before it, that it may belong to."""


class Side(NamedTuple):
    """A side with the words it may belong to."""

    span: Span
    side: str
    """left, right or both."""
    stems: frozenset[str]
    statement: int


class Place(NamedTuple):
    """Where a stem stands in the source."""

    statement: int
    word: Word


@dataclass(frozen=True, slots=True)
class Reading:
    """A text with all that was read in it."""

    text: str
    turns: tuple[Turn, ...]
    ids: tuple[str, ...]
    """Of each turn: its number as text, or the id of the resource."""
    statements: tuple[Statement, ...]
    places: Mapping[str, tuple[Place, ...]]
    numbers: tuple[Quantity, ...]
    dates: tuple[When, ...]
    medicines: tuple[Medicine, ...]
    sides: tuple[Side, ...]

    @property
    def mentions(self) -> list[Mention]:
        """The drugs named."""
        return [one.mention for one in self.medicines]

    def statement_at(self, place: int) -> int:
        """The number of the statement that a character is in, or of the one before it."""
        before = [n for n, one in enumerate(self.statements) if one.span.start <= place]
        return before[-1] if before else 0


def read_text(text: str) -> Reading:
    """Read a dialogue ("Doctor: ...", "[doctor] ...") or a plain document."""
    found = turns(text)
    return _reading(text, found, [str(n) for n in range(1, len(found) + 1)])


def read_draft(text: str) -> Reading:
    """Read what is to be checked: a plain document, whatever turns it pretends to have."""
    return _reading(text, [Turn("", 0, len(text))], [""])


def read_facts(facts: Iterable[tuple[str, str]]) -> Reading:
    """Read facts that are written as sentences, each with the id of where it is from."""
    pieces: list[str] = []
    found: list[Turn] = []
    ids: list[str] = []
    place = 0
    for id, sentence in facts:
        line = sentence.rstrip() + "\n"
        found.append(Turn("record", place, place + len(line)))
        ids.append(id)
        pieces.append(line)
        place += len(line)
    return _reading("".join(pieces), found, ids)


def _reading(text: str, found: list[Turn], ids: Sequence[str]) -> Reading:
    statements = tuple(read(text, found))
    numbers = quantities(text)
    talk = len({turn.speaker for turn in found}) > 1
    places: dict[str, list[Place]] = defaultdict(list)
    for number, statement in enumerate(statements):
        for word in statement.words:
            for stem in {word.token.stem, *word.token.stem.split("_")}:
                places[stem].append(Place(number, word))
    return Reading(
        text=text,
        turns=tuple(found),
        ids=tuple(ids),
        statements=statements,
        places={stem: tuple(here) for stem, here in places.items()},
        numbers=tuple(numbers),
        dates=tuple(dates(text)),
        medicines=tuple(medicines(text, numbers, reach_on=talk)),
        sides=tuple(_sides(text, statements)),
    )


def _sides(text: str, statements: Sequence[Statement]) -> Iterable[Side]:
    for number, statement in enumerate(statements):
        within = [t for t in tokens(text, statement.span) if t.is_content]
        for match in SIDE.finditer(text, statement.span.start, statement.span.end):
            if NOT_A_SIDE.search(text[max(match.start() - 12, 0) : match.start()]):
                continue
            stems = _beside(within, match)
            if stems:
                word = match["on"] or match["short"] or match["side"]
                side = SIDES[word[0].lower()]
                yield Side(Span(match.start(), match.end()), side, stems, number)


def _beside(within: Sequence[Token], match: re.Match[str]) -> frozenset[str]:
    sides = {"left", "right", "bilateral", "both", "sid", "rt", "lt"}
    after = [t for t in within if t.start >= match.end() and t.stem not in sides][:SIDE_REACH]
    near = [t for t in after if t.start - match.end() < 30]  # noqa: PLR2004
    if not near:
        near = [t for t in within if t.end <= match.start() and t.stem not in sides][-2:]
    return frozenset(part for t in near for part in (t.stem, *t.stem.split("_")))
