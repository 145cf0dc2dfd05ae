"""Hash every run of n words of a text: what duplicates, copies and overlaps are found by.

Words are runs of letters and digits, after Unicode NFKC and case folding; a Chinese or Japanese
character is a word. Marks and punctuation do not count. A run of words is hashed to 64 bits: by
chance two of a billion runs collide with a probability of 3 %.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from medtune.records import REJECTED

Hashes = NDArray[np.uint64]
"""Hashes of the shingles of a text, in ascending order, each once."""

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
SPACED = "".join(c if c.isalnum() or c == "_" else " " for c in map(chr, range(128)))
"""An ASCII text translated by this table has white space around its words: faster than WORD."""
BASE = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that the place of a word in its run counts."""
MIXERS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
"""The finaliser of SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195)."""


def input_text(fields: Mapping[str, str]) -> str:
    """The input of an example: its fields in the order of their names, normalised, one per line.

    A rejected answer is none of it, for it tells of the answer.
    """
    return "\n".join(normalised(fields[name]) for name in sorted(fields) if name != REJECTED)


def normalised(text: str) -> str:
    """The text after NFKC and case folding, with single spaces."""
    plain = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return " ".join(plain.split())


def digest(text: str) -> int:
    """A 64-bit hash, the same on every machine."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def shingles(text: str, n: int) -> Hashes:
    """Hashes of every run of n words of a normalised text.

    A text of fewer than n words is one run of all its words; one without any word is hashed whole.
    """
    words = words_of(text) or [text]
    runs = np.sort(runs_of(hashes_of(words), min(n, len(words))))
    return runs[np.append(True, runs[1:] != runs[:-1])]


def words_of(text: str) -> list[str]:
    """The words of a normalised text, in their order."""
    return text.translate(SPACED).split() if text.isascii() else WORD.findall(text)


def hashes_of(words: list[str]) -> Hashes:
    """The hash of each word, in their order."""
    return np.fromiter(map(_word_hash, words), dtype=np.uint64, count=len(words))


def runs_of(hashes: Hashes, n: int) -> Hashes:
    """Hashes of the runs of n words, in their order, repeats included; none if there are fewer."""
    n_runs = len(hashes) - n + 1
    if n_runs <= 0:
        return hashes[:0]
    runs = hashes[:n_runs].copy()
    for k in range(1, n):
        runs *= BASE
        runs += hashes[k : k + n_runs]
    for shift, multiplier in MIXERS:
        runs ^= runs >> np.uint64(shift)
        runs *= np.uint64(multiplier)
    return runs ^ (runs >> np.uint64(31))


@lru_cache(maxsize=1 << 18)
def _word_hash(word: str) -> int:
    return digest(word)
