"""How much is found: annotated identifiers against found ones, counted by document.

An annotated identifier is *covered* when every letter and digit of it lies in something found,
whatever its kind: what is covered is replaced, and what is not leaks. A document *leaks* when one
of its identifiers is not covered. Something found is *right* when it touches an annotated
identifier.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from medtune.deid.kinds import OLDEST_KEPT, Kind, Policy, is_removed
from medtune.deid.notes import Note
from medtune.deid.span import Span


@dataclass(frozen=True)
class Count:
    """One document in numbers."""

    covered: Counter[Kind] = field(default_factory=Counter[Kind])
    """Annotated identifiers that were covered, by their kind."""
    annotated: Counter[Kind] = field(default_factory=Counter[Kind])
    right: Counter[Kind] = field(default_factory=Counter[Kind])
    """Found stretches that touch an annotated identifier, by the kind found."""
    found: Counter[Kind] = field(default_factory=Counter[Kind])
    exact: int = 0
    """Found stretches that equal an annotated one in place and kind."""

    @property
    def leaks(self) -> bool:
        """Whether an annotated identifier was not covered."""
        return self.covered != self.annotated


def count(note: Note, found: Sequence[Span], policy: Policy) -> Count:
    """Compare what was found in a note with what is annotated.

    Args:
        note: The note, annotated.
        found: What was found in its text.
        policy: Says what must go; kinds that may stay, and ages that may, count neither way.
    """
    annotated = [span for span in note.spans if _must_go(span, note.text, policy)]
    compared = [span for span in found if is_removed(span.kind, policy)]
    seen = _covered(len(note.text), compared)
    known = _covered(len(note.text), note.spans)
    result = Count(
        annotated=Counter(span.kind for span in annotated),
        covered=Counter(span.kind for span in annotated if _is_whole(span, note.text, seen)),
        found=Counter(span.kind for span in compared),
        right=Counter(span.kind for span in compared if any(known[span.start : span.end])),
        exact=len(
            {(s.start, s.end, s.kind) for s in annotated}
            & {(s.start, s.end, s.kind) for s in compared}
        ),
    )
    return result


def _must_go(span: Span, text: str, policy: Policy) -> bool:
    number = re.search(r"\d+", text[span.start : span.end])
    young = number is not None and int(number[0]) <= OLDEST_KEPT
    may_stay = span.kind == "age" and policy == "safe_harbor" and (young or number is None)
    return is_removed(span.kind, policy) and not may_stay


def _covered(length: int, spans: Sequence[Span]) -> bytearray:
    marks = bytearray(length)
    for span in spans:
        marks[span.start : span.end] = b"\x01" * (span.end - span.start)
    return marks


def _is_whole(span: Span, text: str, seen: bytearray) -> bool:
    return all(seen[i] for i in range(span.start, span.end) if text[i].isalnum())
