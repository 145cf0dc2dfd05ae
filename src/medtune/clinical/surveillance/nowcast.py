"""Nowcast: how many cases of the last weeks there will be, once all are reported.

From a line list with onset and report dates as known today. The delay is learned backwards in time
(of the cases reported within d weeks, what share came in week d?), which needs no complete week;
the cases still to come then follow a negative binomial distribution given those that came.

Sources: Kalbfleisch and Lawless 1991, Stat Sin 1:19, and Lawless 1994, Can J Stat 22:15 (reverse
hazards, right truncation); Höhle and an der Heiden 2014, Biometrics 70:993, doi:10.1111/biom.12194
(Bayesian form: beta posteriors of the reverse hazards, gamma-Poisson cases). Our addition: the
hazards vary between periods as much as they did in the learning window, not only by chance.

Periods are days or weeks. Take weeks: laboratories rest on Sundays, and weeks all have one. It
assumes that delays in the learning window are those of today. When a laboratory closes for a
holiday or clears a backlog they are not; `backlog_share` looks for the latter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medtune.errors import DataError

CONCENTRATION = 0.1
"""Of the Dirichlet prior of the delays, as in Höhle and an der Heiden 2014: little."""
FEWEST = 1e-9
MIN_PRECISION = 1.0
LEAST_SHARE = 0.01
"""Of a period with less than this in, nothing can be said; its share is held here."""
LEVEL_PERIODS = 2
PRIOR_SHAPE = 1.0
"""How much a period's rate is tied to the level of the last two, in cases."""
QUANTILES = (0.025, 0.5, 0.975)

Triangle = NDArray[np.float64]
"""Cases by onset period (rows) and delay (columns)."""
Numbers = Sequence[int] | NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Nowcast:
    """Cases of one period, as known now and as expected when all are reported."""

    reported: float
    median: float
    low: float
    high: float
    """95 % prediction interval."""
    completeness: float
    """Share of the period's cases that should be in by now, in (0, 1]; posterior mean."""


def triangle(
    onsets: Numbers, reports: Numbers, *, today: int, periods: int, longest: int
) -> Triangle:
    """Count cases by onset period and delay, as known at the end of period `today`.

    Args:
        onsets: Number of each case's onset period.
        reports: Number of each case's report period.
        today: Last period known. Later reports and onsets are not looked at.
        periods: Onset periods counted; the last row is `today`.
        longest: Largest delay; longer ones count as this.

    Returns:
        `periods` rows of `longest` + 1 delays.

    Raises:
        DataError: A report is before its onset.
    """
    onset, report = np.asarray(onsets, dtype=int), np.asarray(reports, dtype=int)
    early = np.flatnonzero(report < onset)
    if len(early):
        raise DataError(
            f"{len(early)} of {len(onset)} cases were reported before onset (first: case "
            f"{int(early[0])}); mend the dates or leave them out"
        )
    known = (report <= today) & (onset > today - periods) & (onset <= today)
    table = np.zeros((periods, longest + 1))
    rows = onset[known] - (today - periods + 1)
    np.add.at(table, (rows, np.minimum(report[known] - onset[known], longest)), 1)
    return table


def nowcast(
    table: Triangle,
    periods: Sequence[slice],
    *,
    learn: Triangle | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> list[Nowcast]:
    """Predict the complete counts of some periods, each a slice of the rows of `table`.

    Args:
        table: Of `triangle`.
        periods: Such as `slice(-1, None)` for the last week.
        learn: A triangle to learn the delays from, with the same last day and delays, such as that
            of the whole country; None learns from `table` itself. A place with few cases says
            little of its delays.
        draws: Posterior draws.
        seed: Of the draws.

    Raises:
        DataError: No case to learn the delay from.
    """
    source = table if learn is None else learn
    if source.sum() == 0:
        raise DataError("no case was reported in the learning window; nothing is known of delays")
    chance = np.random.default_rng(seed)
    arrived = _arrived(source, len(table), draws, chance)
    seen = np.array([row[: len(table) - number].sum() for number, row in enumerate(table)])
    missing = _still_to_come(seen, arrived, chance)
    found: list[Nowcast] = []
    for period in periods:
        reported = float(seen[period].sum())
        low, median, high = np.quantile(reported + missing[:, period].sum(axis=1), QUANTILES)
        share = _completeness(seen[period], arrived[:, period])
        found.append(Nowcast(reported, float(median), float(low), float(high), share))
    return found


def backlog_share(onsets: Numbers, reports: Numbers, *, today: int, old: int) -> float:
    """Of the cases reported in period `today`, the share with onset `old` or more periods before.

    A high share says that a backlog was cleared: counts by report date are then no epidemic curve.
    0 if none was reported.
    """
    onset, report = np.asarray(onsets, dtype=int), np.asarray(reports, dtype=int)
    now = report == today
    return float((onset[now] <= today - old).mean()) if now.any() else 0.0


def _arrived(table: Triangle, n_periods: int, draws: int, chance: np.random.Generator) -> Triangle:
    """Draws of the share of each period's cases that is in by now: `draws` by periods.

    Reverse hazard g(d): of cases with delay at most d, those with delay d, over the onset
    periods old enough to show delay d. F(d) is the product of 1 - g over longer delays.
    """
    n_delays = table.shape[1]
    age = np.arange(len(table))[::-1]
    log_stay = np.zeros((draws, n_delays))
    for delay in range(1, n_delays):
        rows = table[age >= delay]
        at, upto = rows[:, delay], rows[:, : delay + 1].sum(axis=1)
        total = float(upto.sum()) + CONCENTRATION * (delay + 1)
        mean = (float(at.sum()) + CONCENTRATION) / total
        size = min(total, _precision(at, upto, mean))
        hazard = chance.beta(mean * size, (1 - mean) * size, size=draws)
        log_stay[:, delay] = np.log1p(-np.minimum(hazard, 1 - FEWEST))
    # F(d) = exp(sum of log_stay over delays above d)
    after = np.cumsum(log_stay[:, ::-1], axis=1)[:, ::-1]
    share = np.maximum(np.exp(np.column_stack([after[:, 1:], np.zeros(draws)])), LEAST_SHARE)
    return share[:, np.minimum(np.arange(n_periods)[::-1], n_delays - 1)]


def _precision(at: NDArray[np.float64], upto: NDArray[np.float64], mean: float) -> float:
    """Precision of a beta distribution that varies as much as the hazard does between periods.

    From the Pearson dispersion phi of binomial counts: phi = 1 + (n - 1) / (precision + 1) for the
    mean size n. Infinite if the counts vary no more than binomial ones.
    """
    kept = upto > 0
    if kept.sum() <= 1:
        return np.inf
    squares = (at[kept] - upto[kept] * mean) ** 2 / (upto[kept] * mean * (1 - mean))
    phi = float(squares.sum()) / (int(kept.sum()) - 1)
    if phi <= 1:
        return np.inf
    return max(MIN_PRECISION, (float(upto[kept].mean()) - 1) / (phi - 1) - 1)


def _still_to_come(
    seen: NDArray[np.float64], arrived: Triangle, chance: np.random.Generator
) -> Triangle:
    """Draws of the cases not yet reported: `draws` by periods.

    Given the share F that is in, cases N ~ Poisson(rate) and rate ~ Gamma(shape, shape / level),
    what is to come is negative binomial. The level is that of the last two periods, corrected
    for delay: without it, a period of which nothing is in yet would promise many cases.
    """
    level = (seen[-LEVEL_PERIODS:].sum() + 0.5) / arrived[:, -LEVEL_PERIODS:].sum(axis=1)
    rate = (PRIOR_SHAPE / level)[:, None]
    missing = chance.negative_binomial(
        seen + PRIOR_SHAPE, np.minimum((rate + arrived) / (rate + 1), 1 - FEWEST)
    )
    return np.where(arrived >= 1, 0.0, missing.astype(float))


def _completeness(seen: NDArray[np.float64], arrived: Triangle) -> float:
    """Reported cases over expected ones: the share that should be in."""
    expected = (seen + 0.5) / arrived.mean(axis=0)
    return float((seen + 0.5).sum() / expected.sum())
