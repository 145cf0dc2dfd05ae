"""From line lists to weekly counts, as they were known on a day.

Weeks are ISO weeks (Monday to Sunday), numbered without a break from Monday, 1 January of the year
1, which is week 0. Counting whole weeks takes out the day of the week; a week that has not ended is
never counted. Cases are counted by onset, not by report, so that clearing a backlog is no rise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from medtune.errors import DataError

Weeks = NDArray[np.int64]


def week_number(day: date) -> int:
    """Number of the ISO week of a day."""
    return (day.toordinal() - 1) // 7


def week_label(week: int) -> str:
    """Such as 2014-W38."""
    year, number, _ = date.fromordinal(week * 7 + 1).isocalendar()
    return f"{year}-W{number:02d}"


def last_day(week: int) -> date:
    """Its Sunday."""
    return date.fromordinal(week * 7 + 1) + timedelta(days=6)


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """The cases of one place: weeks of onset and of report, one entry per case."""

    onsets: Weeks = field(repr=False)
    reports: Weeks | None = field(repr=False)
    """None if it is not known when the cases were reported: all are then taken as known at once."""

    def __post_init__(self) -> None:
        if self.reports is not None and len(self.reports) != len(self.onsets):
            raise DataError("every case needs an onset and a report, or no case has a report")

    def known(self, week: int) -> NDArray[np.bool_]:
        """Which cases were reported by the end of a week."""
        dates = self.onsets if self.reports is None else self.reports
        return (dates <= week) & (self.onsets <= week)


def weekly_counts(
    cases: Cases, first: int, last: int, *, known_at: int | None = None
) -> list[float]:
    """Cases by onset week from `first` to `last`, as known at the end of week `known_at`.

    Raises:
        DataError: `last` is after `known_at`: that week has not ended.
    """
    at = last if known_at is None else known_at
    if last > at:
        raise DataError(
            f"week {week_label(last)} is not over at the end of {week_label(at)}; a week is "
            "compared with whole weeks only"
        )
    weeks = cases.onsets[cases.known(at)]
    inside = weeks[(weeks >= first) & (weeks <= last)]
    return np.bincount(inside - first, minlength=last - first + 1).astype(float).tolist()


def pooled(places: Sequence[Cases]) -> Cases:
    """The cases of several places together.

    Raises:
        DataError: Some places have report dates and others do not.
    """
    reports = [place.reports for place in places]
    known = [one for one in reports if one is not None]
    if known and len(known) < len(reports):
        raise DataError("some places have report dates and others do not; pool them apart")
    onsets = np.concatenate([place.onsets for place in places])
    return Cases(onsets, np.concatenate(known) if known else None)
