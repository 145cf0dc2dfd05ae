"""`medtune predict`: only what is released answers, and what is told is judged as when served."""

import json
from pathlib import Path

import pytest
from planted import make_run
from served import make_release

from medtune.artifacts import Way
from medtune.artifacts.way import PLAIN_TUNE
from medtune.errors import DataError, GateError
from medtune.llm import predict as llm
from medtune.pipeline import Job, predict
from medtune.pipeline.way import Chosen
from medtune.records import ArmResult, Prediction

MODULE = "medtune.pipeline.batch"


@pytest.fixture
def answers(out: Path, monkeypatch: pytest.MonkeyPatch):
    """Ask an application whose model always writes `says`; the lines, and who was asked."""

    def run(app: str, says: str, *rows: dict, way: Way = PLAIN_TUNE, unreleased: bool = False):
        job = Job(make_run(out).model_copy(update={"app": app}))
        asked: list[str] = []

        def answer(lm, heard, examples, **_):
            asked.extend(one.id for one in examples)
            found = [
                Prediction(one.id, one.group, None, heard.parse(one, says)) for one in examples
            ]
            return ArmResult("predict", "", found, 0.0, 0)

        monkeypatch.setattr(f"{MODULE}.released", lambda _: make_release(way=way))
        monkeypatch.setattr(f"{MODULE}.chosen_way", lambda _: Chosen(PLAIN_TUNE, job.app, None, ()))
        monkeypatch.setattr(f"{MODULE}.model_of", lambda *_: None)
        monkeypatch.setattr(f"{MODULE}.adapter_of", lambda *_: None)
        monkeypatch.setattr(Job, "load", lambda *_: None)
        monkeypatch.setattr(llm, "predict", answer)
        source, target = out / "in.jsonl", out / "answers.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        predict(job, source, target, unreleased=unreleased)
        return [json.loads(line) for line in target.read_text("utf-8").splitlines()], asked

    return run


def test_a_crisis_is_answered_by_rule_and_the_model_is_not_asked(answers):
    (crisis, well), asked = answers(
        "mental_health",
        "no",
        {"id": "1", "checkin": "I want to kill myself tonight."},
        {"id": "2", "checkin": "A good week with my garden."},
    )
    assert asked == ["2"]
    assert crisis["answer"] is None
    assert "988" in crisis["told"] or "emergency" in crisis["told"].lower()
    assert well["answer"] == "no"
    assert well["told"]


def test_a_reply_against_the_kernel_is_told_below_what_was_computed(answers):
    row = {"id": "7", "drug": "codeine", "genotypes": "CYP2D6\t*4/*4"}
    ((line,), _) = answers("personalized_medicine", "Give codeine every four hours.", row)
    assert "avoid" in line["told"].lower()
    assert "withheld" in line["told"]
    assert "every four hours" not in line["told"]


def test_an_application_without_rails_has_only_answers(answers):
    row = {"id": "a", "sentence": "Drug A lowers tau.", "first": "drug A", "second": "tau"}
    ((line,), _) = answers("drug_discovery", "decreases", row)
    assert line["answer"] == "decreases"
    assert "told" not in line
    assert line["release"] == make_release().id


def test_what_is_not_released_is_answered_only_when_asked_for_and_says_so(answers):
    row = {"id": "a", "sentence": "Drug A lowers tau.", "first": "drug A", "second": "tau"}
    with pytest.raises(GateError, match="run medtune release again"):
        answers("drug_discovery", "decreases", row, way=Way(name="few_shot", prompt="x"))
    ((line,), _) = answers("drug_discovery", "decreases", row, unreleased=True)
    assert line["release"] is None


def test_a_record_that_cannot_be_computed_from_is_named(answers):
    with pytest.raises(DataError, match="record '9'"):
        answers("personalized_medicine", "", {"id": "9", "drug": "codeine"})


def test_the_release_is_asked_for_first(out: Path):
    with pytest.raises(DataError, match="run `medtune release`"):
        predict(Job(make_run(out)), out / "in.jsonl", out / "answers.jsonl")
