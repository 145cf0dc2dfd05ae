"""Scores of forecasts that are given as quantiles.

Source: Bracher 2021, PLoS Comput Biol 17:e1008618, doi:10.1371/journal.pcbi.1008618. The weighted
interval score is exactly twice the mean pinball loss when the quantiles are the median and the
ends of central intervals (its equation 3; tested).
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from medtune.errors import DataError

FLUSIGHT_LEVELS = (0.01, 0.025, *(round(0.05 * i, 2) for i in range(1, 20)), 0.975, 0.99)
"""The 23 levels of the CDC FluSight hub."""
MEDIAN = 0.5
NEAR = 1e-9

Quantiles = Mapping[float, float]
"""Values by level, levels in (0, 1)."""


def pinball(level: float, value: float, observed: float) -> float:
    """Loss of one quantile, in units of the count."""
    return (float(observed < value) - level) * (value - observed)


def interval_score(low: float, high: float, observed: float, alpha: float) -> float:
    """Width of a central (1 - alpha) interval, plus 2/alpha times the distance outside."""
    outside = max(0.0, low - observed) + max(0.0, observed - high)
    return (high - low) + 2 / alpha * outside


def weighted_interval_score(quantiles: Quantiles, observed: float) -> float:
    """WIS in units of the count; lower is better.

    Raises:
        DataError: The levels are not a median and pairs p, 1 - p, or the values do not rise.
    """
    levels = checked_levels(quantiles)
    pairs = len(levels) // 2
    total = abs(observed - quantiles[levels[pairs]]) / 2
    for low in levels[:pairs]:
        high = levels[len(levels) - 1 - levels.index(low)]
        total += low * interval_score(quantiles[low], quantiles[high], observed, 2 * low)
    return total / (pairs + 0.5)


def covered(quantiles: Quantiles, observed: float, level: float) -> bool:
    """Whether the central interval of probability `level` holds the observation.

    Raises:
        DataError: The forecast has no such interval.
    """
    low, high = (1 - level) / 2, (1 + level) / 2
    ends = [value for p, value in quantiles.items() if min(abs(p - low), abs(p - high)) < NEAR]
    if len(ends) != 2:  # noqa: PLR2004  an interval has two ends
        raise DataError(f"the forecast has no central interval of {level:.0%}")
    return min(ends) <= observed <= max(ends)


def checked_levels(quantiles: Quantiles) -> list[float]:
    """The levels in order.

    Raises:
        DataError: They are not a median and pairs p, 1 - p, or the values do not rise.
    """
    levels = sorted(quantiles)
    mirrored = np.allclose(np.array(levels) + np.array(levels[::-1]), 1.0, atol=NEAR)
    if not levels or not mirrored or abs(levels[len(levels) // 2] - MEDIAN) > NEAR:
        raise DataError(f"levels {levels}: a score needs the median and pairs p, 1 - p")
    values = [quantiles[level] for level in levels]
    if any(after < before for before, after in pairwise(values)):
        raise DataError("the quantiles fall somewhere; a higher level has a value at least as high")
    return levels
