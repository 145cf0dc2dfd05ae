"""The time-varying reproduction number of Cori: new cases against those who may have infected them.

Source: Cori 2013, Am J Epidemiol 178:1505, doi:10.1093/aje/kwt133; the discrete serial interval is
that of its web appendix 11. Results equal EpiEstim 2.2.4 to 2e-8 (tests).

What it assumes: cases are dated by onset and completely reported (use counts that old enough, or a
nowcast), all infections are local, and the serial interval fits the disease and the setting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gamma

from medtune.clinical.surveillance.ears import checked_counts
from medtune.errors import DataError

SERIAL_INTERVAL_MEAN_DAYS = {
    "influenza A(H3N2)": 2.2,
    "influenza A(H1N1)pdm09": 2.8,
    "respiratory syncytial virus": 7.5,
    "measles": 11.7,
    "varicella": 14.0,
    "smallpox": 17.7,
    "mumps": 18.0,
    "rubella": 18.3,
    "pertussis": 22.8,
}
"""Means within households. Source: Vink 2014, Am J Epidemiol 180:865, doi:10.1093/aje/kwu209,
abstract. Standard deviations are not in the abstract; take them from the paper for the disease."""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Posterior of the reproduction number over one window."""

    start: int
    end: int
    """First and last date of the window, both included."""
    mean: float
    sd: float
    median: float
    low: float
    high: float
    """95 % credible interval."""


def serial_interval(mean: float, sd: float, length: int) -> NDArray[np.float64]:
    """Probabilities that a secondary case falls 0, 1, ... `length` - 1 days after the first.

    A gamma distribution shifted by one day, made discrete; the probability of day 0 is 0.

    Raises:
        DataError: `mean` is not above 1 day or `sd` is not positive.
    """
    if mean <= 1 or sd <= 0:
        raise DataError(f"serial interval of mean {mean} and sd {sd} days: needs mean > 1, sd > 0")
    a, b = ((mean - 1) / sd) ** 2, sd**2 / (mean - 1)
    k = np.arange(length, dtype=float)

    def cdf(x: NDArray[np.float64], shape: float) -> NDArray[np.float64]:
        return gamma.cdf(x, shape, scale=b)

    mass = k * cdf(k, a) + (k - 2) * cdf(k - 2, a) - 2 * (k - 1) * cdf(k - 1, a)
    mass += a * b * (2 * cdf(k - 1, a + 1) - cdf(k - 2, a + 1) - cdf(k, a + 1))
    return np.maximum(mass, 0.0)


def reproduction(
    incidence: Sequence[float],
    interval: NDArray[np.float64],
    *,
    window: int = 7,
    prior_mean: float = 5.0,
    prior_sd: float = 5.0,
) -> list[Reproduction]:
    """Estimate R over every window that ends on a date; the first window starts on the second date.

    Args:
        incidence: Daily cases by onset.
        interval: Of `serial_interval`; day 0 first.
        window: Days per estimate. R is taken as constant within.
        prior_mean: Of the gamma prior.
        prior_sd: Of the gamma prior.

    Raises:
        DataError: A count is negative or not finite, or the series is not longer than the window.
    """
    cases = checked_counts(incidence)
    if len(cases) <= window:
        raise DataError(f"{len(cases)} days: an estimate needs more than the window of {window}")
    pressure = np.convolve(cases, interval)[: len(cases)]
    shape0, scale0 = (prior_mean / prior_sd) ** 2, prior_sd**2 / prior_mean
    found: list[Reproduction] = []
    for start in range(1, len(cases) - window + 1):
        end = start + window - 1
        shape = shape0 + float(cases[start : end + 1].sum())
        scale = 1 / (1 / scale0 + float(pressure[start : end + 1].sum()))
        low, median, high = gamma.ppf([0.025, 0.5, 0.975], shape, scale=scale).tolist()
        spread = float(np.sqrt(shape) * scale)
        found.append(Reproduction(start, end, shape * scale, spread, median, low, high))
    return found
