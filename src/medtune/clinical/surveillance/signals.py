"""Signals: one judgement per disease, place and week, graded, with false discovery control.

no signal   the count is within what past weeks predict
watch       it is above the threshold by one method but not after control over all places, or only
            the nowcast is above it
signal      it is above the threshold, and stays so when all places and diseases are judged together
not judged  there is no baseline to compare with: too little history, or a change of test or case
            definition within it

A signal is not an outbreak: a person confirms that, or not. Before that nothing leaves the office.

Source of the false discovery rate: Benjamini and Hochberg 1995, J R Stat Soc B 57:289.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.stats import false_discovery_control
from scipy.stats import t as student

from medtune.clinical.surveillance.ears import checked_counts, ears
from medtune.clinical.surveillance.farrington import (
    FarringtonSettings,
    farrington,
    first_week,
)

Level = Literal["no signal", "watch", "signal", "not judged"]
EARS_WEEKS = 7
EARS_HISTORY = EARS_WEEKS + 2
MIN_SIGMA = 0.5
FALSE_DISCOVERY_RATE = 0.05


@dataclass(frozen=True, slots=True)
class Signal:
    """What one week of one place is worth."""

    level: Level
    method: str
    observed: float
    expected: float | None
    upper: float | None
    p_value: float | None
    q_value: float | None
    """Smallest false discovery rate at which it is still a signal; None before `control`."""
    reason: str


def judge_week(
    counts: Sequence[float],
    *,
    changed_at: int | None = None,
    nowcast: float | None = None,
    settings: FarringtonSettings | None = None,
) -> Signal:
    """Judge the last week of a series: Farrington Flexible with years of history, else EARS C2.

    Args:
        counts: Weekly counts as reported, oldest first, without a gap.
        changed_at: Index of the first week under a new test or case definition, if there was one.
            Weeks before it are never a baseline.
        nowcast: Expected complete count of the last week.
        settings: Of Farrington Flexible.

    Raises:
        DataError: A count is negative or not finite.
    """
    chosen = settings or FarringtonSettings()
    y = checked_counts(counts)
    usable = y[changed_at or 0 :]
    last = len(usable) - 1
    if last >= first_week(chosen):
        week = farrington(usable.tolist(), last, chosen)
        found = Signal(
            "watch" if week.alarm else "no signal",
            "Farrington Flexible",
            week.observed,
            week.expected,
            week.upper,
            1.0 if week.too_few else week.p_value,
            None,
            "too few cases for an alarm" if week.too_few else "",
        )
    elif last >= EARS_HISTORY:
        found = _by_ears(usable[-EARS_HISTORY - 1 :].tolist())
    else:
        reason = "the case definition or test changed" if changed_at else "too little history"
        return Signal("not judged", "none", float(y[-1]), None, None, None, None, reason)
    is_late = nowcast is not None and found.upper is not None and nowcast > found.upper
    if found.level == "no signal" and is_late and not found.reason:
        return replace(found, level="watch", reason="only the nowcast is above the threshold")
    return found


def control(signals: Sequence[Signal], rate: float = FALSE_DISCOVERY_RATE) -> list[Signal]:
    """Make those watches signals that stand when all are judged together.

    All that were judged count, also those without an alarm; leaving them out would undo the
    control.
    """
    judged = [n for n, one in enumerate(signals) if one.p_value is not None]
    found = list(signals)
    if not judged:
        return found
    adjusted = false_discovery_control([signals[n].p_value or 0.0 for n in judged]).tolist()
    for n, q in zip(judged, adjusted, strict=True):
        one = signals[n]
        stands = one.level == "watch" and not one.reason and q <= rate
        reason = one.reason
        if one.level == "watch" and not stands and not reason:
            reason = "not above the threshold once all places are judged together"
        found[n] = replace(one, q_value=q, level="signal" if stands else one.level, reason=reason)
    return found


def _by_ears(counts: Sequence[float]) -> Signal:
    """C2; its p-value takes the few baseline weeks into account (t with B - 1 degrees)."""
    week = ears(counts, "C2", min_sigma=MIN_SIGMA)[-1]
    past = np.asarray(counts)[-EARS_HISTORY - 1 : -3]
    sigma = max(float(past.std(ddof=1)), MIN_SIGMA) * np.sqrt(1 + 1 / EARS_WEEKS)
    p = float(student.sf((week.observed - week.expected) / sigma, EARS_WEEKS - 1))
    level: Level = "watch" if week.alarm else "no signal"
    return Signal(level, "EARS C2", week.observed, week.expected, week.upper, p, None, "")
