"""CUSUM: small shifts that last, added up until they show.

Two charts. `standardised_cusum` adds up standardised counts beyond a reference value. `count_cusum`
adds up the log likelihood ratio of a count with its mean raised by a factor against its expected
mean, for Poisson (dispersion 0) and negative binomial counts.

Sources: Page 1954, Biometrika 41:100, doi:10.1093/biomet/41.1-2.100; Rossi 1999, Stat Med 18:2111
(counts made standard normal); Höhle and Paul 2008, Comput Stat Data Anal 52:4357,
doi:10.1016/j.csda.2008.02.015 (likelihood ratios for negative binomial counts).

A threshold means little until its run length is known: `run_length` simulates how many weeks pass,
on average, until a chart alarms with nothing going on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medtune.clinical.surveillance.ears import checked_counts
from medtune.errors import DataError

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Cusum:
    """One date on the chart."""

    index: int
    statistic: float
    alarm: bool
    """The statistic reached the threshold. The chart then starts again from 0."""


def standardised_cusum(
    counts: Sequence[float],
    expected: Sequence[float],
    *,
    reference: float = 1.04,
    threshold: float = 2.26,
) -> list[Cusum]:
    """Page's chart on Poisson counts made standard normal by Rossi's transformation.

    The default reference value and threshold are those of Rossi 1999 as R's `algo.cusum` has them.

    Raises:
        DataError: An expected count is not positive, or the series differ in length.
    """
    y, mu = _paired(counts, expected)
    standard = (y - 3 * mu + 2 * np.sqrt(y * mu)) / (2 * np.sqrt(mu))
    return _chart(standard - reference, threshold)


def count_cusum(
    counts: Sequence[float],
    expected: Sequence[float],
    *,
    ratio: float,
    dispersion: float,
    threshold: float,
) -> list[Cusum]:
    """Likelihood-ratio chart for a rise of the mean by `ratio`.

    Args:
        counts: Counts, oldest first.
        expected: Their means with nothing going on.
        ratio: The rise worth detecting, such as 1.5.
        dispersion: a in the variance mu + a mu^2; 0 for Poisson counts.
        threshold: In nats of log likelihood ratio.

    Raises:
        DataError: `ratio` is not above 1, or the series do not fit.
    """
    if ratio <= 1 or dispersion < 0:
        raise DataError(f"ratio {ratio} must be above 1 and dispersion {dispersion} not below 0")
    y, mu = _paired(counts, expected)
    return _chart(log_likelihood_ratio(y, mu, ratio, dispersion), threshold)


def log_likelihood_ratio(
    y: NDArray[np.float64], mu: NDArray[np.float64], ratio: float, dispersion: float
) -> NDArray[np.float64]:
    """Log of f(y; ratio mu) / f(y; mu), in nats."""
    if dispersion == 0:
        return y * np.log(ratio) - mu * (ratio - 1)
    grown = np.log((1 + dispersion * ratio * mu) / (1 + dispersion * mu))
    return y * np.log(ratio) - (y + 1 / dispersion) * grown


def run_length(increments: Draw, threshold: float, *, runs: int, longest: int, seed: int) -> float:
    """Mean number of dates until the alarm, by simulation.

    Args:
        increments: Draws so many increments of the chart, with a generator.
        threshold: Of the chart.
        runs: Charts simulated.
        longest: A chart that has not alarmed by then counts with this length.
        seed: Of the generator.
    """
    chance = np.random.default_rng(seed)
    level = np.zeros(runs)
    lengths = np.full(runs, float(longest))
    running = np.ones(runs, dtype=bool)
    for date in range(1, longest + 1):
        level = np.maximum(0.0, level + increments(chance, runs))
        crossed = running & (level >= threshold)
        lengths[crossed] = date
        running &= ~crossed
        if not running.any():
            break
    return float(lengths.mean())


def _paired(
    counts: Sequence[float], expected: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, mu = checked_counts(counts), checked_counts(expected)
    if len(y) != len(mu) or not (mu > 0).all():
        raise DataError("every count needs an expected count above 0")
    return y, mu


def _chart(increments: NDArray[np.float64], threshold: float) -> list[Cusum]:
    found: list[Cusum] = []
    level = 0.0
    for index, step in enumerate(increments.tolist()):
        level = max(0.0, level + step)
        found.append(Cusum(index, level, level >= threshold))
        level = 0.0 if level >= threshold else level
    return found
