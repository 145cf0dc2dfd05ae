"""Pieces of the model card, in Markdown that no name out of the data can break."""

from medtune.records import Estimate

UNKNOWN = "information not available"


def interval(estimate: Estimate) -> str:
    """A value with its interval and count."""
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f}, n = {estimate.n})"


def table(head: list[str], rows: list[list[str | int]] | list[list[str]]) -> str:
    """A table; the word None where it has no row."""
    if not rows:
        return "None."
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(plain(str(x)) or UNKNOWN for x in row) + " |" for row in lines
    )


def plain(text: str) -> str:
    """One line that no name out of the data can turn into a table cell, a link or a heading."""
    return " ".join(text.split()).translate({ord(mark): "\\" + mark for mark in "\\|<>[]`"})
