"""Comparisons: two arms on the same examples, one part of the examples with the rest, many at once.

As in `stats.interval`, the group is the unit of chance and all intervals are 95 %.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr, stdtr

from medtune.errors import DataError, UndefinedMetric
from medtune.records import Estimate, Metric, Prediction, Verdict
from medtune.stats.interval import (
    ALPHA,
    TIE,
    by_group,
    defined,
    estimated,
    flat,
    picks,
    reach,
)


class Paired(NamedTuple):
    """A comparison with its test."""

    difference: Estimate
    """Of the metric, first minus second."""
    p_value: float
    """Two-sided, in (0, 1]."""
    test: str


class Flips(NamedTuple):
    """What a change did to answers that are right or wrong."""

    right_to_wrong: list[str]
    """Ids, sorted."""
    wrong_to_right: list[str]
    p_value: float
    """McNemar's exact test, two-sided: are the two equally many?"""


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
    the toss of a coin, and p = (1 + rounds at least as far apart) / (1 + rounds). A round in which
    the metric has no value counts as far apart.

    Sources: Noreen 1989, Computer-intensive methods for testing hypotheses; Phipson and Smyth
    2010, Stat Appl Genet Mol Biol 9:39, doi:10.2202/1544-6115.1585 (the two ones).

    Raises:
        DataError: The arms did not answer the same examples, or there are fewer than two groups.
    """
    a, b = by_group(first), by_group(second)
    _check_same(a, b)
    value = metric(flat(a)) - metric(flat(b))
    draws = defined(
        lambda picked: metric(flat([a[i] for i in picked])) - metric(flat([b[i] for i in picked])),
        picks(len(a), resamples, seed),
    )
    extreme = sum(
        _is_as_far(metric, one, other, abs(value)) for one, other in _swaps(a, b, resamples, seed)
    )
    return Paired(
        estimated(value, draws, a, resamples, lowest=-1.0),
        (1 + extreme) / (1 + resamples),
        f"approximate randomisation by group, {resamples} rounds",
    )


def gap(
    metric: Metric,
    inside: Sequence[Prediction],
    outside: Sequence[Prediction],
    *,
    resamples: int,
    seed: int,
) -> Paired:
    """The difference of a metric between a subgroup and the examples outside it.

    Groups are drawn as in `bootstrap`, each with its examples on both sides, so a patient with
    visits inside and outside is one unit of chance. The corrections for few groups go by the
    smaller side. Where one side is alike in every resample (all five right, say), resampling is
    blind to its chance, and the bound of Clopper and Pearson for it is added. The p-value is that
    of Student's t with as many degrees of freedom as groups of the smaller side less one, on the
    standard deviation of the resamples.

    Raises:
        DataError: One side has fewer than two groups.
        UndefinedMetric: The metric has no value on one side, or in too many resamples.
    """
    for side in (inside, outside):
        by_group(side)  # refuses fewer than two groups
    both = by_group([*inside, *outside])
    ids = {p.id for p in inside}

    seen: list[tuple[float, float]] = []

    def difference(picked: Sequence[Sequence[Prediction]]) -> float:
        drawn = flat(picked)
        within = [p for p in drawn if p.id in ids]
        if not within or len(within) == len(drawn):
            raise UndefinedMetric("a resample without the subgroup, or with nothing else")
        values = metric(within), metric([p for p in drawn if p.id not in ids])
        seen.append(values)
        return values[0] - values[1]

    value = difference(both)
    draws = defined(
        lambda picked: difference([both[i] for i in picked]), picks(len(both), resamples, seed)
    )
    sizes = [len({p.group for p in side}) for side in (inside, outside)]
    found = estimated(value, draws, both, resamples, lowest=-1.0, fewest=min(sizes))
    alike = [max(some) - min(some) <= TIE for some in zip(*seen, strict=True)]
    if alike[0] != alike[1]:
        found = _widened(found, reach(sizes[alike.index(True)]))
    return Paired(
        found,
        max(_gap_p(value, draws, sizes), 1 / (1 + resamples)),
        f"t test on the bootstrap by group, {resamples} resamples",
    )


def _widened(found: Estimate, further: float) -> Estimate:
    """The interval with an independent uncertainty added, in squares, on each side."""
    return replace(
        found,
        low=max(-1.0, found.value - math.hypot(found.value - found.low, further)),
        high=min(1.0, found.value + math.hypot(found.high - found.value, further)),
        method=f"{found.method}; one side all alike, so its Clopper-Pearson bound is added",
    )


def _gap_p(value: float, draws: Sequence[float], sizes: Sequence[int]) -> float:
    """Two-sided p-value of a gap between sides of so many groups."""
    spread = float(np.std(draws, ddof=1))
    if spread > TIE:
        return min(1.0, 2 * float(stdtr(min(sizes) - 1, -abs(value) / spread)))
    if abs(value) <= TIE:
        return 1.0
    return min(1.0, 2 / math.comb(sum(sizes), sizes[0]))


def flips(before: Sequence[Prediction], after: Sequence[Prediction]) -> Flips:
    """Which answers turned from right to wrong and back, and McNemar's exact test of the two.

    For independent examples only: with several examples per group, use `paired`.

    Source: McNemar 1947, Psychometrika 12:153; exact: Edwards 1948, Psychometrika 13:185.

    Raises:
        DataError: The two did not answer the same examples.
    """
    earlier, later = {p.id: p.right for p in before}, {p.id: p.right for p in after}
    if earlier.keys() != later.keys():
        odd = sorted(earlier.keys() ^ later.keys())
        raise DataError(
            f"flips need the same examples before and after, and {len(odd)} differ (first: "
            f"{odd[0]}); run the stage again"
        )
    lost = sorted(id for id, right in earlier.items() if right and not later[id])
    gained = sorted(id for id, right in earlier.items() if not right and later[id])
    n = len(lost) + len(gained)
    p_value = min(1.0, 2 * float(bdtr(min(len(lost), len(gained)), n, 0.5))) if n else 1.0
    return Flips(lost, gained, p_value)


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


def is_kept(difference: Estimate, margin: float) -> Verdict:
    """Is at most `margin` lost? Non-inferiority: "yes" only if the whole interval says so.

    Args:
        difference: After minus before; negative means lost.
        margin: What may be lost, fixed beforehand.
    """
    assert margin >= 0, f"a margin of {margin} would ask for a gain"
    if difference.low >= -margin:
        return "yes"
    return "no" if difference.high < -margin else "not_enough_data"


def _is_as_far(
    metric: Metric, one: list[Prediction], other: list[Prediction], distance: float
) -> bool:
    try:
        return abs(metric(one) - metric(other)) >= distance - TIE
    except UndefinedMetric:
        return True


def _check_same(a: Sequence[Sequence[Prediction]], b: Sequence[Sequence[Prediction]]) -> None:
    ids_a, ids_b = ([(p.group, p.id) for p in flat(groups)] for groups in (a, b))
    if ids_a != ids_b:
        odd = sorted(set(ids_a) ^ set(ids_b))
        first = f" (first: {odd[0][1]})" if odd else ""
        raise DataError(
            f"a paired test needs the same examples in both arms, and {len(odd)} differ{first}; "
            "delete the predictions of both arms and run the stage again"
        )


def _swaps(
    a: Sequence[Sequence[Prediction]], b: Sequence[Sequence[Prediction]], rounds: int, seed: int
) -> Iterator[tuple[list[Prediction], list[Prediction]]]:
    """For each round, the two arms with a random half of the groups swapped."""
    chance = np.random.default_rng([seed, 1])
    for _ in range(rounds):
        swapped = chance.integers(2, size=len(a)).tolist()
        pairs = [(y, x) if swap else (x, y) for x, y, swap in zip(a, b, swapped, strict=True)]
        yield flat([one for one, _ in pairs]), flat([other for _, other in pairs])
