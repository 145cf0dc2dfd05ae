import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune import stats
from medtune.errors import DataError
from medtune.metrics import accuracy, macro_f1, sensitivity
from medtune.records import Estimate, Prediction


def predictions(right, groups=None, confidences=None, prefix="r"):
    """One prediction per entry of `right`; its own group unless given."""
    n = len(right)
    groups = groups if groups is not None else range(n)
    confidences = confidences if confidences is not None else [None] * n
    return [
        Prediction(f"{prefix}{i:04d}", f"g{g}", "yes", "yes" if r else "no", confidence=c)
        for i, (r, g, c) in enumerate(zip(right, groups, confidences, strict=True))
    ]


def estimate(value, low, high, n_groups=50):
    return Estimate(value, low, high, n_groups, n_groups, "by hand")


some = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30).filter(
    lambda rows: len({group for _, group in rows}) > 1
)


@settings(max_examples=40)
@given(some, st.data())
def test_the_interval_holds_the_value_and_the_order_changes_nothing(rows, data):
    made = predictions([r for r, _ in rows], [g for _, g in rows])
    for metric in (accuracy, macro_f1(("yes", "no"))):
        found = stats.bootstrap(metric, made, resamples=200, seed=3)
        assert 0 <= found.low <= found.value == metric(made) <= found.high <= 1
        shuffled = data.draw(st.permutations(made))
        assert stats.bootstrap(metric, shuffled, resamples=200, seed=3) == found


@settings(max_examples=30)
@given(some, st.data())
def test_a_paired_test_is_seeded_symmetric_and_blind_to_order(rows, data):
    a = predictions([r for r, _ in rows], [g for _, g in rows])
    other = data.draw(st.lists(st.booleans(), min_size=len(a), max_size=len(a)))
    b = predictions(other, [g for _, g in rows])
    found = stats.paired(accuracy, a, b, resamples=200, seed=1)
    assert 0 < found.p_value <= 1
    assert -1 <= found.difference.low <= found.difference.value <= found.difference.high <= 1
    assert stats.paired(accuracy, data.draw(st.permutations(a)), b, resamples=200, seed=1) == found
    turned = stats.paired(accuracy, b, a, resamples=200, seed=1)
    assert turned.p_value == found.p_value
    assert turned.difference.value == -found.difference.value


def test_one_group_gives_no_interval():
    with pytest.raises(DataError, match="at least 2 groups"):
        stats.bootstrap(accuracy, predictions([1, 0, 1], [0, 0, 0]), resamples=200, seed=0)


def test_a_faultless_arm_still_has_an_interval_of_the_right_width():
    found = stats.bootstrap(accuracy, predictions([1] * 30), resamples=200, seed=0)
    assert found.value == found.high == 1
    assert found.low == pytest.approx(0.8843, abs=1e-4)  # Clopper-Pearson for 30 of 30
    assert "Clopper" in found.method
    same = stats.paired(
        accuracy, predictions([1] * 30), predictions([1] * 30), resamples=200, seed=0
    )
    assert same.p_value == 1
    assert same.difference.low == pytest.approx(-0.1157, abs=1e-4)
    assert same.difference.high == pytest.approx(0.1157, abs=1e-4)


@pytest.mark.parametrize("n", [12, 40, 170])
def test_one_event_more_never_makes_a_share_look_safer(n):
    found = [
        stats.bootstrap_mean(
            [(f"g{i:04d}", float(i < events)) for i in range(n)], resamples=200, seed=0
        )
        for events in range(n + 1)
    ]
    for fewer, more in pairwise(found):
        assert fewer.low <= more.low
        assert fewer.high <= more.high


def test_one_unsafe_reply_has_the_exact_bound_and_none_is_safer():
    none, one = (
        stats.bootstrap(accuracy, predictions([1] * n + [0] * (170 - n)), resamples=400, seed=0)
        for n in (0, 1)
    )
    assert none.high == pytest.approx(0.0215, abs=1e-4)
    assert one.high == pytest.approx(0.0323, abs=1e-4)  # Clopper and Pearson for 1 of 170
    assert "exact interval of few events" in one.method


def test_the_bound_of_few_events_counts_a_group_of_alike_examples_once():
    """Both shares are 4 of 160: in four groups, or all four in one of forty."""
    groups = [i // 4 for i in range(160)]
    apart, alike = (
        stats.bootstrap(accuracy, predictions(right, groups), resamples=400, seed=0)
        for right in ([i % 4 == 0 and i < 16 for i in range(160)], [i < 4 for i in range(160)])
    )
    assert apart.value == alike.value == 0.025
    assert alike.high > 1.5 * apart.high
    assert alike.high == pytest.approx(0.1316, abs=0.01)  # about Clopper and Pearson's for 1 of 40


def test_the_bound_of_a_sensitivity_goes_by_the_positives():
    made = [
        Prediction(f"r{i:03d}", f"g{i:03d}", truth, truth)
        for i, truth in enumerate(["yes"] * 5 + ["no"] * 195)
    ]
    found = stats.bootstrap(sensitivity("yes"), made, resamples=400, seed=0)
    assert found.low == pytest.approx(0.4782, abs=1e-4)  # Clopper and Pearson for 5 of 5


def test_shares_in_the_middle_and_other_metrics_are_resampled():
    right = [i % 5 < 4 for i in range(100)]
    for metric in (accuracy, macro_f1(("yes", "no"))):
        found = stats.bootstrap(metric, predictions(right), resamples=400, seed=0)
        assert found.method == "expanded percentile bootstrap of 100 groups, 400 resamples"


def test_the_method_says_how_many_groups_and_resamples():
    found = stats.bootstrap(
        accuracy, predictions([1, 0, 1, 0], [0, 0, 1, 2]), resamples=250, seed=0
    )
    assert found.method == "expanded percentile bootstrap of 3 groups, 250 resamples"
    assert (found.n, found.n_groups) == (4, 3)


def test_examples_of_one_group_are_not_counted_as_independent():
    right = [1] * 40 + [0] * 40
    alone = stats.bootstrap(accuracy, predictions(right), resamples=1000, seed=0)
    grouped = stats.bootstrap(
        accuracy, predictions(right, [i // 10 for i in range(80)]), resamples=1000, seed=0
    )
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_a_failed_prediction_is_a_fault_of_the_caller():
    made = predictions([1, 0, 1])
    made[1] = dataclasses.replace(made[1], failed=True)
    with pytest.raises(AssertionError):
        stats.bootstrap(accuracy, made, resamples=200, seed=0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    chance = np.random.default_rng(7)
    held = 0
    for trial in range(100):
        by_group = np.clip(chance.normal(0.7, 0.15, size=40), 0, 1)  # of mean 0.699
        right = chance.random((40, 3)) < by_group[:, None]
        groups = np.repeat(np.arange(40), 3)
        found = stats.bootstrap(
            accuracy, predictions(right.ravel(), groups), resamples=200, seed=trial
        )
        held += found.low <= 0.699 <= found.high
    assert 0.88 <= held / 100 <= 0.99


def test_the_paired_test_cries_wolf_about_as_often_as_it_says():
    chance = np.random.default_rng(3)
    p_values = [
        stats.paired(
            accuracy,
            predictions(chance.random(40) < 0.6),
            predictions(chance.random(40) < 0.6),
            resamples=200,
            seed=trial,
        ).p_value
        for trial in range(80)
    ]
    assert np.mean(np.array(p_values) < 0.05) <= 0.10
    assert np.mean(np.array(p_values) < 0.5) >= 0.25


def test_the_p_value_of_a_clear_difference_is_the_exact_one():
    # Ten of ten groups favour the first arm: the exact two-sided sign-flip p is 2 / 2**10.
    found = stats.paired(
        accuracy, predictions([1] * 10), predictions([0] * 10), resamples=20_000, seed=0
    )
    assert found.p_value == pytest.approx(2 / 2**10, rel=0.35)
    assert found.difference.value == 1


def test_a_p_value_is_never_zero_and_counts_groups_not_examples():
    clear = stats.paired(
        accuracy, predictions([1] * 30), predictions([0] * 30), resamples=200, seed=0
    )
    assert clear.p_value == 1 / 201
    of_two = [i % 2 for i in range(30)]
    few = stats.paired(
        accuracy,
        predictions([1] * 30, of_two),
        predictions([0] * 30, of_two),
        resamples=200,
        seed=0,
    )
    assert few.p_value == pytest.approx(0.5, abs=0.1)


def test_a_paired_test_refuses_different_examples_by_id():
    with pytest.raises(DataError, match="r0002"):
        stats.paired(accuracy, predictions([1, 0, 1]), predictions([1, 0]), resamples=200, seed=0)


def test_holm_agrees_with_the_hand():
    # Sorted: .005*4=.02; .01*3=.03; .03*2=.06; .04*1=.04 -> .06 (never less than the one before).
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([0.9, 0.8]) == [1.0, 1.0]
    assert stats.holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_the_order(p_values):
    adjusted = stats.holm(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert [a for _, a in pairs] == sorted(a for _, a in pairs)


@pytest.mark.parametrize(
    ("low", "high", "p", "margin", "says"),
    [
        (0.01, 0.1, 0.01, 0.0, "yes"),
        (0.01, 0.1, 0.05, 0.0, "not_enough_data"),
        (0.01, 0.1, 0.01, 0.02, "not_enough_data"),
        (0.0, 0.1, 0.01, 0.0, "not_enough_data"),
        (-0.1, 0.0, 1.0, 0.0, "no"),
        (-0.1, 0.04, 0.5, 0.05, "no"),
        (-0.1, 0.1, 0.5, 0.0, "not_enough_data"),
    ],
)
def test_a_verdict_has_three_values(low, high, p, margin, says):
    assert stats.verdict(estimate((low + high) / 2, low, high), p, margin) == says


def test_power_is_that_of_the_normal_approximation():
    seen = estimate(0.05, 0.05 - 1.959964 * 0.02, 0.05 + 1.959964 * 0.02, n_groups=100)
    assert stats.minimum_detectable(seen) == pytest.approx(2.8016 * 0.02, rel=1e-4)
    assert stats.groups_needed(seen) == 126  # 100 * (0.056032 / 0.05) ** 2 = 125.6
    assert stats.groups_needed(seen, margin=0.04) == 3140
    assert stats.groups_needed(seen, margin=0.05) is None


def test_the_minimum_detectable_difference_is_detected_four_times_in_five():
    chance = np.random.default_rng(11)
    n, gain, trials, found = 100, 0.2016, 50, 0
    # Right where the other arm is wrong in a share (q + gain) / 2, the other way in (q - gain) / 2:
    # with q = 0.56 the standard error is sqrt((q - gain**2) / n) = 0.072, so 2.8 SE = 0.2016.
    for trial in range(trials):
        u = chance.random(n)
        a, b = u < (0.56 + gain) / 2, u > 1 - (0.56 - gain) / 2
        result = stats.paired(accuracy, predictions(a), predictions(b), resamples=200, seed=trial)
        found += result.difference.low > 0
    assert 0.68 <= found / trials <= 0.92


def test_calibration_error_agrees_with_the_hand():
    # Two bins of two: |0.15 - 0.5| and |0.85 - 0.5|, each of half the mass.
    made = predictions([1, 0, 1, 0], confidences=[0.1, 0.2, 0.8, 0.9])
    assert stats.expected_calibration_error(made, bins=2) == pytest.approx(0.35)
    rows = stats.reliability(made, bins=2)
    assert [row.n for row in rows] == [2, 2]
    assert [row.confidence for row in rows] == pytest.approx([0.15, 0.85])
    assert [row.accuracy for row in rows] == [0.5, 0.5]
    assert stats.brier(made) == pytest.approx((0.81 + 0.04 + 0.04 + 0.81) / 4)


def test_equal_confidences_are_one_bin():
    right = [1, 1, 1, 0, 0] * 20
    made = predictions(right, confidences=[0.6] * 100)
    assert stats.expected_calibration_error(made) == pytest.approx(0)
    assert [row.n for row in stats.reliability(made)] == [100]


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=50),
    st.integers(1, 12),
    st.data(),
)
def test_bins_hold_every_prediction_once_in_any_order(rows, bins, data):
    made = predictions([r for r, _ in rows], confidences=[c for _, c in rows])
    found = stats.reliability(made, bins)
    assert sum(row.n for row in found) == len(made)
    assert len(found) <= bins
    error = stats.expected_calibration_error(made, bins)
    assert 0 <= error <= 1
    shuffled = data.draw(st.permutations(made))
    assert stats.expected_calibration_error(shuffled, bins) == pytest.approx(error)


@pytest.mark.parametrize("measure", [stats.brier, stats.expected_calibration_error])
def test_calibration_needs_confidences(measure):
    with pytest.raises(DataError, match="r0001"):
        measure(predictions([1, 0], confidences=[0.5, None]))
    with pytest.raises(DataError, match="at least one"):
        measure([])
