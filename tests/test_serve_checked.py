"""An application that computes its facts is asked with a record, and never heard unchecked."""

import json
from functools import partial
from pathlib import Path

import documentation_examples
import hpo_small
import public_health_examples
import pytest
from served import CHAT, ask, client_of, rows, voice

from medtune.apps import (
    APPS,
    decision_support,
    documentation,
    personalized_medicine,
    public_health,
)
from medtune.apps.fields import fields_of
from medtune.features import text_features
from medtune.records import Application, Example
from medtune.serve import Spoken, rails_of
from medtune.serve.wire import plainly

CODEINE = {"drug": "codeine", "genotypes": "CYP2D6\t*4/*4", "person": "woman, 40 years"}
CELLS = public_health.cells_text(public_health_examples.CELLS[0])
PART = {"section": "impression", "source": documentation_examples.FINDINGS}
CASE = {
    "findings": "Ataxia; Strabismus; Short stature",
    "history": "My chest hurts and my left arm is numb.",
}


@pytest.fixture(scope="module")
def ontology(tmp_path_factory: pytest.TempPathFactory):
    return hpo_small.known(tmp_path_factory.mktemp("hpo"))


@pytest.fixture(autouse=True)
def small(ontology, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_support, "_pinned", lambda: ontology)


def served(out: Path, app: Application, record: str, draft: str) -> tuple[str, str]:
    """What the model was shown, and what was told of its draft."""
    shown = []

    def spoken(messages, limit):
        shown.extend(messages)
        return Spoken(draft, 3, stopped=True)

    hear = partial(plainly, "an instruction")
    speaker = voice(answer=spoken, count=lambda _: 3)
    with client_of(out, speaker, rails=rails_of(app), hear=hear) as client:
        response = client.post(CHAT, json=ask(record))
    assert response.status_code == 200, response.text
    return shown[-1].content, response.json()["choices"][0]["message"]["content"]


def records() -> list[tuple[Application, str]]:
    return [
        (personalized_medicine.APP, json.dumps(CODEINE)),
        (public_health.APP, CELLS),
        (decision_support.APP, json.dumps(CASE)),
    ]


@pytest.mark.parametrize("number", range(3))
def test_the_model_reads_what_was_computed_and_a_true_reply_is_told(out: Path, number: int):
    app, text = records()[number]
    example = app.read(text)
    shown, told = served(out, app, text, app.reply(example))
    assert shown == app.prompt(example)[-1].content
    assert told == app.reply(example)


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("draft", ["All is well, give the usual dose.", ""])
def test_a_reply_against_the_facts_is_never_told(out: Path, number: int, draft: str):
    app, text = records()[number]
    _, told = served(out, app, text, draft)
    assert told.startswith(app.reply(app.read(text)))
    assert "written by rule" in told
    assert "usual dose" not in told


def test_the_patients_part_that_contradicts_the_action_is_replaced(out: Path):
    """The commonest fault of the tuned model: right action, and nothing to change below it."""
    app = personalized_medicine.APP
    true = app.reply(app.read(json.dumps(CODEINE)))
    draft = true.replace(
        "The test says that codeine is not a good choice for you.",
        "The test gives no reason to change how codeine is given to you.",
    )
    assert draft != true
    _, told = served(out, app, json.dumps(CODEINE), draft)
    assert told.startswith(true)
    assert "less careful than computed" in told


@pytest.mark.parametrize(
    ("drug", "genotypes", "draft"),
    [
        ("fluorouracil", "DPYD\t*2A/*2A", "Avoid delays: give fluorouracil today."),
        ("fluorouracil", "DPYD\t*2A/*2A", "Give fluorouracil and do not start late."),
        ("abacavir", "HLA-B\t\t*57:01 positive", "Avoid alcohol while taking abacavir every day."),
        ("abacavir", "HLA-B\t\t*57:01 positive", "Take abacavir and avoid missing doses."),
    ],
)
def test_a_word_of_caution_about_something_else_talks_no_critical_rule_down(
    out: Path, drug: str, genotypes: str, draft: str
):
    record = json.dumps({"drug": drug, "genotypes": genotypes})
    by_rule = personalized_medicine.APP.reply(personalized_medicine.APP.read(record))
    assert f"Action for {drug}: avoid. Critical." in by_rule
    for text in (draft, f"{by_rule} {draft}"):
        _, told = served(out, personalized_medicine.APP, record, text)
        assert told.startswith(by_rule)
        assert draft not in told


def test_what_was_computed_is_told_above_the_models_own_words(out: Path):
    app, text = records()[0]
    by_rule = app.reply(app.read(text))
    draft = "\n".join(reversed(by_rule.split("\n")))
    _, told = served(out, app, text, draft)
    assert told.startswith(f"{by_rule}\n\n[")
    assert told.endswith(draft)


def test_a_drafted_note_is_told_under_its_faults(out: Path):
    draft = "12 mm nodule in the left upper lobe."
    _, told = served(out, documentation.APP, json.dumps(PART), draft)
    assert told.startswith("[NOT TO BE SIGNED AS IT STANDS:\n- block: laterality")
    assert told.endswith(draft)
    right = "12 mm nodule in the right upper lobe. No pleural effusion."
    assert served(out, documentation.APP, json.dumps(PART), right)[1] == right


@pytest.mark.parametrize(
    ("app", "text", "says"),
    [
        ("personalized_medicine", "Is codeine safe for me?", "as one JSON object"),
        ("personalized_medicine", '{"drug": "codeine"}', "needs `drug`, and `genotypes`"),
        ("personalized_medicine", '{"drug": "codeine", "genotype": "x"}', "mean 'genotypes'"),
        ("personalized_medicine", '{"drug": "codeine", "vcf": "/etc/passwd"}', "of another name"),
        ("documentation", '{"Anna Kowalska, HIV": "x"}', "of another name; its fields are"),
        ("decision_support", '{"findings": "no such finding"}', "a finding is not in HPO"),
        ("decision_support", "[1]", "as one JSON object"),
        ("documentation", '{"section": "impression"}', "lacks source"),
        ("public_health", "How is the flu?", "one `key: text` a line"),
        ("public_health", CELLS + "\nreported: 3", "each key once"),
        ("public_health", CELLS.replace("reported: 512", "reported: 3"), "1 to 10 is withheld"),
        ("public_health", CELLS.replace("threshold: 88", "threshold: high"), "as computed"),
    ],
)
def test_what_is_no_record_is_refused_before_the_model(out: Path, app: str, text: str, says: str):
    with client_of(out, voice("from the model"), rails=rails_of(APPS[app])) as client:
        response = client.post(CHAT, json=ask(text))
    assert response.status_code == 400
    assert says in response.json()["error"]["message"]
    assert "from the model" not in response.text
    assert "Kowalska" not in response.text


def test_what_a_report_leaves_out_is_said_below_it(out: Path):
    app = public_health.APP
    whole = app.reply(app.read(CELLS))
    sentence = next(one for one in whole.split(". ") if "[forecast]" in one)
    _, told = served(out, app, CELLS, whole.replace(f"{sentence}. ", "").replace(sentence, ""))
    assert told.startswith(whole)
    assert told.endswith("[To be looked at: the report leaves out a cell (forecast).]")


def test_the_monitor_compares_what_the_model_was_asked_with_what_it_was_tested_on(out: Path):
    app, text = records()[0]
    served(out, app, text, app.reply(app.read(text)))
    asked = app.prompt(app.read(text))[-1].content
    (row,) = rows(out)
    assert {name: row[name] for name in text_features(asked)} == pytest.approx(text_features(asked))


def test_a_fields_value_is_read_as_the_applications_write_it():
    row = {"age": 0, "pregnant": False, "labs": ["a", "b"], "fhir": {"a": [1]}, "sex": None}
    assert fields_of(row, row.keys()) == {
        "age": "0",
        "pregnant": "no",
        "labs": "a; b",
        "fhir": '{"a": [1]}',
    }


def test_every_application_with_a_check_uses_it_when_served():
    checked = {name for name, app in APPS.items() if app.check is not None}
    assert checked == {name for name in checked if APPS[name].read or APPS[name].after}
    assert all(APPS[name].facts and APPS[name].check for name in APPS if APPS[name].read)
    assert isinstance(personalized_medicine.APP.read(json.dumps(CODEINE)), Example)
