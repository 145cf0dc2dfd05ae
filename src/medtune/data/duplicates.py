"""Find inputs that are equal or nearly so, without comparing each with each.

The input of an example is its fields, joined in the order of their names. Two inputs are
- equal, if they are the same after Unicode NFKC, case folding and joining of white space;
- near, if the Jaccard similarity of their word 5-grams reaches the threshold. Words are runs of
  letters and digits (a Chinese or Japanese character is a word), so marks and punctuation do not
  count: the same sentence with another pair of entities marked is near, but not equal. An input of
  fewer than five words is one 5-gram: it is near only to the same words.

Candidates come from MinHash with banding (Broder 1997, doi:10.1109/SEQUEN.1997.666900), and every
candidate is checked by its true similarity. A pair at the threshold is missed with a probability of
at most 1 %, one above it more rarely.

16,000 records take seconds, also where all are copies of one template. What costs most is a
template whose copies stay just below the threshold: 8,000 of them take about a minute.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medtune.progress import progress
from medtune.records import Example

WORDS = 5
PERMUTATIONS = 128
MISSED = 0.01
"""Largest probability that a pair at the threshold is no candidate."""
SLACK = 0.18
"""Four standard deviations of a similarity estimated from 128 permutations, at the least."""
CHUNK = 512
"""Candidates compared at a time: a first hit often settles the others."""
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The distinct inputs of some examples, by number, ready to be compared."""

    of: Mapping[str, int]
    """Number of the input of each example, by the example's id."""
    shingles: Sequence[NDArray[np.uint64]]
    """Hashes of the 5-grams of each input, each once."""
    marks: NDArray[np.uint8]
    """The last byte of each value of the MinHash signatures, inputs by permutations."""
    buckets: Sequence[Indices]
    """Groups of inputs that share a band of their signatures: the candidates."""
    threshold: float


class Clusters(NamedTuple):
    """Groups joined because they hold equal or near inputs."""

    key: Mapping[str, str]
    """Smallest group id of the cluster, by group id."""
    joined: int
    """Pairs that joined two groups: a chain of three groups counts two."""


def input_text(fields: Mapping[str, str]) -> str:
    """What is compared: the fields in the order of their names, normalised, one per line."""
    return "\n".join(_normalised(fields[name]) for name in sorted(fields))


def index_inputs(examples: Sequence[Example], threshold: float) -> Inputs:
    """Number the distinct inputs and hash each of them once."""
    from datasketch import MinHash  # here, for it loads scipy, and predicting needs only the text

    number: dict[str, int] = {}
    of = {e.id: number.setdefault(input_text(e.fields), len(number)) for e in examples}
    shingles: list[NDArray[np.uint64]] = []
    signatures = np.zeros((len(number), PERMUTATIONS), dtype=np.uint32)
    with progress("looking for duplicates", len(number), "inputs") as advance:
        for text in number:
            shingles.append(_shingles(text))
            advance(1)
        hashes = ((shingle & 0xFFFFFFFF).tolist() for shingle in shingles)
        sketches = MinHash.generator(hashes, num_perm=PERMUTATIONS, seed=1, hashfunc=int)
        for n, sketch in enumerate(sketches):
            signatures[n] = sketch.hashvalues
    buckets = _buckets(signatures, _band(threshold))
    return Inputs(of, shingles, signatures.astype(np.uint8), buckets, threshold)


def near_to(wanted: Set[int], others: Set[int], inputs: Inputs) -> set[int]:
    """Those of the `wanted` inputs that equal, or are near, one of the `others`."""
    found = set(wanted & others)
    label = np.full(len(inputs.shingles), -1, dtype=np.int64)
    label[list(wanted)] = 0
    label[list(others)] = 1
    for pair in _near_pairs(inputs, label):
        hit = next(n for n in pair if label[n] == 0)
        found.add(hit)
        label[hit] = -1
    return found


def cluster(examples: Sequence[Example], inputs: Inputs) -> Clusters:
    """Join the groups of these examples that hold an equal or a near input.

    The result depends neither on the order of the examples nor on which pair is found first.
    """
    names = sorted({example.group for example in examples})
    number = {name: n for n, name in enumerate(names)}
    members = {n: [n] for n in number.values()}
    texts: dict[int, list[int]] = {n: [] for n in number.values()}
    home = list(range(len(names)))
    label = np.full(len(inputs.shingles), -1, dtype=np.int64)

    def join(a: int, b: int) -> None:
        large, small = (a, b) if len(texts[a]) >= len(texts[b]) else (b, a)
        label[texts[small]] = large
        for group in members[small]:
            home[group] = large
        members[large] += members.pop(small)
        texts[large] += texts.pop(small)

    for example in examples:
        text, group = inputs.of[example.id], home[number[example.group]]
        if label[text] < 0:
            label[text] = group
            texts[group].append(text)
        elif label[text] != group:
            join(int(label[text]), group)
    for one, other in _near_pairs(inputs, label):
        join(int(label[one]), int(label[other]))
    key = {names[n]: names[min(group)] for group in members.values() for n in group}
    return Clusters(key, len(names) - len(members))


def _normalised(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _shingles(text: str) -> NDArray[np.uint64]:
    words = WORD.findall(text) or [text]
    grams = {" ".join(words[n : n + WORDS]) for n in range(max(1, len(words) - WORDS + 1))}
    hashes = (blake2b(gram.encode(), digest_size=8).digest() for gram in grams)
    return np.unique(np.frombuffer(b"".join(hashes), dtype="<u8"))


def _band(threshold: float) -> int:
    """Permutations per band: as many, for fewer false candidates, as `MISSED` allows."""
    return next(
        (
            size
            for size in range(PERMUTATIONS // 2, 1, -1)
            if (1 - threshold**size) ** (PERMUTATIONS // size) <= MISSED
        ),
        1,
    )


def _buckets(signatures: NDArray[np.uint32], band: int) -> list[Indices]:
    found: dict[bytes, Indices] = {}
    for start in range(0, PERMUTATIONS - band + 1, band):
        table: dict[bytes, list[int]] = {}
        for n, part in enumerate(np.ascontiguousarray(signatures[:, start : start + band])):
            table.setdefault(part.tobytes(), []).append(n)
        for members in table.values():
            if len(members) > 1:
                bucket = np.array(members, dtype=np.int64)
                found.setdefault(bucket.tobytes(), bucket)
    return list(found.values())


def _near_pairs(inputs: Inputs, label: Indices) -> Iterator[tuple[int, int]]:
    """Yield near pairs of inputs whose labels differ; an input labelled -1 takes no part.

    The caller changes `label` between pairs, to say that some are settled: this, with the chunks,
    is what keeps a thousand copies of one template from costing a million comparisons.
    """
    for bucket in inputs.buckets:
        later = _open(bucket, label)
        while len(later):
            text, later = int(later[0]), later[1:]
            others = later[label[later] != label[text]]
            while len(others) and label[text] >= 0:
                head, others = others[:CHUNK], others[CHUNK:]
                for other in _near(text, head, inputs):
                    unsettled = label[text] >= 0 and label[other] >= 0
                    if unsettled and label[other] != label[text]:
                        yield text, other
                others = others[label[others] != label[text]]
            later = _open(later, label)


def _open(texts: Indices, label: Indices) -> Indices:
    """The texts that still take part, or none if they all have one label."""
    labels = label[texts]
    texts, labels = texts[labels >= 0], labels[labels >= 0]
    return texts if len(labels) and (labels != labels[0]).any() else texts[:0]


def _near(text: int, others: Indices, inputs: Inputs) -> list[int]:
    """Those of the others that are near to the text: by signature, then by true similarity."""
    same = (inputs.marks[others] == inputs.marks[text]).sum(axis=1, dtype=np.uint8)
    others = others[same >= (inputs.threshold - SLACK) * PERMUTATIONS]
    if not len(others):
        return []
    own, theirs = inputs.shingles[text], [inputs.shingles[other] for other in others.tolist()]
    sizes = np.array([len(shingles) for shingles in theirs])
    every = np.concatenate(theirs)
    place = np.minimum(np.searchsorted(own, every), len(own) - 1)
    shared = np.add.reduceat((own[place] == every).astype(np.int64), np.cumsum(sizes) - sizes)
    return others[shared / (len(own) + sizes - shared) >= inputs.threshold].tolist()
