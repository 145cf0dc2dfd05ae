"""Divide examples into train, validation and test, so that nothing is on two sides.

Which split a group goes to depends on the seed and the group's id alone: neither on the order of
the records nor on which others there are, so added records leave the old ones where they were. (One
exception: a new record that is near to two old groups joins them, and the joined group goes by its
smallest id.)

Where sources fix a split:
- Records in a fixed validation or test stay there as published, repeats included.
- What is in train or free, and equals or is near to one of those, or shares its group, is removed.
- No free record is added to a fixed validation or test; their share goes to train.
- A free record that is near to a record fixed in train, or shares its group, goes to train.
- One group in two fixed splits is an error.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple

from medtune.config import DataSection
from medtune.data.duplicates import Inputs, cluster, near_to
from medtune.errors import ConfigError, DataError
from medtune.records import SPLITS, Example, Json, Split

HELD: tuple[Split, ...] = ("validation", "test")
SHOWN = 5
"""Ids named in a message."""


class Division(NamedTuple):
    """The splits, and what was removed on the way to them."""

    splits: Mapping[Split, list[Example]]
    """Every example's group is now the smallest id of the groups joined by near duplicates."""
    removed: Mapping[str, str]
    """Reason by id: "leak", "group in a fixed split" or "duplicate"."""
    leaks: list[str]
    """Ids in a fixed validation or test whose input, or nearly, was elsewhere too."""
    joined: int
    """Pairs of groups joined for a near duplicate."""


def divide(
    examples: Sequence[Example], inputs: Inputs, settings: DataSection, seed: int
) -> Division:
    """Remove leaks and repeats, join near duplicates, and give every example its split.

    Raises:
        ConfigError: Validation and test leave no share for train.
        DataError: A group is fixed in two splits, or a split is empty.
    """
    if settings.validation + settings.test >= 1:
        raise ConfigError(
            f"data.validation {settings.validation} and data.test {settings.test} leave nothing "
            "to train on; make their sum less than 1"
        )
    _refuse_two_fixed_splits(examples)
    removed, leaks = _leaks(examples, inputs)
    kept = [e for e in examples if e.id not in removed]
    removed |= dict.fromkeys(_repeats(kept, inputs), "duplicate")
    kept = [e for e in kept if e.id not in removed]
    parts = {held: _clustered([e for e in kept if e.split == held], inputs) for held in HELD}
    free = _clustered([e for e in kept if e.split not in HELD], inputs)
    shares = Shares(
        0.0 if parts["validation"].examples else settings.validation,
        0.0 if parts["test"].examples else settings.test,
    )
    splits: dict[Split, list[Example]] = {
        "train": [],
        "validation": parts["validation"].examples,
        "test": parts["test"].examples,
    }
    for example, split in _placed(free.examples, shares, seed):
        splits[split].append(example)
    joined = free.joined + sum(part.joined for part in parts.values())
    _refuse_empty(splits, settings, len({e.group for e in free.examples}), joined)
    assert not leaking(splits, inputs), "a record of validation or test is near to one in train"
    return Division(splits, removed, leaks, joined)


def draw(examples: Sequence[Example], at_most: int | None, seed: int) -> list[Example]:
    """Keep at most so many, in their order; which ones depends on the seed and their ids alone."""
    if at_most is None or len(examples) <= at_most:
        return list(examples)
    ranked = sorted(examples, key=lambda e: (_fraction(seed, "draw", e.id), e.id))
    chosen = {e.id for e in ranked[:at_most]}
    return [e for e in examples if e.id in chosen]


def find_conflicts(examples: Sequence[Example], inputs: Inputs) -> list[str]:
    """Ids of examples whose input occurs with another target too."""
    targets: defaultdict[int, set[str]] = defaultdict(set)
    for example in examples:
        targets[inputs.of[example.id]].add(_written(example.target))
    return [e.id for e in examples if len(targets[inputs.of[e.id]]) > 1]


def leaking(splits: Mapping[Split, Sequence[Example]], inputs: Inputs) -> list[str]:
    """Ids in validation and test whose input equals, or is near to, one in train."""
    held = [e for split in HELD for e in splits[split]]
    found = near_to(_numbers(held, inputs), _numbers(splits["train"], inputs), inputs)
    return [e.id for e in held if inputs.of[e.id] in found]


def some(ids: Iterable[str]) -> str:
    """The first few of some ids, for a message."""
    listed = list(ids)
    more = ", ..." if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more


class Shares(NamedTuple):
    """Shares of the free groups, each in [0, 1)."""

    validation: float
    test: float


class _Part(NamedTuple):
    """Examples with the group of their cluster, in their order."""

    examples: list[Example]
    joined: int


def _clustered(examples: Sequence[Example], inputs: Inputs) -> _Part:
    clusters = cluster(examples, inputs)
    return _Part([replace(e, group=clusters.key[e.group]) for e in examples], clusters.joined)


def _placed(examples: Sequence[Example], shares: Shares, seed: int) -> list[tuple[Example, Split]]:
    """Each example with the split of its group: below `test` is test, then validation, then train.

    A group with a record fixed in train goes there whole.
    """
    trained = {e.group for e in examples if e.split == "train"}
    groups = {e.group for e in examples}
    where: dict[str, Split] = {}
    for group in groups:
        place = 1.0 if group in trained else _fraction(seed, "split", group)
        if place < shares.test:
            where[group] = "test"
        else:
            held = place < shares.test + shares.validation
            where[group] = "validation" if held else "train"
    return [(e, where[e.group]) for e in examples]


def _fraction(seed: int, use: str, name: str) -> float:
    """A number in [0, 1), the same on every machine for the same seed, use and name."""
    digest = blake2b(f"{seed}\n{use}\n{name}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2**53


def _numbers(examples: Iterable[Example], inputs: Inputs) -> set[int]:
    return {inputs.of[e.id] for e in examples}


def _written(target: Json) -> str:
    return json.dumps(target, sort_keys=True)


def _refuse_two_fixed_splits(examples: Iterable[Example]) -> None:
    fixed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        if example.split is not None:
            fixed[example.group][example.split] += 1
    torn = {group: splits for group, splits in sorted(fixed.items()) if len(splits) > 1}
    if torn:
        counts = (
            f"{group} ({', '.join(f'{n} in {s}' for s, n in sorted(splits.items()))})"
            for group, splits in torn.items()
        )
        raise DataError(
            f"data.sources: {len(torn)} of {len(fixed)} groups are fixed in more than one split: "
            f"{some(counts)}; a group, such as a patient, may be in one split only: "
            "move its records, or leave out `split` so that medtune divides by group"
        )


def _leaks(examples: Sequence[Example], inputs: Inputs) -> tuple[dict[str, str], list[str]]:
    """What to remove for the sake of the fixed splits, by id, and the held ids concerned."""
    held = [e for e in examples if e.split in HELD]
    others = [e for e in examples if e.split not in HELD]
    held_inputs, other_inputs = _numbers(held, inputs), _numbers(others, inputs)
    groups = {e.group for e in held}
    out = near_to(other_inputs, held_inputs, inputs)
    removed = {e.id: "group in a fixed split" for e in others if e.group in groups}
    removed |= {e.id: "leak" for e in others if inputs.of[e.id] in out}
    concerned = near_to(held_inputs, other_inputs, inputs)
    return removed, [e.id for e in held if inputs.of[e.id] in concerned]


def _repeats(examples: Iterable[Example], inputs: Inputs) -> list[str]:
    """Ids of all but the smallest of those with equal input and target, outside held splits."""
    same: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for example in examples:
        if example.split not in HELD:
            same[inputs.of[example.id], _written(example.target)].append(example.id)
    return [repeat for ids in same.values() for repeat in sorted(ids)[1:]]


def _refuse_empty(
    splits: Mapping[Split, Sequence[Example]], settings: DataSection, groups: int, joined: int
) -> None:
    empty = [split for split in SPLITS if not splits[split]]
    if not empty:
        return
    note = f", after near duplicates joined {joined} pairs of groups" if joined else ""
    raise DataError(
        f"data: no examples for {' and '.join(empty)}: {groups} groups are free to be divided"
        f"{note}, with data.validation {settings.validation} and data.test {settings.test}; "
        "add records, change the two shares, or set `split` for a source in data.sources"
    )
