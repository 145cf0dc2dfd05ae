"""Optional taggers: one that medtune trains on annotated notes, and adapters for others."""

from collections.abc import Sequence
from typing import Protocol

from medtune.deid.document import Document
from medtune.deid.span import Span

__all__ = ["Tagger"]


class Tagger(Protocol):
    """Finds identifiers in a text, given what the rules propose."""

    def tag(self, document: Document, proposed: Sequence[Span]) -> list[Span]:
        """Spans in order of place, none overlapping.

        Args:
            document: The text with its tokens.
            proposed: What the rules found, overlaps resolved.
        """
        ...
