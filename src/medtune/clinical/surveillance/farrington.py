"""Farrington Flexible: is this week's count above what the same weeks of past years predict?

A quasi-Poisson model with trend and season is fitted to past weeks, refitted with past outbreaks
given less weight, and extrapolated to this week; the threshold is an upper quantile there.

Sources: Farrington 1996, J R Stat Soc A 159:547, doi:10.2307/2983331; Noufaily 2013, Stat Med
32:1206, doi:10.1002/sim.5595 (trend always fitted, reweighting at 2.58, negative binomial
threshold, season of ten levels, 26 recent weeks left out).

R's `surveillance::farringtonFlexible` 1.20.3 differs in two places, not repeated here: after
reweighting, its standard error of the prediction uses a dispersion of working residuals; and the
score of its negative binomial thresholds puts log(expected) where the expected count belongs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import nbinom, norm, poisson
from scipy.stats import t as student

from medtune.clinical.surveillance.ears import checked_counts
from medtune.clinical.surveillance.glm import Fit, Matrix, Vector, fit_counts
from medtune.errors import DataError

LEAST_YEARS_FOR_TREND = 3
EMPTY = 0.05
"""A baseline that predicts fewer cases than this counts as empty."""
RULE_OF_THREE = 3.0
"""No case in n weeks: the 95 % upper bound of the rate is 3/n (Hanley 1983, JAMA 249:1743)."""


@dataclass(frozen=True, slots=True)
class FarringtonSettings:
    """How the baseline is chosen and the threshold made; the defaults follow Noufaily 2013."""

    years: int = 5
    half_window: int = 3
    """Weeks on both sides of this week, in each past year."""
    period: int = 52
    """Weeks of a year. A 53rd week shifts the windows by one week; half_window absorbs it."""
    exclude_recent: int = 26
    """The weeks before this one that are left out, so that a slow rise does not hide itself."""
    n_levels: int = 10
    """Levels of the season. 1 uses the windows only, as in 1996."""
    trend_alpha: float = 1.0
    """Keep the trend if its p-value is below this; 1 keeps it unless it extrapolates too far."""
    downweight_above: float = 2.58
    """Anscombe residual from which a past week is given less weight."""
    threshold: Literal["delta", "nbPlugin", "muan"] = "nbPlugin"
    alpha: float = 0.01
    """One-sided error rate of the threshold."""
    min_cases: int = 5
    min_cases_weeks: int = 4
    """No alarm with fewer than `min_cases` in this many weeks."""


@dataclass(frozen=True, slots=True)
class Farrington:
    """One week judged."""

    index: int
    observed: float
    expected: float
    upper: float
    score: float
    """(observed - expected) / (upper - expected): above 1 is above the threshold. 0 if the
    baseline is degenerate."""
    alarm: bool
    p_value: float
    """Chance of at least this count, negative binomial with the fitted mean and dispersion."""
    dispersion: float
    has_trend: bool
    trend_p: float | None
    too_few: bool
    """Fewer cases in the last weeks than an alarm needs."""
    baseline_degenerate: bool
    """The baseline predicts (nearly) no cases; threshold and p-value are then those of the highest
    rate that so many empty weeks do not exclude."""


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """The past weeks that this week is compared with, and the model of them."""

    fit: Fit
    row: Vector
    """This week's row of the design."""
    has_trend: bool
    trend_p: float | None


def farrington(
    counts: Sequence[float],
    at: int,
    settings: FarringtonSettings | None = None,
    population: Sequence[float] | None = None,
) -> Farrington:
    """Judge the count of week `at`.

    Args:
        counts: Weekly counts, oldest first.
        at: Index of the week.
        settings: Baseline and threshold.
        population: Of the same weeks, if rates are to be compared.

    Raises:
        DataError: A count is negative or not finite, a population is not above 0, or the history
            is too short.
    """
    chosen = settings or FarringtonSettings()
    y = checked_counts(counts)
    people = np.ones(len(y)) if population is None else checked_counts(population)
    if len(people) != len(y) or not (people > 0).all():
        raise DataError(f"{len(people)} populations for {len(y)} weeks: each needs one above 0")
    baseline = fit_baseline(y, at, chosen, people)
    phi = baseline.fit.dispersion
    eta, leverage = baseline.fit.at(baseline.row)
    eta += float(np.log(people[at]))
    mu = float(np.exp(eta))
    observed = float(y[at])
    recent = float(y[max(0, at - chosen.min_cases_weeks + 1) : at + 1].sum())
    too_few = recent < chosen.min_cases
    degenerate = mu < EMPTY
    if degenerate:
        eta, leverage = float(np.log(RULE_OF_THREE / len(baseline.fit.counts))), 0.0
    upper = upper_bound(eta, phi, float(np.sqrt(phi * leverage)), chosen)
    score = 0.0 if degenerate or upper <= mu else (observed - mu) / (upper - mu)
    return Farrington(
        index=at,
        observed=observed,
        expected=mu,
        upper=upper,
        score=score,
        alarm=observed > upper and observed > 0 and not too_few,
        p_value=_tail(observed, float(np.exp(eta)), phi),
        dispersion=phi,
        has_trend=baseline.has_trend,
        trend_p=baseline.trend_p,
        too_few=too_few,
        baseline_degenerate=degenerate,
    )


def first_week(settings: FarringtonSettings | None = None) -> int:
    """The first index that has enough history."""
    chosen = settings or FarringtonSettings()
    return chosen.years * chosen.period + chosen.half_window


def fit_baseline(
    y: Vector, at: int, settings: FarringtonSettings, population: Vector | None = None
) -> Baseline:
    """Fit the model of the past weeks, with the trend if it may stay.

    Raises:
        DataError: The history is too short.
    """
    if at < first_week(settings) or at >= len(y):
        raise DataError(
            f"week {at} of {len(y)}: {settings.years} years of history need at least "
            f"{first_week(settings)} earlier weeks; use EARS, or fewer years"
        )
    weeks, levels = reference_weeks(at, settings)
    offset = None if population is None else np.log(population[weeks])
    season = _dummies(levels, settings.n_levels)
    time = (weeks - at) / settings.period
    with_trend = np.column_stack([season, time])
    fit = _reweighted(with_trend, y[weeks], offset, settings.downweight_above)
    here = np.append(_dummies(np.array([settings.n_levels]), settings.n_levels)[0], 0.0)
    p = _trend_p(fit)
    eta, _ = fit.at(here)
    shift = 0.0 if population is None else float(np.log(population[at]))
    stays = (
        settings.years >= LEAST_YEARS_FOR_TREND
        and p < settings.trend_alpha
        and np.exp(eta + shift) <= y[weeks].max()
    )
    if stays:
        return Baseline(fit, here, has_trend=True, trend_p=p)
    plain = _reweighted(season, y[weeks], offset, settings.downweight_above)
    return Baseline(plain, here[:-1], has_trend=False, trend_p=p)


def reference_weeks(at: int, settings: FarringtonSettings) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the past weeks in the baseline, and the season level (1 to n) of each.

    The last level is that of the windows around this week in past years. The weeks between two
    windows are cut into n - 1 blocks, as equal as can be, the longer ones first.
    """
    w, n = settings.half_window, settings.n_levels
    centres = [at - settings.period * back for back in range(settings.years, -1, -1)]
    weeks: list[int] = []
    levels: list[int] = []
    for centre, following in zip(centres, [*centres[1:], None], strict=True):
        inside = range(centre - w, centre + w + 1)
        weeks += inside
        levels += [n] * len(inside)
        if following is None or n == 1:
            continue
        between = range(centre + w + 1, following - w)
        size, longer = divmod(len(between), n - 1)
        weeks += between
        for block in range(n - 1):
            levels += [block + 1] * (size + (block < longer))
    kept = [i for i, week in enumerate(weeks) if week < at - settings.exclude_recent]
    return np.array(weeks)[kept], np.array(levels)[kept]


def upper_bound(eta: float, phi: float, se: float, settings: FarringtonSettings) -> float:
    """The threshold.

    Args:
        eta: Log of the expected count.
        phi: Dispersion.
        se: Standard error of `eta`.
        settings: Method and error rate.
    """
    mu = float(np.exp(eta))
    z = float(norm.ppf(1 - settings.alpha))
    if settings.threshold == "delta":
        # Var(y) + Var(mu), taken to the 2/3 scale, on which Poisson counts are nearly symmetric.
        tau = phi + (se * mu) ** 2 / mu
        root = mu ** (2 / 3) + z * np.sqrt(4 / 9 * mu ** (1 / 3) * tau)
        return float(max(root, 0.0) ** 1.5)
    mean = float(np.exp(eta + z * se)) if settings.threshold == "muan" else mu
    if phi <= 1:
        return float(poisson.ppf(1 - settings.alpha, mean))
    return float(nbinom.ppf(1 - settings.alpha, mean / (phi - 1), 1 / phi))


def _dummies(levels: np.ndarray, n: int) -> Matrix:
    """An intercept, and a column for each level but the last."""
    columns = [np.ones(len(levels)), *((levels == level).astype(float) for level in range(1, n))]
    return np.column_stack(columns)


def _reweighted(design: Matrix, y: Vector, offset: Vector | None, above: float) -> Fit:
    """Fit, give weeks with large Anscombe residuals less weight, and fit again."""
    fit = fit_counts(design, y, offset=offset)
    mu, hat = np.maximum(fit.fitted, 1e-9), np.minimum(fit.hat, 1 - 1e-9)
    anscombe = (
        1.5 * (y ** (2 / 3) * mu ** (-1 / 6) - np.sqrt(mu)) / np.sqrt(fit.dispersion * (1 - hat))
    )
    raw = np.where(anscombe > above, np.maximum(anscombe, above) ** -2.0, 1.0)
    return fit_counts(design, y, weights=raw * len(y) / raw.sum(), offset=offset)


def _trend_p(fit: Fit) -> float:
    """Two-sided p-value of the last coefficient."""
    se = float(np.sqrt(fit.dispersion * fit.unscaled[-1, -1]))
    if se <= 0:
        return 1.0
    return float(2 * student.sf(abs(float(fit.coefficients[-1])) / se, fit.degrees))


def _tail(observed: float, mu: float, phi: float) -> float:
    if observed <= 0:
        return 1.0
    if phi <= 1:
        return float(poisson.sf(observed - 1, mu))
    return float(nbinom.sf(observed - 1, mu / (phi - 1), 1 / phi))
