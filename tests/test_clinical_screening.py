"""Questionnaires: totals and bands as published, missing items, change, and self-harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.clinical.screening import (
    GAD_7,
    PHQ_2,
    PHQ_9,
    QUESTIONNAIRES,
    SELF_HARM_ITEM,
    Questionnaire,
    score,
)
from medtune.clinical.screening_change import change, trend
from medtune.clinical.screening_suicide import CODES, LADDER, ORDER, screen
from medtune.clinical.urgency import Urgency, most_urgent
from medtune.errors import DataError

POINTS = st.one_of(st.none(), st.integers(0, 3))


def answers(form: Questionnaire, points: list[int | None]) -> dict[str, int | None]:
    return dict(zip(form.items, points, strict=True))


def total(form: Questionnaire, wanted: int):
    """A screening of a given total, without self-harm where it can be."""
    points = [0] * len(form.items)
    for i in range(wanted):
        points[i % (len(points) - (form is PHQ_9))] += 1
    return score(form.name, answers(form, [min(p, 3) for p in points]))


@pytest.mark.parametrize(
    ("form", "points", "severity"),
    [
        (PHQ_9, 0, "minimal"),
        (PHQ_9, 4, "minimal"),
        (PHQ_9, 5, "mild"),
        (PHQ_9, 9, "mild"),
        (PHQ_9, 10, "moderate"),
        (PHQ_9, 14, "moderate"),
        (PHQ_9, 15, "moderately severe"),
        (PHQ_9, 19, "moderately severe"),
        (PHQ_9, 20, "severe"),
        (GAD_7, 4, "minimal"),
        (GAD_7, 5, "mild"),
        (GAD_7, 10, "moderate"),
        (GAD_7, 15, "severe"),
        (PHQ_2, 2, "negative"),
        (PHQ_2, 3, "positive"),
    ],
)
def test_bands_are_those_of_kroenke_2001_2003_and_spitzer_2006(form, points, severity):
    found = total(form, points)
    assert (found.total, found.severity) == (points, severity)
    assert found.positive is (points >= form.positive)


@given(st.lists(POINTS, min_size=9, max_size=9))
def test_item_nine_from_one_on_always_triggers_a_safety_assessment(points):
    found = score("PHQ-9", answers(PHQ_9, points))
    if points[8]:
        assert found.urgency is Urgency.URGENT
        assert "item 9" in found.why
    elif points[8] is None:
        assert found.urgency is Urgency.ROUTINE
        assert found.self_harm is None
    else:
        assert found.urgency in (None, Urgency.ROUTINE)


@given(st.sampled_from(sorted(QUESTIONNAIRES)), st.data())
def test_missing_items_never_lower_what_is_certain(name, data):
    form = QUESTIONNAIRES[name]
    n = len(form.items)
    points = data.draw(st.lists(POINTS, min_size=n, max_size=n))
    found = score(name, answers(form, points))
    assert found.at_least == sum(p or 0 for p in points)
    n_missing = points.count(None)
    assert (found.total is None) == (n_missing > form.most_missing)
    if found.total is not None:
        assert found.at_least <= found.total <= form.highest
        assert found.prorated is (n_missing > 0)
    if found.at_least >= form.positive:
        assert found.positive is True
    if found.positive is False:
        assert found.at_least + 3 * n_missing < form.positive or found.total is not None


def test_the_phq_9_is_prorated_up_to_two_missing_items_and_refused_beyond():
    two = score("PHQ-9", answers(PHQ_9, [2, 2, 2, 2, 2, 2, 2, None, None]))
    assert (two.total, two.prorated, two.severity) == (18.0, True, "moderately severe")
    three = score("PHQ-9", answers(PHQ_9, [3, 3, 3, 3, 3, 3, None, None, None]))
    assert (three.total, three.severity, three.positive, three.at_least) == (None, None, True, 18)
    assert score("GAD-7", answers(GAD_7, [3, 3, 3, 3, 3, 3, None])).total is None


def test_what_is_no_answer_is_refused():
    with pytest.raises(DataError, match="0, 1, 2 or 3"):
        score("PHQ-9", {SELF_HARM_ITEM: 4})
    with pytest.raises(DataError, match="0, 1, 2 or 3"):
        score("PHQ-9", {SELF_HARM_ITEM: True})
    with pytest.raises(DataError, match="not items"):
        score("GAD-7", {SELF_HARM_ITEM: 1})
    with pytest.raises(DataError, match="not one of"):
        score("BDI", {})


@pytest.mark.parametrize(
    ("form", "before", "after", "direction", "flags"),
    [
        (PHQ_9, 18, 13, "no reliable change", (True, False, False, False)),
        (PHQ_9, 18, 12, "improved", (True, False, False, False)),
        (PHQ_9, 18, 9, "improved", (True, True, False, True)),
        (PHQ_9, 18, 4, "improved", (True, True, True, True)),
        (PHQ_9, 8, 14, "worse", (True, False, False, False)),
        (PHQ_9, 6, 3, "no reliable change", (False, False, True, False)),
        (GAD_7, 12, 8, "improved", (True, False, False, False)),
        (GAD_7, 12, 7, "improved", (True, False, False, True)),
        (GAD_7, 9, 7, "no reliable change", (False, False, False, True)),
    ],
)
def test_change_is_that_of_the_nhs_manual_and_loewe_2004(form, before, after, direction, flags):
    found = change(total(form, before), total(form, after))
    assert found.delta == after - before
    assert found.direction == direction
    assert (found.is_clinical, found.response, found.remission, found.recovered) == flags


def test_a_change_needs_two_totals_of_one_instrument():
    with pytest.raises(DataError, match="both must be"):
        change(total(PHQ_9, 5), total(GAD_7, 5))
    with pytest.raises(DataError, match="reliable change is published"):
        change(total(PHQ_2, 3), total(PHQ_2, 5))
    empty = score("PHQ-9", {})
    with pytest.raises(DataError, match="too many items"):
        change(total(PHQ_9, 5), empty)
    assert trend([total(PHQ_9, 5), empty]) is None
    assert trend([total(PHQ_9, 15), empty, total(PHQ_9, 5)]).delta == -10


@pytest.mark.parametrize(
    ("yes", "level"),
    [
        ([], "none"),
        (["wish_to_be_dead"], "low"),
        (["wish_to_be_dead", "suicidal_thoughts"], "low"),
        (["suicidal_thoughts", "method"], "moderate"),
        (["suicidal_thoughts", "intent"], "high"),
        (["suicidal_thoughts", "plan"], "high"),
        (["behaviour_ever"], "moderate"),
        (["behaviour_ever", "behaviour_3_months"], "high"),
        (["behaviour_3_months"], "high"),
    ],
)
def test_the_c_ssrs_level_is_that_of_the_most_serious_yes(yes, level):
    given_answers = {key: key in yes for key in CODES}
    found = screen(given_answers)
    assert (found.level, found.complete) == (level, True)
    assert set(found.why) <= set(yes)
    assert (found.urgency or 0) >= (Urgency.URGENT if yes else 0)


@given(st.dictionaries(st.sampled_from(sorted(CODES)), st.one_of(st.none(), st.booleans())))
def test_a_further_yes_never_lowers_the_c_ssrs_level(given_answers):
    found = screen(given_answers)
    for key in CODES:
        more = screen({**given_answers, key: True})
        assert ORDER.index(more.level) >= ORDER.index(found.level)
        assert ORDER.index(more.level) >= ORDER.index(LADDER[key])
    assert (most_urgent(found.urgency, None)) is found.urgency


def test_the_c_ssrs_asks_on_and_takes_nothing_unanswered_for_no():
    assert screen({}).to_ask == ("wish_to_be_dead", "suicidal_thoughts", "behaviour_ever")
    assert screen({"wish_to_be_dead": False, "suicidal_thoughts": True}).to_ask == (
        "method",
        "intent",
        "plan",
        "behaviour_ever",
    )
    assert screen({"behaviour_ever": True}).to_ask[-1] == "behaviour_3_months"
    with pytest.raises(DataError, match="true or false"):
        screen({"plan": 1})
    with pytest.raises(DataError, match="not one of"):
        screen({"q7": True})


@given(st.lists(st.one_of(st.none(), st.sampled_from(list(Urgency))), max_size=5))
def test_the_most_urgent_is_the_maximum_of_what_is_known(levels):
    known = [level for level in levels if level is not None]
    assert most_urgent(*levels) is (max(known) if known else None)


def test_the_codes_are_loinc_codes_by_their_check_digit():
    codes = [*CODES.values(), "93373-9", "93374-7"]
    for form in QUESTIONNAIRES.values():
        codes += [form.panel, form.total, *form.items]
    for code in codes:
        digits, check = code.split("-")
        assert luhn(digits) == int(check), code


def luhn(digits: str) -> int:
    """Modulus 10 check digit, as LOINC uses it."""
    total = 0
    for i, digit in enumerate(reversed(digits)):
        n = int(digit) * (2 if i % 2 == 0 else 1)
        total += n - 9 if n > 9 else n
    return -total % 10
