"""Find many fixed phrases in a text, fast: whole words, any case, the longest at a place."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FIRST = re.compile(r"[a-z0-9]+")
START = re.compile(r"(?<![\w-])[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases by their first run of letters or digits, each as one pattern."""

    by_first: dict[str, re.Pattern[str]]

    def find(self, text: str, start: int = 0, end: int | None = None) -> Iterator[re.Match[str]]:
        """The matches between two places of the text, in order, without overlap."""
        end = len(text) if end is None else end
        place = start
        for word in START.finditer(text, start, end):
            pattern = self.by_first.get(word[0].lower()) if word.start() >= place else None
            match = pattern.match(text, word.start(), end) if pattern else None
            if match:
                place = match.end()
                yield match


def phrases(names: Iterable[str]) -> Phrases:
    """An index of phrases in lower case, each beginning with a letter or digit."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        first = FIRST.match(name)
        assert first is not None, f"{name!r} does not begin with a letter or digit"
        groups[first[0]].append(name)
    return Phrases({first: _pattern(group) for first, group in groups.items()})


def _pattern(names: list[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    alternatives = "|".join(re.escape(name).replace(r"\ ", r"\s+") for name in longest_first)
    return re.compile(rf"(?:{alternatives})(?![\w-])", re.IGNORECASE)


def listed(text: str) -> list[str]:
    """The words of a list that is written as one text."""
    return text.split()


def folded(text: str) -> str:
    """A text in lower case with single spaces, as phrases are looked up."""
    return " ".join(text.lower().split())
