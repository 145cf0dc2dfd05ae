"""Shares with their intervals, and the outcome of a check that counts bad records."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from medtune.artifacts import Check, Outcome, Topic

SHOWN = 20
"""Ids kept on the card."""
Z = 1.959964
"""Standard normal quantile of a two-sided 95 % interval."""


def wilson(k: float, n: float) -> tuple[float, float]:
    """95 % interval of a share k / n. Source: Wilson 1927, J Am Stat Assoc 22:209."""
    if n <= 0:
        return 0.0, 1.0
    p, z2 = k / n, Z * Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


class Look(NamedTuple):
    """What a check counts, and how much of it is too much."""

    name: str
    topic: Topic
    what: str
    """What bad records do, as the end of "3 of 100 records ..."."""
    remedy: str
    warn: float = 0.0
    """Largest share of bad records that passes."""
    fail: float = 1.0
    """Largest share that only warns."""


def by_share(look: Look, ids: Sequence[str], n: int) -> Check:
    """The outcome of a look at n records, some of them bad."""
    if n == 0:
        return not_run(look.name, look.topic, "there is no record to look at")
    share = len(ids) / n
    outcome: Outcome = "fail" if share > look.fail else "warn" if share > look.warn else "pass"
    count = f"{len(ids):,} of {n:,} records" if ids else f"none of {n:,} records"
    return Check(
        name=look.name,
        topic=look.topic,
        outcome=outcome,
        found=f"{count} {look.what}",
        remedy=look.remedy if outcome != "pass" else "",
        ids=list(ids[:SHOWN]),
        figures={"records": float(len(ids)), "looked_at": float(n)},
    )


def drawn_of(n_drawn: int, n_every: int) -> str:
    """That a check looked at some of the records only; empty where it looked at all."""
    return "" if n_drawn == n_every else f"; {n_drawn:,} drawn from {n_every:,} were looked at"


def not_run(name: str, topic: Topic, why: str) -> Check:
    """A check that had nothing to look at."""
    return Check(name=name, topic=topic, outcome="not_run", found=why)
