"""Rt, nowcast, trend, forecast, scores, coverage and suppression: published values, properties."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared

from medtune.clinical.surveillance.coverage import coverage, dropout, wilson, zero_dose
from medtune.clinical.surveillance.forecast import damped, flat
from medtune.clinical.surveillance.nowcast import backlog_share, nowcast, triangle
from medtune.clinical.surveillance.reproduction import reproduction, serial_interval
from medtune.clinical.surveillance.scoring import (
    FLUSIGHT_LEVELS,
    covered,
    interval_score,
    pinball,
    weighted_interval_score,
)
from medtune.clinical.surveillance.suppress import exposed, suppress, with_totals
from medtune.clinical.surveillance.trend import trend
from medtune.errors import DataError

LAST = [slice(-1, None)]


def line_list(weeks: int, shares: list[float], seed: int, level: float = 100.0):
    """Onset and report weeks with a known distribution of delays, and some variation of it."""
    chance = np.random.default_rng(seed)
    onsets: list[int] = []
    reports: list[int] = []
    for week in range(weeks):
        mix = chance.dirichlet(200 * np.array(shares))
        counts = chance.multinomial(chance.poisson(level), mix)
        for delay, n in enumerate(counts):
            onsets += [week] * int(n)
            reports += [week + delay] * int(n)
    return onsets, reports


def test_rt_equals_the_golden_vectors_of_epiestim():
    golden = json.loads(shared("golden/epiestim_golden.json").read_text(encoding="utf-8"))
    interval = serial_interval(golden["mean_si"], golden["std_si"], len(golden["incidence"]))
    n = min(len(interval), len(golden["si_distr"]))
    assert interval[:n] == pytest.approx(golden["si_distr"][:n], abs=3e-7)
    found = reproduction(golden["incidence"], interval, window=golden["window"])
    # EpiEstim counts days from 1, and starts its first window on day 2, as is done here.
    assert [r.start + 1 for r in found] == golden["t_start"]
    for name, key in (
        ("mean", "mean_R"),
        ("sd", "sd_R"),
        ("low", "q025"),
        ("median", "median"),
        ("high", "q975"),
    ):
        assert [getattr(r, name) for r in found] == pytest.approx(golden[key], abs=2e-8), key


def test_rt_by_hand():
    # All infect on the next day; prior Gamma(1, 5); 6 cases came from 3: (1 + 6) / (1/5 + 3).
    found = reproduction([1, 2, 4], np.array([0.0, 1.0, 0.0]), window=2)
    assert found[0].mean == pytest.approx(7 / 3.2)
    assert found[0].low < found[0].median < found[0].mean < found[0].high


def test_the_serial_interval_of_the_2009_influenza_data_is_the_published_one():
    """EpiEstim's Flu2009 data: mean 2.6, sd 1.5 days."""
    published = [0.0, 0.233, 0.359, 0.198, 0.103, 0.053, 0.027, 0.014, 0.007, 0.003, 0.002, 0.001]
    assert serial_interval(2.6, 1.5, 12) == pytest.approx(published, abs=6e-4)


@given(st.floats(1.5, 20), st.floats(0.5, 8))
def test_a_serial_interval_is_a_distribution_with_its_mean(mean: float, sd: float):
    mass = serial_interval(mean, sd, 400)
    assert mass.sum() == pytest.approx(1, abs=1e-3)
    assert mass @ np.arange(400) == pytest.approx(mean, rel=0.02)


def test_weeks_with_every_report_in_are_left_as_they_are():
    onsets, reports = line_list(30, [0.5, 0.3, 0.2], seed=0)
    table = triangle(onsets, reports, today=40, periods=26, longest=4)
    whole = nowcast(table, [slice(0, 15)])[0]
    assert whole.median == whole.low == whole.high == whole.reported == table[:15].sum()
    assert whole.completeness == 1


def test_the_delay_is_learned_from_incomplete_weeks():
    onsets, reports = line_list(40, [0.4, 0.35, 0.25], seed=1, level=5000)
    table = triangle(onsets, reports, today=39, periods=26, longest=4)
    found = nowcast(table, LAST)[0]
    assert found.completeness == pytest.approx(0.4, abs=0.04)
    assert found.median == pytest.approx(sum(o == 39 for o in onsets), rel=0.12)


def test_the_interval_holds_the_later_count_about_as_often_as_it_says():
    held = 0
    for seed in range(100):
        onsets, reports = line_list(30, [0.4, 0.35, 0.25], seed=seed, level=60)
        table = triangle(onsets, reports, today=29, periods=26, longest=4)
        found = nowcast(table, LAST, draws=400, seed=seed)[0]
        held += found.low <= sum(o == 29 for o in onsets) <= found.high
    assert 88 <= held <= 100


def test_a_place_with_few_cases_borrows_the_delay_of_the_country():
    onsets, reports = line_list(30, [0.4, 0.35, 0.25], seed=2, level=500)
    country = triangle(onsets, reports, today=29, periods=26, longest=4)
    place = np.zeros_like(country)
    place[-1, 0] = 2
    alone = nowcast(place, LAST)[0]
    helped = nowcast(place, LAST, learn=country)[0]
    assert alone.high > 20  # two cases of one week say nothing of delays
    assert 2 <= helped.low <= helped.median <= helped.high <= 20


def test_a_single_late_case_does_not_promise_thousands():
    table = np.zeros((26, 5))
    table[0, 4] = 1
    found = nowcast(table, LAST)[0]
    assert found.high < 1000


def test_what_is_reported_later_is_not_looked_at():
    onsets, reports = line_list(40, [0.4, 0.35, 0.25], seed=3)
    now = triangle(onsets, reports, today=29, periods=26, longest=4)
    kept = [n for n, report in enumerate(reports) if report <= 29]
    then = triangle(
        [onsets[n] for n in kept], [reports[n] for n in kept], today=29, periods=26, longest=4
    )
    assert (now == then).all()


def test_a_report_before_its_onset_is_refused_without_naming_the_dates():
    with pytest.raises(DataError, match="1 of 2 cases were reported before onset"):
        triangle([5, 7], [6, 6], today=9, periods=5, longest=2)
    with pytest.raises(DataError, match="nothing is known of delays"):
        nowcast(np.zeros((5, 3)), LAST)


def test_a_cleared_backlog_shows():
    assert backlog_share([1, 1, 2, 9, 9], [9, 9, 9, 9, 9], today=9, old=4) == 0.6
    assert backlog_share([1], [1], today=9, old=4) == 0.0


def test_growth_of_an_exponential_is_exact():
    found = trend([100 * 1.3**week for week in range(6)])
    assert found.growth == pytest.approx(0.3)
    assert found.direction == "rising"
    assert trend([100 * 0.7**week for week in range(6)]).direction == "falling"
    assert trend([100, 90, 110, 95, 105, 100]).direction == "no clear trend"


def test_a_half_reported_week_is_no_fall():
    reported = [100, 100, 100, 100, 90, 40]
    assert trend(reported).growth < -0.05
    found = trend(reported, [1, 1, 1, 1, 0.9, 0.4])
    assert found.growth == pytest.approx(0, abs=1e-6)
    assert found.direction == "no clear trend"


@pytest.mark.parametrize(
    ("counts", "shares"), [([1, 2, 3], None), ([0] * 6, None), ([1] * 6, [0] * 6)]
)
def test_no_trend_from_nothing(counts, shares):
    with pytest.raises(DataError):
        trend(counts, shares)


def test_wis_by_hand():
    # Median 10, central 50 % interval 8 to 12, observed 15: (5/2 + (4 + 2/0.5 * 3)/4) / 1.5.
    found = weighted_interval_score({0.25: 8, 0.5: 10, 0.75: 12}, 15)
    assert interval_score(8, 12, 15, 0.5) == 16
    assert found == pytest.approx((2.5 + 4) / 1.5)


@given(
    st.lists(st.floats(0, 1000), min_size=23, max_size=23), st.floats(0, 1000), st.floats(0.1, 10)
)
def test_wis_is_twice_the_mean_pinball_loss_and_scales(values, observed: float, factor: float):
    forecast = dict(zip(FLUSIGHT_LEVELS, sorted(values), strict=True))
    wis = weighted_interval_score(forecast, observed)
    losses = [pinball(level, value, observed) for level, value in forecast.items()]
    assert wis == pytest.approx(2 * np.mean(losses), rel=1e-6, abs=1e-6)
    scaled = {level: factor * value for level, value in forecast.items()}
    assert weighted_interval_score(scaled, factor * observed) == pytest.approx(
        factor * wis, rel=1e-6, abs=1e-6
    )


def test_a_forecast_that_is_not_one_is_refused():
    with pytest.raises(DataError, match="pairs p, 1 - p"):
        weighted_interval_score({0.1: 1, 0.5: 2, 0.8: 3}, 2)
    with pytest.raises(DataError, match="fall somewhere"):
        weighted_interval_score({0.1: 3, 0.5: 2, 0.9: 4}, 2)
    with pytest.raises(DataError, match="no central interval of 90%"):
        covered({0.25: 1, 0.5: 2, 0.75: 3}, 2, 0.9)


def test_coverage_of_an_interval_counts_its_ends():
    forecast = {0.025: 3.0, 0.5: 5.0, 0.975: 9.0}
    assert [covered(forecast, y, 0.95) for y in (2.9, 3, 9, 9.1)] == [False, True, True, False]


@pytest.mark.parametrize("method", [flat, damped])
@given(counts=st.lists(st.integers(0, 500), min_size=12, max_size=60))
@settings(max_examples=30)
def test_quantiles_rise_and_are_not_negative(method, counts):
    for forecast in method(counts, 3):
        values = [forecast[level] for level in FLUSIGHT_LEVELS]
        assert values == sorted(values)
        assert values[0] >= 0


def test_the_flat_forecast_keeps_the_last_count_and_widens():
    counts = np.random.default_rng(0).poisson(50, 60).astype(float).tolist()
    ahead = flat(counts, 4)
    assert [f[0.5] for f in ahead] == pytest.approx([counts[-1]] * 4, abs=0.5)
    widths = [f[0.975] - f[0.025] for f in ahead]
    assert widths == sorted(widths)


def test_the_damped_forecast_by_hand():
    # Log growth of the last two weeks is log 2 each; the next adds half of it, then a quarter.
    counts = [7.0] * 30 + [15.0, 31.0]
    first, second = damped(counts, 2)
    assert first[0.5] == pytest.approx(32 * 2**0.5 - 1, rel=1e-6)
    assert second[0.5] == pytest.approx(32 * 2**0.75 - 1, rel=1e-6)


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_are_those_of_newcombe_1998(events, n, low, high):
    """Newcombe 1998, Stat Med 17:857, table I, method 3."""
    found = wilson(events, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


@given(st.integers(1, 500), st.floats(0, 1), st.floats(1, 5))
def test_an_interval_holds_its_share_and_widens_with_the_design_effect(n, share, effect):
    plain, clustered = wilson(share * n, n), wilson(share * n, n, design_effect=effect)
    assert 0 <= clustered.low <= plain.value <= clustered.high <= 1
    assert clustered.high - clustered.low >= plain.high - plain.low - 1e-9


def test_coverage_dropout_and_zero_dose_by_hand():
    assert coverage(450, 500).value == pytest.approx(0.9)
    assert dropout(400, 300).value == pytest.approx(0.25)
    assert dropout(400, 300).n == 400
    assert zero_dose(400, 500).value == pytest.approx(0.2)
    assert coverage(300, 500).against(0.9) == "below target"
    assert coverage(495, 500).against(0.9) == "meets target"
    assert coverage(9, 10).against(0.9) == "not enough data to tell"


def test_more_doses_than_children_and_negative_dropout_are_refused():
    with pytest.raises(DataError, match="the denominator is wrong"):
        coverage(510, 500)
    with pytest.raises(DataError, match="not of the same children"):
        dropout(300, 310)


def test_one_small_cell_takes_a_rectangle_with_it():
    hidden = suppress([[5, 20], [30, 40]])
    assert hidden[:-1, :-1].all()
    assert not hidden[-1, :].any()
    assert not hidden[:, -1].any()


def test_without_complementary_suppression_the_cell_follows_from_the_totals():
    table = with_totals([[5, 20], [30, 40]])
    only_small = (table > 0) & (table < 11)
    assert exposed(table, only_small) == [(0, 0)]


def test_a_bridge_between_two_rectangles_is_found():
    """Every line has two withheld cells, and still one of them follows (Gusfield 1988)."""
    counts = np.full((4, 4), 50.0)
    hidden = np.zeros((5, 5), dtype=bool)
    for place in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (2, 3), (3, 2), (3, 3), (1, 2)]:
        hidden[place] = True
    assert exposed(with_totals(counts.tolist()), hidden) == [(1, 2)]


@given(
    st.integers(1, 4).flatmap(
        lambda columns: st.lists(
            st.lists(st.integers(0, 40), min_size=columns, max_size=columns), min_size=1, max_size=4
        )
    )
)
@settings(max_examples=25)
def test_no_withheld_cell_can_be_worked_out(counts):
    table, hidden = with_totals(counts), suppress(counts)
    assert hidden[(table > 0) & (table < 11)].all()
    assert not hidden[table == 0].any()
    assert exposed(table, hidden) == []


def test_a_table_that_is_none_is_refused():
    with pytest.raises(DataError, match="same length"):
        suppress([[1, 2], [3]])
    with pytest.raises(DataError, match="negative"):
        suppress([[1, -2]])
