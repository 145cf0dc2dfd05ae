"""The learning curve: it rises, it holds the truth as often as it says, and it is read honestly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_study import APP, answering, examples

from medtune.artifacts import CurvePoint
from medtune.config import TuneSection
from medtune.decide.compare import guess, measured_pairs, sheet, useful
from medtune.decide.curve import draws
from medtune.decide.projection import Ladder, project
from medtune.metrics import sensitivity
from medtune.records import ArmResult, Objective, Prediction

SIZES = (6, 18, 18, 53, 53, 160, 480)


def measured(truth, chance, sd, items=0.02):
    values = np.array([truth(n) for n in SIZES]) + sd * chance.standard_normal(len(SIZES))
    values = values + items * chance.standard_normal()
    return values, values + items * chance.standard_normal((400, 1))


@pytest.mark.parametrize(
    "truth",
    [
        lambda n: 0.8 - 0.9 * n**-0.3,
        lambda n: 0.1 + 0.5 / (1 + (100 / n) ** 2),
        lambda n: 0.3 + 0 * n,
        lambda n: 0.9 - 0.8 / (1 + (n / 20) ** 1.5),
    ],
    ids=["power law", "late rise", "flat", "saturated"],
)
def test_the_interval_at_twice_the_examples_holds_the_truth(truth):
    chance, held = np.random.default_rng(7), 0
    for seed in range(60):
        values, resampled = measured(truth, chance, 0.03)
        at = draws(SIZES, values, resampled, most=1.0, seed=seed).drawn.at(1000)
        low, high = np.percentile(at, [2.5, 97.5])
        held += low <= truth(1000) <= high
    assert held >= 52  # of 60; 95 % would be 57, and 52 is 3.3 standard errors below


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7), st.integers(0, 9))
@settings(max_examples=40)
def test_no_curve_falls_or_exceeds_what_the_metric_can_be(values, seed):
    found = draws(SIZES, np.array(values), np.tile(values, (50, 1)), most=1.0, seed=seed)
    before = found.drawn.at(6)
    for n in (60, 600, 6000):
        now = found.drawn.at(n)
        assert (now >= before - 1e-9).all()
        before = now
    assert (found.drawn.limit <= 1 + 1e-9).all()


def test_tunes_that_differ_more_from_draw_to_draw_make_a_wider_interval():
    steady = np.array([0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.5])
    wild = steady + np.array([0, 0.15, -0.15, 0.15, -0.15, 0.1, -0.1])
    widths = []
    for values in (steady, wild):
        found = draws(SIZES, values, np.tile(values, (400, 1)), most=1.0, seed=0)
        widths.append(np.ptp(np.percentile(found.drawn.at(1000), [2.5, 97.5])))
        assert found.draw_sd > 0
    assert widths[1] > 1.5 * widths[0]


def test_an_odd_small_tune_says_less_of_the_draws_than_an_odd_large_one():
    spreads = []
    for at in (3, 5):
        values = np.array([0.8 - 0.9 * n**-0.3 for n in SIZES])
        values[at] -= 0.12
        found = draws(SIZES, values, np.tile(values, (20, 1)), most=1.0, seed=0)
        spreads.append(found.draw_sd)
    assert spreads[0] < 0.95 * spreads[1]


ASKED = examples(120, "v")
OBJECTIVE = Objective("accuracy", APP.metrics["accuracy"], lambda p: True, 1.0)


def named(name, share):
    return answering(name, share)(ASKED)


def ladder_of(levels, train=480):
    names = [f"tune_{i}" for i in range(len(levels) - 1)] + ["small_tune"]
    sizes = [int(n) for n in np.geomspace(6, 240, len(levels))]
    points = [CurvePoint(examples=n, seed=0, value=0, seconds=1) for n in sizes]
    return Ladder(names, points, train), [
        named(name, level) for name, level in zip(names, levels, strict=True)
    ]


def projected(levels, train=480, majority=0.2):
    ladder, tunes = ladder_of(levels, train)
    arms = [named("majority", majority), named("zero_shot", 0.3), named("few_shot", 0.4), *tunes]
    numbers = sheet(APP, OBJECTIVE, ASKED, arms, resamples=300, seed=0)
    return project(ladder, numbers, OBJECTIVE, margin=0.02, must_retrieve=False, seed=0)


def test_a_tune_that_rises_far_above_the_prompts_is_projected_above_them():
    found = projected([0.2, 0.4, 0.6, 0.8, 0.9])
    by = {one.against: one for one in found.comparisons}
    assert by["few_shot"].difference.low > 0.2
    assert found.curve.chances["480"] > 0.99
    assert found.curve.needed == 480
    assert [point.value for point in found.curve.points] == [0.2, 0.4, 0.6, 0.8, 0.9]


def test_a_flat_tune_promises_nothing():
    found = projected([0.2, 0.2, 0.2, 0.2, 0.2])
    assert found.curve.needed is None
    assert max(found.curve.chances.values()) < 0.1


def test_the_curve_is_read_at_four_times_its_largest_tune_at_the_most():
    assert projected([0.2, 0.3, 0.4, 0.5, 0.6], train=5000).curve.projected_to == 960
    assert projected([0.2, 0.3, 0.4, 0.5, 0.6], train=300).curve.projected_to == 300


def test_how_many_groups_would_tell_falls_with_the_difference():
    near = projected([0.2, 0.3, 0.4, 0.4, 0.5]).needed_groups
    far = projected([0.2, 0.4, 0.6, 0.8, 0.9]).needed_groups
    assert far is not None
    assert near is None or near > far


def test_the_number_of_groups_is_for_every_arm_that_a_tune_must_beat():
    levels = [0.2, 0.4, 0.6, 0.8, 0.9]
    far, near = (projected(levels, majority=level).needed_groups for level in (0.2, 0.8))
    assert far is not None
    assert near is None or near > 2 * far


def test_guessing_is_what_an_arm_reaches_when_it_answers_other_questions():
    arms = [named("majority", 0.2), named("zero_shot", 1.0)]
    numbers = sheet(APP, OBJECTIVE, ASKED, arms, resamples=200, seed=0)
    # The targets are half yes, a quarter no, a quarter maybe: 1/4 + 1/16 + 1/16.
    assert numbers.guessing["zero_shot"] == pytest.approx(0.375, abs=0.04)
    lifts = {one.against: one for one in useful(numbers, ["zero_shot"])}
    assert lifts["guessing"].difference.low > 0.4


def test_guessing_is_drawn_from_all_of_a_file_that_is_sorted_by_label():
    asked = examples(800, "v")
    by_label = sorted(asked, key=lambda e: (e.target == "yes", e.target, e.id))
    known = [Prediction(e.id, e.id, e.target, e.target) for e in by_label]
    assert guess(APP, OBJECTIVE, asked, known, seed=0) == pytest.approx(0.375, abs=0.04)


def test_guessing_has_a_value_where_few_examples_are_of_the_rare_kind():
    asked = examples(900, "v")
    rare = [Prediction(e.id, e.id, "yes" if i == 0 else "no", "yes") for i, e in enumerate(asked)]
    found = Objective("sensitivity", sensitivity("yes"), lambda p: True, 1.0)
    assert guess(APP, found, asked, rare, seed=0) == 1.0


def test_an_arm_that_is_always_right_still_has_an_interval():
    numbers = sheet(
        APP,
        OBJECTIVE,
        ASKED,
        [named("majority", 0.0), named("zero_shot", 1.0)],
        resamples=200,
        seed=0,
    )
    lift = useful(numbers, ["zero_shot"])[0].difference
    assert lift.low < 1.0


def test_each_question_is_corrected_for_itself():
    results: dict[str, ArmResult] = {
        name: named(name, level)
        for name, level in (("zero_shot", 0.5), ("few_shot", 0.5), ("retrieval", 0.7))
    }
    found = measured_pairs(APP, OBJECTIVE, results, resamples=200, seed=0)
    assert {one.question for one in found} == {"retrieve", "prompts"}
    ahead = [one for one in found if one.question == "retrieve"]
    assert all(one.p_adjusted <= 2 * one.p_value + 1e-12 for one in ahead)
    assert all(one.metric == "accuracy" for one in found)


@pytest.mark.parametrize(
    ("epochs", "examples", "expected"),
    [
        (1, 8, 4),  # never more than four times the run's passes
        (1, 128, 4),
        (1, 200, 3),  # 25 steps a pass, 64 wanted
        (1, 10_000, 1),  # never fewer than the run's
        (3, 10_000, 3),
    ],
)
def test_a_small_tune_takes_enough_steps_to_learn_the_labels(epochs, examples, expected):
    tune = TuneSection(epochs=epochs, examples_per_step=8)
    assert tune.epochs_of_small(examples) == expected
