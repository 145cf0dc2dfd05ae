"""Which part of the source bears out a sentence of the draft, and how well.

A sentence is scored by the share of its content words and numbers that the best few statements of
the source hold, rare words counting more. `SUPPORTED` and `INFERRED` were set on the training part
of MTS-Dialog (docs/clinical.md has the figures).
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from medtune.clinical.faithful.assertion import Statement
from medtune.clinical.faithful.claims import GENERIC
from medtune.clinical.faithful.kinds import Fault, fault
from medtune.clinical.faithful.source import Reading
from medtune.clinical.faithful.tokens import Span

Status = Literal["supported", "inferred", "unsupported"]

SUPPORTED = 0.6
INFERRED = 0.3
MOST_PLACES = 4
"""Statements of the source that may bear out one sentence together."""
FEWEST_WORDS = 2
"""A sentence with fewer content words, such as a heading, is not judged."""
PATIENT_SAYS = re.compile(
    r"\b(?:patient|pt|he|she|mr\.? \w+|mrs\.? \w+|ms\.? \w+) (?:also )?(?:reports?|states?|says?|"
    r"complains?|denies|endorses?|describes?|notes?|admits?|feels?)\b",
    re.IGNORECASE,
)


CONFIRMED = re.compile(
    r"\W*(?:yes|yeah|yep|no|nope|not|right|correct|mm-?hmm|uh-huh|that's|exactly|i)\b"
)


class Support(NamedTuple):
    """Where a sentence of the draft comes from."""

    sentence: int
    span: Span
    status: Status
    score: float
    """Share of the sentence's weight that the places hold, from 0 to 1."""
    turns: tuple[str, ...]
    """Ids of the turns or resources, in the source's order."""
    places: tuple[Span, ...]
    """The statements of the source, in the same order as found."""


def support(draft: Reading, source: Reading, faults: Sequence[Fault]) -> list[Support]:
    """The support of each sentence. One with a fault that blocks is never called supported."""
    blocked = {one.sentence for one in faults if one.severity == "block"}
    found: list[Support] = []
    for number, statement in enumerate(draft.statements):
        if not _is_judged(draft, statement):
            continue
        places, score = _best(statement, source)
        status: Status = "unsupported"
        if score >= INFERRED:
            status = "inferred" if score < SUPPORTED or number in blocked else "supported"
        if number in blocked and score < SUPPORTED:
            status = "unsupported"
        chosen = [source.statements[place] for place in sorted(places)]
        found.append(
            Support(
                number,
                statement.span,
                status,
                round(score, 3),
                tuple(dict.fromkeys(source.ids[one.turn] for one in chosen)),
                tuple(one.span for one in chosen),
            )
        )
    return found


def _is_judged(draft: Reading, statement: Statement) -> bool:
    """Whether a sentence says enough: two content words, or one with a figure."""
    text = draft.text[statement.span.start : statement.span.end]
    figure = bool(statement.words) and any(char.isdigit() for char in text)
    return len(statement.words) >= FEWEST_WORDS or figure


def _best(statement: Statement, source: Reading) -> tuple[list[int], float]:
    """The statements of the source that together hold most of the sentence, chosen one by one."""
    weights = {
        stem: (0.3 if stem in GENERIC else 1.0) * _rarity(stem, source)
        for stem in {word.token.stem for word in statement.words}
    }
    total = sum(weights.values())
    chosen: list[int] = []
    held: set[str] = set()
    while len(chosen) < MOST_PLACES:
        gains: dict[int, float] = {}
        for stem in weights.keys() - held:
            for place in {p.statement for p in source.places.get(stem, ())}:
                gains[place] = gains.get(place, 0) + weights[stem]
        if not gains:
            break
        best = min(gains, key=lambda place: (-gains[place], place))
        chosen.append(best)
        held |= {
            stem
            for stem in weights
            if any(p.statement == best for p in source.places.get(stem, ()))
        }
    return chosen, sum(weights[stem] for stem in held) / total if total else 0.0


def _rarity(stem: str, source: Reading) -> float:
    """A word that stands everywhere in the source says little about a place in it."""
    n = len({place.statement for place in source.places.get(stem, ())})
    return 1 / math.sqrt(max(n, 1))


def unsupported(draft: Reading, source: Reading) -> Iterator[Fault]:
    """Sentences of which the source holds too little."""
    for one in support(draft, source, ()):
        if one.status == "unsupported":
            yield fault("unsupported", one.sentence, one.span)


def speakers(draft: Reading, source: Reading) -> Iterator[Fault]:
    """What the draft lets the patient say must not be the clinician's statement alone."""
    if len({turn.speaker for turn in source.turns}) < 2:  # noqa: PLR2004
        return
    for number, statement in enumerate(draft.statements):
        text = draft.text[statement.span.start : statement.span.end]
        if not PATIENT_SAYS.search(text) or len(statement.words) < FEWEST_WORDS:
            continue
        places, score = _best(statement, source)
        theirs = [source.statements[place] for place in places]
        if score >= SUPPORTED and all(
            one.speaker == "clinician" and not one.is_question and not _is_confirmed(one, source)
            for one in theirs
        ):
            yield fault("speaker", number, statement.span, theirs[0].span)


def _is_confirmed(statement: Statement, source: Reading) -> bool:
    """Whether somebody else speaks next: a clinician's summary may be confirmed by the patient."""
    after = source.turns[statement.turn + 1 : statement.turn + 2]
    if not after or after[0].speaker != "patient":
        return False
    reply = source.text[after[0].start : after[0].end].strip().lower()
    return bool(CONFIRMED.match(reply))
