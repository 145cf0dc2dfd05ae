"""Which split a group goes to: by a hash of its id and the seed, or by time.

By hash: neither the order of the records nor which others there are counts, so added records leave
the old ones where they were.

By time: a group goes where its first record lies, for who was learned from may not be tested on;
its records from after that split's end are left out. So nothing in train is later than the first
record of validation, and nothing in validation later than the first of test. With the dates of the
cuts in the run file, added records leave the old ones where they were, unless an older record of an
old group is added. Without them the dates follow from the shares, and move as records are added.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from hashlib import blake2b
from typing import NamedTuple

from medtune.config import DataSection
from medtune.data.gather import Entry
from medtune.data.wording import some
from medtune.errors import DataError
from medtune.records import Split


class Shares(NamedTuple):
    """Shares of the free groups, each in [0, 1)."""

    validation: float
    test: float


class Places(NamedTuple):
    """Where the free groups go."""

    split: Mapping[str, Split]
    """By group."""
    late: Sequence[str]
    """Ids of records from after the end of their group's split."""
    cuts: Mapping[str, str]
    """ISO dates from which validation and test begin; empty if not divided by time."""


def by_group(entries: Sequence[Entry], shares: Shares, seed: int) -> Places:
    """Place groups by hash: below `test` is test, then validation, then train.

    A group with a record fixed in train goes there whole.
    """
    trained = {entry.group for entry in entries if entry.split == "train"}
    where: dict[str, Split] = {}
    for group in {entry.group for entry in entries}:
        place = 1.0 if group in trained else fraction(seed, "split", group)
        if place < shares.test:
            where[group] = "test"
        else:
            held = place < shares.test + shares.validation
            where[group] = "validation" if held else "train"
    return Places(where, [], {})


def by_time(entries: Sequence[Entry], shares: Shares, settings: DataSection) -> Places:
    """Place groups by the date of their first record.

    A group with a record fixed in train goes there whole, whatever its dates.

    Raises:
        DataError: A record has no date.
    """
    dates = _dates(entries)
    trained = {entry.group for entry in entries if entry.split == "train"}
    first: dict[str, date] = {}
    for entry in entries:
        first[entry.group] = min(dates[entry.id], first.get(entry.group, date.max))
    cuts = _cuts([first[group] for group in first.keys() - trained], shares, settings)
    where: dict[str, Split] = {
        group: "train" if group in trained else _split_at(begin, cuts)
        for group, begin in first.items()
    }
    ends = {"train": cuts.validation, "validation": cuts.test, "test": date.max}
    late = [
        entry.id
        for entry in entries
        if entry.split is None and dates[entry.id] >= ends[where[entry.group]]
    ]
    told = {name: day.isoformat() for name, day in cuts._asdict().items() if day < date.max}
    return Places(where, late, told)


def fraction(seed: int, use: str, name: str) -> float:
    """A number in [0, 1), the same on every machine for the same seed, use and name."""
    hashed = blake2b(f"{seed}\n{use}\n{name}".encode(), digest_size=8).digest()
    return (int.from_bytes(hashed) >> 11) / 2**53


class _Cuts(NamedTuple):
    validation: date
    test: date


def _split_at(day: date, cuts: _Cuts) -> Split:
    if day >= cuts.test:
        return "test"
    return "validation" if day >= cuts.validation else "train"


def _cuts(days: Sequence[date], shares: Shares, settings: DataSection) -> _Cuts:
    """The dates of the run file, or those that leave the shares of groups after them."""
    ordered = sorted(days)

    def leaving(share: float) -> date:
        place = round(len(ordered) * (1 - share))
        return ordered[place] if place < len(ordered) else date.max

    test = settings.test_from or leaving(shares.test)
    validation = settings.validation_from or leaving(shares.test + shares.validation)
    return _Cuts(min(validation, test), test)


def _dates(entries: Sequence[Entry]) -> dict[str, date]:
    dates: dict[str, date] = {}
    without: list[str] = []
    for entry in entries:
        try:
            dates[entry.id] = datetime.fromisoformat(entry.time or "").date()
        except ValueError:
            without.append(entry.id)
    if without:
        raise DataError(
            f"data.split_by: time, but {len(without):,} of {len(entries):,} records have no ISO "
            f"date: {some(without)}; give them one (task.time names the column), or leave them out"
        )
    return dates
