"""How ids are named in a message."""

from collections.abc import Iterable

SHOWN = 5
"""Ids named in a message."""


def some(ids: Iterable[str]) -> str:
    """The first few of some ids."""
    listed = list(ids)
    more = ", ..." if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
