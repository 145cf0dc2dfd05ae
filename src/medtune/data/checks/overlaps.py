"""Text that train shares with evaluation sets and its own held splits, and records of the future.

What an overlap is: see `medtune.data.overlap`.
"""

from collections.abc import Mapping, Sequence

from medtune.artifacts import Check, Outcome
from medtune.data.checks.shares import SHOWN, Look, by_share, not_run
from medtune.data.duplicates import WORDS
from medtune.data.gather import Entry
from medtune.data.overlap import HOLDS, Overlap
from medtune.records import Split

PARTIAL_WARN, PARTIAL_FAIL = 0.05, 0.25
"""Shares of held records of which train holds half. Own choices: notes have stretches in common."""


def contamination(
    overlaps: Sequence[Overlap], references: Mapping[str, int], dropped: int
) -> Check:
    """Training records that hold, or nearly are, items of the evaluation sets in use.

    Args:
        overlaps: Of the records that are in train now.
        references: The number of items of each evaluation set that could be compared.
        dropped: Records that left train for it.
    """
    name = "contamination"
    if not references:
        return not_run(name, "independence", "no evaluation set is in use (data.check_against)")
    if not any(references.values()):
        short = f"no item of {', '.join(references)} has a text of {WORDS} words"
        return not_run(name, "independence", f"{short}, so nothing could be compared")
    holding = [one for one in overlaps if one.share >= HOLDS]
    outcome: Outcome = "fail" if holding else "warn" if overlaps else "pass"
    sets = ", ".join(f"{one} ({n:,} items)" for one, n in references.items())
    items = {(one.reference, one.item) for one in holding}
    n_parts = len({one.id for one in overlaps} - {one.id for one in holding})
    left = f"; {dropped:,} records left train for it" if dropped else ""
    return Check(
        name=name,
        topic="independence",
        outcome=outcome,
        found=f"{len({one.id for one in holding}):,} training records hold, or nearly are, "
        f"{len(items):,} items of {sets}, and {n_parts:,} hold a part{left}",
        remedy=""
        if outcome == "pass"
        else "set data.contaminated to drop, or do not report these evaluation sets for this model",
        ids=list(dict.fromkeys(one.id for one in holding or overlaps))[:SHOWN],
        figures={
            "records_holding": float(len({one.id for one in holding})),
            "items_held": float(len(items)),
            "records_dropped": float(dropped),
        },
    )


def partial_copies(overlaps: Sequence[Overlap], n_held: int) -> Check:
    """Records of validation and test of which a record of train holds half or more."""
    bad = list(dict.fromkeys(one.item for one in overlaps if one.share >= HOLDS))
    look = Look(
        "partial copies",
        "independence",
        "of validation and test have half of their text in a record of train, in other company",
        "lower data.near_duplicate, or split by what the records were made from (task.group)",
        warn=PARTIAL_WARN,
        fail=PARTIAL_FAIL,
    )
    return by_share(look, bad, n_held)


def order_in_time(splits: Mapping[Split, Sequence[Entry]], *, by_time: bool) -> Check:
    """Training records from after the first day of the test, where the splits are by time."""
    name = "order in time"
    days = [entry.time[:10] for entry in splits["test"] if entry.time]
    if not by_time:
        return not_run(
            name,
            "independence",
            "the splits are not by time (data.split_by), so the test does "
            "not show how the model does on later records",
        )
    if not days:
        return not_run(name, "independence", "no record of the test has a date")
    late = [entry.id for entry in splits["train"] if entry.time and entry.time[:10] >= min(days)]
    look = Look(
        name,
        "independence",
        "of train are from the first day of the test or later",
        "do not fix them in train, or move data.test_from",
    )
    return by_share(look, late, len(splits["train"]))
