"""Optional taggers: one that medtune trains on annotated notes, and adapters for others."""

from collections.abc import Sequence
from typing import Protocol

from medtune.deid.document import Document
from medtune.deid.kinds import Kind
from medtune.deid.span import Span

__all__ = ["Tagger"]


class Tagger(Protocol):
    """Finds identifiers in a text, given what the rules propose."""

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of which its word counts alone; of all others the rules have a say, too."""
        ...

    def tag(self, document: Document, proposed: Sequence[Span]) -> list[Span]:
        """Spans in order of place, none overlapping.

        Args:
            document: The text with its tokens.
            proposed: What the rules found, overlaps resolved.
        """
        ...
