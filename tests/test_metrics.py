import random
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from medtune.errors import DataError
from medtune.metrics import (
    accuracy,
    exact_match,
    json_match,
    macro_f1,
    number_within,
    rouge_l,
    span_f1,
)
from medtune.records import Json, Prediction

LABELS = ("yes", "no", "maybe")
ALL = [
    accuracy,
    exact_match,
    macro_f1(LABELS),
    number_within(0.05),
    span_f1,
    rouge_l,
    json_match,
]


def answers(*pairs: tuple[Json, Json]) -> list[Prediction]:
    """Predictions of (target, answer)."""
    return [Prediction(f"r{i}", f"g{i}", t, a) for i, (t, a) in enumerate(pairs)]


@pytest.mark.parametrize("metric", ALL)
def test_no_predictions_give_no_number(metric):
    with pytest.raises(DataError, match="at least one prediction"):
        metric([])


@pytest.mark.parametrize(
    ("metric", "target"),
    [
        (accuracy, "yes"),
        (exact_match, "Aspirin 5 mg"),
        (macro_f1(LABELS), "maybe"),
        (number_within(0.0), 7.3),
        (number_within(0.0), 0),
        (span_f1, ["aspirin", "heparin"]),
        (span_f1, []),
        (rouge_l, "no acute distress"),
        (json_match, {"dose": {"value": 5, "unit": "mg"}, "routes": ["oral"], "prn": False}),
        (json_match, {}),
    ],
)
def test_the_target_scores_one_and_silence_scores_zero(metric, target):
    assert metric(answers((target, target))) == 1.0
    assert metric(answers((target, None))) == 0.0
    declined = Prediction("r", "g", target, target, abstained=True)
    assert metric([declined]) == 0.0


@given(
    st.lists(
        st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, None, "other"])),
        min_size=1,
        max_size=40,
    )
)
def test_macro_f1_is_that_of_scikit_learn(pairs):
    targets = [target for target, _ in pairs]
    given_ = [answer or "other" for _, answer in pairs]
    seen = sorted({*targets, *given_} - {"other"})
    expected = f1_score(targets, given_, labels=seen, average="macro", zero_division=0.0)
    assert macro_f1(LABELS)(answers(*pairs)) == pytest.approx(expected)


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1), st.data())
def test_the_order_of_predictions_changes_nothing(pairs, data):
    predictions = answers(*pairs)
    shuffled = data.draw(st.permutations(predictions))
    for metric in (accuracy, exact_match, macro_f1(LABELS), rouge_l):
        assert metric(shuffled) == pytest.approx(metric(predictions))
        assert 0 <= metric(predictions) <= 1


def test_macro_f1_counts_a_rare_label_fully():
    predictions = answers(*[("no", "no")] * 98, ("yes", "no"), ("yes", "no"))
    assert accuracy(predictions) == 0.98
    assert macro_f1(LABELS)(predictions) == pytest.approx((2 * 98 / 198) / 2)


def test_macro_f1_refuses_a_target_that_is_no_label_without_showing_it():
    with pytest.raises(DataError, match="record r1") as caught:
        macro_f1(LABELS)(answers(("yes", "yes"), ("HIV positive", "no")))
    assert "HIV" not in str(caught.value)


def test_macro_f1_is_fast_enough_to_be_bootstrapped():
    chance = random.Random(0)
    predictions = answers(*[(chance.choice(LABELS), chance.choice(LABELS)) for _ in range(300)])
    metric = macro_f1(LABELS)
    seconds = min(timeit.repeat(lambda: metric(predictions), number=20, repeat=20)) / 20
    assert seconds < 200e-6


def test_exact_match_ignores_case_space_and_end_punctuation_but_no_decimal_point():
    pairs = [("Aspirin 5 mg", " aspirin  5 MG. "), ("0.5 mg", "05 mg"), ("5", "-5")]
    assert exact_match(answers(*pairs)) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("target", "answer", "right"),
    [
        (100, 105.0, True),
        (100, 105.1, False),
        (-100, -95, True),
        (-100, 100, False),
        (0.3, 0.1 + 0.2, True),
        (0, 1e-6, False),
        (1, True, False),
        (5, "5", False),
    ],
)
def test_a_number_is_right_within_its_relative_error(target, answer, right):
    assert number_within(0.05)(answers((target, answer))) == right


def test_a_target_that_is_no_number_is_a_fault_of_the_data():
    with pytest.raises(DataError, match="record r0"):
        number_within(0.1)(answers(("12 mg", 12)))


def test_span_f1_is_micro_over_multisets():
    predictions = answers(
        (["aspirin", "aspirin", "heparin"], ["Aspirin", "warfarin"]),
        (["tumour  cells"], ["tumour cells"]),
        ([], []),
    )
    assert span_f1(predictions) == pytest.approx(2 * 2 / (3 + 2 + 1 + 1))


def test_an_unread_list_is_not_right_even_where_there_was_nothing_to_find():
    assert span_f1(answers(([], None), (["a"], ["a"]))) == pytest.approx(2 / 3)


def test_span_f1_refuses_a_target_that_is_no_list():
    with pytest.raises(DataError, match="record r0"):
        span_f1(answers(("aspirin", ["aspirin"])))


def test_rouge_l_agrees_with_the_worked_example_of_lin_2004():
    # In order, "police ... the gunman" is shared with the first and "the gunman" with the second.
    pairs = [("police killed the gunman", "police kill the gunman")]
    assert rouge_l(answers(*pairs)) == pytest.approx(3 / 4)
    assert rouge_l(answers((pairs[0][0], "the gunman kill police"))) == pytest.approx(2 / 4)
    assert rouge_l(answers(("a b c d", "a c"))) == pytest.approx(2 * 2 / (4 + 2))


def test_json_match_counts_the_leaves_at_their_place():
    target = {"drug": "Aspirin", "dose": {"value": 5.0, "unit": "mg"}, "prn": True}
    answer = {"drug": "aspirin.", "dose": {"value": 5, "unit": "g"}, "prn": 1, "more": "x"}
    assert json_match(answers((target, answer))) == pytest.approx(2 / 4)
    assert json_match(answers((["a", "b"], ["b", "a"]))) == 0
