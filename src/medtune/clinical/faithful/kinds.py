"""The kinds of fault, how grave each is, and what it says. No word of the record is in a message.

`block` must be mended before anybody signs, `warn` must be read, `note` rests on weak evidence.
What can harm a patient at once blocks: a drug, a dose, an allergy, a side, a denial turned round.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from medtune.clinical.faithful.tokens import Span
from medtune.records import Finding, Severity

Kind = Literal[
    "number", "unit", "negation", "laterality", "drug", "dose", "route", "frequency", "allergy",
    "date", "person", "speaker", "status", "onset", "unasked", "term", "unsupported", "omission",
    "stopped",
]  # fmt: skip


class Text(NamedTuple):
    """What a kind of fault says."""

    severity: Severity
    what: str
    remedy: str


TEXTS: Mapping[Kind, Text] = {
    "number": Text("warn", "a number is not in the source", "correct it or take it out"),
    "unit": Text("block", "the source has this number with another unit", "correct the unit"),
    "negation": Text("block", "the source says the opposite", "turn the statement round"),
    "laterality": Text("block", "the source has another side", "correct the side"),
    "drug": Text("block", "a drug is not in the source", "correct it or take it out"),
    "dose": Text("block", "a dose is not that of the source", "correct the dose"),
    "route": Text("block", "a route is not that of the source", "correct the route"),
    "frequency": Text("block", "a frequency is not that of the source", "correct the frequency"),
    "allergy": Text("block", "an allergy is not as the source has it", "correct the allergy"),
    "date": Text("warn", "a date is not in the source", "correct it or take it out"),
    "person": Text("block", "this is said of another person in the source", "correct the person"),
    "speaker": Text("warn", "somebody else says this in the source", "correct who says it"),
    "status": Text("block", "the source only plans this", "write it as a plan"),
    "stopped": Text("block", "the source does not say that this drug was stopped", "correct it"),
    "onset": Text("warn", "the source has this as old", "write since when"),
    "unasked": Text("warn", "a denial of what the source does not speak of", "take it out"),
    "term": Text("warn", "a medical term is not in the source", "correct it or take it out"),
    "unsupported": Text("warn", "the source does not bear this sentence out", "take it out"),
    "omission": Text("warn", "the source has a critical fact that the draft lacks", "add it"),
}  # fmt: skip
RANK: Mapping[Severity, int] = {"block": 0, "warn": 1, "note": 2}


class Fault(NamedTuple):
    """What is wrong at one place of a draft."""

    kind: Kind
    severity: Severity
    sentence: int
    """Number of the draft's sentence from 0; -1 for what is missing."""
    start: int
    end: int
    """Characters of the draft; 0 and 0 for what is missing."""
    source: Span | None
    """Where the source says otherwise, or has what is missing."""


def fault(
    kind: Kind,
    sentence: int,
    at: Span,
    source: Span | None = None,
    severity: Severity | None = None,
) -> Fault:
    """A fault with the severity of its kind, unless another is given."""
    return Fault(kind, severity or TEXTS[kind].severity, sentence, at.start, at.end, source)


def as_finding(one: Fault) -> Finding:
    """The fault as the rest of medtune knows findings: places, no text of the record."""
    where = (
        f"draft, sentence {one.sentence + 1}, characters {one.start} to {one.end}"
        if one.sentence >= 0
        else "the whole draft"
    )
    evidence = (
        f"source, characters {one.source.start} to {one.source.end}"
        if one.source
        else "nowhere in the source"
    )
    text = TEXTS[one.kind]
    return Finding("faithfulness", one.severity, f"{one.kind}: {text.what}", where, evidence,
                   text.remedy)  # fmt: skip
