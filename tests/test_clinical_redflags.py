"""Red flags: every rule meets its own examples and no look-alike, whatever the spelling."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.clinical.helplines import actions
from medtune.clinical.redflags import rule_book, triage, triage_talk, triage_turns
from medtune.clinical.redflags.lexicon import Node, add_phrase, find, graph_of
from medtune.clinical.redflags.rules import TABLES, parse
from medtune.clinical.redflags.text import is_one_slip, plain, read, speller
from medtune.clinical.urgency import Urgency
from medtune.errors import ConfigError

RULES = rule_book().rules
BENIGN = st.sampled_from(
    ["Hello there.", "Thanks for your time!", "I live in a small town.", "My name is not given."]
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_meets_its_examples_and_no_look_alike(rule):
    for example in rule.examples:
        found = triage(example)
        more_urgent = found.level is not None and found.level > rule.urgency
        assert rule.id in found.rule_ids or more_urgent, example
    for other in rule.look_alikes:
        assert rule.id not in triage(other).rule_ids, other


def test_every_rule_names_its_source_its_action_and_both_kinds_of_sentences():
    assert len(RULES) > 70
    for rule in RULES:
        assert any(digit.isdigit() for digit in rule.source), rule.id
        assert len(rule.source) > 15, rule.id
        assert rule.action in actions(), rule.id
        assert rule.examples, rule.id
        assert rule.look_alikes, rule.id


@settings(max_examples=60)
@given(st.sampled_from([r for r in RULES if r.level == "emergency"]), BENIGN, BENIGN, st.booleans())
def test_words_around_an_emergency_do_not_hide_it(rule, before, after, loud):
    text = f"{before} {rule.examples[0]}. {after}"
    found = triage(text.upper() if loud else text)
    assert found.level is Urgency.EMERGENCY


@settings(max_examples=100)
@given(st.text(max_size=200))
def test_any_text_can_be_read_and_the_answer_is_always_the_same(text):
    assert triage(text) == triage(text)
    assert "rule=" not in repr(triage(text))


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("I have no chest pain.", "negated"),
        ("He denies chest pain, fever, shortness of breath or cough.", "negated"),
        ("I would never kill myself.", "negated"),
        ("I do not want to die", "negated"),
        ("What are the symptoms of a stroke?", "information"),
        ("My grandfather had a stroke in 1998.", "past"),
        ("In the film the hero wants to kill himself.", "fiction"),
        ("What happens if someone has a seizure?", "hypothetical"),
    ],
)
def test_a_context_silences_a_rule_and_says_why(text, status):
    found = triage(text)
    assert found.level is None or found.level <= Urgency.ROUTINE
    assert status in {hit.status for hit in found.silenced}


@pytest.mark.parametrize(
    "text",
    [
        "No fever, but I have crushing chest pain and I am sweating",
        "I'm not sure but I think I am having a stroke",
        "I'm not going to lie, I want to kill myself",
        "No relief from the inhaler, I can't breathe",
        "I don't know what to do, my baby is not breathing",
        "My dad is not responding",
        "The bleeding won't stop",
        "It is not getting better, I cannot catch my breath",
        "I can't stop thinking about killing myself",
    ],
)
def test_what_only_looks_like_a_denial_silences_nothing(text):
    assert triage(text).level is Urgency.EMERGENCY


@pytest.mark.parametrize(
    "text",
    [
        "this exam is killing me",
        "I'm dying to see you",
        "I nearly died laughing",
        "my phone died",
        "that gave me a heart attack when I saw the bill",
        "I could kill for a coffee",
        "career suicide",
        "drop dead gorgeous",
        "I have butterflies in my stomach",
        "the traffic is murder",
        "I'm drowning in homework",
        "he had me in stitches",
    ],
)
def test_a_metaphor_is_no_crisis(text):
    found = triage(text)
    assert found.level is None or found.level <= Urgency.ROUTINE, found.rule_ids


@pytest.mark.parametrize(
    "text",
    [
        "i wnat to kill mysefl",
        "chset pian and swaeting",
        "im sucidal",
        "she is unconsious",
        "my sons testical is realy swolen and painfull",
        "he had an overdse of paracetemol",
        "siezure wont stop",
        "my fatehr is having a stoke, his face is drooping",
    ],
)
def test_typing_errors_do_not_hide_an_emergency(text):
    assert triage(text).level is Urgency.EMERGENCY


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Me duele el pecho y me cuesta respirar", Urgency.EMERGENCY),
        ("Quiero matarme esta noche", Urgency.EMERGENCY),
        ("Ya no quiero vivir", Urgency.EMERGENCY),
        ("Mi bebé de 6 semanas tiene fiebre de 38.5", Urgency.EMERGENCY),
        ("Se le torció la boca y no puede hablar", Urgency.EMERGENCY),
        ("Mi hijo se tomó cloro", Urgency.EMERGENCY),
        ("Estoy embarazada y sangrando mucho", Urgency.EMERGENCY),
        ("No quiero morir", None),
        ("Me muero de hambre", None),
        ("¿Cuáles son los síntomas de un infarto?", None),
        ("No tengo dolor de pecho", None),
    ],
)
def test_spanish_emergencies_and_their_look_alikes(text, level):
    assert triage(text).level is level


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("I want to kill myself", "self"),
        ("My son wants to kill himself", "child"),
        ("My friend says she wants to kill herself", "other"),
    ],
)
def test_the_person_at_risk_is_told_apart(text, who):
    assert {hit.who for hit in triage(text).hits} == {who}


def test_facts_of_earlier_turns_join_with_the_last_one():
    assert triage("She has a fever of 38.4").level in (None, Urgency.URGENT)
    joined = triage_turns(["My baby is 6 weeks old", "She has a fever of 38.4"])
    assert "baby-1" in joined.rule_ids
    slow = triage_turns(["I feel like such a burden", "ok", "I gave away all my things"])
    assert slow.level is Urgency.EMERGENCY


def test_an_emergency_of_an_earlier_turn_is_not_raised_again_by_thanks():
    assert triage_turns(["My chest hurts and I am sweating", "Thank you"]).level is None


def test_each_message_since_the_last_reply_counts_and_none_silences_another():
    two = triage_talk([["I have crushing chest pain down my left arm.", "A good week."]])
    assert two.level is Urgency.EMERGENCY
    story = ["I am writing a novel about a nurse.", "Crushing chest pain down the left arm."]
    assert triage_talk([story]).level is Urgency.EMERGENCY
    assert triage_talk([[story[1]], ["Thank you"]]).level is None
    assert triage_talk([["hello"], [story[1], *["and more"] * 9]]).level is Urgency.EMERGENCY


@pytest.mark.parametrize("n_words", [4_000, 12_000])
def test_a_red_flag_counts_however_late_it_stands_in_a_message(n_words):
    said = "and then I slept well again and " * (n_words // 8)
    for filler in (said, said.replace("again and", "again.")):
        late = f"{filler} I have crushing chest pain down my left arm"
        assert triage(late).level is Urgency.EMERGENCY
        assert triage(filler).level is None
        assert triage(f"{late}. {filler}").level is Urgency.EMERGENCY


def test_thousands_of_turns_a_second():
    turns = [f"Number {i}: I slept well and I wonder what to cook for dinner." for i in range(400)]
    triage(turns[0])
    started = time.perf_counter()
    for turn in turns:
        triage(turn)
    assert len(turns) / (time.perf_counter() - started) > 1000


def test_a_user_s_table_adds_rules_and_takes_none_away(tmp_path):
    words = tmp_path / "words_own.yaml"
    words.write_text("lists: {}\nconcepts:\n  zorb: [zorbing sickness]\n")
    rules = tmp_path / "rules_own.yaml"
    rules.write_text(
        "version: 1\nsources: {}\nrules:\n- {id: own-1, level: urgent, title: t, action: today, "
        "source: own 2026 guideline, any: [zorb], examples: [zorbing sickness], look_alikes: [x]}\n"
    )
    own = (words, rules)
    assert triage("I have zorbing sickness", own).rule_ids == ("own-1",)
    assert triage("I have zorbing sickness").level is None
    assert triage("I want to kill myself", own).level is Urgency.EMERGENCY


@pytest.mark.parametrize(
    "words",
    [
        "lists: {pain: [foo], heart: [foo]}\nconcepts: {}\n",
        "lists: {}\nconcepts: {joke: [tonight], fiction: [kill, chest], neg: [i have]}\n",
        "lists: {}\nconcepts: {not_chest+pain: [chest pain], not_self: [i]}\n",
    ],
)
def test_no_word_of_a_user_s_table_silences_a_rule_of_the_package(tmp_path, words):
    own = tmp_path / "words_own.yaml"
    own.write_text(words)
    for text in ("I have crushing chest pain", "I want to kill myself tonight"):
        plain = triage(text)
        assert plain.level is Urgency.EMERGENCY
        assert set(triage(text, (own,)).rule_ids) >= set(plain.rule_ids)


def test_a_user_s_list_adds_to_the_one_of_the_package(tmp_path):
    own = tmp_path / "words_own.yaml"
    own.write_text("lists: {pain: [zorbing]}\nconcepts: {}\n")
    assert triage("I have chest zorbing", (own,)).rule_ids == triage("I have chest pain").rule_ids


def test_a_user_s_file_replaces_none_of_the_package_or_of_another_folder(tmp_path):
    own = tmp_path / "rules_mind.yaml"
    own.write_text("version: 1\nsources: {}\nrules: []\n")
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / own.name
    other.write_text(own.read_text())
    book = rule_book((own, other))
    assert book.rules == rule_book().rules
    assert {str(own), str(other), own.name} <= book.versions.keys()


def test_a_table_with_a_fault_is_refused_by_name(tmp_path):
    rules = tmp_path / "rules_bad.yaml"
    rules.write_text(
        "version: 1\nsources: {}\nrules:\n- {id: own-1, level: urgent, title: t, action: today, "
        "source: s, any: [no_such_word], examples: [x], look_alikes: [x]}\n"
    )
    with pytest.raises(ConfigError, match="own-1: 'no_such_word' names 'no_such_word'"):
        triage("x", (rules,))
    rules.write_text("version: 1\nrules: 7\n")
    with pytest.raises(ConfigError, match="not a red-flag table"):
        triage("y", (rules,))


def test_the_notation_of_phrases():
    graph = graph_of(
        {"a": ["chest (pain|hurts a lot)?", "labou?r", "# pills", "cut * arm"], "not_a": ["b a"]},
        {},
    )

    def names(text: str) -> list[str]:
        return [found.concept for found in find(read(text), graph)]

    assert names("chest") == names("my chest hurts a lot") == names("labor") == ["a"]
    assert names("30 pills") == names("cut my own arm") == names("cut arm") == ["a"]
    assert names("cut my own left upper arm") == []
    with pytest.raises(ConfigError, match="brackets"):
        graph_of({"a": ["(b"]}, {})
    with pytest.raises(ConfigError, match="may be empty"):
        graph_of({"a": ["(b)?"]}, {})
    with pytest.raises(ConfigError, match=r"no list \$x"):
        add_phrase(Node(), "a", "$x", {})


def test_alternatives_are_read_as_written():
    found = parse("a ~ b + c & d ! e f")
    assert found.parts == ((("a", "b"), ("c",)), (("d",),))
    assert found.unless == ("e", "f")


@given(st.text(alphabet="abcde", min_size=5, max_size=9), st.data())
def test_one_slip_is_found_and_two_words_alike_are_left_alone(word, data):
    place = data.draw(st.integers(1, len(word) - 1))
    assert is_one_slip(word[:place] + word[place + 1 :], word)
    assert is_one_slip(word[:place] + "z" + word[place:], word)
    assert not is_one_slip(word, word)
    right = speller([word], known=["zzzzz"])
    assert right(word) == word
    assert right("zzzzz") == "zzzzz"


def test_spelling_is_made_alike():
    assert plain("I CAN'T, cannot, can not; won't WILL NOT; don\u2019t") == (
        "i cant, cant, cant; wont wont; dont"
    )


@pytest.mark.parametrize("table", sorted(TABLES.glob("*.yaml")), ids=lambda table: table.name)
def test_no_table_names_a_concept_or_a_list_twice(table):
    """YAML would silently keep the last one."""
    part, seen = "", set()
    for line in table.read_text(encoding="utf-8").splitlines():
        if re.match(r"\S", line) and line[0] not in "#-":
            part = line
        found = re.match(r"  ([\w+]+):", line)
        if found:
            assert (part, found[1]) not in seen, f"{table.name}: {found[1]}"
            seen.add((part, found[1]))


# A pregnancy and a symptom join only where they may be of one person (CDC, Hear Her, 2020)

SIGNS = ("fainted", "has chest pain", "is bleeding and has belly pain", "cannot breathe")
OTHERS = ("dad", "husband", "brother", "mother", "grandmother", "sister", "toddler", "daughter")


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("other", OTHERS)
def test_a_symptom_of_somebody_else_is_none_of_the_one_who_is_pregnant(other, sign):
    for text in (
        f"I am pregnant. My {other} {sign}.",
        f"My {other} {sign} and I am 20 weeks pregnant",
        f"I gave birth last week and my {other} {sign}",
    ):
        found = triage(text)
        assert not {"preg-1", "preg-2", "preg-4"} & set(found.rule_ids), text
        assert "another_person" in {hit.status for hit in found.silenced}


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("bearer", ["wife", "sister", "daughter", "friend", "mother", "girlfriend"])
def test_a_symptom_of_the_one_who_is_pregnant_is_an_emergency_in_any_wording(bearer, sign):
    for text in (
        f"My {bearer} is 20 weeks pregnant. She {sign}.",
        f"My pregnant {bearer} {sign}",
        f"My {bearer}, who is pregnant, {sign}",
        f"My {bearer} is pregnant and {sign}",
        f"My {bearer} is pregnant. My {bearer} {sign}",
        f"My brother's {bearer} is pregnant and {sign}",
        f"I found out that my {bearer} is pregnant. My dad says she {sign}",
    ):
        assert "preg-1" in triage(text).rule_ids, text


@pytest.mark.parametrize(
    "text",
    [
        "I am pregnant. My husband says I fainted",
        "My husband is scared, heavy bleeding and belly pain, 8 weeks pregnant",
        "My husband is scared and there is heavy bleeding and belly pain, I am 8 weeks pregnant",
        "My mother is here and heavy bleeding with belly pain started. I am pregnant",
        "I am pregnant; my husband found me unconscious and my chest hurts",
        "I am pregnant and my mother says the bleeding is a lot and painful",
        "I am pregnant and bleeding and in pain",
        "8 weeks pregnant, brown blood and cramps",
        "My mom is happy about the pregnancy. I fainted",
        "My mom found out she is pregnant. My mom fainted",
        "My husband is pregnant. He fainted",
        "My husband hit me, I am pregnant and bleeding and my stomach hurts",
        "My wife is 30 weeks pregnant. My love fainted",
        "I had a baby two weeks ago and my chest hurts",
    ],
)
def test_where_it_is_not_plain_whose_symptom_it_is_the_pregnancy_counts(text):
    assert "preg-1" in triage(text).rule_ids


@pytest.mark.parametrize(
    "text",
    [
        "I am 20 weeks pregnant and my gums are bleeding, I also have back pain",
        "I am pregnant and my dog is bleeding, and he is in pain",
        "I gave birth last month and my baby sleeps on my chest",
        "I had a baby last week and drink a glass of water with every feed",
        "My wife is pregnant and I have bleeding gums and knee pain",
    ],
)
def test_what_is_no_warning_sign_of_pregnancy_raises_none(text):
    assert triage(text).level is None


def test_a_symptom_of_another_in_a_later_turn_is_told_apart_too():
    assert "preg-1" not in triage_turns(["I am pregnant", "My dad has chest pain"]).rule_ids
    assert "preg-1" in triage_turns(["I am pregnant", "I have chest pain"]).rule_ids
    assert "preg-1" in triage_turns(["My wife is pregnant", "She has chest pain"]).rule_ids
