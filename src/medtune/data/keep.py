"""From all records to those that are kept: fit to learn from, divided, uncontaminated, drawn."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from medtune.config import Run
from medtune.data.duplicates import Inputs, partners
from medtune.data.gather import Entry, Gathered
from medtune.data.overlap import HOLDS, Item, Overlap, find_overlaps, record_texts
from medtune.data.references import Reference, read_references
from medtune.data.split import HELD, Division, divide, draw
from medtune.data.survey import placed
from medtune.data.wording import some
from medtune.errors import DataError
from medtune.records import SPLITS, Split

CONTAMINATED = "in an evaluation set"


class Kept(NamedTuple):
    """The records that are kept, and what became of the others."""

    splits: Mapping[Split, Sequence[Entry]]
    removed: Mapping[str, str]
    """Reason by id, for those that are in no split; not of those over `max_train` and the like."""
    over: Mapping[Split, int]
    """Records over `max_train` and the like."""
    division: Division
    inputs: Inputs
    overlaps: Sequence[Overlap]
    """Of train with the evaluation sets."""
    references: Mapping[str, int]
    """Items of each evaluation set that could be compared."""

    @property
    def entries(self) -> list[Entry]:
        """All records that are kept."""
        return [entry for split in SPLITS for entry in self.splits[split]]

    @property
    def held(self) -> int:
        """How many records validation and test have."""
        return sum(len(self.splits[split]) for split in HELD)


def keep(
    run: Run,
    gathered: Gathered,
    left_out: Mapping[str, Mapping[str, int]],
    references: Sequence[Path],
) -> Kept:
    """Choose the records of each split.

    Raises:
        ConfigError: A setting does not fit the sources.
        DataError: A record is not what it should be, or none is left for a split.
    """
    removed = _unfit(gathered, run)
    fit = [entry for entry in gathered.entries if entry.id not in removed]
    if not fit:
        raise DataError(_nothing_left(left_out, removed))
    listed = list(read_references(run, references, next(gathered.examples()).fields.keys()))
    item_of = {
        gathered.numbering.number(text): one.item for one in reversed(listed) for text in one.inputs
    }
    inputs = gathered.numbering.index(run.data.near_duplicate)
    division = divide(fit, inputs, run.data, run.seed)
    removed |= division.removed
    overlaps = [
        *find_overlaps(_train_texts(gathered, division), [one.item for one in listed]),
        *_near(division.splits["train"], item_of, inputs),
    ]
    if run.data.contaminated == "drop":
        dropped = {one.id for one in overlaps if one.share >= HOLDS}
        removed |= dict.fromkeys(sorted(dropped), CONTAMINATED)
        division = division._replace(splits=_without(division.splits, dropped))
    limits: dict[Split, int | None] = {
        "train": run.data.max_train,
        "validation": run.data.max_validation,
        "test": run.data.max_test,
    }
    splits: dict[Split, list[Entry]] = {
        split: draw(division.splits[split], limits[split], run.seed) for split in SPLITS
    }
    train = {entry.id for entry in splits["train"]}
    return Kept(
        splits,
        removed,
        {split: len(division.splits[split]) - len(splits[split]) for split in SPLITS},
        division,
        inputs,
        [one for one in overlaps if one.id in train],
        _counted(listed),
    )


def _near(train: Sequence[Entry], item_of: Mapping[int, Item], inputs: Inputs) -> Iterator[Overlap]:
    """The records whose input equals, or is near, an item of an evaluation set."""
    partner = partners({entry.input for entry in train}, item_of.keys(), inputs)
    for entry in train:
        if entry.input in partner:
            item = item_of[partner[entry.input]]
            yield Overlap(entry.id, item.reference, item.name, 1.0)


def _counted(listed: Sequence[Reference]) -> dict[str, int]:
    """How many items of each evaluation set have something to be found by."""
    counts = dict.fromkeys((one.item.reference for one in listed), 0)
    return counts | Counter(one.item.reference for one in listed if one.is_comparable)


def _train_texts(gathered: Gathered, division: Division) -> Iterator[tuple[str, list[str]]]:
    for one in placed(gathered, {"train": division.splits["train"]}):
        yield one.entry.id, record_texts(one.example)


def _without(splits: Mapping[Split, list[Entry]], dropped: set[str]) -> dict[Split, list[Entry]]:
    train = [entry for entry in splits["train"] if entry.id not in dropped]
    if not train:
        raise DataError(
            "data.contaminated: drop leaves no record to train on: all hold items of "
            "evaluation sets; take the source that is the evaluation set out of data.sources"
        )
    return {**splits, "train": train}


def _unfit(gathered: Gathered, run: Run) -> dict[str, str]:
    """Reason by id for what cannot be learned from: refused, or dropped if the run says so."""
    limit, key = token_limit(run)
    total, refused = len(gathered.entries), gathered.refused
    long = {entry.id: entry.tokens for entry in gathered.entries if entry.tokens > limit}
    if long and run.data.too_long == "refuse":
        raise DataError(
            f"{len(long):,} of {total:,} records exceed {key} {limit:,} "
            f"(first: {some(long)}; the longest has {max(long.values()):,}); set data.too_long to "
            f"'drop' or raise {key}"
        )
    if refused and run.data.bad_rows == "refuse":
        first = next(iter(refused.values()))
        raise DataError(
            f"{len(refused):,} of {total:,} records cannot be written for the model: "
            f"{some(refused)}; the first because {first}; or set data.bad_rows to 'drop'"
        )
    return dict.fromkeys(long, "too long") | dict.fromkeys(refused, "cannot be rendered")


def token_limit(run: Run) -> tuple[int, str]:
    """Most tokens of a record, and the setting that says so."""
    own = run.data.max_tokens
    if own is None:
        return run.model.context_tokens, "model.context_tokens"
    return own, "data.max_tokens"


def _nothing_left(left_out: Mapping[str, Mapping[str, int]], removed: Mapping[str, str]) -> str:
    reasons = Counter(removed.values())
    for counts in left_out.values():
        reasons.update(counts)
    why = ", ".join(f"{n:,} {reason}" for reason, n in sorted(reasons.items())) or "none was read"
    return f"data.sources: no record is left to learn from ({why}); mend the sources"
