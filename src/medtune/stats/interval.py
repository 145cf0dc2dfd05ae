"""95 % intervals: the bootstrap over groups, and Wilson's for a plain share.

The unit of chance is the group (a patient, an article), never the single example: examples of one
group are alike, and counting them as independent makes every interval too narrow. All is seeded
and blind to the order given.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

import numpy as np
from scipy.special import ndtr, stdtrit

from medtune.errors import DataError, UndefinedMetric
from medtune.records import Estimate, Metric, Prediction
from medtune.stats.shares import ALPHA, TIE, at_edges, outcomes, reach

T = TypeVar("T")

MIN_GROUPS = 2
Z_INTERVAL = 1.959964
"""Standard normal quantile of a two-sided 95 % interval."""
AT_ONCE = 1 << 20
"""Draws held in memory at a time."""
MOST_UNDEFINED = 0.2
"""Share of resamples without a value above which an interval would speak of other data."""


def bootstrap(
    metric: Metric, predictions: Sequence[Prediction], *, resamples: int, seed: int
) -> Estimate:
    """The metric with its percentile bootstrap interval, groups drawn with replacement.

    Four corrections, all only ever wider. The percentiles are those of Student's t with as many
    degrees of freedom as groups less one, and a factor for the same (few groups make the plain
    percentiles too narrow). The interval is stretched to hold the value, which the percentiles of a
    skewed metric can miss. And where every resample gives the same number (no error in 40 groups,
    say), resampling is blind to the chance that is left; the bound of Clopper and Pearson for 0
    events in that many groups then stands in. And a share of few events or non-events is not
    resampled but exact, see `shares.at_edges`.

    Sources: Efron and Tibshirani 1993, An introduction to the bootstrap, chapter 13; Field and
    Welsh 2007, J R Stat Soc B 69:369, doi:10.1111/j.1467-9868.2007.00593.x (whole groups);
    Hesterberg 2015, Am Stat 69:371, doi:10.1080/00031305.2015.1089789 (expanded percentiles);
    Clopper and Pearson 1934, Biometrika 26:404, doi:10.1093/biomet/26.4.404.

    Raises:
        DataError: There are fewer than two groups.
        UndefinedMetric: The metric has no value here, or in over a fifth of the resamples.
    """
    groups = by_group(predictions)
    found = resampled(metric, groups, resamples=resamples, seed=seed)
    return at_edges(found, outcomes(metric, groups))


def resampled(
    statistic: Callable[[list[T]], float],
    groups: Sequence[Sequence[T]],
    *,
    resamples: int,
    seed: int,
    lowest: float = 0.0,
) -> Estimate:
    """Any number of items that come in groups, with the interval of `bootstrap`.

    Args:
        statistic: From the items of many groups to one number, at the most 1.
        groups: Two or more.
        resamples: How many.
        seed: Of the draws.
        lowest: The least that the number can be.
    """
    value = statistic(flat(groups))
    draws = defined(
        lambda picked: statistic(flat([groups[i] for i in picked])),
        picks(len(groups), resamples, seed),
    )
    return estimated(value, draws, groups, resamples, lowest=lowest)


def bootstrap_mean(
    values: Sequence[tuple[str, float]], *, resamples: int, seed: int, lowest: float = 0.0
) -> Estimate:
    """The mean of one number per example, with the interval of `bootstrap`, in one pass of numpy.

    Args:
        values: Group and number of each example.
        resamples: How many.
        seed: Of the draws.
        lowest: The least that the mean can be.

    Raises:
        DataError: There are fewer than two groups.
    """
    groups: dict[str, list[float]] = {}
    for group, value in values:
        groups.setdefault(group, []).append(value)
    _refuse_few(len(values), len(groups))
    members = [groups[name] for name in sorted(groups)]
    sums, sizes = np.array([sum(m) for m in members]), np.array([len(m) for m in members])
    chance = np.random.default_rng([seed, 0])
    draws: list[float] = []
    while len(draws) < resamples:
        n_rows = min(resamples - len(draws), max(1, AT_ONCE // len(members)))
        picked = chance.integers(len(members), size=(n_rows, len(members)))
        draws += (sums[picked].sum(axis=1) / sizes[picked].sum(axis=1)).tolist()
    value = float(sums.sum() / sizes.sum())
    found = estimated(value, draws, members, resamples, lowest=lowest)
    is_share = lowest == 0 and all(value in (0, 1) for _, value in values)
    return at_edges(found, members) if is_share else found


def wilson(events: int, n: int) -> Estimate:
    """The share of independent events, with Wilson's score interval.

    Source: Wilson 1927, J Am Stat Assoc 22:209; recommended by Brown, Cai and DasGupta 2001, Stat
    Sci 16:101, doi:10.1214/ss/1009213286.

    Raises:
        DataError: `n` is 0.
    """
    assert 0 <= events <= n, f"{events} events of {n}"
    if n == 0:
        raise DataError("a share of nothing has no value; measure at least one example")
    share, z2 = events / n, Z_INTERVAL**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_INTERVAL * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Estimate(share, min(low, share), max(high, share), n, n, "Wilson's score interval")


def by_group(predictions: Sequence[Prediction]) -> list[list[Prediction]]:
    """The predictions by group, groups by name and their members by id.

    Raises:
        DataError: There are fewer than two groups.
    """
    groups: dict[str, list[Prediction]] = {}
    for prediction in sorted(predictions, key=lambda p: p.id):
        assert not prediction.failed, "failed predictions are left out before any number is made"
        groups.setdefault(prediction.group, []).append(prediction)
    _refuse_few(len(predictions), len(groups))
    return [groups[name] for name in sorted(groups)]


def flat(groups: Sequence[Sequence[T]]) -> list[T]:
    """The items of all groups in one list."""
    return list(chain.from_iterable(groups))


def picks(n_groups: int, resamples: int, seed: int) -> Iterator[list[int]]:
    """For each resample, the groups that were drawn."""
    chance = np.random.default_rng([seed, 0])
    for _ in range(resamples):
        yield chance.integers(n_groups, size=n_groups).tolist()


def defined(statistic: Callable[[list[int]], float], drawn: Iterator[list[int]]) -> list[float]:
    """The statistic of every resample that has one.

    Raises:
        UndefinedMetric: Too many have none.
    """
    found: list[float] = []
    n = 0
    for picked in drawn:
        n += 1
        try:
            found.append(statistic(picked))
        except UndefinedMetric:
            continue
    if n - len(found) > MOST_UNDEFINED * n:
        raise UndefinedMetric(
            f"the metric has no value in {n - len(found)} of {n} resamples, so it has no interval; "
            "collect more examples of the rare kind"
        )
    return found


def estimated(
    value: float,
    draws: Sequence[float],
    groups: Sequence[Sequence[object]],
    resamples: int,
    *,
    lowest: float,
    fewest: int | None = None,
) -> Estimate:
    """Make the interval; `lowest` is the least that the number can be, and 1 the most.

    With two sides, `fewest` is the number of groups on the smaller one, which the corrections for
    few groups go by; without, it is all of them.
    """
    n_groups = len(groups)
    fewest = fewest or n_groups
    method = f"expanded percentile bootstrap of {n_groups} groups, {resamples} resamples"
    if len(draws) < resamples:
        method += f"; {resamples - len(draws)} of them without a value"
    tail = _tail(fewest)
    low, high = np.percentile(draws, [100 * tail, 100 * (1 - tail)]).tolist()
    if max(draws) - min(draws) <= TIE:
        low, high = max(lowest, value - reach(fewest)), min(1.0, value + reach(fewest))
        method += "; all alike, so the Clopper-Pearson bound for 0 events stands in"
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        n=sum(map(len, groups)),
        n_groups=n_groups,
        method=method,
    )


def _refuse_few(n: int, n_groups: int) -> None:
    if n_groups < MIN_GROUPS:
        raise DataError(
            f"{n} predictions in {n_groups} group(s); an interval needs at least 2 groups, better "
            "30: add records of other groups, or check task.group"
        )


def _tail(n_groups: int) -> float:
    """The share of resamples outside the interval on each side."""
    quantile = float(stdtrit(n_groups - 1, 1 - ALPHA / 2))
    return float(ndtr(-quantile * math.sqrt(n_groups / (n_groups - 1))))
