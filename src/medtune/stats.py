"""Intervals, paired tests, calibration and power. All are seeded and blind to the order given.

The unit of chance is the group (a patient, an article), never the single example: examples of one
group are alike, and counting them as independent makes every interval too narrow. All intervals
are 95 %.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from medtune.errors import DataError
from medtune.records import Estimate, Metric, Prediction, Verdict

ALPHA = 0.05
MIN_GROUPS = 2
Z_INTERVAL = 1.959964
"""Standard normal quantile of a two-sided 95 % interval."""
Z_POWER = 0.841621
"""Standard normal quantile of 80 % power."""
TIE = 1e-12
"""Rounding below which two differences count as equal, on the side of a larger p-value."""


class Paired(NamedTuple):
    """A paired comparison of two arms on the same examples."""

    difference: Estimate
    """Of the metric, first arm minus second."""
    p_value: float
    """Two-sided, in (0, 1]."""
    test: str


class Reliability(NamedTuple):
    """One bin of a reliability plot."""

    confidence: float
    """Mean confidence in the bin."""
    accuracy: float
    """Share of right answers in the bin."""
    n: int


def bootstrap(
    metric: Metric, predictions: Sequence[Prediction], *, resamples: int, seed: int
) -> Estimate:
    """The metric with its percentile bootstrap interval, groups drawn with replacement.

    Two corrections, both only ever wider. The interval is stretched to hold the value, which the
    percentiles of a skewed metric can miss. And where every resample gives the same number (no
    error in 40 groups, say), resampling is blind to the chance that is left; the bound of Clopper
    and Pearson for 0 events in that many groups then stands in.

    Sources: Efron and Tibshirani 1993, An introduction to the bootstrap, chapter 13; Field and
    Welsh 2007, J R Stat Soc B 69:369, doi:10.1111/j.1467-9868.2007.00593.x (whole groups);
    Clopper and Pearson 1934, Biometrika 26:404, doi:10.1093/biomet/26.4.404.

    Raises:
        DataError: There are fewer than two groups.
    """
    groups = _by_group(predictions)
    value = metric(_flat(groups))
    draws = [
        metric(_flat([groups[i] for i in picked]))
        for picked in _picks(len(groups), resamples, seed)
    ]
    return _estimate(value, draws, groups, resamples, lowest=0.0)


def paired(
    metric: Metric,
    first: Sequence[Prediction],
    second: Sequence[Prediction],
    *,
    resamples: int,
    seed: int,
) -> Paired:
    """The difference of a metric between two arms, with a paired interval and a p-value.

    The interval draws the same groups for both arms (see `bootstrap`). The p-value is from
    approximate randomisation: in each round the two arms' answers to a whole group are swapped by
    the toss of a coin, and p = (1 + rounds at least as far apart) / (1 + rounds).

    Sources: Noreen 1989, Computer-intensive methods for testing hypotheses; Phipson and Smyth
    2010, Stat Appl Genet Mol Biol 9:39, doi:10.2202/1544-6115.1585 (the two ones).

    Raises:
        DataError: The arms did not answer the same examples, or there are fewer than two groups.
    """
    a, b = _by_group(first), _by_group(second)
    _check_same(a, b)
    value = metric(_flat(a)) - metric(_flat(b))
    draws = [
        metric(_flat([a[i] for i in picked])) - metric(_flat([b[i] for i in picked]))
        for picked in _picks(len(a), resamples, seed)
    ]
    extreme = sum(
        abs(metric(one) - metric(other)) >= abs(value) - TIE
        for one, other in _swaps(a, b, resamples, seed)
    )
    return Paired(
        _estimate(value, draws, a, resamples, lowest=-1.0),
        (1 + extreme) / (1 + resamples),
        f"approximate randomisation by group, {resamples} rounds",
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that keep the family-wise error rate, in the order given.

    Source: Holm 1979, Scand J Statist 6:65.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def verdict(difference: Estimate, p_adjusted: float, margin: float = 0.0) -> Verdict:
    """Is the difference more than `margin`? "no" only if the whole interval lies at or below it."""
    if difference.low > margin and p_adjusted < ALPHA:
        return "yes"
    return "no" if difference.high <= margin else "not_enough_data"


def standard_error(difference: Estimate) -> float:
    """The standard error that the width of a 95 % interval speaks of."""
    return (difference.high - difference.low) / (2 * Z_INTERVAL)


def minimum_detectable(difference: Estimate) -> float:
    """Smallest true difference that this many groups show with 80 % power, two-sided at 0.05.

    2.8 standard errors of the paired bootstrap: the usual normal approximation (Bloom 1995, Eval
    Rev 19:547, doi:10.1177/0193841X9501900504).
    """
    return (Z_INTERVAL + Z_POWER) * standard_error(difference)


def groups_needed(difference: Estimate, margin: float = 0.0) -> int | None:
    """Groups with which the difference seen, if true, would show above `margin` with 80 % power.

    The standard error shrinks with the root of the number of groups. None if the difference seen
    is not above the margin, for then no number of groups is enough.
    """
    gap = difference.value - margin
    if gap <= 0:
        return None
    ratio = minimum_detectable(difference) / gap
    return max(MIN_GROUPS, math.ceil(difference.n_groups * ratio**2))


def expected_calibration_error(predictions: Sequence[Prediction], bins: int = 10) -> float:
    """Mean distance of confidence and accuracy over bins of about equal mass.

    Equal confidences are never divided between two bins, so an arm that always says 0.6 has one.
    Biased upwards in small samples, the more so the more bins.

    Source: Naeini 2015, AAAI 29:2901; equal mass: Nixon 2019, arXiv:1904.01685.

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    rows = reliability(predictions, bins)
    return sum(row.n * abs(row.confidence - row.accuracy) for row in rows) / len(predictions)


def reliability(predictions: Sequence[Prediction], bins: int = 10) -> list[Reliability]:
    """The bins behind `expected_calibration_error`, from low to high confidence.

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    confidence, right = _confidences(predictions)
    order = np.argsort(confidence, kind="stable")
    confidence, right = confidence[order], right[order]
    last_of_bin = np.ceil(len(confidence) * np.arange(1, bins + 1) / bins).astype(int) - 1
    ends = np.unique(np.searchsorted(confidence, confidence[last_of_bin.clip(0)], side="right"))
    starts = np.concatenate([[0], ends[:-1]])
    sizes = ends - starts
    sums = np.add.reduceat(confidence, starts), np.add.reduceat(right, starts)
    means = zip((sums[0] / sizes).tolist(), (sums[1] / sizes).tolist(), strict=True)
    return [Reliability(c, a, n) for (c, a), n in zip(means, sizes.tolist(), strict=True)]


def brier(predictions: Sequence[Prediction]) -> float:
    """Mean squared distance of the confidence from 1 (right) or 0 (wrong); lower is better.

    Source: Brier 1950, Mon Weather Rev 78:1, on "is the answer right?".

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    confidence, right = _confidences(predictions)
    return float(np.mean((confidence - right) ** 2))


def wilson(events: int, n: int) -> Estimate:
    """The share of independent events, with its score interval (Wilson 1927, JASA 22:209)."""
    assert 0 <= events <= n > 0, f"{events} events of {n}"
    share, z2 = events / n, Z_INTERVAL**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_INTERVAL * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low, high = min(share, middle - half), max(share, middle + half)
    return Estimate(share, max(0.0, low), min(1.0, high), n, n, "Wilson's score interval")


def _by_group(predictions: Sequence[Prediction]) -> list[list[Prediction]]:
    """The predictions by group, groups by name and their members by id."""
    groups: dict[str, list[Prediction]] = {}
    for prediction in sorted(predictions, key=lambda p: p.id):
        assert not prediction.failed, "failed predictions are left out before any number is made"
        groups.setdefault(prediction.group, []).append(prediction)
    if len(groups) < MIN_GROUPS:
        raise DataError(
            f"{len(predictions)} predictions in {len(groups)} group(s); an interval needs at "
            "least 2 groups, better 30: add records of other groups, or check task.group"
        )
    return [groups[name] for name in sorted(groups)]


def _check_same(a: Sequence[Sequence[Prediction]], b: Sequence[Sequence[Prediction]]) -> None:
    ids_a, ids_b = ([(p.group, p.id) for p in _flat(groups)] for groups in (a, b))
    if ids_a != ids_b:
        odd = sorted(set(ids_a) ^ set(ids_b))
        first = f" (first: {odd[0][1]})" if odd else ""
        raise DataError(
            f"a paired test needs the same examples in both arms, and {len(odd)} differ{first}; "
            "delete the predictions of both arms and run the stage again"
        )


def _flat(groups: Sequence[Sequence[Prediction]]) -> list[Prediction]:
    return list(chain.from_iterable(groups))


def _picks(n_groups: int, resamples: int, seed: int) -> Iterator[list[int]]:
    """For each resample, the groups that were drawn."""
    chance = np.random.default_rng([seed, 0])
    for _ in range(resamples):
        yield chance.integers(n_groups, size=n_groups).tolist()


def _swaps(
    a: Sequence[Sequence[Prediction]], b: Sequence[Sequence[Prediction]], rounds: int, seed: int
) -> Iterator[tuple[list[Prediction], list[Prediction]]]:
    """For each round, the two arms with a random half of the groups swapped."""
    chance = np.random.default_rng([seed, 1])
    for _ in range(rounds):
        swapped = chance.integers(2, size=len(a)).tolist()
        pairs = [(y, x) if swap else (x, y) for x, y, swap in zip(a, b, swapped, strict=True)]
        yield _flat([one for one, _ in pairs]), _flat([other for _, other in pairs])


def _estimate(
    value: float,
    draws: Sequence[float],
    groups: Sequence[Sequence[Prediction]],
    resamples: int,
    *,
    lowest: float,
) -> Estimate:
    """Make the interval; `lowest` is the least that the number can be, and 1 the most."""
    n_groups = len(groups)
    method = f"percentile bootstrap of {n_groups} groups, {resamples} resamples"
    low, high = np.percentile(draws, [100 * ALPHA / 2, 100 * (1 - ALPHA / 2)]).tolist()
    if max(draws) - min(draws) <= TIE:
        reach = 1 - (ALPHA / 2) ** (1 / n_groups)
        low, high = max(lowest, value - reach), min(1.0, value + reach)
        method += "; all alike, so the Clopper-Pearson bound for 0 events stands in"
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        n=sum(map(len, groups)),
        n_groups=n_groups,
        method=method,
    )


def _confidences(predictions: Sequence[Prediction]) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and rightness (0 or 1), both of length `len(predictions)`."""
    if not predictions:
        raise DataError("calibration needs at least one prediction that did not fail")
    without = [p.id for p in predictions if p.confidence is None]
    if without:
        raise DataError(
            f"{len(without)} of {len(predictions)} predictions have no confidence (first: "
            f"{without[0]}); calibration needs one for each"
        )
    return (
        np.array([p.confidence for p in predictions], dtype=float),
        np.array([p.right for p in predictions], dtype=float),
    )
