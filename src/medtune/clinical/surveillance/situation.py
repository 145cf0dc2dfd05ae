"""The computed cells of a situation report: each a key with the text that stands for it.

A cell's text is all that may be said of it: a report repeats its numbers digit by digit and names
its key. What a small count would give away is not made into a cell at all.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from medtune.clinical.surveillance.coverage import Share, coverage, dropout
from medtune.clinical.surveillance.forecast import damped
from medtune.clinical.surveillance.nowcast import Nowcast, backlog_share, nowcast, triangle
from medtune.clinical.surveillance.series import Cases, week_label, weekly_counts
from medtune.clinical.surveillance.signals import Signal, judge_week
from medtune.clinical.surveillance.suppress import SMALL
from medtune.clinical.surveillance.trend import trend

Facts = dict[str, str]
"""Text by key, in the order of a report. `HEAD` says what it is about; the rest are cells."""

HEAD: tuple[str, ...] = ("topic", "place", "period", "status")
HISTORY_WEEKS = 5 * 52 + 4
"""What Farrington Flexible needs."""
DELAY_WEEKS = 26
LONGEST_DELAY = 4
TREND_WEEKS = 6
FORECAST_WEEKS = 120
"""History of a forecast."""
BACKLOG = 0.2
"""From this share of old cases among a week's reports on, the report says so."""
COMPLETE = 0.95
"""From this share on, a week counts as reported."""
LEVELS = (0.025, 0.5, 0.975)
TELLING = 10.0
"""A trend whose interval reaches beyond tenfold growth in a week says nothing, and is left out."""
TARGET = 0.90
"""Immunization Agenda 2030 (WHO 2020): 90 % coverage of the essential childhood vaccines."""
CLUSTER_DESIGN_EFFECT = 2.0
"""Assumed for cluster surveys that publish none: Henderson and Sundaresan 1982, Bull World Health
Organ 60:253."""

Triangle = NDArray[np.float64]


def delays(everywhere: Cases, week: int) -> Triangle | None:
    """Reporting triangle of all places at the end of `week`, or None without report dates."""
    return None if everywhere.reports is None else _triangle(everywhere, week)


def judge(
    cases: Cases, week: int, *, learn: Triangle | None = None, first: int | None = None
) -> Signal:
    """Judge a week of a place as it was known when the week ended.

    Args:
        cases: The place's cases.
        week: The week judged.
        learn: Of `delays`, for that week.
        first: First week on record; None for long before.
    """
    late = None if learn is None else nowcasts(cases, week, learn)[-1]
    counts = weekly_counts(cases, _start(week, HISTORY_WEEKS, first), week)
    return judge_week(counts, nowcast=None if late is None else late.median)


def nowcasts(cases: Cases, week: int, learn: Triangle) -> list[Nowcast]:
    """The last weeks of a place, oldest first, with what is still to be reported."""
    return nowcast(
        _triangle(cases, week),
        [slice(DELAY_WEEKS - back, DELAY_WEEKS - back + 1) for back in range(TREND_WEEKS, 0, -1)],
        learn=learn,
        seed=week,
    )


def case_facts(
    cases: Cases,
    week: int,
    signal: Signal,
    *,
    head: tuple[str, str],
    learn: Triangle | None = None,
    first: int | None = None,
) -> Facts:
    """The cells of one place and week.

    A count of 1 to 10 is shown as "<11", and with it nothing that it could be worked out from:
    neither threshold nor nowcast, trend and forecast.

    Args:
        cases: The place's cases.
        week: The week.
        signal: Of `judge`, after control over all places.
        head: Topic and place.
        learn: Of `delays`, for that week.
        first: First week on record; None for long before.
    """
    facts: Facts = dict(zip(HEAD, (*head, week_label(week), signal.level), strict=True))
    if 0 < signal.observed < SMALL:
        return facts | {"reported": f"<{SMALL}"}
    facts["reported"] = f"{signal.observed:.0f}"
    if signal.expected is not None and signal.upper is not None:
        facts["expected"] = f"{signal.expected:.0f}"
        facts["threshold"] = f"{signal.upper:.0f}"
    if signal.observed == 0:
        return facts
    latest = nowcasts(cases, week, learn) if learn is not None else []
    if latest and latest[-1].completeness < COMPLETE:
        facts["complete"] = _percent(latest[-1].completeness)
        facts["nowcast"] = _interval(latest[-1].median, latest[-1].low, latest[-1].high)
    return facts | _backlog(cases, week) | _outlook(cases, week, latest, first)


def coverage_facts(
    *,
    head: tuple[str, str, str],
    children: float,
    doses: Mapping[str, float],
    design_effect: float = 1.0,
    is_published: bool = False,
) -> Facts:
    """The cells of a place's vaccination coverage.

    Args:
        head: Topic, place and period.
        children: Target population, or children surveyed.
        doses: Children with each vaccine by its key, and with no vaccine at all under "none".
        design_effect: Of the survey.
        is_published: Whether the shares are public already. If not, a dose that 1 to 10 children
            have, or have not, is no cell; nor is a dropout of so few, or of such a dose.
    """
    facts: Facts = dict(zip(HEAD, (*head, "coverage"), strict=True))
    if children < SMALL:
        return facts | {"children": f"<{SMALL}"}
    facts |= {"children": f"{children:.0f}", "target": _percent(TARGET)}
    told = {k: n for k, n in doses.items() if is_published or not _is_telling(n, children)}
    for key, count in told.items():
        share = coverage(count, children, design_effect=design_effect)
        facts[key] = _share(share)
    first, last = told.get("bcg"), told.get("measles")
    if not first or last is None or last > first:
        return facts
    if is_published or not _is_telling(last, first):
        facts["dropout"] = _share(dropout(first, last, design_effect=design_effect))
    return facts


def _is_telling(count: float, total: float) -> bool:
    """Whether a share is of 1 to 10 persons, or leaves out as few."""
    return any(0 < round(one) < SMALL for one in (count, total - count))


def completed(counts: Sequence[float], latest: Sequence[Nowcast]) -> list[float]:
    """Weekly counts with the last ones replaced by their nowcast, as a forecast needs them."""
    late = [one.median for one in latest]
    return [*counts[: len(counts) - len(late)], *late]


def _backlog(cases: Cases, week: int) -> Facts:
    """Old cases among this week's reports, where they are many: somebody cleared a backlog."""
    if cases.reports is None or int((cases.reports == week).sum()) < SMALL:
        return {}
    share = backlog_share(cases.onsets, cases.reports, today=week, old=LONGEST_DELAY)
    return {"backlog": _percent(share)} if share >= BACKLOG else {}


def _outlook(cases: Cases, week: int, latest: Sequence[Nowcast], first: int | None) -> Facts:
    """Trend and forecast of a week with enough cases."""
    counts = weekly_counts(cases, _start(week, FORECAST_WEEKS, first), week)
    if len(counts) < TREND_WEEKS + LONGEST_DELAY:
        return {}
    shares = [min(1.0, one.completeness) for one in latest] or None
    growth = trend(counts[-TREND_WEEKS:], shares)
    ahead = damped(completed(counts, latest), 1, levels=LEVELS)[0]
    found: Facts = {}
    if growth.high <= TELLING:
        found["trend"] = (
            f"{growth.growth:+.0%} ({100 * growth.low:+.0f} to {100 * growth.high:+.0f})"
        )
    return found | {"forecast": _interval(ahead[0.5], ahead[0.025], ahead[0.975])}


def _triangle(cases: Cases, week: int) -> Triangle:
    assert cases.reports is not None, "the caller has report dates"
    return triangle(
        cases.onsets,
        cases.reports,
        today=week,
        periods=DELAY_WEEKS,
        longest=LONGEST_DELAY,
    )


def _start(week: int, weeks: int, first: int | None) -> int:
    return week - weeks + 1 if first is None else max(first, week - weeks + 1)


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _interval(middle: float, low: float, high: float) -> str:
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"


def _share(share: Share) -> str:
    return f"{share.value:.0%} ({100 * share.low:.0f} to {100 * share.high:.0f})"
