"""Forecasts of weekly counts for the next weeks, as quantiles.

`flat` is the hubs' baseline: the last count, with the spread of past week-to-week changes, made
symmetric and added up (Cramer 2022, Proc Natl Acad Sci USA 119:e2113561119,
doi:10.1073/pnas.2113561119; the FluSight baseline is the same kind). A forecast that does not beat
it is not worth reading.

`damped` lets the growth of the last two weeks go on, halved each week, on the log scale, with the
spread of its own past errors, made symmetric. Window and damping were chosen on FluSight's seasons
2022 to 2024; `benchmarks/surveillance.py` scores them on 2024-25, as the data were known then.

Neither knows of seasons, of causes or of what is being done. Neither says when a peak comes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medtune.clinical.surveillance.ears import checked_counts
from medtune.clinical.surveillance.scoring import FLUSIGHT_LEVELS
from medtune.errors import DataError

FEWEST_WEEKS = 10
GROWTH_WEEKS = 2
DAMPING = 0.5
ERROR_WEEKS = 104
"""Past weeks whose errors make the spread."""
PATHS = 4000

Forecast = dict[float, float]
"""Values by level."""


def flat(
    counts: Sequence[float],
    horizons: int,
    *,
    levels: Sequence[float] = FLUSIGHT_LEVELS,
    seed: int = 0,
) -> list[Forecast]:
    """The last count, with the spread of past changes; one forecast for each week ahead.

    Raises:
        DataError: There are fewer than 10 weeks, or a count is negative or not finite.
    """
    y = _history(counts)
    changes = np.diff(y)
    changes = np.concatenate([changes, -changes])
    chance = np.random.default_rng(seed)
    even = np.quantile(changes, (np.arange(PATHS) + 0.5) / PATHS)
    paths = np.full(PATHS, y[-1])
    found: list[Forecast] = []
    for _ in range(horizons):
        paths = paths + chance.permutation(even)
        paths += y[-1] - np.median(paths)
        found.append(_quantiles(np.maximum(paths, 0.0), levels))
    return found


def damped(
    counts: Sequence[float], horizons: int, *, levels: Sequence[float] = FLUSIGHT_LEVELS
) -> list[Forecast]:
    """The growth of the last two weeks, halved each week; one forecast for each week ahead.

    Raises:
        DataError: There are fewer than 10 weeks, or a count is negative or not finite.
    """
    logs = np.log(_history(counts) + 1)
    last = len(logs) - 1
    found: list[Forecast] = []
    for ahead in range(1, horizons + 1):
        origins = np.arange(max(GROWTH_WEEKS, last - ERROR_WEEKS), last - ahead + 1)
        errors = logs[origins + ahead] - _point(logs, origins, ahead)
        spread = np.concatenate([errors, -errors])
        middle = float(_point(logs, np.array([last]), ahead)[0])
        found.append(_quantiles(np.maximum(np.exp(middle + spread) - 1, 0.0), levels))
    return found


def _point(
    logs: NDArray[np.float64], origins: NDArray[np.int64], ahead: int
) -> NDArray[np.float64]:
    """Log counts `ahead` weeks after each origin, if growth goes on and is damped."""
    growth = (logs[origins] - logs[origins - GROWTH_WEEKS]) / GROWTH_WEEKS
    return logs[origins] + growth * sum(DAMPING**week for week in range(1, ahead + 1))


def _history(counts: Sequence[float]) -> NDArray[np.float64]:
    y = checked_counts(counts)
    if len(y) < FEWEST_WEEKS:
        raise DataError(f"{len(y)} weeks: a forecast needs at least {FEWEST_WEEKS}")
    return y


def _quantiles(values: NDArray[np.float64], levels: Sequence[float]) -> Forecast:
    found = np.quantile(values, list(levels)).tolist()
    return dict(zip(levels, found, strict=True))
