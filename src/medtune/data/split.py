"""Divide records into train, validation and test, so that nothing is on two sides.

Where a group goes is said in `place.py`: it depends on the seed and the group's id, or on its first
date, and not on the other records. (One exception: a new record that is near to two old groups
joins them, and the joined group goes by its smallest id.)

Where sources fix a split:
- Records in a fixed validation or test stay there as published, repeats included. One that equals
  or is near to one in the other of the two is reported.
- What is in train or free, and equals or is near to one of those, or shares its group, is removed.
- No free record is added to a fixed validation or test; their share goes to train.
- A free record that is near to a record fixed in train, or shares its group, goes to train.
- One group in two fixed splits is an error.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from medtune.config import DataSection
from medtune.data.duplicates import Inputs, cluster, near_to
from medtune.data.gather import Entry
from medtune.data.place import Shares, by_group, by_time, fraction
from medtune.data.wording import some
from medtune.errors import ConfigError, DataError
from medtune.records import SPLITS, Split

HELD: tuple[Split, ...] = ("validation", "test")


class Named(Protocol):
    """What has an id."""

    @property
    def id(self) -> str:
        """Its own."""
        ...


T = TypeVar("T", bound=Named)


class Division(NamedTuple):
    """The splits, and what was removed on the way to them."""

    splits: Mapping[Split, list[Entry]]
    """Every record's group is now the smallest id of the groups joined by near duplicates."""
    removed: Mapping[str, str]
    """Reason by id: "leak", "group in a fixed split", "duplicate" or "later than its split"."""
    leaks: list[str]
    """Ids in a fixed validation or test whose input, or nearly, was elsewhere too."""
    joined: int
    """Pairs of groups joined for a near duplicate."""
    cuts: Mapping[str, str]
    """ISO dates from which validation and test begin, if divided by time."""


def divide(entries: Sequence[Entry], inputs: Inputs, settings: DataSection, seed: int) -> Division:
    """Remove leaks and repeats, join near duplicates, and give every record its split.

    Raises:
        ConfigError: Validation and test leave no share for train.
        DataError: A group is fixed in two splits, a split is empty, or a date is missing.
    """
    if settings.validation + settings.test >= 1:
        raise ConfigError(
            f"data.validation {settings.validation} and data.test {settings.test} leave nothing "
            "to train on; make their sum less than 1"
        )
    _refuse_two_fixed_splits(entries)
    removed, leaks = _leaks(entries, inputs)
    kept = [e for e in entries if e.id not in removed]
    removed |= dict.fromkeys(_repeats(kept), "duplicate")
    kept = [e for e in kept if e.id not in removed]
    parts = {held: _clustered([e for e in kept if e.split == held], inputs) for held in HELD}
    free = _clustered([e for e in kept if e.split not in HELD], inputs)
    shares = Shares(
        0.0 if parts["validation"].entries else settings.validation,
        0.0 if parts["test"].entries else settings.test,
    )
    by_hash = settings.split_by == "group"
    places = (
        by_group(free.entries, shares, seed) if by_hash else by_time(free.entries, shares, settings)
    )
    removed |= dict.fromkeys(places.late, "later than its split")
    splits: dict[Split, list[Entry]] = {
        "train": [],
        "validation": parts["validation"].entries,
        "test": parts["test"].entries,
    }
    for entry in free.entries:
        if entry.id not in removed:
            splits[places.split[entry.group]].append(entry)
    joined = free.joined + sum(part.joined for part in parts.values())
    _refuse_empty(splits, settings, len(places.split), joined)
    assert not leaking(splits, inputs), "a record of validation or test is near to one in train"
    return Division(splits, removed, leaks, joined, places.cuts)


def draw(entries: Sequence[T], at_most: int | None, seed: int) -> list[T]:
    """Keep at most so many, in their order; which ones depends on the seed and their ids alone."""
    if at_most is None or len(entries) <= at_most:
        return list(entries)
    ranked = sorted(entries, key=lambda e: (fraction(seed, "draw", e.id), e.id))
    chosen = {e.id for e in ranked[:at_most]}
    return [e for e in entries if e.id in chosen]


def find_conflicts(entries: Iterable[Entry]) -> list[str]:
    """Ids of records whose input occurs with another target too."""
    target: dict[int, int] = {}
    listed = list(entries)
    torn = {e.input for e in listed if target.setdefault(e.input, e.target) != e.target}
    return [e.id for e in listed if e.input in torn]


def leaking(splits: Mapping[Split, Sequence[Entry]], inputs: Inputs) -> list[str]:
    """Ids in validation and test whose input equals, or is near to, one in train."""
    held = [e for split in HELD for e in splits[split]]
    found = near_to(_numbers(held), _numbers(splits["train"]), inputs)
    return [e.id for e in held if e.input in found]


class _Part(NamedTuple):
    """Records with the group of their cluster, in their order."""

    entries: list[Entry]
    joined: int


def _clustered(entries: Sequence[Entry], inputs: Inputs) -> _Part:
    clusters = cluster(entries, inputs)
    return _Part([e._replace(group=clusters.key[e.group]) for e in entries], clusters.joined)


def _numbers(entries: Iterable[Entry]) -> set[int]:
    return {e.input for e in entries}


def _refuse_two_fixed_splits(entries: Iterable[Entry]) -> None:
    fixed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        if entry.split is not None:
            fixed[entry.group][entry.split] += 1
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


def _leaks(entries: Sequence[Entry], inputs: Inputs) -> tuple[dict[str, str], list[str]]:
    """What to remove for the sake of the fixed splits, by id, and the held ids concerned."""
    held = [e for e in entries if e.split in HELD]
    if not held:
        return {}, []
    others = [e for e in entries if e.split not in HELD]
    held_inputs, other_inputs = _numbers(held), _numbers(others)
    groups = {e.group for e in held}
    out = near_to(other_inputs, held_inputs, inputs)
    removed = {e.id: "group in a fixed split" for e in others if e.group in groups}
    removed |= {e.id: "leak" for e in others if e.input in out}
    concerned = near_to(held_inputs, other_inputs, inputs)
    validation, test = (_numbers(e for e in held if e.split == split) for split in HELD)
    concerned |= near_to(validation, test, inputs) | near_to(test, validation, inputs)
    return removed, [e.id for e in held if e.input in concerned]


def _repeats(entries: Iterable[Entry]) -> list[str]:
    """Ids of all but the smallest of those with equal input and target, outside held splits."""
    free = [e for e in entries if e.split not in HELD]
    smallest: dict[tuple[int, int], str] = {}
    for entry in free:
        pair = entry.input, entry.target
        smallest[pair] = min(entry.id, smallest.get(pair, entry.id))
    return [e.id for e in free if e.id != smallest[e.input, e.target]]


def _refuse_empty(
    splits: Mapping[Split, Sequence[Entry]], settings: DataSection, groups: int, joined: int
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
