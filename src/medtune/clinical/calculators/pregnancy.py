"""Gestational age, the due date, and when ultrasound changes it.

Source: ACOG Committee Opinion 700, Methods for estimating the due date, May 2017 (reaffirmed 2022):
280 days from the first day of the last menstrual period, and the table of re-dating limits.
"""

from datetime import date, timedelta
from typing import NamedTuple

from medtune.errors import DataError

TERM_DAYS = 280
LONGEST_DAYS = 315
USUAL_CYCLE_DAYS = 28
REDATING = ((63, 5), (112, 7), (154, 10), (196, 14), (LONGEST_DAYS + 1, 21))
"""Below this gestational age in days (by the last period), a difference of more days re-dates."""


class GestationalAge(NamedTuple):
    """Completed weeks and days."""

    weeks: int
    days: int


def due_date(last_period: date, cycle_days: int = USUAL_CYCLE_DAYS) -> date:
    """The estimated due date by the last menstrual period (Naegele, with the cycle's length).

    Raises:
        DataError: The cycle is shorter than 20 or longer than 45 days.
    """
    if not 20 <= cycle_days <= 45:  # noqa: PLR2004
        raise DataError(f"a cycle of {cycle_days} days is outside 20 to 45; date by ultrasound")
    return last_period + timedelta(days=TERM_DAYS + cycle_days - USUAL_CYCLE_DAYS)


def gestational_age(due: date, on: date) -> GestationalAge:
    """The gestational age on a day, from the estimated due date.

    Raises:
        DataError: The day is before the pregnancy began, or more than 45 weeks after.
    """
    days = TERM_DAYS - (due - on).days
    if not 0 <= days <= LONGEST_DAYS:
        raise DataError(f"{on} is {days} days into this pregnancy, outside 0 to {LONGEST_DAYS}")
    return GestationalAge(days // 7, days % 7)


def best_due_date(by_period: date, by_ultrasound: date, scanned_on: date) -> date:
    """Which of two estimates to keep, by the gestational age at the scan.

    Raises:
        DataError: The scan was not in this pregnancy.
    """
    age = gestational_age(by_period, scanned_on)
    age_days = 7 * age.weeks + age.days
    limit = next(days for below, days in REDATING if age_days < below)
    return by_ultrasound if abs((by_period - by_ultrasound).days) > limit else by_period
