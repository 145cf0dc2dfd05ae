"""Intervals, tests, power, calibration, selection, sets and agreement: pure, seeded functions.

The unit of chance is the group (a patient, an article); all intervals are 95 %.
"""

from medtune.stats.agreement import cohen_kappa, krippendorff_alpha, stratified_kappa
from medtune.stats.calibration import (
    Reliability,
    at_temperature,
    brier,
    calibration_intercept,
    calibration_slope,
    expected_calibration_error,
    fit_temperature,
    overconfidence,
    reliability,
)
from medtune.stats.conformal import Conformal, conformal_set, fit_conformal
from medtune.stats.interval import (
    ALPHA,
    MIN_GROUPS,
    bootstrap,
    bootstrap_mean,
    resampled,
    wilson,
)
from medtune.stats.paired import Flips, Paired, flips, gap, holm, is_kept, paired, verdict
from medtune.stats.power import (
    Planned,
    groups_needed,
    minimum_detectable,
    planned,
    planned_from,
    standard_error,
)
from medtune.stats.seeds import over_seeds
from medtune.stats.selective import (
    Kept,
    area_under_risk_coverage,
    choose_threshold,
    risk_coverage,
)

__all__ = [
    "ALPHA",
    "MIN_GROUPS",
    "Conformal",
    "Flips",
    "Kept",
    "Paired",
    "Planned",
    "Reliability",
    "area_under_risk_coverage",
    "at_temperature",
    "bootstrap",
    "bootstrap_mean",
    "brier",
    "calibration_intercept",
    "calibration_slope",
    "choose_threshold",
    "cohen_kappa",
    "conformal_set",
    "expected_calibration_error",
    "fit_conformal",
    "fit_temperature",
    "flips",
    "gap",
    "groups_needed",
    "holm",
    "is_kept",
    "krippendorff_alpha",
    "minimum_detectable",
    "over_seeds",
    "overconfidence",
    "paired",
    "planned",
    "planned_from",
    "reliability",
    "resampled",
    "risk_coverage",
    "standard_error",
    "stratified_kappa",
    "verdict",
    "wilson",
]
