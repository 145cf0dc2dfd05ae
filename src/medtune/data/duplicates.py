"""Find inputs that are equal or nearly so, exactly, without comparing each with each.

The input of an example is its fields, joined in the order of their names. Two inputs are
- equal, if they are the same after Unicode NFKC, case folding and joining of white space;
- near, if the Jaccard similarity of their word 5-grams reaches the threshold. Marks and punctuation
  do not count: the same sentence with another pair of entities marked is near, but not equal. An
  input of fewer than five words is one 5-gram: it is near only to the same words.

No near pair is missed. If the 5-grams of all inputs are put in one order, rarest first, then two
near inputs share one among the first few of both (Chaudhuri, Ganti and Kaushik 2006,
doi:10.1109/ICDE.2006.9), at a place that leaves room for the rest that they must share (Xiao, Wang,
Lin and Yu 2008, doi:10.1145/1367497.1367516). Each pair that this leaves is judged by its true
similarity. Rarest first also means that a phrase which all notes have from one template costs
nothing. The 5-grams lie in a temporary file, so memory grows by some dozens of bytes an input.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from medtune.data.candidates import Runs, large_runs, near_ones, small_pairs
from medtune.data.postings import Indices, shared_prefixes
from medtune.data.shingles import digest, shingles
from medtune.data.store import Numbers, Store

WORDS = 5
CHUNK = 512
"""Candidates compared at a time: a first hit often settles the others."""


class Numbered(Protocol):
    """What has an input and a group."""

    @property
    def group(self) -> str:
        """What a split never divides."""
        ...

    @property
    def input(self) -> int:
        """The number of its input."""
        ...


class Signature(NamedTuple):
    """What equal and near inputs are found by."""

    name: int
    """Hash of the whole input."""
    shingles: Numbers
    """Hashes of its 5-grams, each once, ascending."""


def signature(text: str) -> Signature:
    """The signature of an input (see `input_text`)."""
    short = (shingles(text, WORDS) >> np.uint64(32)).astype(np.uint32)
    return Signature(digest(text), short[np.append(True, short[1:] != short[:-1])])


@dataclass
class Numbering:
    """Gives each distinct input a number, from 0, in the order in which they come."""

    folder: Path | None = None
    """Where the temporary file lies."""
    _numbers: dict[int, int] = field(default_factory=dict[int, int], repr=False)
    _store: Store = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._store = Store(self.folder)

    def number(self, text: str) -> int:
        """The number of an input (see `input_text`)."""
        return self.numbered(signature(text))

    def numbered(self, signed: Signature) -> int:
        """The number of an input, by its signature."""
        if signed.name not in self._numbers:
            self._numbers[signed.name] = len(self._numbers)
            self._store.add(signed.shingles)
        return self._numbers[signed.name]

    def index(self, threshold: float) -> "Inputs":
        """The inputs so far, ready to be compared."""
        sizes = self._store.lengths
        postings = shared_prefixes(self._store, threshold)
        pairs = small_pairs(postings, self._store, threshold)
        return Inputs(self._store, pairs, large_runs(postings, sizes, threshold), threshold)


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Distinct inputs by number, ready to be compared."""

    shingles: Store
    """Hashes of the 5-grams of each input, each once, ascending."""
    pairs: Indices
    """Near pairs, pairs by 2: those that few other inputs are candidates with."""
    runs: Runs
    """Candidates with many others: judged when somebody asks."""
    threshold: float

    def __len__(self) -> int:
        return len(self.shingles)


class Clusters(NamedTuple):
    """Groups joined because they hold equal or near inputs."""

    key: Mapping[str, str]
    """Smallest group id of the cluster, by group id."""
    joined: int
    """Pairs that joined two groups: a chain of three groups counts two."""


def near_to(wanted: Set[int], others: Set[int], inputs: Inputs) -> set[int]:
    """Those of the `wanted` inputs that equal, or are near, one of the `others`."""
    return set(partners(wanted, others, inputs))


def partners(wanted: Set[int], others: Set[int], inputs: Inputs) -> dict[int, int]:
    """One of the `others` for each of the `wanted` inputs that equals it or is near to it."""
    found = {one: one for one in wanted & others}
    label = np.full(len(inputs), -1, dtype=np.int64)
    label[list(wanted)] = 0
    label[list(others)] = 1
    for pair in near_pairs(inputs, label):
        hit, other = pair if label[pair[0]] == 0 else pair[::-1]
        found[hit] = other
        label[hit] = -1
    return found


def cluster(examples: Sequence[Numbered], inputs: Inputs) -> Clusters:
    """Join the groups of these examples that hold an equal or a near input.

    The result depends neither on the order of the examples nor on which pair is found first.
    """
    names = sorted({example.group for example in examples})
    number = {name: n for n, name in enumerate(names)}
    home = list(range(len(names)))
    members: dict[int, list[int]] = {}
    texts: dict[int, list[int]] = {}
    label = np.full(len(inputs), -1, dtype=np.int64)

    def join(a: int, b: int) -> None:
        """Give the smaller of two clusters the label of the larger."""
        large, small = (a, b) if len(texts[a]) >= len(texts[b]) else (b, a)
        label[texts[small]] = large
        moved = members.pop(small, [small])
        for group in moved:
            home[group] = large
        members.setdefault(large, [large]).extend(moved)
        texts[large] += texts.pop(small)

    for example in examples:
        text, group = example.input, home[number[example.group]]
        if label[text] < 0:
            label[text] = group
            texts.setdefault(group, []).append(text)
        elif label[text] != group:
            texts.setdefault(group, [])
            join(int(label[text]), group)
    for one, other in near_pairs(inputs, label):
        join(int(label[one]), int(label[other]))
    first = {root: names[min(groups)] for root, groups in members.items()}
    key = {name: first.get(home[n], name) for n, name in enumerate(names)}
    return Clusters(key, sum(len(groups) - 1 for groups in members.values()))


def near_pairs(inputs: Inputs, label: Indices) -> Iterator[tuple[int, int]]:
    """Yield near pairs of inputs whose labels differ; an input labelled -1 takes no part.

    The caller changes `label` between pairs, to say that some are settled: this, with the chunks,
    is what keeps a thousand copies of one template from costing a million comparisons.
    """
    for one, other in inputs.pairs.tolist():
        if _apart(one, other, label):
            yield one, other
    for found in inputs.runs.open(label):
        run = found.where(label[found.inputs] >= 0)
        while run.leads[:1].any() and _differ(label[run.inputs]):
            text, rest = int(run.inputs[0]), int(run.rest[0])
            run = run.where(slice(1, None))
            for start in range(0, len(run.inputs) if label[text] >= 0 else 0, CHUNK):
                head = run.where(slice(start, start + CHUNK))
                labels = label[head.inputs]
                head = head.where((labels >= 0) & (labels != label[text]))
                for other in near_ones(text, rest, head, inputs.shingles, inputs.threshold):
                    if _apart(text, other, label):
                        yield text, other
            run = run.where(label[run.inputs] >= 0)


def _differ(labels: Indices) -> bool:
    """Whether there are two labels, -1 not counted."""
    counted = labels[labels >= 0]
    return bool(len(counted) and (counted != counted[0]).any())


def _apart(one: int, other: int, label: Indices) -> bool:
    return bool(label[one] >= 0 and label[other] >= 0 and label[one] != label[other])
