"""The bounds of a share near 0 and 1, where a bootstrap sees too few events to tell how many.

With one event in 170 the percentile bootstrap is narrower than the exact bound for none.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from scipy.special import betaincinv, stdtrit

from medtune.errors import DataError, UndefinedMetric
from medtune.records import Estimate

T = TypeVar("T")

ALPHA = 0.05
TIE = 1e-12
"""Rounding below which two numbers count as equal, on the side of a larger p-value."""
FEW, FEW_OF_ALL = 20, 0.1
"""Events (or non-events) below which the exact interval stands in, by number and as a share of all:
our own choice. Between shares of 0.1 and 0.9 the bootstrap holds what it promises."""


def reach(n_groups: int) -> float:
    """How far from a share of 0 or 1 in so many groups the truth may be (Clopper and Pearson)."""
    return float(1 - (ALPHA / 2) ** (1 / n_groups))


def outcomes(
    statistic: Callable[[list[T]], float], groups: Sequence[Sequence[T]]
) -> list[list[float]]:
    """What the statistic is of each item alone, by group, if all of that is 0 or 1; else nothing.

    Items on which it has no value are left out: the sensitivity is a share of the positives.
    """
    found: list[list[float]] = []
    for group in groups:
        some: list[float] = []
        for item in group:
            try:
                some.append(statistic([item]))
            except UndefinedMetric:
                continue
            except (DataError, ArithmeticError, ValueError):
                return []  # it needs more than one item, so it is no share
            if some[-1] not in (0.0, 1.0):
                return []
        if some:
            found.append(some)
    return found


def at_edges(found: Estimate, groups: Sequence[Sequence[float]]) -> Estimate:
    """The interval, widened where the share of ones has few events or non-events; else as it is.

    The interval of Korn and Graubard, which is that of Clopper and Pearson at n / design effect,
    with Student's correction for few groups. It is used below 20 events or non-events that are
    also less than a tenth. Beyond, no bound lies nearer to the edge than at that limit, nor nearer
    than it would without any event, so that one event more never makes a share look safer (exactly
    so with one example in a group; with more, the estimated design effect moves a little).

    Source: Korn and Graubard 1998, Survey Methodology 24:193.

    Args:
        found: The interval of the bootstrap.
        groups: The zeros and ones of each group.
    """
    sums = np.array([sum(group) for group in groups])
    sizes = np.array([len(group) for group in groups])
    if len(groups) < 2 or abs(float(sums.sum() / sizes.sum()) - found.value) > TIE:  # noqa: PLR2004
        return found
    edge = reach(len(groups))
    low, high = 1 - edge, edge
    if 0 < found.value < 1:
        n = _effective(sums, sizes)
        events, limit = found.value * n, min(FEW, FEW_OF_ALL * n)
        near = min(events, n - events) < limit
        low = min(low, _exact(events if near else n - limit, n)[0])
        high = max(high, _exact(events if near else limit, n)[1])
    if low >= found.low and high <= found.high:
        return found
    return replace(
        found,
        low=min(low, found.low),
        high=max(high, found.high),
        method=f"{found.method}; widened to the exact interval of few events",
    )


def _exact(events: float, n: float) -> tuple[float, float]:
    """Clopper and Pearson's interval; the numbers need not be whole."""
    return (
        float(betaincinv(events, n - events + 1, ALPHA / 2)),
        float(betaincinv(events + 1, n - events, 1 - ALPHA / 2)),
    )


def _effective(sums: np.ndarray, sizes: np.ndarray) -> float:
    """How many independent examples say as much; never more than there are."""
    n, n_groups = float(sizes.sum()), len(sizes)
    share = float(sums.sum()) / n
    squares = float(((sums - share * sizes) ** 2).sum())
    variance = n_groups / (n_groups - 1) * squares / n**2
    effect = max(1.0, variance * (n - 1) / (share * (1 - share)))
    few = stdtrit(n - 1, 1 - ALPHA / 2) / stdtrit(n_groups - 1, 1 - ALPHA / 2)
    return n / effect * float(few) ** 2
