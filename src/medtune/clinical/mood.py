"""Mood over time: the trend of a diary or of questionnaire totals, with its uncertainty.

The trend is the median slope of all pairs of days (Theil 1950, Proc K Ned Akad Wet 53:386; Sen
1968, J Am Stat Assoc 63:1379), which one bad day cannot turn. With fewer than five days, or less
than a week, or an interval that holds zero, no direction is claimed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from scipy.stats import theilslopes

from medtune.errors import DataError

Direction = Literal["better", "worse", "no clear change", "not enough data"]
FEWEST_DAYS = 5
SHORTEST_SPAN_DAYS = 7
DAYS_OF_WEEK = 7.0


@dataclass(frozen=True, slots=True)
class Scale:
    """What is measured, and which way is good."""

    name: str
    low: float
    high: float
    more_is_better: bool


SCALES: Mapping[str, Scale] = {
    "mood": Scale("mood", 0, 10, more_is_better=True),
    "PHQ-9": Scale("PHQ-9", 0, 27, more_is_better=False),
    "GAD-7": Scale("GAD-7", 0, 21, more_is_better=False),
    "CES-D": Scale("CES-D", 0, 60, more_is_better=False),
}


@dataclass(frozen=True, slots=True)
class Point:
    """One check-in."""

    day: date
    value: float


@dataclass(frozen=True, slots=True)
class Trend:
    """The slope per week with its 95 % interval; None where there are too few days."""

    direction: Direction
    per_week: float | None
    low: float | None
    high: float | None
    n: int


def trend(points: Sequence[Point], scale: Scale) -> Trend:
    """The direction of a series, in any order.

    Raises:
        DataError: A value lies outside the scale, or a day comes twice.
    """
    days = [point.day for point in points]
    if len(set(days)) < len(days):
        raise DataError(f"{scale.name}: a day comes twice; keep one value a day")
    outside = [point for point in points if not scale.low <= point.value <= scale.high]
    if outside:
        raise DataError(
            f"{scale.name}: {len(outside)} values lie outside {scale.low:g} to {scale.high:g} "
            f"(first on {outside[0].day})"
        )
    n = len(points)
    if n < FEWEST_DAYS or (max(days) - min(days)).days < SHORTEST_SPAN_DAYS:
        return Trend("not enough data", None, None, None, n)
    ordered = sorted(points, key=lambda point: point.day)
    weeks = [(point.day - ordered[0].day).days / DAYS_OF_WEEK for point in ordered]
    fit = theilslopes([point.value for point in ordered], weeks, alpha=0.95)
    slope, low, high = (float(str(fit[i])) for i in (0, 2, 3))
    direction: Direction = "no clear change"
    if low > 0 or high < 0:
        direction = "better" if (slope > 0) == scale.more_is_better else "worse"
    return Trend(direction, slope, low, high, n)
