"""Calibration lines, temperature, withheld answers, conformal sets, and agreement of raters."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score

from medtune import stats
from medtune.errors import DataError
from medtune.records import Prediction

LABELS = ("a", "b", "c")


def sure(rows) -> list[Prediction]:
    """Predictions of (right, confidence)."""
    return [
        Prediction(f"r{i:04d}", f"g{i:04d}", "yes", "yes" if r else "no", confidence=float(c))
        for i, (r, c) in enumerate(rows)
    ]


def chosen(rows) -> list[Prediction]:
    """Predictions of (target, probabilities of LABELS)."""
    made = []
    for i, (target, chances) in enumerate(rows):
        shares = dict(zip(LABELS, map(float, chances), strict=True))
        answer = max(shares, key=shares.__getitem__)
        made.append(
            Prediction(
                f"r{i:04d}",
                f"g{i:04d}",
                target,
                answer,
                confidence=shares[answer],
                probabilities=shares,
            )
        )
    return made


def drawn(n: int, seed: int, heat: float = 1.0) -> list[Prediction]:
    """Targets drawn from the true probabilities; the model states them at another temperature."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(0, 2, size=(n, 3))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    stated = np.exp(logits * heat) / np.exp(logits * heat).sum(axis=1, keepdims=True)
    return chosen([(LABELS[chance.choice(3, p=p)], s) for p, s in zip(true, stated, strict=True)])


def test_an_honest_model_has_slope_one_and_intercept_zero():
    chance = np.random.default_rng(0)
    confidence = chance.uniform(0.05, 0.95, size=4000)
    made = sure(zip(chance.random(4000) < confidence, confidence, strict=True))
    assert stats.calibration_slope(made) == pytest.approx(1, abs=0.1)
    assert stats.calibration_intercept(made) == pytest.approx(0, abs=0.1)
    assert stats.overconfidence(made) == pytest.approx(0, abs=0.03)


def test_the_calibration_line_is_the_logistic_regression():
    chance = np.random.default_rng(1)
    confidence = chance.uniform(0.1, 0.9, size=300)
    right = chance.random(300) < confidence**2
    logit = np.log(confidence / (1 - confidence))[:, None]
    expected = LogisticRegression(C=1e6, tol=1e-8).fit(logit, right)
    made = sure(zip(right, confidence, strict=True))
    assert stats.calibration_slope(made) == pytest.approx(expected.coef_[0, 0], abs=1e-3)
    assert stats.calibration_intercept(made) == pytest.approx(expected.intercept_[0], abs=1e-3)


def test_too_extreme_confidences_have_a_slope_below_one():
    assert stats.calibration_slope(drawn(1500, 3, heat=3.0)) < 0.6


def test_a_faultless_arm_still_has_a_calibration_line():
    made = sure([(True, 0.9), (True, 0.6), (True, 0.99)])
    assert math.isfinite(stats.calibration_slope(made))
    assert math.isfinite(stats.calibration_intercept(made))


def test_the_temperature_undoes_the_heat_and_leaves_the_answers():
    hot = drawn(3000, 4, heat=2.5)
    found = stats.fit_temperature(hot)
    assert found == pytest.approx(2.5, rel=0.1)
    cooled = [stats.at_temperature(p, found) for p in hot]
    assert [p.answer for p in cooled] == [p.answer for p in hot]
    assert all(sum(p.probabilities.values()) == pytest.approx(1) for p in cooled)
    assert all(p.confidence == max(p.probabilities.values()) for p in cooled)
    before, after = map(stats.expected_calibration_error, (hot, cooled))
    assert after < before / 2


@settings(max_examples=30)
@given(st.floats(0.1, 10), st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_a_temperature_keeps_the_order_of_the_choices(temperature, weights):
    (made,) = chosen([("a", [w / sum(weights) for w in weights])])
    found = stats.at_temperature(made, temperature).probabilities
    order = sorted(LABELS, key=lambda name: made.probabilities[name])
    assert [found[name] for name in order] == sorted(found.values())
    assert stats.at_temperature(made, 1.0).probabilities == pytest.approx(dict(made.probabilities))


def test_a_temperature_needs_probabilities_and_a_target_among_them():
    with pytest.raises(DataError, match="r0000"):
        stats.fit_temperature(sure([(True, 0.5)]))
    with pytest.raises(DataError, match="none of the choices"):
        stats.fit_temperature(chosen([("z", [0.2, 0.3, 0.5])]))


def test_risk_and_coverage_agree_with_the_hand():
    made = sure([(True, 0.9), (False, 0.8), (True, 0.8), (False, 0.3)])
    points = stats.risk_coverage(made)
    assert [(p.coverage, p.risk) for p in points] == [
        (0.25, 0.0),
        (0.75, pytest.approx(1 / 3)),
        (1.0, 0.5),
    ]
    # Kept 1, 2, 3, 4: 0, then the tie spread evenly: 0.5/2 and 1/3, then 2/4.
    expected = (0 + 0.25 + 1 / 3 + 0.5) / 4
    assert stats.area_under_risk_coverage(made) == pytest.approx(expected)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.2, 0.5, 0.8])), min_size=1), st.data())
def test_the_area_is_blind_to_order_and_within_0_and_1(rows, data):
    made = sure(rows)
    area = stats.area_under_risk_coverage(made)
    assert 0 <= area <= 1
    assert stats.area_under_risk_coverage(data.draw(st.permutations(made))) == pytest.approx(area)
    assert stats.risk_coverage(made)[-1].coverage == 1


def test_the_threshold_answers_most_within_the_risk():
    made = sure([(True, 0.9), (False, 0.8), (True, 0.7), (True, 0.6), (False, 0.2)])
    assert stats.choose_threshold(made, 0.25) == 0.6
    assert stats.choose_threshold(made, 0.1) == 0.9
    assert stats.choose_threshold(sure([(False, 0.9)]), 0.5) is None


@pytest.mark.parametrize("kind", ["LAC", "APS"])
def test_conformal_sets_hold_the_target_as_often_as_promised(kind):
    held = []
    for seed in range(30):
        rule = stats.fit_conformal(drawn(120, seed), kind, 0.1)
        test = drawn(200, 1000 + seed)
        held.append(np.mean([p.target in stats.conformal_set(rule, p) for p in test]))
    assert np.mean(held) >= 0.885
    assert np.mean(held) <= (0.93 if kind == "LAC" else 0.99)


def test_a_conformal_set_is_larger_where_the_model_is_unsure():
    rule = stats.fit_conformal(drawn(200, 0), "LAC", 0.1)
    confident, unsure = chosen([("a", [0.98, 0.01, 0.01]), ("a", [0.4, 0.35, 0.25])])
    assert stats.conformal_set(rule, confident)[0] == "a"
    assert len(stats.conformal_set(rule, confident)) < len(stats.conformal_set(rule, unsure))


def test_conformal_sets_need_enough_validation():
    with pytest.raises(DataError, match="need 9 validation examples"):
        stats.fit_conformal(drawn(8, 0), "LAC", 0.1)
    assert stats.fit_conformal(drawn(9, 0), "LAC", 0.1).limit <= 1


def test_kappa_within_strata_rewards_no_rater_that_knows_the_base_rates_only():
    """It says yes to all of A and no to all of B; that is right in 18 of 20 each."""
    made = [
        Prediction(f"{c}{i}", f"g{i}", (i < 18) == (c == "A"), c == "A", subgroups={"c": c})
        for c in "AB"
        for i in range(20)
    ]
    assert stats.cohen_kappa(made) == pytest.approx(0.8)
    assert stats.stratified_kappa("c")(made) == 0
    read = [replace(p, answer=p.target) for p in made]
    assert stats.stratified_kappa("c")(read) == 1
    half = [p if p.subgroups["c"] == "A" else q for p, q in zip(made, read, strict=True)]
    room_of_a, room_of_b = 1 - 18 / 20, 1 - (18**2 + 2**2) / 20**2
    expected = room_of_b / (room_of_a + room_of_b)
    assert stats.stratified_kappa("c")(half) == pytest.approx(expected)


def rated(pairs) -> list[Prediction]:
    return [Prediction(f"r{i}", f"g{i}", target=a, answer=b) for i, (a, b) in enumerate(pairs)]


@given(
    st.lists(
        st.tuples(st.sampled_from("xyz"), st.sampled_from("xyz")), min_size=2, max_size=40
    ).filter(lambda rows: len({label for row in rows for label in row}) > 1)
)
def test_kappa_is_that_of_scikit_learn(pairs):
    expected = cohen_kappa_score([a for a, _ in pairs], [b for _, b in pairs])
    assert stats.cohen_kappa(rated(pairs)) == pytest.approx(expected)


def test_a_rater_who_always_says_yes_agrees_no_more_than_by_chance():
    pairs = [(True, True)] * 90 + [(False, True)] * 10
    assert stats.cohen_kappa(rated(pairs)) == 0
    assert stats.cohen_kappa(rated([(True, True)] * 9)) == 0
    with pytest.raises(DataError, match="at least one item"):
        stats.cohen_kappa([])


def test_alpha_agrees_with_the_worked_examples_of_krippendorff():
    # Krippendorff 2011, sections B (nominal, two observers) and C (any number, missing data).
    two = zip("0100000010", "1110010000", strict=True)
    assert stats.krippendorff_alpha([list(item) for item in two]) == pytest.approx(0.095, abs=5e-4)
    rows = ("123321412...", "1233224125.3", ".3332342251.", "123324412510"[:11] + ".")
    items = [[None if c == "." else c for c in item] for item in zip(*rows, strict=True)]
    assert stats.krippendorff_alpha(items) == pytest.approx(0.743, abs=5e-4)
    with pytest.raises(DataError, match="two raters"):
        stats.krippendorff_alpha([["a", None]])
