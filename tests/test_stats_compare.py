"""Shares, gaps, flips, margins, power before a run, and seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from medtune import stats
from medtune.errors import DataError, UndefinedMetric
from medtune.metrics import accuracy, sensitivity
from medtune.records import Estimate, Prediction


def predictions(right, groups=None, prefix="r"):
    groups = groups if groups is not None else range(len(right))
    return [
        Prediction(f"{prefix}{i:04d}", f"{prefix}g{g}", "yes", "yes" if r else "no")
        for i, (r, g) in enumerate(zip(right, groups, strict=True))
    ]


def estimate(value, error, n_groups=100):
    half = 1.959964 * error
    return Estimate(value, value - half, value + half, n_groups, n_groups, "by hand")


@given(st.integers(1, 300), st.data())
def test_wilson_is_that_of_statsmodels(n, data):
    events = data.draw(st.integers(0, n))
    found = stats.wilson(events, n)
    low, high = proportion_confint(events, n, method="wilson")
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))
    assert found.low <= found.value <= found.high


def test_a_share_of_nothing_has_no_value():
    with pytest.raises(DataError, match="share of nothing"):
        stats.wilson(0, 0)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30).filter(
        lambda rows: len({group for _, group in rows}) > 1
    )
)
def test_the_mean_of_rightness_has_the_interval_of_accuracy(rows):
    made = predictions([r for r, _ in rows], [g for _, g in rows])
    slow = stats.bootstrap(accuracy, made, resamples=200, seed=5)
    fast = stats.bootstrap_mean([(p.group, float(p.right)) for p in made], resamples=200, seed=5)
    assert fast.value == pytest.approx(slow.value)
    assert (fast.low, fast.high) == (pytest.approx(slow.low), pytest.approx(slow.high))
    assert (fast.n, fast.n_groups, fast.method) == (slow.n, slow.n_groups, slow.method)


def test_few_groups_widen_the_interval_beyond_the_plain_percentiles():
    values = [(f"g{i}", float(i)) for i in range(8)]
    found = stats.bootstrap_mean(values, resamples=2000, seed=0)
    chance = np.random.default_rng([0, 0])
    draws = [chance.integers(8, size=8) for _ in range(2000)]
    low, high = np.percentile([draw.mean() for draw in draws], [2.5, 97.5])
    assert found.low < low
    assert found.high > high


def test_resamples_without_a_value_are_left_out_and_counted():
    made = predictions([1] * 3) + [Prediction(f"n{i}", f"n{i}", "no", "no") for i in range(20)]
    found = stats.bootstrap(sensitivity("yes"), made, resamples=400, seed=0)
    assert found.value == 1
    assert "of them without a value" in found.method
    rare = made[:1] + made[3:]
    with pytest.raises(UndefinedMetric, match="no interval"):
        stats.bootstrap(sensitivity("yes"), rare, resamples=400, seed=0)


def test_a_gap_is_the_difference_of_the_two_sides_and_turns_with_them():
    inside, outside = predictions([1] * 20 + [0] * 20, prefix="a"), predictions([1] * 60)
    found = stats.gap(accuracy, inside, outside, resamples=400, seed=0)
    assert found.difference.value == -0.5
    assert found.difference.high < -0.3
    assert found.p_value == 1 / 401
    turned = stats.gap(accuracy, outside, inside, resamples=400, seed=0)
    assert turned.difference.value == 0.5
    with pytest.raises(DataError, match="at least 2 groups"):
        stats.gap(accuracy, inside[:1], outside, resamples=200, seed=0)


def test_a_subgroup_that_is_always_wrong_is_found():
    inside, outside = predictions([0] * 30, prefix="a"), predictions([1] * 60)
    found = stats.gap(accuracy, inside, outside, resamples=400, seed=0)
    assert found.p_value == 1 / 401
    assert found.difference.high < -0.88
    alike = stats.gap(accuracy, predictions([1] * 30, prefix="a"), outside, resamples=400, seed=0)
    assert alike.p_value == 1


def test_few_right_answers_do_not_clear_a_subgroup():
    five, many = predictions([1] * 5, prefix="a"), predictions([1] * 200)
    found = stats.gap(accuracy, five, many, resamples=100, seed=0).difference
    assert (found.low, found.high) == (pytest.approx(-0.522, abs=1e-3), pytest.approx(0.522, 1e-2))
    assert stats.is_kept(found, 0.05) == "not_enough_data"
    mixed = predictions([1] * 160 + [0] * 40)
    better = stats.gap(accuracy, five, mixed, resamples=100, seed=0).difference
    assert better.low < 0 < better.value
    assert "one side all alike" in better.method


def test_a_gap_that_is_not_there_is_seldom_found():
    chance = np.random.default_rng(5)
    p_values = [
        stats.gap(
            accuracy,
            predictions(chance.random(40) < 0.7, prefix="a"),
            predictions(chance.random(120) < 0.7),
            resamples=200,
            seed=trial,
        ).p_value
        for trial in range(60)
    ]
    assert np.mean(np.array(p_values) < 0.05) <= 0.10


def test_a_patient_on_both_sides_of_a_gap_is_one_unit_of_chance():
    right = [1, 0] * 20
    inside, outside = predictions(right, range(40)), predictions(right, range(40))
    outside = [Prediction(f"x{p.id}", p.group, p.target, p.answer) for p in outside]
    found = stats.gap(accuracy, inside, outside, resamples=300, seed=0)
    assert found.difference.n_groups == 40
    apart = [Prediction(p.id, f"x{p.group}", p.target, p.answer) for p in outside]
    loose = stats.gap(accuracy, inside, apart, resamples=300, seed=0)
    assert found.difference.high - found.difference.low < loose.difference.high - (
        loose.difference.low
    )


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_flips_are_listed_and_tested_by_mcnemar(rows):
    before, after = predictions([a for a, _ in rows]), predictions([b for _, b in rows])
    found = stats.flips(before, after)
    assert found.right_to_wrong == [
        f"r{i:04d}" for i, row in enumerate(rows) if row == (True, False)
    ]
    lost, gained = len(found.right_to_wrong), len(found.wrong_to_right)
    table = [[rows.count((True, True)), lost], [gained, rows.count((False, False))]]
    assert found.p_value == pytest.approx(mcnemar(table, exact=True).pvalue)


def test_flips_need_the_same_examples():
    with pytest.raises(DataError, match="r0001"):
        stats.flips(predictions([1]), predictions([1, 0]))


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (-0.02, 0.1, "yes"),
        (-0.03, 0.1, "not_enough_data"),
        (-0.3, -0.03, "no"),
        (-0.1, -0.02, "not_enough_data"),
    ],
)
def test_what_may_be_lost_is_kept_only_if_the_whole_interval_says_so(low, high, says):
    assert stats.is_kept(Estimate((low + high) / 2, low, high, 9, 9, "x"), 0.02) == says


def test_the_planned_difference_agrees_with_the_hand_and_with_a_pilot():
    # 2.8016 * sqrt(0.3 / 300) = 0.0886
    assert stats.planned(300, 300).detectable == pytest.approx(0.0886, abs=1e-4)
    # Groups of three: the design effect is 1 + 2 * 0.1.
    assert stats.planned(300, 100).detectable == pytest.approx(0.0886 * 1.2**0.5, abs=1e-4)
    pilot = estimate(0.1, 0.04, n_groups=50)
    assert stats.planned_from(pilot, 200, 200).detectable == pytest.approx(2.8016 * 0.02, abs=1e-4)
    assert "pilot" in stats.planned_from(pilot, 200, 200).assumed
    with pytest.raises(DataError, match="at least 2 groups"):
        stats.planned(9, 1)


def test_the_planned_difference_is_found_four_times_in_five():
    chance, n = np.random.default_rng(2), 200
    gain = stats.planned(n, n, disagreement=0.3).detectable
    found = 0
    for trial in range(40):
        u = chance.random(n)
        a, b = u < (0.3 + gain) / 2, u > 1 - (0.3 - gain) / 2
        result = stats.paired(accuracy, predictions(a), predictions(b), resamples=200, seed=trial)
        found += result.difference.low > 0
    assert 0.62 <= found / 40 <= 0.95


def test_seeds_add_their_luck_to_that_of_the_examples():
    alike = stats.over_seeds([estimate(0.7, 0.03), estimate(0.7, 0.03), estimate(0.7, 0.03)])
    assert alike.value == pytest.approx(0.7)
    assert (alike.high - alike.low) / 2 == pytest.approx(1.984 * 0.03, rel=0.01)
    apart = stats.over_seeds([estimate(0.6, 0.03), estimate(0.7, 0.03), estimate(0.8, 0.03)])
    assert apart.high - apart.low > 2 * (alike.high - alike.low)
    assert "3 seeds" in apart.method
    with pytest.raises(DataError, match="luck of seeds"):
        stats.over_seeds([estimate(0.7, 0.03)])
    with pytest.raises(DataError, match="different sizes"):
        stats.over_seeds([estimate(0.7, 0.03), estimate(0.7, 0.03, n_groups=9)])


def test_the_interval_over_seeds_covers_the_mean_of_the_recipe():
    chance, held, n, trials = np.random.default_rng(4), 0, 200, 1000
    for _ in range(trials):
        shift = chance.normal(0, 0.03)  # the luck of the examples, which all seeds share
        seeds = 0.7 + chance.normal(0, 0.04, size=4) + shift
        found = stats.over_seeds([estimate(float(value), 0.03, n) for value in seeds])
        held += found.low <= 0.7 <= found.high
    assert 0.93 <= held / trials <= 0.975
