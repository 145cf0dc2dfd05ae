"""Drift tests: is the input, and the mix of answers, still what the release was made from?

Each test asks two things. Is the difference more than chance, after Holm's correction over all
tests? And is it large enough to matter? With thousands of requests any difference passes the first.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple, cast

import numpy as np
from scipy import stats as scipy_stats

from medtune.artifacts import DriftTest
from medtune.features import Reference
from medtune.monitor.journal import Use
from medtune.records import Verdict
from medtune.stats import holm

LEAST_D = 0.1
"""A Kolmogorov-Smirnov distance below this is not called drift: at every value, the two shares of
texts below it differ by less than ten points. Our own choice."""
LEAST_MOVED = 0.1
"""The same for the mix of answers, as the share of replies that moved from some labels to others
(total variation distance). Unlike Cramér's V it does not shrink when one side is much larger."""
LEAST_EXPECTED = 5
"""Labels expected less often are tested together (Cochran 1954, Biometrics 10:417)."""


class _Raw(NamedTuple):
    feature: str
    test: str
    statistic: float
    p_value: float
    least: float
    reference: str
    now: str


def drift_tests(reference: Reference, use: Use, *, alpha: float) -> list[DriftTest]:
    """One test for each feature, and one for the mix of answers where the task has labels.

    Features that the reference has no values for, or answers that are all alike on both sides,
    give no test.
    """
    raw = [
        _compare_values(name, values, use.features[name])
        for name, values in reference.features.items()
        if values and use.features.get(name)
    ]
    mix = _compare_answers(reference.answers, use.answers) if reference.answers else None
    if mix is not None:
        raw.append(mix)
    adjusted = holm([one.p_value for one in raw])
    return [
        DriftTest(
            feature=one.feature,
            test=one.test,
            statistic=one.statistic,
            p_value=one.p_value,
            p_adjusted=p_adjusted,
            drifted=_verdict(one, p_adjusted, alpha),
            reference=one.reference,
            now=one.now,
        )
        for one, p_adjusted in zip(raw, adjusted, strict=True)
    ]


def smallest_visible_d(n_reference: int, n_now: int, alpha: float) -> float:
    """The Kolmogorov-Smirnov distance that would just be significant by itself.

    Source: the asymptotic bound sqrt(-ln(alpha / 2) / 2) times sqrt((n + m) / (n m)); Smirnov 1948,
    Ann Math Stat 19:279.
    """
    bound = math.sqrt(-math.log(alpha / 2) / 2)
    return min(1.0, bound * math.sqrt((n_reference + n_now) / (n_reference * n_now)))


def _verdict(one: _Raw, p_adjusted: float, alpha: float) -> Verdict:
    return "yes" if p_adjusted < alpha and one.statistic >= one.least else "no"


def _compare_values(name: str, before: Sequence[float], now: Sequence[float]) -> _Raw:
    # the exact method fails over to this one, with a warning, when values are tied
    result = cast("Sequence[float]", scipy_stats.ks_2samp(before, now, method="asymp"))
    return _Raw(
        feature=name,
        test=f"Kolmogorov-Smirnov D, drift from {LEAST_D:g}",
        statistic=float(result[0]),
        p_value=float(result[1]),
        least=LEAST_D,
        reference=f"median {median(before):.4g} (n = {len(before)})",
        now=f"median {median(now):.4g} (n = {len(now)})",
    )


def _compare_answers(before: Mapping[str, int], now: Mapping[str, int]) -> _Raw | None:
    """Chi-square on the two mixes; None where there is nothing to compare."""
    n_before, n_now = sum(before.values()), sum(now.values())
    if not n_before or not n_now:
        return None
    table = np.array(_pooled(before, now), dtype=float).T
    if table.shape[1] < 2:  # noqa: PLR2004  one column of a table has nothing to differ in
        return None
    result = cast("Sequence[float]", scipy_stats.chi2_contingency(table, correction=False))
    moved = 0.5 * np.abs(table[0] / n_before - table[1] / n_now).sum()
    return _Raw(
        feature="answer",
        test=f"chi-square; share of answers that moved, drift from {LEAST_MOVED:g}",
        statistic=float(moved),
        p_value=float(result[1]),
        least=LEAST_MOVED,
        reference=_mix(before),
        now=_mix(now),
    )


def _pooled(before: Mapping[str, int], now: Mapping[str, int]) -> list[tuple[int, int]]:
    """Counts of each label before and now, with the rare ones in one pair."""
    n_before, n_now = sum(before.values()), sum(now.values())
    fewest = min(n_before, n_now) / (n_before + n_now)
    pairs: list[tuple[int, int]] = []
    rest = (0, 0)
    for label in sorted({*before, *now}):
        pair = (before.get(label, 0), now.get(label, 0))
        if sum(pair) * fewest >= LEAST_EXPECTED:
            pairs.append(pair)
        else:
            rest = (rest[0] + pair[0], rest[1] + pair[1])
    return [*pairs, rest] if sum(rest) else pairs


def _mix(counts: Mapping[str, int]) -> str:
    n = sum(counts.values())
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5]
    shares = ", ".join(f"{label} {count / n:.0%}" for label, count in largest if count)
    return f"{shares} (n = {n})"
