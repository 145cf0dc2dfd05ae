"""Detection, probabilities, rankings, spans, quantities, facts and rubrics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    ndcg_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from medtune import metrics
from medtune.errors import DataError, UndefinedMetric
from medtune.metrics import Criterion
from medtune.records import Json, Prediction

LABELS = ("yes", "no", "maybe")


def answers(*pairs: tuple[Json, Json]) -> list[Prediction]:
    return [Prediction(f"r{i}", f"g{i}", t, a) for i, (t, a) in enumerate(pairs)]


def stated(rows) -> list[Prediction]:
    """Predictions of (target, probability of yes)."""
    return [
        Prediction(f"r{i}", f"g{i}", t, "yes", probabilities={"yes": float(p), "no": 1 - float(p)})
        for i, (t, p) in enumerate(rows)
    ]


pairs_of_labels = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=2, max_size=40
).filter(
    lambda rows: {"yes", "no"} <= {t for t, _ in rows} and {"yes", "no"} <= {a for _, a in rows}
)


@given(pairs_of_labels)
def test_detection_is_that_of_scikit_learn(pairs):
    made = answers(*pairs)
    targets, given_ = ([side == "yes" for side in some] for some in zip(*pairs, strict=True))
    expected = {
        "sensitivity": recall_score(targets, given_),
        "specificity": recall_score(targets, given_, pos_label=False),
        "positive_predictive_value": precision_score(targets, given_),
        "negative_predictive_value": precision_score(targets, given_, pos_label=False),
        "f1": f1_score(targets, given_),
    }
    for name, value in expected.items():
        assert getattr(metrics, name)("yes")(made) == pytest.approx(value), name


def test_an_unread_answer_to_a_positive_is_a_miss_and_raises_no_alarm_elsewhere():
    made = answers(("yes", None), ("yes", "yes"), ("no", None), ("no", "no"))
    assert metrics.sensitivity("yes")(made) == 0.5
    assert metrics.specificity("yes")(made) == 1.0


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("sensitivity", [("no", "no")]),
        ("specificity", [("yes", "yes")]),
        ("positive_predictive_value", [("yes", "no")]),
        ("negative_predictive_value", [("yes", "yes")]),
        ("f1", [("no", "no")]),
    ],
)
def test_a_share_of_nothing_has_no_value(name, pairs):
    with pytest.raises(UndefinedMetric, match="no value"):
        getattr(metrics, name)("yes")(answers(*pairs))


@given(
    st.lists(
        st.tuples(st.sampled_from(["yes", "no"]), st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9])),
        min_size=2,
        max_size=40,
    ).filter(lambda rows: len({t for t, _ in rows}) > 1),
    st.data(),
)
def test_ranking_by_probability_is_that_of_scikit_learn_in_any_order(rows, data):
    made = stated(rows)
    targets, chances = [t == "yes" for t, _ in rows], [p for _, p in rows]
    assert metrics.auroc("yes")(made) == pytest.approx(roc_auc_score(targets, chances))
    assert metrics.auprc("yes")(made) == pytest.approx(average_precision_score(targets, chances))
    shuffled = data.draw(st.permutations(made))
    assert metrics.auroc("yes")(shuffled) == pytest.approx(metrics.auroc("yes")(made))
    assert metrics.auprc("yes")(shuffled) == pytest.approx(metrics.auprc("yes")(made))


def test_a_ranking_needs_both_kinds_and_a_probability_for_each():
    with pytest.raises(UndefinedMetric, match="all or none"):
        metrics.auroc("yes")(stated([("yes", 0.5)]))
    with pytest.raises(UndefinedMetric, match="r0"):
        metrics.auroc("yes")(answers(("yes", "yes"), ("no", "no")))


def test_macro_auroc_is_the_mean_over_the_labels_that_occur():
    chances = {"yes": [0.9, 0.2, 0.3], "no": [0.1, 0.5, 0.6], "maybe": [0.0, 0.3, 0.1]}
    made = [
        Prediction(f"r{i}", f"g{i}", t, t, probabilities={k: v[i] for k, v in chances.items()})
        for i, t in enumerate(["yes", "no", "yes"])
    ]
    expected = (metrics.auroc("yes")(made) + metrics.auroc("no")(made)) / 2
    assert metrics.macro_auroc(LABELS)(made) == pytest.approx(expected)


def test_rankings_agree_with_the_hand():
    made = answers(
        ("aspirin", ["Heparin", "aspirin.", "warfarin"]),
        (["a", "b"], ["b", "c", "a"]),
        ("x", ["y"]),
        ("x", None),
    )
    assert metrics.recall_at(1)(made) == pytest.approx((0 + 0.5) / 4)
    assert metrics.recall_at(3)(made) == pytest.approx((1 + 1) / 4)
    assert metrics.mean_reciprocal_rank(made) == pytest.approx((0.5 + 1) / 4)


def test_a_text_named_twice_counts_once():
    made = answers((["a", "b"], ["a", "a", "b"]))
    assert metrics.recall_at(2)(made) == 1
    assert metrics.ndcg(2)(made) == 1


@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=8),
    st.randoms(use_true_random=False),
    st.integers(1, 8),
)
def test_ndcg_is_that_of_scikit_learn(gains, chance, k):
    names = [f"d{i}" for i in range(len(gains))]
    order = list(range(len(gains)))
    chance.shuffle(order)
    made = answers((dict(zip(names, gains, strict=True)), [names[i] for i in order]))
    scores = [-order.index(i) for i in range(len(gains))]
    expected = ndcg_score(np.array([gains]), np.array([scores]), k=k)
    assert metrics.ndcg(k)(made) == pytest.approx(expected)


@pytest.mark.parametrize("target", [[], {"a": 0}, {}, 5, None])
def test_a_ranking_refuses_a_target_that_names_nothing(target):
    with pytest.raises(DataError, match="record r0"):
        metrics.mean_reciprocal_rank(answers((target, ["a"])))


def place(start, end, label="drug"):
    return {"start": start, "end": end, "label": label}


def test_places_must_agree_exactly_or_overlap_with_their_label():
    made = answers(
        ([place(0, 5), place(10, 20)], [place(0, 5), place(12, 18)]),
        ([place(30, 40)], [place(30, 40, "dose")]),
    )
    assert metrics.span_f1(made) == pytest.approx(2 * 1 / 6)
    assert metrics.span_overlap_f1(made) == pytest.approx(2 * 2 / 6)
    assert metrics.span_recall(made) == pytest.approx(1 / 3)
    assert metrics.span_precision(made) == pytest.approx(1 / 3)


def test_texts_overlap_by_a_word_and_each_has_one_partner():
    made = answers((["acute chest pain", "fever"], ["chest pain", "chest", "pain"]))
    assert metrics.span_f1(made) == 0
    assert metrics.span_overlap_f1(made) == pytest.approx(2 * 1 / 5)
    # The greedy choice (a b with a) would leave "b c" alone.
    crossed = answers((["a b", "b"], ["b c", "a"]))
    assert metrics.span_overlap_f1(crossed) == 1


@given(st.lists(st.sampled_from(["a", "b", "a b", "c"]), max_size=5))
def test_overlap_is_never_less_than_exact_agreement(named):
    made = answers((["a", "a b", "c"], list(named)))
    assert metrics.span_overlap_f1(made) >= metrics.span_f1(made)


def in_mg(value, unit, wanted):
    factors = {"mg": 1.0, "g": 1000.0, "ug": 0.001}
    if unit not in factors or wanted not in factors:
        return None
    return value * factors[unit] / factors[wanted]


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ({"value": 5, "unit": "mg"}, True),
        ({"value": 0.005, "unit": "g"}, True),
        ({"value": 5000, "unit": "ug"}, True),
        ({"value": 5, "unit": "g"}, False),
        ({"value": 5, "unit": "mL"}, False),
        ({"value": 5, "unit": ""}, False),
        ({"value": 5}, False),
        (5, False),
        (None, False),
    ],
)
def test_a_quantity_is_right_only_in_a_unit_that_converts(answer, right):
    metric = metrics.quantity_within(0.01, in_mg)
    assert metric(answers(({"value": 5, "unit": "mg"}, answer))) == right


def test_a_target_without_a_unit_is_a_fault_of_the_data():
    with pytest.raises(DataError, match="record r0"):
        metrics.quantity_within(0.01, in_mg)(answers((5, {"value": 5, "unit": "mg"})))


def test_rouge_1_and_2_agree_with_the_worked_example_of_lin_2004():
    # S1 "police killed the gunman", S2 "police kill the gunman": 3 of 4 words, 1 of 3 pairs.
    made = answers(("police killed the gunman", "police kill the gunman"))
    assert metrics.rouge_n(1)(made) == pytest.approx(3 / 4)
    assert metrics.rouge_n(2)(made) == pytest.approx(1 / 3)
    assert metrics.rouge_n(2)(answers(("fever", "Fever"))) == 1
    assert metrics.rouge_n(2)(answers(("fever", None))) == 0


def drugs(text: str) -> frozenset[str]:
    return frozenset(w.strip(".,") for w in text.casefold().split()) & {
        "aspirin",
        "heparin",
        "dabigatran",
    }


def test_omissions_and_additions_are_counted_on_facts():
    made = answers(
        ("Give aspirin and heparin.", "Aspirin was given."),
        ("No drug.", "Dabigatran."),
        ("Heparin", None),
    )
    assert metrics.fact_recall(drugs)(made) == pytest.approx(1 / 3)
    assert metrics.fact_precision(drugs)(made) == pytest.approx(1 / 3)
    source = {"r0": "on aspirin", "r1": "dabigatran at home", "r2": ""}
    assert metrics.supported(drugs, lambda p: source[p.id])(made) == 1
    with pytest.raises(UndefinedMetric, match="fact recall"):
        metrics.fact_recall(drugs)(answers(("nothing", "nothing")))
    with pytest.raises(UndefinedMetric, match="fact precision"):
        metrics.fact_precision(drugs)(answers(("aspirin", "nothing")))


RUBRIC = [
    Criterion("call", "Tells to call", 10),
    Criterion("dose", "A dose", 5),
    Criterion("lie", "Lies", -8),
]


def test_a_rubric_earns_points_by_the_formula_of_healthbench():
    met = {"call": True, "dose": False, "lie": False}
    assert metrics.rubric_points(RUBRIC, met) == pytest.approx(10 / 15)
    assert metrics.rubric_points(RUBRIC, met | {"lie": True}) == pytest.approx(2 / 15)
    worst = {"call": False, "dose": False, "lie": True}
    assert metrics.rubric_points(RUBRIC, worst) == pytest.approx(-8 / 15)


def test_the_score_of_a_set_is_the_clipped_mean():
    assert metrics.rubric_score(answers((1, -0.5), (1, 1.0))) == 0.25
    assert metrics.rubric_score(answers((1, -0.5), (1, 0.1))) == 0
    with pytest.raises(DataError, match="record r0"):
        metrics.rubric_score(answers((1, None)))


@pytest.mark.parametrize(
    ("criteria", "says"),
    [
        ([RUBRIC[0], RUBRIC[0]], "twice"),
        ([Criterion("x", "x", 11)], "from -10 to 10"),
        ([Criterion("x", "x", 0)], "from -10 to 10"),
        ([RUBRIC[2]], "nothing can be earned"),
    ],
)
def test_a_rubric_that_cannot_be_scored_is_refused(criteria, says):
    with pytest.raises(DataError, match=says):
        metrics.check_rubric(criteria, "rubric.json")
