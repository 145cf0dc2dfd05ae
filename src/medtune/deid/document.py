"""A text made ready for the rules: its tokens, and itself in lower case without accents."""

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from medtune.deid.kinds import Language
from medtune.deid.lexicon import bits

Case = Literal["mixed", "lower", "upper"]
TOKEN = re.compile(r"[^\W\d_]+(?:['’`´-](?!s\b)[^\W\d_]+)*|\d+|[^\w\s]|_")
FEW_CAPITALS = 0.01
MANY_CAPITALS = 0.6


@dataclass(frozen=True)
class Document:
    """A text with its tokens: words, runs of digits, single marks."""

    text: str = field(repr=False)
    language: Language
    flat: str = field(repr=False)
    """The text in lower case without accents, character for character."""
    words: list[str] = field(repr=False)
    """The tokens as written."""
    low: list[str] = field(repr=False)
    """The tokens in lower case without accents."""
    starts: list[int] = field(repr=False)
    ends: list[int] = field(repr=False)
    case: Case
    """`lower` where capitals tell nothing because there are none, `upper` where there is little
    else."""

    def token_at(self, offset: int) -> int:
        """Index of the first token that starts at `offset` or later."""
        return bisect_left(self.starts, offset)

    def bits(self, word: str) -> int:
        """What a word can be, by the tables of the text's language."""
        return bits(word, self.language)

    def gap(self, index: int) -> str:
        """What stands between a token and the one before it."""
        return self.text[self.ends[index - 1] : self.starts[index]] if index else ""


def read(text: str, language: Language) -> Document:
    """Divide a text into tokens."""
    flat = flatten(text)
    words: list[str] = []
    low: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in TOKEN.finditer(text):
        start, end = match.span()
        words.append(match[0])
        low.append(flat[start:end])
        starts.append(start)
        ends.append(end)
    return Document(text, language, flat, words, low, starts, ends, _case(words))


def flatten(text: str) -> str:
    """Lower case without accents, of the same length, so that offsets stay."""
    return text.lower() if text.isascii() else text.translate(_flat_letters())


def _case(words: list[str]) -> Case:
    letters = [word for word in words if word[0].isalpha()]
    capitals = sum(word[0].isupper() for word in letters)
    if capitals <= FEW_CAPITALS * len(letters):
        return "lower"
    shouted = sum(word.isupper() and len(word) > 1 for word in letters)
    return "upper" if shouted > MANY_CAPITALS * len(letters) else "mixed"


@cache
def _flat_letters() -> dict[int, str]:
    """Letters of the Latin, Greek and Cyrillic blocks, each to one plain lower-case letter."""
    found: dict[int, str] = {}
    for code in range(0x41, 0x0530):
        letter = chr(code)
        base = unicodedata.normalize("NFKD", letter.lower())[:1].lower()
        if letter.isalpha() and letter not in "ªº" and len(base) == 1 and base != letter:
            found[code] = base
    return found | {ord("’"): "'", ord("`"): "'", ord("´"): "'"}
