"""How many records there really are: repeats, copied-forward notes, the design effect of groups.

Records of one patient are alike. The number of independent records that are worth as much is
n / (1 + (m - 1) * ICC), with m the mean group size weighted by size (Kish 1965, Survey sampling)
and ICC the intraclass correlation of the label, by the analysis of variance (Ridout, Demetrio and
Firth 1999, doi:10.1111/j.0006-341X.1999.00137.x).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medtune.artifacts import Check, Outcome
from medtune.data.checks.shares import Look, by_share, not_run
from medtune.data.gather import Entry
from medtune.data.store import Store
from medtune.records import SPLITS, Split

REPEATS_WARN, REPEATS_FAIL = 0.05, 0.30
COPIED = 0.8
"""Share of a note's 5-grams that earlier notes of its group hold, from which it is a copy."""
COPIED_WARN = 0.10
BACK = 20
"""How many earlier notes of a group are looked at."""
FEWEST_GROUPS = 5
FEWEST_RECORDS = 50
"""Independent records in validation or test below which little can be told. Own choices, all."""


class Independent(NamedTuple):
    """What a number of records is worth."""

    records: int
    groups: int
    icc: float
    """Intraclass correlation of the label, in [0, 1]."""
    effective: float
    """Independent records that are worth as much."""


def repeats(removed: Mapping[str, str], joined: int, n: int) -> Check:
    """Exact repeats, which were dropped, and near ones, which share a group."""
    ids = [name for name, why in removed.items() if why == "duplicate"]
    look = Look(
        "repeated records",
        "independence",
        "repeat another with the same input and target, and were dropped; "
        f"{joined:,} pairs of groups were joined, for they hold nearly the same input",
        "find out why the source repeats records, and whether its counts can be trusted",
        warn=REPEATS_WARN,
        fail=REPEATS_FAIL,
    )
    return by_share(look, ids, n)


def leaks(ids: Sequence[str], n_held: int) -> Check:
    """Records of a published validation or test that were in train, too."""
    look = Look(
        "leaks of fixed splits",
        "independence",
        "of a validation or test that the sources fix were, nearly, in train too, and left train, "
        "or are in both of the two",
        "tell whoever publishes these splits; other results on them may have learned from them",
    )
    return by_share(look, ids, n_held)


def copied_forward(entries: Sequence[Entry], shingles: Store) -> Check:
    """Notes of which most was copied from earlier notes of the same group.

    Of equal inputs only the first counts: they are repeats or conflicts.
    """
    groups: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.group].append(entry)
    bad: list[str] = []
    n = 0
    for members in groups.values():
        ordered = sorted(members, key=lambda e: e.time or "")
        ordered = list({entry.input: entry for entry in reversed(ordered)}.values())[::-1]
        texts = [shingles[entry.input] for entry in ordered]
        for place in range(1, len(ordered)):
            earlier = np.concatenate(texts[max(0, place - BACK) : place])
            n += 1
            if np.isin(texts[place], earlier).mean() >= COPIED:
                bad.append(ordered[place].id)
    if not n:
        return not_run("copied-forward notes", "independence", "no group has two records")
    look = Look(
        "copied-forward notes",
        "independence",
        "after the first of their group have four fifths of their phrases from earlier ones",
        "keep the last note of an episode, or only what is new in each: a copied finding is one "
        "finding, however often it stands there",
        warn=COPIED_WARN,
    )
    return by_share(look, bad, n)


def independent(splits: Mapping[Split, Sequence[Entry]], *, labelled: bool) -> Check:
    """What the records of each split are worth.

    Args:
        splits: The records.
        labelled: Whether targets are one of few; else a group counts as one record.
    """
    worth = {split: effective(splits[split], labelled=labelled) for split in SPLITS}
    outcome: Outcome = "pass"
    if any(one.groups < FEWEST_GROUPS for one in worth.values()):
        outcome = "warn"
    if min(worth["validation"].effective, worth["test"].effective) < FEWEST_RECORDS:
        outcome = "warn"
    told = "; ".join(
        f"{split} {one.records:,} records in {one.groups:,} groups are worth {one.effective:,.0f}"
        for split, one in worth.items()
    )
    return Check(
        name="independent records",
        topic="independence",
        outcome=outcome,
        found=told,
        remedy=""
        if outcome == "pass"
        else "collect records of more patients, articles or sites; more of the same add little",
        figures={
            f"{split}: {name}": float(value)
            for split, one in worth.items()
            for name, value in one._asdict().items()
        },
    )


def effective(entries: Sequence[Entry], *, labelled: bool) -> Independent:
    """What these records are worth, by the design effect of their groups."""
    groups = _numbers([entry.group for entry in entries])
    n, k = len(entries), int(groups.max(initial=-1)) + 1
    if n == k or not labelled:
        return Independent(n, k, 0.0 if n == k else 1.0, float(k))
    icc = max(0.0, _icc(groups, _numbers([entry.target for entry in entries])))
    sizes = np.bincount(groups)
    weighted = float((sizes**2).sum() / n)
    return Independent(n, k, icc, n / (1 + (weighted - 1) * icc))


def _icc(groups: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Intraclass correlation of the indicators of all labels together."""
    sizes = np.bincount(groups)
    n, k = len(groups), len(sizes)
    if k < 2:  # noqa: PLR2004  one group has no others to differ from
        return 1.0
    between = within = 0.0
    for label in np.unique(labels):
        share = np.bincount(groups, labels == label) / sizes
        between += float((sizes * (share - (labels == label).mean()) ** 2).sum())
        within += float((sizes * share * (1 - share)).sum())
    between, within = between / (k - 1), within / (n - k)
    usual = (n - (sizes**2).sum() / n) / (k - 1)
    total = between + (usual - 1) * within
    return float((between - within) / total) if total > 0 else 1.0


def _numbers(values: Sequence[object]) -> NDArray[np.int64]:
    number: dict[object, int] = {}
    return np.array([number.setdefault(value, len(number)) for value in values], dtype=np.int64)
