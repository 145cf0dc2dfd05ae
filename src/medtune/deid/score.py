"""How much is found: annotated identifiers against found ones, counted by document.

An annotated identifier is *covered* when every letter and digit of it lies in something found,
whatever its kind: what is covered is replaced, and what is not leaks. A document *leaks* when one
of its identifiers is not covered. Something found is *right* when it touches an annotated
identifier.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from medtune.deid.kinds import Kind
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


def count(note: Note, found: Sequence[Span], counts: Callable[[Kind], bool]) -> Count:
    """Compare what was found in a note with what is annotated.

    Args:
        note: The note, annotated.
        found: What was found in its text.
        counts: Whether a kind is one that must be found; the others count neither way.
    """
    annotated = [span for span in note.spans if counts(span.kind)]
    compared = [span for span in found if counts(span.kind)]
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


def _covered(length: int, spans: Sequence[Span]) -> bytearray:
    marks = bytearray(length)
    for span in spans:
        marks[span.start : span.end] = b"\x01" * (span.end - span.start)
    return marks


def _is_whole(span: Span, text: str, seen: bytearray) -> bool:
    return all(seen[i] for i in range(span.start, span.end) if text[i].isalnum())
