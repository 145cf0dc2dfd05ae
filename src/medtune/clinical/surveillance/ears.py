"""EARS: C1, C2 and C3 for series with a short history.

C1 and C2 compare a count with mean and standard deviation of the `baseline` counts before it; C2
and C3 leave out the two counts just before, so that a rise does not hide itself. C3 adds up how far
C2 exceeded 1 on this and the two earlier dates.

Sources: Hutwagner 2003, J Urban Health 80(Suppl 1):i89, doi:10.1007/PL00022319 (the methods);
Fricker 2008, Stat Med 27:3407, doi:10.1002/sim.3197 (the formulas).

R's `surveillance::earsC(method="C3")` 1.20.3 is not the published C3: its alarm does not depend on
the current count. It is not offered here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from medtune.errors import DataError

EarsMethod = Literal["C1", "C2", "C3"]
GUARD = 2
"""Counts left out between baseline and current count, for C2 and C3."""
ALPHA = {"C1": 0.001, "C2": 0.001, "C3": 0.025}
"""One-sided error rates: z = 3.09 for C1 and C2, 1.96 for C3. CDC rounds them to 3 and 2."""
SMALLEST = 2
"""A standard deviation needs two counts."""


@dataclass(frozen=True, slots=True)
class Ears:
    """One count judged by EARS."""

    index: int
    observed: float
    expected: float
    """Mean of the baseline."""
    upper: float
    """The count from which the alarm goes off; for C3 given the two earlier dates."""
    statistic: float | None
    """C1, C2 or C3; None if the baseline does not vary and no floor was set."""
    alarm: bool
    baseline_degenerate: bool
    """The baseline does not vary. The alarm is then only "more than ever, and not few"."""


def ears(
    counts: Sequence[float],
    method: EarsMethod,
    *,
    baseline: int = 7,
    min_sigma: float = 0.0,
    min_count: float = 3.0,
) -> list[Ears]:
    """Judge every count that has a full history.

    Args:
        counts: Counts at equal steps, oldest first.
        method: Which statistic.
        baseline: Counts in the baseline.
        min_sigma: Floor of the standard deviation; 0.5 to 1 is usual for sparse series.
        min_count: With a baseline that does not vary and no floor, the least count that alarms.

    Raises:
        DataError: A count is negative or not finite, or `baseline` is below 2.
    """
    y = checked_counts(counts)
    if baseline < SMALLEST:
        raise DataError(f"baseline {baseline}: a standard deviation needs at least 2 counts")
    guard = 0 if method == "C1" else GUARD
    z = float(norm.ppf(1 - ALPHA[method]))
    judged = [_z_score(y, t, baseline, guard, min_sigma) for t in range(len(y))]
    if method == "C3":
        found = [_c3(y, judged, t, z, min_count) for t in range(baseline + 2 * GUARD, len(y))]
    else:
        found = [_alarmed(y, judged[t], t, z, min_count) for t in range(baseline + guard, len(y))]
    return found


def checked_counts(counts: Sequence[float]) -> NDArray[np.float64]:
    """The counts as an array.

    Raises:
        DataError: A count is negative or not finite.
    """
    y = np.asarray(counts, dtype=float)
    bad = np.flatnonzero(~(np.isfinite(y) & (y >= 0)))
    if len(bad):
        raise DataError(
            f"count {int(bad[0])} of {len(y)} is negative or not finite; a missing count is not 0: "
            "leave that series out or mend it"
        )
    return y


@dataclass(frozen=True, slots=True)
class _Scored:
    mean: float
    sigma: float
    z: float | None


def _z_score(y: NDArray[np.float64], t: int, baseline: int, guard: int, floor: float) -> _Scored:
    past = y[max(0, t - guard - baseline) : max(0, t - guard)]
    if len(past) < baseline:
        return _Scored(0.0, 0.0, None)
    mean, sigma = float(past.mean()), max(float(past.std(ddof=1)), floor)
    return _Scored(mean, sigma, (float(y[t]) - mean) / sigma if sigma > 0 else None)


def _alarmed(y: NDArray[np.float64], one: _Scored, t: int, z: float, least: float) -> Ears:
    seen = float(y[t])
    alarm = one.z > z if one.z is not None else seen > one.mean and seen >= least
    return Ears(t, seen, one.mean, one.mean + z * one.sigma, one.z, alarm, one.z is None)


def _c3(y: NDArray[np.float64], judged: Sequence[_Scored], t: int, z: float, least: float) -> Ears:
    one = judged[t]
    if one.z is None:
        return _alarmed(y, one, t, z, least)
    before = sum(max(0.0, (judged[t - lag].z or 0.0) - 1) for lag in (1, 2))
    statistic = max(0.0, one.z - 1) + before
    upper = max(0.0, one.mean + one.sigma * (1 + z - before)) if before < z else 0.0
    return Ears(
        t, float(y[t]), one.mean, upper, statistic, statistic >= z, baseline_degenerate=False
    )
