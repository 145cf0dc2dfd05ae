"""EARS, Farrington Flexible and CUSUM: golden vectors of R, published values, properties."""

import json

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, norm, poisson
from shared_data import shared

from medtune.clinical.surveillance.cusum import (
    count_cusum,
    log_likelihood_ratio,
    run_length,
    standardised_cusum,
)
from medtune.clinical.surveillance.ears import Ears, EarsMethod, ears
from medtune.clinical.surveillance.farrington import (
    FarringtonSettings,
    farrington,
    first_week,
    fit_baseline,
    reference_weeks,
    upper_bound,
)
from medtune.clinical.surveillance.glm import fit_counts
from medtune.errors import DataError

UP = [1, 2, 3, 4, 5, 6, 7]
"""Mean 4, standard deviation 2.1602."""


@pytest.fixture(scope="module")
def golden():
    return json.loads(shared("golden/surveillance_golden.json").read_text(encoding="utf-8"))


def seasonal(weeks: int, level: float = 8.0, seed: int = 0) -> np.ndarray:
    time = np.arange(weeks) / 52
    return (
        np.random.default_rng(seed)
        .poisson(level * np.exp(0.5 * np.sin(2 * np.pi * time)))
        .astype(float)
    )


def r_threshold(y: np.ndarray, at: int, settings: FarringtonSettings) -> float:
    """R's threshold: its standard error takes the dispersion of the working residuals."""
    baseline = fit_baseline(y, at, settings)
    fit = baseline.fit
    eta, leverage = fit.at(baseline.row)
    working = (fit.weights * ((fit.counts - fit.fitted) / fit.fitted) ** 2).sum() / fit.degrees
    return upper_bound(eta, fit.dispersion, float(np.sqrt(leverage * working)), settings)


def r_c3(y: list[float], at: int) -> float:
    """R's upper bound of C3, in which the current count does not take part."""
    scores = {e.index: e for e in ears(y, "C2")}
    z = float(norm.ppf(0.975))
    before = sum(max(0.0, (scores[at - lag].statistic or 0.0) - 1) for lag in (1, 2))
    one = scores[at]
    sigma = (one.upper - one.expected) / float(norm.ppf(0.999))
    return max(0.0, one.observed + sigma * (z - before))


@pytest.mark.parametrize("method", ["C1", "C2"])
def test_ears_equals_the_golden_vectors_of_r(golden, method: EarsMethod):
    found = {e.index + 1: e for e in ears(golden["series"], method)}
    expected = golden[f"ears{method}"]
    mine = [found[week] for week in expected["range"]]
    assert [e.upper for e in mine] == pytest.approx(expected["upperbound"], abs=5e-9)
    assert [e.alarm for e in mine] == [bool(a) for a in expected["alarm"]]


def test_the_published_c3_alarms_a_week_earlier_than_that_of_r(golden):
    expected = golden["earsC3"]
    bounds = [r_c3(golden["series"], week - 1) for week in expected["range"]]
    assert bounds == pytest.approx(expected["upperbound"], abs=1e-7)
    found = [e.index + 1 for e in ears(golden["series"], "C3") if e.alarm and e.index + 1 >= 340]
    assert [week for week in found if week <= 360] == [352, 353, 354, 355]


@pytest.mark.parametrize("floor", ["0", "0.5"])
@pytest.mark.parametrize("method", ["C1", "C2"])
def test_ears_on_sparse_days_equals_the_golden_vectors(golden, method: EarsMethod, floor: str):
    expected = golden[f"daily_{method}_minSigma{floor}"]
    judged = ears(golden["daily"], method, min_sigma=float(floor), min_count=0)
    found = {e.index + 1: e for e in judged}
    pairs = [
        (found[day], upper, bool(alarm))
        for day, upper, alarm in zip(
            expected["range"], expected["upperbound"], expected["alarm"], strict=True
        )
        if day in found
    ]
    assert len(pairs) >= 10
    assert [e.upper for e, _, _ in pairs] == pytest.approx([u for _, u, _ in pairs], abs=1e-7)
    assert [e.alarm for e, _, _ in pairs] == [a for _, _, a in pairs]


@pytest.mark.parametrize("levels", [1, 10])
@pytest.mark.parametrize("threshold", ["delta", "nbPlugin", "muan"])
def test_farrington_equals_the_golden_vectors_of_r(golden, threshold, levels: int):
    settings = FarringtonSettings(
        threshold=threshold, n_levels=levels, trend_alpha=0.05 if levels == 1 else 1.0
    )
    y = np.array(golden["series"], dtype=float)
    expected = golden[f"farrington_{threshold}_np{levels}"]
    weeks = [week - 1 for week in expected["range"]]
    found = [farrington(y.tolist(), week, settings) for week in weeks]
    assert [f.expected for f in found] == pytest.approx(expected["expected"], abs=1e-5)
    assert [f.dispersion for f in found] == pytest.approx(expected["phi"], abs=2e-4)
    assert [f.has_trend for f in found] == [bool(t) for t in expected["trend"]]
    assert [f.alarm for f in found] == [bool(a) for a in expected["alarm"]]
    bounds = [r_threshold(y, week, settings) for week in weeks]
    assert bounds == pytest.approx(expected["upperbound"], abs=4.1e-4)
    if threshold == "nbPlugin":
        assert [f.upper for f in found] == expected["upperbound"]
        assert [f.p_value for f in found] == pytest.approx(expected["pvalue"], abs=5e-6)


def test_c1_by_hand():
    found = ears([*UP, 12, 10], "C1")
    assert found[0].expected == 4
    assert found[0].statistic == pytest.approx((12 - 4) / 2.160247)
    assert found[0].upper == pytest.approx(4 + 3.090232 * 2.160247, abs=1e-5)
    assert found[0].alarm
    assert not found[1].alarm  # mean 5.571, sd 3.309: 10 is 1.34 above


def test_c2_leaves_out_the_two_counts_before():
    found = ears([*UP, 50, 60, 12], "C2")
    assert [e.index for e in found] == [9]
    assert found[0].expected == 4
    assert found[0].alarm
    assert not ears([*UP, 50, 60, 12], "C1")[-1].alarm


def test_c3_adds_up_three_dates_by_hand():
    # Each of three dates is 2 standard deviations above its own baseline: C2 = 2, C3 = 3 (2 - 1).
    flat = [10.0, 12.0] * 6
    mean, sd = np.mean(flat[:7]), np.std(flat[:7], ddof=1)
    series = [*flat[:9]]
    for t in range(9, 12):
        past = series[t - 9 : t - 2]
        series.append(float(np.mean(past) + 2 * np.std(past, ddof=1)))
    assert series[9] == pytest.approx(mean + 2 * sd)
    last = ears(series, "C3")[-1]
    assert last.statistic == pytest.approx(3.0)
    assert last.alarm
    assert not any(e.alarm for e in ears(series, "C2"))


@given(st.lists(st.integers(0, 60), min_size=12, max_size=40), st.sampled_from(["C1", "C2", "C3"]))
def test_an_alarm_is_a_count_at_or_above_its_upper_bound(counts, method):
    for one in ears(counts, method, min_sigma=0.5):
        if one.alarm:
            assert one.observed >= one.upper - 1e-9
        else:
            assert one.observed <= one.upper + 1e-9


def test_a_baseline_that_does_not_vary_gives_no_score_and_alarms_by_number_only():
    calm = [2.0] * 9
    small = ears([*calm, 3], "C2", min_count=5)[-1]
    assert (small.statistic, small.baseline_degenerate, small.alarm) == (None, True, False)
    large = ears([*calm, 5], "C2", min_count=5)[-1]
    assert (large.statistic, large.alarm) == (None, True)
    assert ears([*calm, 3], "C2", min_sigma=0.5)[-1].statistic == pytest.approx(2.0)


@pytest.mark.parametrize("bad", [[-1.0] * 12, [float("nan")] * 12])
def test_a_missing_or_negative_count_is_refused_not_read_as_zero(bad):
    with pytest.raises(DataError, match="a missing count is not 0"):
        ears(bad, "C1")


def test_the_regression_equals_statsmodels():
    chance = np.random.default_rng(1)
    design = np.column_stack([np.ones(80), chance.normal(size=80), chance.integers(0, 2, 80)])
    offset, weights = chance.normal(size=80) / 3, chance.uniform(0.2, 2, 80)
    y = chance.poisson(np.exp(1 + 0.4 * design[:, 1] + offset)).astype(float)
    mine = fit_counts(design, y, weights=weights, offset=offset)
    reference = sm.GLM(y, design, family=sm.families.Poisson(), offset=offset, var_weights=weights)
    found = reference.fit(scale="X2", tol=1e-12)
    assert mine.coefficients == pytest.approx(found.params, abs=1e-7)
    assert mine.dispersion == pytest.approx(max(1.0, found.scale), rel=1e-6)
    se = np.sqrt(np.diag(mine.unscaled) * found.scale)
    assert se == pytest.approx(found.bse, rel=1e-5)
    assert mine.hat == pytest.approx(found.get_hat_matrix_diag(observed=False), rel=1e-5)


def test_the_windows_and_levels_of_the_baseline():
    settings = FarringtonSettings()
    weeks, levels = reference_weeks(300, settings)
    assert weeks.tolist() == list(range(300 - 260 - 3, 300 - 26))
    windows = [w for w, level in zip(weeks, levels, strict=True) if level == 10]
    centres = (40, 92, 144, 196, 248)
    assert windows == [c + d for c in centres for d in range(-3, 4)]
    block = levels[(weeks > 43) & (weeks < 89)]  # 45 weeks in nine blocks of five
    assert block.tolist() == [level for level in range(1, 10) for _ in range(5)]
    only_windows, _ = reference_weeks(300, FarringtonSettings(n_levels=1))
    assert only_windows.tolist() == windows


def test_a_planted_outbreak_alarms_and_the_calm_weeks_do_not():
    y = seasonal(330)
    y[320] += 40
    assert farrington(y.tolist(), 320).alarm
    assert farrington(y.tolist(), 320).score > 1
    quiet = [farrington(seasonal(330, seed=s).tolist(), 320).alarm for s in range(1, 40)]
    assert sum(quiet) <= 3  # the nominal rate is 1 %


def test_a_past_outbreak_does_not_hide_a_new_one():
    """Failure mode: contaminated baseline. Without reweighting the threshold is far higher."""
    y = seasonal(330)
    for year in (1, 2, 3):
        y[320 - 52 * year : 322 - 52 * year] += 60
    y[320] += 40
    kept = farrington(y.tolist(), 320)
    blind = farrington(y.tolist(), 320, FarringtonSettings(downweight_above=1e9))
    assert kept.alarm
    assert not blind.alarm
    assert kept.upper < blind.upper / 2


def test_a_growing_population_is_no_outbreak():
    people = np.linspace(1000, 4000, 330)
    y = np.random.default_rng(0).poisson(people / 100).astype(float)
    found = farrington(y.tolist(), 329, population=people.tolist())
    assert not found.alarm
    assert found.expected == pytest.approx(40, rel=0.2)
    with pytest.raises(DataError, match="each needs one above 0"):
        farrington(y.tolist(), 329, population=[0.0] * 330)


def test_fewer_than_five_cases_in_four_weeks_never_alarm():
    y = np.zeros(330)
    y[40::40] = 1
    y[320] = 4
    found = farrington(y.tolist(), 320)
    assert found.too_few
    assert not found.alarm
    y[320] = 5
    assert farrington(y.tolist(), 320).alarm


def test_an_empty_baseline_is_marked_and_bounded_by_the_rule_of_three():
    y = np.zeros(330)
    y[320] = 9
    found = farrington(y.tolist(), 320)
    assert found.baseline_degenerate
    assert found.alarm
    n = len(reference_weeks(320, FarringtonSettings())[0])
    assert found.p_value == pytest.approx(float(poisson.sf(8, 3 / n)))


def test_too_short_a_history_is_refused():
    with pytest.raises(DataError, match="use EARS, or fewer years"):
        farrington([1.0] * 300, first_week() - 1)


def test_standardised_cusum_by_hand():
    # Rossi's transformation is 0 at the expected count, and at 36 for 9: (36 - 27 + 36) / 6 = 7.5.
    found = standardised_cusum([9, 36, 9], [9, 9, 9], reference=1.0, threshold=6.0)
    assert [c.statistic for c in found] == [0.0, pytest.approx(6.5), 0.0]
    assert [c.alarm for c in found] == [False, True, False]


def test_a_small_lasting_rise_shows_on_the_chart_and_not_in_ears():
    chance = np.random.default_rng(3)
    y = chance.poisson(20, 60).astype(float)
    y[40:] = chance.poisson(30, 20)
    chart = count_cusum(y.tolist(), [20.0] * 60, ratio=1.5, dispersion=0.0, threshold=4.0)
    alarms = [c.index for c in chart if c.alarm]
    assert alarms
    assert 40 <= alarms[0] <= 45


@pytest.mark.parametrize("dispersion", [0.0, 0.3])
def test_the_likelihood_ratio_is_that_of_the_distribution(dispersion: float):
    y, mu, ratio = np.array([0.0, 3.0, 17.0]), np.array([4.0, 2.5, 9.0]), 1.7
    mine = log_likelihood_ratio(y, mu, ratio, dispersion)

    def log_p(mean):
        if dispersion == 0:
            return poisson.logpmf(y, mean)
        return nbinom.logpmf(y, 1 / dispersion, 1 / (1 + dispersion * mean))

    assert mine == pytest.approx(log_p(ratio * mu) - log_p(mu))


def test_the_run_length_of_a_normal_chart_is_the_published_one():
    """k = 0.5, h = 4: 168 two-sided, so about 336 one-sided (Montgomery 2009, table 9.3)."""
    length = run_length(
        lambda chance, n: chance.normal(size=n) - 0.5, 4.0, runs=3000, longest=4000, seed=0
    )
    assert length == pytest.approx(336, rel=0.06)


def test_ears_gives_a_record_for_each_count_with_history():
    found = ears(range(20), "C3")
    assert all(isinstance(e, Ears) for e in found)
    assert [e.index for e in found] == list(range(11, 20))
