"""What the chat applications rest on: readability, places, advice, ledger, mood trend, coping."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.clinical.coping import NEEDS, choose, needs_of, safety_plan, strategies
from medtune.clinical.helplines import UNKNOWN, actions, is_spanish, lead, place, places
from medtune.clinical.ledger import person_asked_about, read_ledger
from medtune.clinical.mood import SCALES, Point, trend
from medtune.clinical.readability import grade, syllables
from medtune.clinical.redflags import rule_book, triage
from medtune.errors import ConfigError, DataError

SYLLABLES = {
    1: "cat breathe walked likes fire heart ache eye the she child nurse called used use cough "
    "through enough tongue squeeze guide goes does real quite blue piece weight",
    2: "water people table little patient special poison wanted houses changes being doctor "
    "children bleeding dizzy pressure disease asthma question fatigue muscle vaccine kidney cancer "
    "virus migraine syndrome every evening symptom ankle value issue region lion fluid",
    3: "medicine physician area idea serious nausea hospital ambulance vegetable family allergic "
    "radio video needed different diseases example surgery allergy injury oxygen opinion museum "
    "continue created",
    4: "emergency variety insomnia bacteria temperature",
}


def test_syllables_are_counted_as_a_dictionary_has_them():
    pairs = [(word, n) for n, words in SYLLABLES.items() for word in words.split()]
    wrong = [word for word, n in pairs if syllables(word) != n]
    assert len(wrong) <= 0.06 * len(pairs), wrong


def test_the_grade_is_that_of_kincaid_1975():
    assert grade("The cat sat on the mat.") == pytest.approx(0.39 * 6 + 11.8 * 1 - 15.59)
    assert grade("") == 0.0
    hard = "Hypertension necessitates pharmacological intervention and longitudinal monitoring."
    easy = "High blood pressure needs pills. See your nurse. Check it each week."
    assert grade(hard) > 12
    assert grade(easy) < 8


@given(st.lists(st.sampled_from(["pain", "water", "call", "doctor"]), min_size=2, max_size=20))
def test_cutting_a_text_into_sentences_never_makes_it_harder(words):
    assert grade(". ".join(words) + ".") <= grade(" ".join(words) + ".") + 1e-9


def test_all_advice_is_at_grade_eight_or_below_and_fits_every_place():
    example = {rule.action: rule.examples[0] for rule in rule_book().rules}
    for action, text in example.items():
        for where in places().values():
            told = lead(triage(text), where)
            assert told, action
            assert "{" not in told
            assert grade(told) <= 8.0, (action, where.code, grade(told))
    assert set(example) <= actions()


def test_an_emergency_answer_leads_with_the_action_in_its_first_sentence():
    verb = re.compile(r"^(?:Call|Use|Go|Take|Rinse|Cool|Please step|If you may act|If they may)\b")
    for rule in rule_book().rules:
        if rule.level == "emergency":
            told = lead(triage(rule.examples[0]), place("us"))
            first = re.split(r"(?<=[.!?])\s", str(told))[0]
            assert verb.match(first), rule.id
            assert "911" in told or "1-800-222-1222" in told, rule.id


def test_each_place_has_its_own_numbers_and_a_date():
    assert "988" in place("us").crisis[0]
    assert "116 123" in place("uk").crisis[0]
    assert (place("uk").emergency, place("es").emergency, place("au").emergency) == (
        "999",
        "112",
        "000",
    )
    assert place("us-il").emergency == "911"
    assert not place("us-il").therapy
    assert place("us-ny").disclose_every_hours == 3
    for where in places().values():
        assert re.fullmatch(r"\d{4}-\d{2}", str(where.checked)), where.code
        assert where.crisis, where.code
    with pytest.raises(ConfigError, match="did you mean 'uk'"):
        place("ukk")


def test_the_line_of_one_country_is_not_told_in_another():
    told = str(lead(triage("I want to kill myself"), place("uk")))
    assert "988" not in told
    assert "911" not in told
    unknown = str(lead(triage("I want to kill myself"), place(UNKNOWN)))
    assert all(number in unknown for number in ("911", "999", "112", "988", "116 123"))


def test_a_crisis_of_somebody_else_is_answered_to_the_one_who_asks():
    told = str(lead(triage("My friend wants to kill herself"), place("us")))
    assert told.startswith("If they may act")
    assert "Are you thinking" not in told


def test_an_overdose_with_a_wish_to_die_says_ambulance_and_line():
    told = str(lead(triage("I took 30 tylenol and I want to die"), place("us")))
    assert told.index("911") < 60 or "1-800-222-1222" in told[:80]
    assert "988" in told


def test_spanish_is_answered_in_spanish():
    text = "Quiero morirme y no quiero seguir con esta vida"
    assert is_spanish(text)
    assert not is_spanish("I want to die and I do not want to go on")
    told = str(lead(triage(text), place("es"), spanish=True))
    assert "024" in told
    assert "quitarse la vida" in told


def test_the_ledger_keeps_facts_by_person():
    told = read_ledger(
        [
            "I'm 34 and 20 weeks pregnant. I take sertraline. I am allergic to penicillin.",
            "My daughter is 4 years old and weighs 16 kg. She takes amoxicillin.",
        ]
    )
    assert told.last("self", "age_years") == "34.00"
    assert told.last("self", "pregnant") == "yes"
    assert told.last("self", "medicines") == "sertraline"
    assert told.last("self", "allergies") == "penicillin"
    assert told.last("child", "age_years") == "4.00"
    assert told.last("child", "weight_kg") == "16.0"
    assert told.last("child", "medicines") == "amoxicillin"
    assert told.missing("self") == ()
    assert told.missing("child") == ("allergies",)
    assert "34" not in repr(told)


def test_the_ledger_notes_what_contradicts_what():
    told = read_ledger(["I am 34", "Sorry, I am 43 years old", "I'm not pregnant", "I'm pregnant"])
    assert {one.name for one, _ in told.contradictions()} == {"age_years", "pregnant"}
    assert read_ledger(["I am 34", "My son is 4 years old"]).contradictions() == ()


def test_a_question_about_taking_is_no_fact_of_taking():
    assert read_ledger(["Can I take ibuprofen?"]).last("self", "medicines") is None
    assert read_ledger(["trying to get pregnant"]).last("self", "pregnant") is None
    question = re.compile("can i give")
    assert person_asked_about(["I am 40.", "can i give my son aspirin?"], question) == "child"


@given(st.text(max_size=120))
def test_any_text_can_be_read_into_the_ledger(text):
    assert read_ledger([text]) == read_ledger([text])


DAY = date(2026, 8, 1)


def days(values: list[float], step: int = 3) -> list[Point]:
    return [Point(DAY + timedelta(days=step * i), value) for i, value in enumerate(values)]


def test_a_clear_trend_is_named_and_its_direction_depends_on_the_scale():
    rising = days([1, 2, 3, 4, 5, 6, 7, 8])
    assert trend(rising, SCALES["mood"]).direction == "better"
    assert trend(rising, SCALES["PHQ-9"]).direction == "worse"
    assert trend(rising, SCALES["mood"]).per_week == pytest.approx(7 / 3)


@given(st.permutations(list(range(8))))
def test_the_order_of_the_check_ins_does_not_matter(order):
    points = days([3, 4, 2, 5, 5, 6, 7, 6])
    assert trend([points[i] for i in order], SCALES["mood"]) == trend(points, SCALES["mood"])


def test_one_bad_day_does_not_turn_a_trend_and_noise_has_none():
    points = days([2, 3, 3, 4, 0, 5, 6, 6, 7, 8])
    assert trend(points, SCALES["mood"]).direction == "better"
    assert trend(days([5, 4, 6, 5, 4, 6, 5]), SCALES["mood"]).direction == "no clear change"


def test_too_few_days_are_no_trend_and_wrong_values_are_refused():
    assert trend(days([1, 9, 1, 9]), SCALES["mood"]).direction == "not enough data"
    assert trend(days([1, 2, 3, 4, 5], step=1), SCALES["mood"]).direction == "not enough data"
    with pytest.raises(DataError, match="lie outside 0 to 10"):
        trend(days([11]), SCALES["mood"])
    with pytest.raises(DataError, match="comes twice"):
        trend([Point(DAY, 1), Point(DAY, 2)], SCALES["mood"])


def test_coping_steps_are_chosen_by_need_and_each_has_a_source():
    assert "sleep" in needs_of("I cannot sleep and I worry")
    assert all(set(one.needs) & {"panic"} for one in choose(["panic"]))
    assert choose([]) == ()
    assert {need for one in strategies() for need in one.needs} == set(NEEDS)
    for one in strategies():
        assert re.search(r"\d{4}", one.source), one.id
        assert grade(" ".join(one.steps)) <= 8.0, one.id
    assert len(safety_plan()) == 6
