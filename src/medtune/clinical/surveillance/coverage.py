"""Vaccination coverage, dropout and zero-dose, each with an interval.

Coverage is doses over target population; dropout is the share of those with a first dose who did
not get the last; zero-dose is the share without a first dose (WHO: without DTP1).

Intervals are Wilson's (1927, J Am Stat Assoc 22:209, doi:10.1080/01621459.1927.10502953). A survey
that samples clusters knows less than its number of children says: its design effect divides n
(Kish 1965, Survey sampling). Dropout is of the same children, so its n is those with a first dose.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import norm

from medtune.errors import DataError

Judgement = Literal["below target", "meets target", "not enough data to tell"]
Z = float(norm.ppf(0.975))


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion with its 95 % interval."""

    value: float
    low: float
    high: float
    n: float

    def against(self, target: float) -> Judgement:
        """Below a target, or at it, only if the whole interval says so."""
        if self.high < target:
            return "below target"
        return "meets target" if self.low >= target else "not enough data to tell"


def wilson(events: float, n: float, *, design_effect: float = 1.0) -> Share:
    """The proportion of `events` in `n`.

    Args:
        events: Those with the event; weighted surveys give fractions.
        n: Those at risk.
        design_effect: How many times larger the variance is than in a simple random sample.

    Raises:
        DataError: `n` is not positive, `events` is not within it, or the effect is below 1.
    """
    if not (n > 0 and 0 <= events <= n and design_effect >= 1):
        raise DataError(
            f"{events} of {n} with design effect {design_effect}: a proportion needs n > 0, "
            "0 <= events <= n and an effect of at least 1; doses above the target population "
            "mean that the denominator is wrong"
        )
    share, effective = events / n, n / design_effect
    middle = share + Z**2 / (2 * effective)
    reach = Z * float(np.sqrt(share * (1 - share) / effective + Z**2 / (4 * effective**2)))
    scale = 1 + Z**2 / effective
    low, high = max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
    return Share(share, min(low, share), max(high, share), n)


def coverage(doses: float, target: float, *, design_effect: float = 1.0) -> Share:
    """Share of the target population that got the dose."""
    return wilson(doses, target, design_effect=design_effect)


def dropout(first: float, last: float, *, design_effect: float = 1.0) -> Share:
    """Share of those with the first dose who did not get the last.

    Raises:
        DataError: There is no first dose, or more last doses than first ones.
    """
    if last > first:
        raise DataError(
            f"{last} last doses and {first} first ones: negative dropout means that the two are "
            "not of the same children; mend the counts"
        )
    return wilson(first - last, first, design_effect=design_effect)


def zero_dose(first: float, target: float, *, design_effect: float = 1.0) -> Share:
    """Share of the target population without a first dose."""
    return wilson(target - first, target, design_effect=design_effect)
