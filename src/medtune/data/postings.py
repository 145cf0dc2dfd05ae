"""Which inputs share one of their rarest shingles: the candidates of the search for near ones.

All shingles have one order: by how many inputs hold them, then by hash. The prefix of an input is
its first `size - ceil(threshold * size) + 1` shingles in this order; two inputs whose similarity
reaches the threshold share at least one shingle of their prefixes. The counts come from a table of
fixed size, so shingles that fall on one place are counted together: that makes the search slower,
never wrong, because any order will do.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medtune.data.store import Store

CHUNK = 1 << 21
"""Shingles worked on at a time."""
LARGEST_TABLE = 1 << 25
MOST_COUNT = (1 << 16) - 1
"""Higher counts are not told apart."""
PART = 1 << 21
"""Postings sorted at a time."""
ROUNDING = 1e-9
MIX = np.uint64(0x9E3779B97F4A7C15)

Indices = NDArray[np.int64]
Table = NDArray[np.uint32]
"""Columns: input, place of the shingle in the input's order, count and hash of the shingle."""


class Postings(NamedTuple):
    """Runs of two or more inputs that share a shingle of their prefixes, in the order of shingles.

    Of runs with the same inputs only the first is kept: a pair of near inputs shares most of them.
    """

    inputs: Indices
    places: Indices
    """Place of the shingle in each input's order, from 0."""
    starts: Indices
    """Where each run begins, and where the last one ends."""


def shared_prefixes(store: Store, threshold: float) -> Postings:
    """The runs of the prefixes of all inputs."""
    sizes = np.array(store.sizes, dtype=np.int64)
    n_parts = 1 + int(prefix_sizes(sizes, threshold).sum()) // PART
    parts = [Store(store.folder) for _ in range(n_parts)]
    for table in _prefixes(store, _counts(store), threshold):
        for number, part in enumerate(parts):  # all postings of a shingle go to one part
            part.add(table[table[:, 3] % np.uint32(n_parts) == number].ravel())
    table = _distinct(np.concatenate([_distinct(_table(part)) for part in parts]))
    inputs, places = (table[:, column].astype(np.int64) for column in (0, 1))
    return Postings(inputs, places, _starts(_keys(table)))


def prefix_sizes(sizes: Indices, threshold: float) -> Indices:
    """How many shingles of an input can be the first that it shares with a near one."""
    return sizes - np.ceil(threshold * sizes - ROUNDING).astype(np.int64) + 1


def needed_overlap(sizes: Indices, others: Indices, threshold: float) -> Indices:
    """How many shingles two inputs must share for their similarity to reach the threshold."""
    share = threshold / (1 + threshold)
    return np.ceil(share * (sizes + others) - ROUNDING).astype(np.int64)


def _counts(store: Store) -> Table:
    """How many inputs hold a shingle, by its hash modulo the size of this table (a power of 2)."""
    wanted = 4 * int(store.starts[-1]) + 1
    counts = np.zeros(min(LARGEST_TABLE, 1 << wanted.bit_length()), dtype=np.uint32)
    for chunk in store.chunks(CHUNK):
        places, n = np.unique(chunk.numbers & np.uint32(len(counts) - 1), return_counts=True)
        counts[places] += n.astype(np.uint32)
    return np.minimum(counts, MOST_COUNT)


def _prefixes(store: Store, counts: Table, threshold: float) -> Iterator[Table]:
    """Yield the postings of some inputs at a time. A shingle that only one holds is left out."""
    for chunk in store.chunks(CHUNK):
        owner = np.repeat(np.arange(len(chunk.sizes)), chunk.sizes)
        count = counts[chunk.numbers & np.uint32(len(counts) - 1)]
        order = np.argsort(count.astype(np.uint64) << np.uint64(32) | chunk.numbers)
        order = order[np.argsort(owner[order], kind="stable")]
        place = np.arange(len(order)) - np.repeat(np.cumsum(chunk.sizes) - chunk.sizes, chunk.sizes)
        kept = place < np.repeat(prefix_sizes(chunk.sizes, threshold), chunk.sizes)
        kept &= count[order] > 1
        order = order[kept]
        columns = (chunk.first + owner[order], place[kept], count[order], chunk.numbers[order])
        yield np.stack([column.astype(np.uint32) for column in columns], axis=1)


def _table(part: Store) -> Table:
    empty = np.zeros(0, dtype=np.uint32)
    return np.concatenate([empty, *(c.numbers for c in part.chunks(CHUNK))]).reshape(-1, 4)


def _distinct(table: Table) -> Table:
    """Postings by shingle: without shingles of one input, and of equal runs only the first."""
    keys = _keys(table)
    order = np.argsort(keys, kind="stable")
    table, keys = table[order], keys[order]
    starts = _starts(keys)
    sizes = np.diff(starts)
    mixed = (table[:, 0].astype(np.uint64) + np.uint64(1)) * MIX
    mixed ^= mixed >> np.uint64(29)
    identity = np.add.reduceat(mixed * MIX, starts[:-1]) if len(sizes) else mixed
    kept = np.zeros(len(sizes), dtype=bool)
    kept[np.unique(identity, return_index=True)[1]] = True
    return table[np.repeat(kept & (sizes > 1), sizes)]


def _keys(table: Table) -> NDArray[np.uint64]:
    """The place of each posting's shingle in the order of all shingles."""
    return table[:, 2].astype(np.uint64) << np.uint64(32) | table[:, 3]


def _starts(keys: NDArray[np.uint64]) -> Indices:
    """Where each run of equal keys begins, and the number of keys."""
    changes = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    return np.concatenate([np.zeros(min(1, len(keys)), dtype=np.int64), changes, [len(keys)]])
