"""Find text of evaluation sets in training records, by runs of 13 words.

A run of 13 words that two texts share is rarely chance (Brown et al. 2020, arXiv:2005.14165,
appendix C, which uses 13 as well). A text of 8 to 12 words counts as one run; a shorter one, such
as the options of an exam question, is too common to tell anything, and so is a run that more than
ten items of an evaluation set hold. What counts is the share of an item's runs that a record holds:
a vignette has phrases of the trade, such as normal vital signs, in common with many others.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medtune.data.row import Row
from medtune.data.shingles import Hashes, hashes_of, normalised, runs_of, words_of
from medtune.records import Example, Json

RUN = 13
SHORTEST = 8
COMMON = 10
"""A run in more items than this is a common phrase (Brown et al. 2020, as above)."""
PARTLY, HOLDS = 0.2, 0.5
"""Share of an item's runs from which a record holds a part of it, and the item. Our own choice: of
the 574 notes of MEDEC, half of which were made from MedQA, none lies between 0.2 and 0.5."""


class Overlap(NamedTuple):
    """A training record that holds an item of an evaluation set, or a part of it."""

    id: str
    """The training record."""
    reference: str
    item: str
    """The item's id or place."""
    share: float
    """Share of the item's runs that the record holds, in (0, 1]; 1 where the two are near."""


class Item(NamedTuple):
    """One item of an evaluation set."""

    reference: str
    name: str
    texts: Sequence[str]


def item_of(reference: str, row: Row) -> Item:
    """A row of any file as an item: all texts in it, nested ones too."""
    return Item(reference, row.where.rsplit("/", 1)[-1], list(texts_of(row.values)))


def record_texts(example: Example) -> list[str]:
    """The texts of a record: its fields, and its target if that is text."""
    return [*example.fields.values(), *texts_of(example.target)]


def is_long_enough(item: Item) -> bool:
    """Whether an item has a run of words to be found by."""
    return any(len(words_of(normalised(text))) >= SHORTEST for text in item.texts)


def find_overlaps(
    records: Iterable[tuple[str, Sequence[str]]], items: Iterable[Item]
) -> list[Overlap]:
    """The records, each an id with its texts, that hold at least a part of an item.

    Only the items' runs are held in memory: records are read one by one.
    """
    index = _index(items)
    if not len(index.runs):
        return []
    found: Counter[tuple[str, int]] = Counter()
    for name, texts in records:
        found.update((name, item) for item in index.owner[index.hits(texts)].tolist())
    return [
        Overlap(name, *index.items[item][:2], n / int(index.sizes[item]))
        for (name, item), n in found.items()
        if n >= PARTLY * index.sizes[item]
    ]


class _Index(NamedTuple):
    items: Sequence[Item]
    runs: Hashes
    """Every run of every item, ascending; one that two items hold is there twice."""
    owner: NDArray[np.int64]
    """The item of each run."""
    sizes: NDArray[np.int64]
    """How many runs each item has."""
    lengths: Sequence[int]
    """The lengths of run, in words, that the items have."""

    def hits(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Places in `runs` of what the texts hold."""
        hashed = [hashes_of(words_of(normalised(text))) for text in texts]
        own = [_runs(hashes, length) for hashes in hashed for length in self.lengths]
        every = np.unique(np.concatenate([*own, np.zeros(0, dtype=np.uint64)]))
        start = np.searchsorted(self.runs, every, side="left")
        end = np.searchsorted(self.runs, every, side="right")
        n = end - start
        return np.repeat(start, n) + np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)


def _index(items: Iterable[Item]) -> _Index:
    kept: list[Item] = []
    runs: list[Hashes] = [np.zeros(0, dtype=np.uint64)]
    lengths: set[int] = set()
    for item in items:
        own: list[Hashes] = []
        for words in map(words_of, map(normalised, item.texts)):
            if len(words) >= SHORTEST:
                length = min(RUN, len(words))
                lengths.add(length)
                own.append(_runs(hashes_of(words), length))
        if own:
            kept.append(item._replace(texts=()))
            runs.append(np.unique(np.concatenate(own)))
    every = np.concatenate(runs)
    owner = np.repeat(np.arange(len(kept)), [len(one) for one in runs[1:]])
    order = np.argsort(every, kind="stable")
    values, n_items = np.unique(every, return_counts=True)
    order = order[n_items[np.searchsorted(values, every[order])] <= COMMON]
    sizes = np.bincount(owner[order], minlength=len(kept))
    return _Index(kept, every[order], owner[order], sizes, sorted(lengths))


def _runs(hashes: Hashes, length: int) -> Hashes:
    # The length is mixed in, for a run of 8 words is not the beginning of one of 13.
    return runs_of(hashes, length) ^ np.uint64(length)


def texts_of(value: Json) -> Iterator[str]:
    """Every text in a value, nested ones too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_of(part)
