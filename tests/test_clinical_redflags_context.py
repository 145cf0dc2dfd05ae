"""A word about the past, a story or a general question silences what it reaches, and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.clinical.redflags import triage
from medtune.clinical.urgency import Urgency

PRESENT = (
    "I had a heart attack two years ago, my chest hurts and I'm sweating",
    "My dad had a stroke in 2015 and his face is drooping",
    "I have a history of asthma and I can't breathe",
    "long history of migraine, sudden worst headache of my life",
    "since my surgery 2 months ago my leg is swollen and I can't breathe",
    "I was diagnosed with angina in May and have crushing chest pain and sweating",
    "At age 60 my dad has crushing chest pain and sweats",
    "chemo 3 months ago, fever 39.5 and shaking",
    "I lost my wife a year ago and I want to end my life",
    "my dad killed himself and I want to die too",
    "Since my dad killed himself I want to die",
    "I had my baby at 38 weeks 2 months ago and I want to hurt my baby",
    "after my divorce last year i want to kill my wife",
    "I took a whole bottle of pills, I lost my wife a year ago",
    "He was reading a book when he collapsed and stopped breathing",
    "Grandma was watching a show. Her face is drooping and her speech is slurred",
    "We were watching a movie. Dad is not breathing",
    "He was watching the documentary on tv and stopped breathing",
    "we saw a film about war, and he stopped breathing",
    "in the game my son collapsed and is not breathing",
    "I was writing a report when my chest started hurting and I'm sweating",
    "As a nurse I know this is bad: my husband has crushing chest pain and sweating",
    "I am worried about my father's crushing chest pain",
    "worried about my baby not breathing",
    "In general I am fine but I have crushing chest pain and I'm sweating",
    "I am just wondering why my arm is numb and face is drooping",
    "need information: husband collapsed, not breathing",
    "Can you explain why my dad has crushing chest pain and is sweating",
    "I read an article about stroke, my face is drooping",
)
SILENT = (
    ("My uncle had a heart attack ten years ago and is fine", "past"),
    ("In 2015, he had a stroke", "past"),
    ("When I was a child, I had seizures", "past"),
    ("My past medical history includes stroke, seizures and asthma", "past"),
    ("My dad has a brain injury from a car accident two years ago", "past"),
    ("he hit his head but has no headache, that was last year", "past"),
    ("last summer I had chest pain", "past"),
    ("My dad died of a heart attack", "past"),
    ("I am writing a novel about a nurse. The hero has crushing chest pain.", "fiction"),
    ("I wrote a story about a girl. She wants to kill herself", "fiction"),
    ("I read a novel about a man who wants to kill himself", "fiction"),
    ("we watched a documentary on overdose", "fiction"),
    ("As a nurse I see patients with chest pain", "fiction"),
    ("I want to know about chest pain", "information"),
    ("I'd like information on my father's stroke", "information"),
    ("In general, what are the signs of a heart attack?", "information"),
    ("I am worried about having a stroke", "hypothetical"),
    ("I have a phobia of choking", "hypothetical"),
)
CUES = ("two years ago", "in 2015", "last year", "when I was a child")


@pytest.mark.parametrize("text", PRESENT)
def test_a_present_emergency_is_heard_beside_a_past_a_story_or_a_question(text):
    assert triage(text).level is Urgency.EMERGENCY


@pytest.mark.parametrize(("text", "status"), SILENT)
def test_what_a_cue_reaches_stays_silent(text, status):
    found = triage(text)
    assert found.level is None, found.rule_ids
    assert status in {hit.status for hit in found.silenced}


@pytest.mark.parametrize("cue", CUES)
@pytest.mark.parametrize("joint", [", ", " and ", ", and ", " but ", "; ", ". "])
@pytest.mark.parametrize(
    "now",
    [
        "I have crushing chest pain and I am sweating",
        "my dad is not breathing",
        "I want to kill myself",
        "I want to kill my wife",
    ],
)
def test_no_past_event_silences_what_is_said_of_now(cue, joint, now):
    assert triage(f"I had surgery {cue}{joint}{now}").level is Urgency.EMERGENCY
    assert triage(f"{now}{joint}I had surgery {cue}").level is Urgency.EMERGENCY


@given(st.sampled_from(CUES), st.sampled_from(["a stroke", "a heart attack", "a seizure"]))
def test_an_event_that_is_dated_is_past(cue, event):
    assert triage(f"My dad had {event} {cue}").level is None
    assert triage(f"{cue}, my dad had {event}").level is None
