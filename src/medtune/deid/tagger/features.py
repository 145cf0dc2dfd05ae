"""What the tagger sees of a token: hashed features, for itself and its neighbours.

A feature is a 64-bit number: the hash of a word, a shape, a suffix, mixed with its place relative
to the token. Hashes stand for words, so that a saved tagger holds no text.

Shapes: N tokens, F features of each.
"""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from medtune.deid.document import Document
from medtune.deid.kinds import Language
from medtune.deid.span import Span

Hashes = NDArray[np.uint64]
NOTHING = np.uint64(0)
"""Stands where a token has no such feature; it is never stored."""
MIX = np.uint64(0x9E3779B97F4A7C15)
"""Odd multiplier of Fibonacci hashing (Knuth, The art of computer programming, volume 3, 6.4)."""
N_BITS = 8
LONGEST_SHAPE = 12
LAST_LINE = 16
LAST_PLACE = 6
PARTS = 10
"""Into how many parts a text is divided, to tell a token where it stands."""


class Base:
    """The columns of `_word`, by name."""

    WORD, SHAPE, LONG_SHAPE, SUFFIX = 0, 1, 2, 7
    N = 9 + N_BITS


@lru_cache(maxsize=500_000)
def digest(text: str) -> int:
    """A 64-bit hash that is the same on every machine; never 0."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") or 1


@lru_cache(maxsize=200_000)
def _word(word: str, low: str, bits: int) -> tuple[int, ...]:
    """The features of one token by itself, as hashes; 0 where it has none."""
    plain = re.sub(r"\d", "0", low)
    long_shape = _shape(word)
    short_shape = re.sub(r"(.)\1+", r"\1\1", long_shape)
    found = [digest("w" + plain), digest("s" + short_shape), digest("l" + long_shape)]
    is_letters = word[0].isalpha()
    for n in (2, 3, 4):
        found.append(digest(f"p{n}{low[:n]}") if is_letters else 0)
    for n in (2, 3, 4):
        found.append(digest(f"e{n}{low[-n:]}") if is_letters else 0)
    found += [digest(f"b{n}") if bits >> n & 1 else 0 for n in range(N_BITS)]
    return tuple(found)


def _shape(word: str) -> str:
    letters = (
        "d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word
    )
    return "".join(letters)[:LONGEST_SHAPE]


def features(document: Document, proposed: Sequence[Span]) -> Hashes:
    """Features of every token, of shape (N, F)."""
    n = len(document.words)
    bits = [document.bits(word) for word in document.words]
    base = np.array(
        [_word(*token) for token in zip(document.words, document.low, bits, strict=True)],
        dtype=np.uint64,
    ).reshape(n, Base.N)
    rule = _rules(document, proposed)
    place = _places(document)
    columns = [base, rule[:, None], *(column[:, None] for column in place)]
    word, shape = base[:, Base.WORD], base[:, Base.SHAPE]
    bit_code = np.array([digest(f"c{b}") for b in bits], dtype=np.uint64)
    columns += [_pair(place[0], shape)[:, None], _pair(place[0], word)[:, None]]
    for offset in (-3, -2, -1, 1, 2, 3):
        near = [_shift(word, offset), _shift(rule, offset)]
        if abs(offset) < 3:  # noqa: PLR2004  shapes matter near by only
            near.append(_shift(shape, offset))
        if abs(offset) == 1:
            near += [_shift(bit_code, offset), _shift(base[:, Base.SUFFIX], offset)]
        columns += [_mark(column, offset)[:, None] for column in near]
    before, after = _shift(word, -1), _shift(word, 1)
    columns += [_pair(before, word)[:, None], _pair(word, after)[:, None]]
    columns += [_pair(_shift(word, -2), before)[:, None]]
    columns += [_pair(after, _shift(word, 2))[:, None]]
    return np.hstack([_numbered(block, i) for i, block in enumerate(columns)])


def _rules(document: Document, proposed: Sequence[Span]) -> Hashes:
    """What the rules say of each token: the kind, and whether it begins there."""
    found = np.full(len(document.words), digest("rO"), dtype=np.uint64)
    for span in proposed:
        first, last = tokens_of(document, span.start, span.end)
        found[first:last] = digest("rI" + span.kind)
        found[first : first + 1] = digest("rB" + span.kind)
    return found


def tokens_of(document: Document, start: int, end: int) -> tuple[int, int]:
    """The tokens that a stretch of text touches: the first, and past the last."""
    first, last = document.token_at(start), document.token_at(end)
    if first and document.ends[first - 1] > start:
        first -= 1
    return first, last


def _places(document: Document) -> list[Hashes]:
    """The label of the line, its number, the place in line and text, and the gap before."""
    rows: list[tuple[int, ...]] = []
    label, line, place = "^", 0, 0
    n, n_lines = len(document.words), document.text.count("\n") + 1
    for i, word in enumerate(document.words):
        gap = document.gap(i)
        if "\n" in gap:
            label, line, place = "^", line + gap.count("\n"), 0
        rows.append(
            (
                digest("L" + label),
                digest(f"n{min(line, LAST_LINE)}"),
                digest(f"z{min(n_lines - line, 4)}"),
                digest(f"i{min(place, LAST_PLACE)}"),
                digest(f"t{PARTS * i // n}"),
                digest("gn" if "\n" in gap else f"g{min(len(gap), 2)}"),
            )
        )
        if word == ":":
            label = " ".join(document.low[max(0, i - 2) : i])
        place += 1
    table = np.array(rows, dtype=np.uint64).reshape(n, 6)
    return [table[:, column] for column in range(6)]


def _shift(column: Hashes, offset: int) -> Hashes:
    """The column of the tokens at a distance; beyond the ends there is nothing."""
    shifted = np.zeros_like(column)
    if offset < 0:
        shifted[-offset:] = column[:offset]
    else:
        shifted[:-offset] = column[offset:]
    return shifted


def _pair(one: Hashes, other: Hashes) -> Hashes:
    joined = (one * MIX) ^ (other + (one >> np.uint64(7)))
    return np.where((one == NOTHING) | (other == NOTHING), NOTHING, joined)


def _mark(column: Hashes, offset: int) -> Hashes:
    """The same feature at another distance is another feature."""
    return np.where(column == NOTHING, NOTHING, (column ^ np.uint64(offset + 8)) * MIX)


def _numbered(block: Hashes, number: int) -> Hashes:
    """Features of different blocks never share a number."""
    return np.where(block == NOTHING, NOTHING, (block + np.uint64(number + 1)) * MIX | np.uint64(1))


def lines(document: Document, longest: int = 200) -> list[tuple[int, int]]:
    """Where to divide the tokens into sequences: at line ends, or after `longest` tokens."""
    starts = [0]
    for i in range(1, len(document.words)):
        if "\n" in document.gap(i) or i - starts[-1] >= longest:
            starts.append(i)
    return list(zip(starts, [*starts[1:], len(document.words)], strict=True))


__all__ = ["Hashes", "Language", "features", "lines", "tokens_of"]
