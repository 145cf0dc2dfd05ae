"""A stretch of text that may identify somebody, and the choice between stretches that overlap."""

from collections.abc import Iterable
from typing import NamedTuple

from medtune.deid.kinds import Kind


class Span(NamedTuple):
    """Where an identifier stands. It holds no text."""

    start: int
    end: int
    """Offsets in characters; `end` is past the last one."""
    kind: Kind
    rule: str
    """What found it, such as "label" or "checksum"."""
    weight: int = 0
    """How sure the rule is: of two spans that overlap the heavier wins, then the longer."""


def resolve(spans: Iterable[Span], text: str) -> list[Span]:
    """Spans in order of place, none overlapping.

    Where a heavier span covers a part of a lighter one, the rest of the lighter one stays: a piece
    of an identifier that no rule is sure of must not slip out beside one that is.
    """
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (-s.weight, s.start - s.end, s.start)):
        pieces = [span]
        for other in kept:
            if other.start < span.end and span.start < other.end:
                pieces = [part for piece in pieces for part in _without(piece, other)]
        for piece in pieces:
            trimmed = trim(piece, text)
            if trimmed.start < trimmed.end:
                kept.append(trimmed)
    return sorted(kept)


def trim(span: Span, text: str) -> Span:
    """The span without the spaces and marks at its ends; it may come out empty."""
    start, end = span.start, span.end
    while start < end and not text[start].isalnum() and text[start] not in "+(":
        start += 1
    while start < end and not text[end - 1].isalnum() and text[end - 1] != ")":
        end -= 1
    return span._replace(start=start, end=end)


def _without(span: Span, other: Span) -> list[Span]:
    """What is left of `span` outside `other`."""
    if other.end <= span.start or span.end <= other.start:
        return [span]
    parts = [span._replace(end=other.start), span._replace(start=other.end)]
    return [part for part in parts if part.start < part.end]
