"""Judge candidates by their true similarity: few at once beforehand, many when somebody asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medtune.data.postings import Indices, Postings, needed_overlap
from medtune.data.store import Numbers, Store

SMALL = 8
"""Runs of so few inputs are judged pair by pair beforehand."""
PAIRS = 1 << 20
"""Candidate pairs listed at a time."""
BATCH = 1 << 11
"""Pairs compared at a time."""

Mask = NDArray[np.bool_]


class Run(NamedTuple):
    """Inputs that share one of their first few shingles."""

    inputs: Indices
    rest: Indices
    """How many shingles of each input come after that one in the common order, itself included."""
    leads: Mask
    """Whether enough of them come after it for the input to be the smaller of a near pair."""

    def where(self, kept: Mask | Indices | slice) -> "Run":
        """The part of the run that a mask, places or a slice name."""
        return Run(self.inputs[kept], self.rest[kept], self.leads[kept])


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """The runs of more than `SMALL` inputs, one after the other, those that lead first in each."""

    all: Run
    starts: Indices
    """Where each run begins, and the end of the last."""

    def open(self, label: Indices) -> Iterator[Run]:
        """Yield the runs that hold two labels, -1 not counted, when it is their turn."""
        if len(self.starts) == 1:
            return
        labels = label[self.all.inputs]
        highest = np.maximum.reduceat(labels, self.starts[:-1])
        lowest = np.minimum.reduceat(np.where(labels < 0, len(label), labels), self.starts[:-1])
        for number in np.flatnonzero(lowest < highest).tolist():
            yield self.all.where(slice(self.starts[number], self.starts[number + 1]))


def large_runs(postings: Postings, sizes: Indices, threshold: float) -> Runs:
    """The runs of more than `SMALL` inputs, of which one at least leads."""
    lengths = np.diff(postings.starts)
    run = np.repeat(np.arange(len(lengths)), lengths)
    rest = sizes[postings.inputs] - postings.places
    leads = rest >= needed_overlap(sizes, sizes, threshold)[postings.inputs]
    useful = (lengths > SMALL) & (np.bincount(run, leads, minlength=len(lengths)) > 0)
    order = np.lexsort((~leads, run))
    order = order[useful[run[order]]]
    starts = np.concatenate([[0], np.cumsum(lengths[useful])])
    return Runs(Run(postings.inputs, rest, leads).where(order), starts)


def small_pairs(postings: Postings, store: Store, threshold: float) -> Indices:
    """The near pairs of the runs of at most `SMALL` inputs, each once; pairs by 2."""
    sizes, lengths = store.lengths, np.diff(postings.starts)
    rest = sizes[postings.inputs] - postings.places
    keys: list[Indices] = [np.zeros(0, dtype=np.int64)]
    for length in range(2, SMALL + 1):
        starts = postings.starts[:-1][lengths == length]
        one, other = np.triu_indices(length, 1)
        for first in range(0, len(starts), PAIRS // len(one)):
            begin = starts[first : first + PAIRS // len(one), None]
            a, b = (begin + one).ravel(), (begin + other).ravel()
            pair = np.stack([postings.inputs[a], postings.inputs[b]], axis=1)
            room = np.minimum(rest[a], rest[b])
            pair = pair[room >= needed_overlap(sizes[pair[:, 0]], sizes[pair[:, 1]], threshold)]
            keys.append(pair.min(axis=1) * len(sizes) + pair.max(axis=1))
    every = np.unique(np.concatenate(keys))
    pairs = np.stack([every // len(sizes), every % len(sizes)], axis=1) if len(every) else every
    return _near(pairs.reshape(-1, 2), store, sizes, threshold)


def near_ones(one: int, rest: int, run: Run, store: Store, threshold: float) -> list[int]:
    """Those of a run that are near to one of its inputs, which has so many shingles left."""
    own = store[one]
    sizes = store.lengths[run.inputs]
    needed = needed_overlap(np.full_like(sizes, len(own)), sizes, threshold)
    possible = np.minimum(run.rest, rest) >= needed
    others, sizes = run.inputs[possible], sizes[possible]
    if not len(others):
        return []
    shared = _shared(own, store.joined(others.tolist()), sizes)
    return others[shared >= needed[possible]].tolist()


def _shared(own: Numbers, every: Numbers, sizes: Indices) -> Indices:
    """How many of its own shingles each of the others holds."""
    place = np.minimum(np.searchsorted(own, every), len(own) - 1)
    return np.add.reduceat((own[place] == every).astype(np.int64), np.cumsum(sizes) - sizes)


def _near(pairs: Indices, store: Store, sizes: Indices, threshold: float) -> Indices:
    near = np.zeros(len(pairs), dtype=bool)
    for first in range(0, len(pairs), BATCH):
        batch = pairs[first : first + BATCH]
        both = sizes[batch]
        shingles = store.joined(batch.ravel().tolist())
        owner = np.repeat(np.arange(len(batch)), both.sum(axis=1))
        keys = np.sort(owner.astype(np.uint64) << np.uint64(32) | shingles)
        shared = np.bincount(
            (keys[1:][keys[1:] == keys[:-1]] >> np.uint64(32)).astype(np.int64),
            minlength=len(batch),
        )
        near[first : first + BATCH] = shared >= needed_overlap(both[:, 0], both[:, 1], threshold)
    return pairs[near]
