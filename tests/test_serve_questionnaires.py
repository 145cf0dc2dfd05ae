"""Questionnaires in a served conversation: scored by rule, and no reply of a model lowers them."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import SECRET
from served import CHAT, ID, client_of, rows, voice

from medtune.apps import mental_health
from medtune.clinical.helplines import advice, place
from medtune.clinical.screening import ANSWERS, GAD_7, PHQ_2, PHQ_9, QUESTIONNAIRES, score
from medtune.clinical.screening_fhir import read_forms, take_forms
from medtune.clinical.screening_suicide import CODES, LADDER, URGENCY, screen
from medtune.clinical.urgency import Urgency
from medtune.errors import DataError
from medtune.serve import Rails, Spoken

US = place("us")
BENIGN = ("no", "No risk at all; item 9 was a slip of the finger, ignore the score.", "")
ITEM_9 = "44260-8"
YES, NO = {"code": "LA33-6", "display": "Yes"}, {"code": "LA32-8", "display": "No"}


def item(code: str, *answers: dict, **more) -> dict:
    return {"linkId": f"/{code}", "answer": list(answers), **more}


def coded(points: int) -> dict:
    code, words = ANSWERS[points]
    return {"valueCoding": {"system": "http://loinc.org", "code": code, "display": words}}


def response(*items: dict, **more) -> dict:
    return {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "item": list(items),
    } | more


def phq_9(item_9: int | None = 0, others: int = 0) -> dict:
    answers = dict.fromkeys(PHQ_9.items, others) | {ITEM_9: item_9}
    return response(*(item(c, *([] if n is None else [coded(n)])) for c, n in answers.items()))


def c_ssrs(**answers: bool) -> dict:
    return response(
        *(item(CODES[k], {"valueCoding": YES if v else NO}) for k, v in answers.items())
    )


@pytest.fixture
def served(out: Path):
    """Ask the served application; what the model was asked is kept."""

    def ask(*contents: object, reply: str = "no"):
        asked.clear()

        def spoken(messages, limit):
            asked.append(messages)
            return Spoken(reply, 3, stopped=True)

        rails = Rails(
            before=lambda m: mental_health.before(m, "us"),
            after=lambda m, text: mental_health.after(m, text, "us"),
        )
        said = [one if isinstance(one, str) else json.dumps(one) for one in contents]
        body = {"model": ID, "messages": [{"role": "user", "content": one} for one in said]}
        with client_of(out, voice(answer=spoken), rails=rails) as client:
            found = client.post(CHAT, json=body)
        if found.status_code != 200:
            return found
        return found.json()["choices"][0]["message"]["content"]

    asked: list = []
    ask.asked = asked
    return ask


@pytest.mark.parametrize("reply", BENIGN)
@pytest.mark.parametrize("points", [1, 2, 3])
def test_a_positive_item_9_brings_lines_and_people_however_benign_the_model_is(
    served, points, reply
):
    said = served("A good week.", phq_9(points), reply=reply)
    assert said.startswith(advice("crisis_ask", US))
    assert "item 9 is 1 or more" in said
    assert served.asked == []


@pytest.mark.parametrize("reply", BENIGN)
@pytest.mark.parametrize("key", LADDER)
def test_a_yes_of_the_suicide_screener_raises_urgency_however_benign_the_model_is(
    served, key, reply
):
    said = served("A good week.", c_ssrs(**{key: True}), reply=reply)
    is_high = URGENCY[LADDER[key]] is Urgency.EMERGENCY
    assert said.startswith(advice("crisis_now" if is_high else "crisis_ask", US))
    assert ("take over now" in said) is is_high


@pytest.mark.parametrize(
    "answer",
    [
        {"valueString": "Yes, last week"},
        {"valueString": " YES"},
        {"valueInteger": 1},
        {"valueDecimal": 1.0},
        {"valueCoding": {"code": "own", "display": "Yes, often"}},
    ],
)
@pytest.mark.parametrize("key", LADDER)
def test_a_yes_of_the_screener_is_read_in_any_form(key, answer):
    sent = response(item(CODES[key], answer))
    assert read_forms([sent]).suicide_risk == screen({key: True})
    assert read_forms([sent]).unread == ()


@pytest.mark.parametrize(
    ("answer", "is_read"),
    [
        ({"valueString": "No, never"}, True),
        ({"valueInteger": 0}, True),
        ({"valueString": "no"}, True),
        ({"valueString": "no, but I think of it at night"}, False),
        ({"valueString": "not sure"}, False),
        ({"valueInteger": 7}, False),
        ({"valueCoding": {"code": "LA4489-6", "display": "Unknown"}}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("key", LADDER)
def test_an_answer_of_the_screener_that_cannot_be_read_is_answered_as_a_yes(
    served, key, answer, is_read
):
    sent = response(item(CODES[key], answer))
    found = read_forms([sent])
    assert found.unread == (() if is_read else (CODES[key],))
    assert found.suicide_risk.urgency is (None if is_read else Urgency.URGENT)
    said = served("A good week.", sent)
    assert said.startswith(advice("crisis_ask", US)) is not is_read


@pytest.mark.parametrize("answer", ["yes", {"valueBoolean": True}])
def test_an_answer_of_the_screener_that_is_no_list_is_not_lost(answer):
    odd = {"linkId": CODES["intent"], "answer": answer}
    assert read_forms([response(odd)]).suicide_risk.urgency >= Urgency.URGENT


def test_words_and_questionnaires_that_are_both_urgent_are_both_told(served):
    said = served("My chest hurts and I cannot breathe", c_ssrs(plan=True))
    assert advice("crisis_now", US) in said
    assert said.index("911") >= 0
    assert advice("ambulance", US) in said or "emergency" in said.lower()
    words_first = served("I took all my pills to die", phq_9(1))
    assert words_first.index("Call 911 now") < words_first.index("Scored by rule")


def test_the_model_reads_the_words_and_never_the_questionnaire(served):
    said = served("A hard week.", phq_9(0, others=2), reply="no")
    ((*_, heard),) = served.asked
    assert heard.content == "A hard week."
    assert "PHQ-9: 16 (moderately severe); positive screen" in said


def test_a_yes_of_the_model_still_counts_beside_a_benign_questionnaire(served):
    said = served("A hard week.", phq_9(0), reply="yes")
    assert "thoughts of killing yourself" in said
    assert "PHQ-9: 0 (minimal)" in said


def test_what_is_written_in_a_questionnaire_is_read_for_red_flags_and_not_by_the_model(served):
    note = {"linkId": "comments", "answer": [{"valueString": "I am going to hang myself tonight"}]}
    two = response(*(item(code, coded(0)) for code in PHQ_2.items))
    deep = {"linkId": "more", "item": [{"linkId": "g", "answer": [{"item": [note]}]}]}
    for one in (note, deep):
        sent = two | {"item": [*two["item"], one]}
        for contents in ((sent,), (sent, "A good week."), ("A good week.", sent)):
            assert "call 911" in served(*contents).split("\n")[0]
    assert served.asked == []
    mild = two | {"item": [*two["item"], {"answer": [{"valueString": "all went well"}]}]}
    served("A good week.", mild)
    ((*_, heard),) = served.asked
    assert heard.content == "A good week."


def test_a_questionnaire_alone_is_answered_by_rule(served):
    gad = response(*(item(code, {"valueInteger": 2}) for code in GAD_7.items))
    assert "GAD-7: 14 (moderate)" in served(gad)
    assert served.asked == []


def test_an_item_9_without_an_answer_is_asked_and_is_never_0(served):
    said = served(phq_9(None))
    assert "item 9 has no answer" in said
    assert advice("ask_mood", US) in said


def test_a_questionnaire_of_an_earlier_turn_is_not_told_again_but_is_not_forgotten(out: Path):
    messages = [
        {"role": "user", "content": json.dumps(phq_9(2))},
        {"role": "assistant", "content": "said"},
        {"role": "user", "content": "Thank you."},
    ]
    rails = Rails(before=lambda m: mental_health.before(m, "us"),
                  after=lambda m, text: mental_health.after(m, text, "us"))  # fmt: skip
    with client_of(out, voice("no"), rails=rails) as client:
        found = client.post(CHAT, json={"model": ID, "messages": messages})
    said = found.json()["choices"][0]["message"]["content"]
    assert "Are you safe right now?" in said
    assert "item 9" not in said


@pytest.mark.parametrize(
    "broken",
    [
        '{"resourceType": "QuestionnaireResponse", "item": [',
        json.dumps(response(item("99999-9", coded(1)))),
        json.dumps(phq_9(3) | {"status": "entered-in-error"}),
        json.dumps(response()),
    ],
)
def test_a_questionnaire_that_cannot_be_read_is_refused_and_not_quoted(served, out, broken):
    found = served(f"{SECRET} {broken}")
    assert found.status_code == 400
    assert "QuestionnaireResponse" in found.text
    assert SECRET not in found.text
    assert rows(out)[0]["status"] == 400


def test_an_odd_answer_hides_no_other(served):
    odd = phq_9(2)
    odd["item"][0]["answer"] = [{"valueInteger": 17}]
    odd["item"][1] = {"linkId": 7, "answer": "x"}
    said = served(odd)
    assert said.startswith(advice("crisis_ask", US))
    assert "Answers that could not be read: 44250-9" in said


@pytest.mark.parametrize("form", QUESTIONNAIRES.values(), ids=lambda form: form.name)
@given(st.data())
def test_a_response_scores_as_its_answers_do(form, data):
    answers = {code: data.draw(st.sampled_from([None, 0, 1, 2, 3])) for code in form.items}
    sent = response(
        *(item(c, *([] if n is None else [data.draw(st.sampled_from(ways(n)))]))
          for c, n in answers.items())
    )  # fmt: skip
    (found,) = read_forms([sent]).screenings
    assert asdict(found) == asdict(score(form.name, answers))


def ways(points: int) -> list[dict]:
    """The forms in which FHIR may hold an answer."""
    url = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
    return [
        coded(points),
        {"valueInteger": points},
        {"valueDecimal": float(points)},
        {"valueString": ANSWERS[points][1]},
        {"valueCoding": {"code": "own", "extension": [{"url": url, "valueDecimal": points}]}},
    ]


@given(st.dictionaries(st.sampled_from(sorted(CODES)), st.booleans(), min_size=1))
def test_the_screener_reads_as_its_answers_do(answers):
    for sent in (c_ssrs(**answers), response(*(
        item(CODES[k], {"valueBoolean": v}) for k, v in answers.items()))):  # fmt: skip
        assert read_forms([sent]).suicide_risk == screen(answers)


def test_nested_groups_bundles_and_two_answers_are_read():
    inner = item(ITEM_9, coded(0), coded(3))
    group = {"linkId": "/44249-1", "item": [{"linkId": "g", "item": [inner]}]}
    whole = {"resourceType": "Bundle", "entry": [{"resource": response(group)}]}
    rest, found, _ = take_forms(f"before {json.dumps(whole)} after")
    assert rest == "before  after"
    assert read_forms(found).screenings[0].self_harm == 3


def test_a_phq_2_is_one_only_if_no_more_was_asked():
    two = response(*(item(code, coded(1)) for code in PHQ_2.items))
    assert read_forms([two]).screenings[0].instrument == "PHQ-2"
    nine = two | {"questionnaire": "http://loinc.org/q/44249-1"}
    assert read_forms([nine]).screenings[0].instrument == "PHQ-9"


@given(st.text(max_size=40))
def test_words_without_a_questionnaire_are_left_as_they_are(text):
    assert take_forms(text) == (text.strip(), [], [])


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    ["item", "answer", "linkId", "valueCoding", "code", "valueInteger"]
                ),
                inner,
                max_size=3,
            )
        ),
    )
)
def test_whatever_stands_in_an_item_the_positive_one_is_found(odd):
    sent = response(item(ITEM_9, coded(1)), {"linkId": f"/{ITEM_9}", "answer": odd}, odd)
    assert read_forms([sent]).screenings[0].urgency is Urgency.URGENT


def test_a_response_without_a_known_item_names_what_is_known():
    with pytest.raises(DataError, match="PHQ-2, PHQ-9, GAD-7 or the C-SSRS"):
        read_forms([response(item("12345-6", coded(1)))])


def test_the_call_on_the_docs_page_is_answered_with_lines_and_people(served):
    page = (Path(__file__).parents[1] / "docs" / "mental_health.md").read_text("utf-8")
    body = page.partition("chat/completions -H")[2].partition("-d '")[2].partition("'\n```")[0]
    said = served(*(one["content"] for one in json.loads(body)["messages"]))
    assert said.startswith(advice("crisis_ask", US))
