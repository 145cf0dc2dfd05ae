"""Trend: how fast counts grow or fall per week, with its interval, and one word for it.

A quasi-Poisson line through the last weeks on the log scale. Reporting delay enters as an offset
(the share of each week that is in by now), so a week that is half reported does not look like a
fall.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import t as student

from medtune.clinical.surveillance.ears import checked_counts
from medtune.clinical.surveillance.glm import fit_counts
from medtune.errors import DataError

Direction = Literal["rising", "falling", "no clear trend"]
FEWEST_WEEKS = 4
LARGEST = 10.0
"""Log growth per week is held within this, for counts that start from 0."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Relative growth per week: 0.25 is 25 % more each week."""

    growth: float
    low: float
    high: float
    """95 % confidence interval."""
    weeks: int

    @property
    def direction(self) -> Direction:
        """Rising or falling only if the whole interval says so."""
        if self.low > 0:
            return "rising"
        return "falling" if self.high < 0 else "no clear trend"


def trend(counts: Sequence[float], completeness: Sequence[float] | None = None) -> Trend:
    """Fit the growth over the weeks given.

    Args:
        counts: The last weeks, oldest first, as reported so far.
        completeness: Share of each that is in by now, in (0, 1]; None if all is.

    Raises:
        DataError: There are fewer than 4 weeks, no case, or a share outside (0, 1].
    """
    y = checked_counts(counts)
    share = np.ones(len(y)) if completeness is None else np.asarray(completeness, dtype=float)
    if len(y) < FEWEST_WEEKS or y.sum() == 0:
        raise DataError(f"{len(y)} weeks with {y.sum():g} cases: a trend needs 4 weeks and a case")
    if len(share) != len(y) or not ((share > 0) & (share <= 1)).all():
        raise DataError("each week needs a completeness above 0 and at most 1")
    time = np.arange(len(y), dtype=float)
    design = np.column_stack([np.ones(len(y)), time - time.mean()])
    fit = fit_counts(design, y, offset=np.log(share))
    slope = float(fit.coefficients[1])
    reach = float(
        student.ppf(0.975, fit.degrees) * np.sqrt(fit.dispersion * float(fit.unscaled[1, 1]))
    )
    low, middle, high = (
        float(np.expm1(np.clip(x, -LARGEST, LARGEST)))
        for x in (slope - reach, slope, slope + reach)
    )
    return Trend(middle, low, high, len(y))
