"""For whom: every metric by subgroup and intersection, and whether a gap is real.

A value of an attribute is held against everybody else, so the worst is not picked from many by
luck: all gaps are tested, and Holm's correction is over all of them. Values with few examples or
groups are not reported, for their numbers would say nothing and could point to a person.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from medtune import stats
from medtune.artifacts import Fairness, SubgroupRow
from medtune.errors import UndefinedMetric
from medtune.measure import answered
from medtune.progress import progress
from medtune.records import Application, ArmResult, Estimate, Metric, Prediction, Verdict

MIN_EXAMPLES = 30
MIN_GROUPS = 5
"""A subgroup with fewer examples or groups is left out: our own choice."""
BETWEEN = " and "
OVERCONFIDENCE = "overconfidence"
"""Mean confidence minus accuracy."""


class _Draws(NamedTuple):
    resamples: int
    seed: int


class _Measured(NamedTuple):
    """A row before Holm's correction."""

    attribute: str
    value: str
    metric: str
    estimate: Estimate
    gap: stats.Paired | None
    before: Estimate | None
    change: Estimate | None


def measure_fairness(
    app: Application,
    tuned: ArmResult,
    base: ArmResult | None,
    *,
    margin: float,
    resamples: int,
    seed: int,
) -> Fairness | None:
    """Every metric for every subgroup that is large enough; None if no attribute is recorded.

    Args:
        app: Its metrics, and mean confidence minus accuracy where there are confidences.
        tuned: The answers to judge.
        base: The base model's, on the same examples; None if there are none.
        margin: The largest gap that is let pass.
        resamples: Of every interval.
        seed: Of the draws.
    """
    counted = answered(tuned)
    members = _members(counted)
    if not members:
        return None
    large = {key: some for key, some in members.items() if _is_large(some)}
    earlier = {p.id: p for p in answered(base)} if base is not None else {}
    draws = _Draws(resamples, seed)
    measured: list[_Measured] = []
    with progress("subgroups", len(large), "subgroups") as advance:
        for (attribute, value), inside in large.items():
            chosen = {p.id for p in inside}
            outside = [p for p in counted if p.id not in chosen]
            for name, metric in _metrics(app, counted).items():
                better = _comparable(app, name, metric)
                estimate = _estimate(metric, inside, draws)
                if estimate is None:
                    continue
                gap = _gap(better, inside, outside, draws)
                before, change = (
                    _change(metric, better, inside, earlier, draws)
                    if name == app.primary
                    else (None, None)
                )
                measured.append(_Measured(attribute, value, name, estimate, gap, before, change))
            advance(1)
    return Fairness(
        margin=margin,
        rows=_rows(measured, margin),
        suppressed=dict(_suppressed(members, large)),
    )


def _members(predictions: Sequence[Prediction]) -> dict[tuple[str, str], list[Prediction]]:
    """The predictions of each value of each attribute and of each pair of attributes."""
    found: dict[tuple[str, str], list[Prediction]] = {}
    for prediction in predictions:
        single = sorted(prediction.subgroups.items())
        pairs = [
            (f"{a}{BETWEEN}{b}", f"{x}{BETWEEN}{y}") for (a, x), (b, y) in combinations(single, 2)
        ]
        for key in [*single, *pairs]:
            found.setdefault(key, []).append(prediction)
    return dict(sorted(found.items()))


def _is_large(predictions: Sequence[Prediction]) -> bool:
    n_groups = len({p.group for p in predictions})
    return len(predictions) >= MIN_EXAMPLES and n_groups >= MIN_GROUPS


def _suppressed(
    members: Mapping[tuple[str, str], object], large: Mapping[tuple[str, str], object]
) -> Iterator[tuple[str, int]]:
    counts: defaultdict[str, int] = defaultdict(int)
    for attribute, value in members:
        counts[attribute] += (attribute, value) not in large
    yield from ((attribute, n) for attribute, n in counts.items() if n)


def _metrics(app: Application, predictions: Sequence[Prediction]) -> dict[str, Metric]:
    """The application's metrics, and how much too sure the answers are."""
    found = dict(app.metrics)
    if all(p.confidence is not None for p in predictions):
        found[OVERCONFIDENCE] = stats.overconfidence
    return found


def _comparable(app: Application, name: str, metric: Metric) -> Metric:
    """The metric, turned so that more is better."""
    return _turned(metric) if name in {*app.lower_is_better, OVERCONFIDENCE} else metric


def _turned(metric: Metric) -> Metric:
    return lambda predictions: -metric(predictions)


def _estimate(metric: Metric, predictions: Sequence[Prediction], draws: _Draws) -> Estimate | None:
    """None where the metric has no value in the subgroup."""
    try:
        return stats.bootstrap(metric, predictions, resamples=draws.resamples, seed=draws.seed)
    except UndefinedMetric:
        return None


def _gap(
    metric: Metric, inside: Sequence[Prediction], outside: Sequence[Prediction], draws: _Draws
) -> stats.Paired | None:
    """None where the rest is too small, or the metric has no value in it."""
    if not _is_large(outside):
        return None
    try:
        return stats.gap(metric, inside, outside, resamples=draws.resamples, seed=draws.seed)
    except UndefinedMetric:
        return None


def _change(
    metric: Metric,
    better: Metric,
    inside: Sequence[Prediction],
    earlier: Mapping[str, Prediction],
    draws: _Draws,
) -> tuple[Estimate | None, Estimate | None]:
    """The base model's value in the subgroup, and tuned minus base."""
    both = [p for p in inside if p.id in earlier]
    before = [earlier[p.id] for p in both]
    value = _estimate(metric, before, draws) if _is_large(both) else None
    if value is None:
        return None, None
    change = stats.paired(better, both, before, resamples=draws.resamples, seed=draws.seed)
    return value, change.difference


def _rows(measured: Sequence[_Measured], margin: float) -> list[SubgroupRow]:
    gaps = [row.gap for row in measured if row.gap is not None]
    adjusted = iter(stats.holm([gap.p_value for gap in gaps]))
    rows: list[SubgroupRow] = []
    for row in measured:
        gap = None if row.gap is None else row.gap.difference
        p_adjusted = None if gap is None else next(adjusted)
        rows.append(
            SubgroupRow(
                attribute=row.attribute,
                value=row.value,
                metric=row.metric,
                estimate=row.estimate,
                gap=gap,
                p_adjusted=p_adjusted,
                detectable=None if gap is None else stats.minimum_detectable(gap),
                worse=_worse(gap, p_adjusted, margin),
                before=row.before,
                change=row.change,
            )
        )
    return rows


def _worse(gap: Estimate | None, p_adjusted: float | None, margin: float) -> Verdict:
    """Shown by the whole interval and the corrected test; excluded by the whole interval."""
    if gap is None or p_adjusted is None:
        return "not_enough_data"
    if gap.high < -margin and p_adjusted < stats.ALPHA:
        return "yes"
    return "no" if gap.low >= -margin else "not_enough_data"
