"""Readings and amounts: each band with its unit, and what only looks like a reading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.apps import chatbot
from medtune.clinical.helplines import advice, lead, place
from medtune.clinical.redflags import triage, triage_turns
from medtune.clinical.redflags.amounts import most_daily_mg
from medtune.clinical.urgency import Urgency
from medtune.records import Message

US = place("us")
SUGAR_ADVICE = ("ambulance_sugar", "today_sugar")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("glucose 32 mmol/L and vomiting", "dka-1"),
        ("my blood sugar is 25 mmol/L", "dka-2"),
        ("sugar 25mmol/l", "dka-2"),
        ("his blood glucose is 30.5 mmol/l, type 1 diabetic, drowsy", "dka-1"),
        ("I am diabetic and confused, my glucose is 28 mmol/L", "dka-1"),
        ("my sugar is 480 mg/dl, I am diabetic and confused", "dka-1"),
        ("I took 25 units of insulin, my sugar is 300", "dka-2"),
        ("my sugar is 25", "sugar-1"),
        ("I am diabetic and confused, my sugar is 27", "sugar-1"),
    ],
)
def test_a_high_or_unclear_sugar_is_never_answered_with_sugar(text, rule):
    found = triage(text)
    assert rule in found.rule_ids
    told = lead(found, US)
    assert not any(advice(one, US) in told for one in SUGAR_ADVICE)
    assert "give sugar" not in chatbot.before([Message("user", text)], "us")


def test_the_unclear_sugar_neither_asks_for_sugar_nor_forbids_it():
    told = advice("emergency_sugar_unit", US).lower()
    assert told.startswith("call 911 now")
    assert not any(word in told for word in ("give", "juice", "tablet", "do not", "eat"))


def test_a_unit_of_the_turn_counts_after_the_word_diabetic():
    found = triage_turns(["I am diabetic", "sugar is 27 mmol/L"])
    assert found.rule_ids == ("dka-2",)


@pytest.mark.parametrize("text", ["sugar 2.5 mmol/L", "sugar is 40 mg/dl", "my sugar is 42"])
def test_a_low_sugar_is_still_answered_with_sugar(text):
    assert triage(text).first.action == "ambulance_sugar"


@given(st.floats(0.1, 60).map(lambda value: round(value, 1)))
def test_both_units_of_a_sugar_give_the_same_band(mmol):
    """Away from the limits, where the published pairs are rounded."""
    mg = mmol * 18.016
    if all(abs(mg - limit) > 2 for limit in (54, 70, 250)):
        by_mmol = triage(f"my glucose is {mmol} mmol/L")
        by_mg = triage(f"my glucose is {mg:.0f} mg/dL")
        assert by_mmol.rule_ids == by_mg.rule_ids


@pytest.mark.parametrize(
    "text",
    [
        "BP 85/40 and confused",
        "blood pressure is 80 over 50 and he is clammy",
        "pulse 38 and dizzy",
        "my newborn's temperature is 34.5",
        "O2 sat is 45",
        "His temperature is 93.2 F and he is confused",
    ],
)
def test_a_low_reading_with_a_danger_sign_is_an_emergency(text):
    assert triage(text).level is Urgency.EMERGENCY


@pytest.mark.parametrize(
    "text", ["my heart rate is 35", "BP is 84/50", "My temperature is 34.2", "35 bpm pulse"]
)
def test_a_low_reading_alone_is_seen_today(text):
    assert triage(text).rule_ids == ("vital-2",)


@pytest.mark.parametrize(
    "text",
    [
        "My blood pressure is 92/60",
        "my heart rate is 45",
        "My temperature is 36.1",
        "My heart rate variability is 35",
        "I use 70/30 insulin",
        "The temperature outside is 30 degrees",
        "I am 35 and my heart rate is fine",
        "She sat down, 45 minutes in all",
        "She is on 2 litres of oxygen for 30 minutes",
        "I am 32 and my sugar is 5.5",
        "My hba1c was 32 mmol/mol and my sugar is fine",
    ],
)
def test_what_is_no_low_reading_raises_nothing(text):
    assert triage(text).level is None


@pytest.mark.parametrize("drug", sorted(most_daily_mg()))
def test_a_mass_above_the_most_of_a_day_is_an_overdose(drug):
    most = most_daily_mg()[drug]
    assert "overdose-1" in triage(f"I took {most * 2:g} mg of {drug}").rule_ids
    assert "overdose-1" not in triage(f"I took {most / 2:g} mg of {drug}").rule_ids


@pytest.mark.parametrize(
    "text",
    [
        "I took 10000 mg of acetaminophen",
        "I took 10,000 mg of tylenol",
        "took 12 g of paracetamol",
        "took 60 ibuprofens",
        "took 30 gabapentin",
        "took 30 of my metformin",
        "my 2 yr old ate weed gummies",
    ],
)
def test_much_of_a_known_drug_is_an_emergency(text):
    assert triage(text).first.action == "poison_emergency"


def test_a_list_of_strengths_is_no_count():
    text = "My aunt takes amlodipine 10 mg simvastatin 20 levothyroxine 50 and took motrin"
    assert triage(text).level is None
    assert triage("On aggrenox 25-200 amlodipine, she took motrin").level is None


@pytest.mark.parametrize(
    "text",
    [
        "not suicidal, but I bought a gun yesterday to end it",
        "I bought a gun yesterday to end it",
        "I no longer want to live",
        "I'm not suicidal anymore but I have a plan for tonight",
    ],
)
def test_means_or_a_plan_beside_a_denial_are_a_crisis(text):
    assert triage(text).first.action == "crisis_now"


@pytest.mark.parametrize("text", ["He doesn't have a pulse", "I am not able to breathe"])
def test_no_pulse_and_no_breath_are_heard_behind_a_not(text):
    assert triage(text).level is Urgency.EMERGENCY
