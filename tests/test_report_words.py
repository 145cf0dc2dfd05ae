"""The report's words, numbers and colours."""

import pytest
from report_artifacts import arm, est, versus

from medtune.records import Estimate
from medtune.report import words
from medtune.report.plots.canvas import colours
from medtune.report.plots.loss import Point, smoothed
from medtune.report.verdict import ranked


def test_identifiers_in_a_sentence_become_words_and_plain_words_stay() -> None:
    text = "gate macro_f1 against few_shot: my_few_shot, accuracy and tuned stay"
    assert words.readable(text) == (
        "gate macro-F1 against few-shot prompt: my_few_shot, accuracy and tuned stay"
    )


def test_smaller_wins_where_the_comparisons_say_so() -> None:
    error = [
        arm(name, value).model_copy(update={"estimates": {"error": est(value)}})
        for name, value in (("few_shot", 0.2), ("zero_shot", 0.4))
    ]
    against = versus("few_shot", "zero_shot", 0.2, "yes").model_copy(update={"metric": "error"})
    assert [arm.name for arm in ranked(error, [against], "error")] == ["few_shot", "zero_shot"]
    assert [arm.name for arm in ranked(error, [], "error")] == ["zero_shot", "few_shot"]


def test_numbers_have_few_digits_and_a_true_minus() -> None:
    assert [words.number(x) for x in (0, 3, 0.41, 0.0573, 12.34, 1234.5, -0.2)] == [
        "0", "3", "0.41", "0.057", "12.3", "1,234", "−0.20",
    ]  # fmt: skip
    assert words.number(0.0004) == "4.0e−4"
    assert words.estimate(Estimate(0.512, 0.455, 0.569, 9, 9, "")) == "0.51 (0.46 to 0.57)"
    assert words.estimate(Estimate(-0.001, -0.006, 0.004, 9, 9, ""), signed=True) == (
        "−0.001 (−0.006 to +0.004)"
    )
    assert words.estimate(Estimate(-0.001, -0.06, 0.004, 9, 9, "")) == "0.00 (−0.06 to 0.00)"
    assert [words.percent(x) for x in (0, 0.0075, 0.0998, 0.56, 1)] == [
        "0 %", "0.75 %", "10 %", "56 %", "100 %",
    ]  # fmt: skip
    assert [words.p_value(p) for p in (0.0001, 0.012, 0.31)] == ["below 0.001", "0.012", "0.31"]
    assert [words.duration(s) for s in (0.0004, 12.3, 1312, 3725)] == [
        "0.40 ms", "12.3 s", "22 min", "1 h 02 min",
    ]  # fmt: skip


def test_an_arm_keeps_its_colour_whatever_else_is_drawn() -> None:
    few, many = colours(["tuned", "mystery"]), colours(["classical", "mystery", "tuned"])
    assert few["tuned"] == many["tuned"]
    assert few["mystery"] == many["mystery"]
    assert len(set(many.values())) == 3


def test_the_smoothed_loss_follows_a_straight_fall_exactly() -> None:
    line = [Point(step, 3.0 - step / 100) for step in range(200)]
    assert [point.loss for point in smoothed(line)] == pytest.approx([p.loss for p in line])
