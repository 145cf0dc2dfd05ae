"""Look once at every record that is kept: count labels, subgroups and licences, draw a sample."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from medtune.data.card import SHOWN_TOKENS
from medtune.data.gather import Entry, Gathered
from medtune.data.split import draw
from medtune.records import SPLITS, Application, Example, Split

SAMPLE = 50_000
"""The checks that read the text look at this many records, drawn by seed, or at all if fewer."""


class Placed(NamedTuple):
    """A record that is kept."""

    split: Split
    entry: Entry
    example: Example
    """Its group is that of its cluster."""


class Survey(NamedTuple):
    """What a look at every kept record shows."""

    labels: dict[str, dict[str, int]]
    """Examples per target, by split; empty unless every example has the same few choices."""
    subgroups: dict[str, dict[str, int]]
    """Examples per value of each subgroup attribute."""
    licences: dict[str, dict[str, int]]
    """Examples per licence, by source; "" is not stated."""
    sample: list[Example]
    """At most `SAMPLE` records, `split` saying where they are."""
    first: Example
    """The first training example that is short enough to show, or the first."""


def placed(gathered: Gathered, splits: Mapping[Split, Sequence[Entry]]) -> Iterator[Placed]:
    """Yield the records of these splits in the order of the sources, which is that of each."""
    waiting = {split: iter(entries) for split, entries in splits.items()}
    heads = {split: next(entries, None) for split, entries in waiting.items()}
    for example in gathered.examples():
        for split in splits:
            entry = heads[split]
            if entry is not None and entry.id == example.id:
                heads[split] = next(waiting[split], None)
                yield Placed(split, entry, replace(example, group=entry.group))
                break


def survey(
    gathered: Gathered, splits: Mapping[Split, Sequence[Entry]], app: Application, seed: int
) -> Survey:
    """Read every kept record once."""
    every = [entry for split in SPLITS for entry in splits[split]]
    chosen = {entry.id for entry in draw(every, SAMPLE, seed)}
    train = splits["train"]
    shown = next((entry for entry in train if entry.tokens <= SHOWN_TOKENS), train[0])
    counts = _Counts(app)
    sample: list[Example] = []
    first: list[Example] = []
    for split, entry, example in placed(gathered, splits):
        counts.add(split, example)
        if entry.id in chosen:
            sample.append(replace(example, split=split))
        if entry.id == shown.id:
            first.append(example)
    return Survey(
        _sorted(counts.labels) if len(counts.offered) == 1 else {},
        _sorted(counts.subgroups),
        _sorted(counts.licences),
        sample,
        first[0],
    )


@dataclass
class _Counts:
    app: Application
    offered: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])
    """The choices of the examples: two sets of them are enough to know that they differ."""
    labels: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    subgroups: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    licences: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, split: Split, example: Example) -> None:
        if self.app.choices is not None and len(self.offered) <= 1:
            self.offered.add(tuple(self.app.choices(example)))
            self.labels[split][str(example.target)] += 1
        for name, value in example.subgroups.items():
            self.subgroups[name][value] += 1
        self.licences[example.source][example.licence] += 1


def _sorted(counts: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    return {name: dict(sorted(values.items())) for name, values in sorted(counts.items())}
