"""One door for what a person would look at: each application draws, and nothing sealed is drawn."""

import json
import re
from dataclasses import replace
from pathlib import Path

import documentation_examples
import hpo_small
import numpy as np
import pytest
from planted import data_card, evaluation, make_run
from typer.testing import CliRunner

from medtune.apps import APPS, chatbot, imaging, mental_health, public_health
from medtune.artifacts import write_examples, write_predictions
from medtune.cli import cli
from medtune.clinical.hpo.case import case_facts
from medtune.errors import ConfigError, DataError
from medtune.images.store import keep_image
from medtune.pipeline import Job
from medtune.pipeline.picture import draw
from medtune.records import Example, Prediction, View

TERM = {
    "term": "Syncope",
    "passage": "A short loss of consciousness.",
    "source": "HP:0001279",
}
CRUSHING = "My chest hurts and I am sweating."


def view(*records: Example, answers: dict | None = None, sources: list[Path] | None = None) -> View:
    return View(records[0], records, answers or {}, sources=lambda: sources or [])


def visits() -> list[Example]:
    return [
        Example(
            f"v{month}",
            "p1",
            {"checkin": "Most days: sad.", "ces_d": str(20 + month), "month": str(month)},
            "no",
        )
        for month in (0, 6, 12, 18, 24)
    ]


def talk(*turns: tuple[str, str]) -> Example:
    said = [{"role": role, "content": text} for role, text in turns]
    return Example("t", "t", {"messages": json.dumps(said)}, None)


def pages(tmp_path: Path) -> dict[str, str]:
    """A page of each application that draws without its data."""
    computed = case_facts(hpo_small.known(tmp_path), {"findings": "Squint; Short stature; Ataxia"})
    case = Example("1", "1", {"computed": json.dumps(computed)}, None)
    coverage = Example("1", "1", {"cells": COVERAGE}, None)
    return {
        "decision_support": APPS["decision_support"].picture(view(case)),
        "documentation": APPS["documentation"].picture(view(documentation_examples.examples()[0])),
        "chatbot": chatbot.picture(view(Example("x", "x", TERM, ["Fainting <b>"]))),
        "mental_health": mental_health.picture(view(*visits())),
        "public_health": public_health.picture(view(coverage)),
    }


COVERAGE = (
    "topic: child vaccination\nplace: North\nperiod: 2022\nstatus: coverage\nchildren: 95\n"
    "target: 90%\nbcg: 63% (49 to 76)"
)


def test_every_application_has_a_picture():
    assert [name for name, app in APPS.items() if app.picture is None] == []


def test_a_page_loads_nothing_and_runs_nothing(tmp_path: Path):
    for name, page in pages(tmp_path).items():
        bare = page.replace("http://www.w3.org", "")
        assert page.lower().startswith("<!doctype html>"), name
        assert not re.search(r"<script|<link|<img|url\(http|https?://", bare), name
        assert "<b>" not in page or name != "chatbot" or "Fainting <b>" not in page


class TestAnImage:
    def record(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Example:
        monkeypatch.setenv("MEDTUNE_CACHE", str(tmp_path))
        name = keep_image(np.zeros((90, 90), dtype=np.uint8))
        fields = {"image": name, "negative": "no nodule", "findings": "nodule", "placed": "yes"}
        return Example("1", "1", fields, "nodule, upper left")

    def test_the_answer_of_the_model_stands_beside_the_reference(self, monkeypatch, tmp_path):
        one = self.record(monkeypatch, tmp_path)
        page = imaging.picture(view(one, answers={"1": "nodule, centre"}))
        assert "The data say: nodule, upper left. The model says: nodule, centre." in page
        assert 'aria-label="image with 1 marks"' in page

    def test_no_finding_and_no_answer_mark_nothing(self, monkeypatch, tmp_path):
        one = self.record(monkeypatch, tmp_path)
        for answer in ("no nodule", None):
            page = imaging.picture(view(one, answers={"1": answer}))
            assert 'aria-label="image with 0 marks"' in page
            assert "a radiologist must read the image" in page

    def test_an_image_that_is_not_in_the_cache_is_named_by_its_hash(self, monkeypatch, tmp_path):
        one = self.record(monkeypatch, tmp_path)
        gone = replace(one, fields={**one.fields, "image": "ab" * 32})
        with pytest.raises(DataError, match="not in the cache"):
            imaging.picture(view(gone))


class TestATalk:
    def test_the_rules_own_reply_is_shown_as_such_with_its_triage(self):
        page = chatbot.picture(view(talk(("user", CRUSHING))))
        assert "Triage: emergency" in page
        assert "by rule; the model was not asked" in page
        assert "Call " in page

    def test_the_page_of_a_run_tells_what_its_served_chat_would(self, tmp_path: Path):
        write_examples(tmp_path / "train.jsonl", [Example("x", "x", TERM, ["Fainting"])])
        asked = view(talk(("user", "What does syncope mean?"), ("assistant", "Fainting")))
        assert "I have no source" in chatbot.picture(asked)
        assert "I have no source" not in chatbot.picture(asked, out=tmp_path)
        assert "999" in chatbot.picture(view(talk(("user", CRUSHING))), code="uk")

    def test_a_withheld_reply_stands_there_with_the_rule_it_breaks(self):
        told = talk(("user", "What does syncope mean?"), ("assistant", "You have a tumour."))
        source = Example("x", "x", TERM, ["Fainting"])
        page = chatbot.picture(View(told, [told, source], {}, sources=list))
        assert "<b>Withheld</b> (diagnosis, reader): You have a tumour." in page
        assert "A short loss of consciousness." in page

    def test_the_ledger_marks_what_contradicts_itself(self):
        page = chatbot.picture(
            view(talk(("user", "I am 30 years old."), ("user", "I am 60 years old.")))
        )
        assert page.count("<b>contradicted</b>") == 2

    def test_the_answer_of_the_model_stands_in_for_the_reference(self):
        one = Example("x", "x", TERM, ["Fainting"])
        assert "Fainting" in chatbot.picture(view(one))
        page = chatbot.picture(view(one, answers={"x": "passing out"}))
        assert "Passing out" in page
        assert "Fainting" not in page

    def test_a_talk_that_is_none_is_refused_without_its_text(self):
        with pytest.raises(DataError, match="list of objects") as error:
            chatbot.picture(view(Example("t", "t", {"messages": '{"secret": 1}'}, None)))
        assert "secret" not in str(error.value)


class TestAPerson:
    def test_only_the_visits_of_the_person_are_drawn(self):
        other = Example("z", "p2", {"ces_d": "59", "month": "3"}, "no")
        page = mental_health.picture(view(*visits(), other))
        assert "CES-D: getting worse (5 check-ins" in page
        assert "months since the first check-in" in page

    def test_a_day_is_marked_by_rule_item_or_model(self):
        base = {"person": "p", "mood": "5"}
        one = {"date": "2026-08-01", "checkin": "I want to kill myself.", **base}
        two = {"date": "2026-08-02", "phq_9_item_9": "1", **base}
        three = {"date": "2026-08-03", **base}
        four = {"date": "2026-08-04", "phq_9_item_9": "0", **base}
        records = [Example(str(n), str(n), f, None) for n, f in enumerate((one, two, three, four))]
        page = mental_health.picture(view(*records, answers={"2": "yes"}))
        assert re.search(r"2026-08-01: rules [\w-]*sui", page)
        assert "2026-08-02: item 9 of PHQ-9 is above 0" in page
        assert "2026-08-03: the model would ask" in page
        assert "2026-08-04:" not in page
        assert "kill" not in page

    def test_a_value_that_is_no_number_is_named_by_its_record(self):
        with pytest.raises(DataError, match="record 'a': mood is not a number"):
            mental_health.picture(
                view(Example("a", "a", {"date": "2026-08-01", "mood": "fine"}, None))
            )


class TestASituation:
    def test_a_claim_that_the_cells_do_not_bear_is_marked(self):
        one = Example("1", "1", {"cells": COVERAGE}, None)
        said = ["place: North", "bcg: 63 49 76 on target"]
        page = public_health.picture(view(one, answers={"1": said}))
        assert "<li>place: North</li>" in page
        assert "on target: the cells do not say so" in page

    def test_a_record_is_drawn_from_its_own_source(self, tmp_path: Path):
        path = tmp_path / "own.csv"
        weeks = "\n".join(f"North,2023-W{n:02},{20 + n % 3}" for n in range(1, 13))
        path.write_text(
            f"place,week,count,topic\n{weeks.replace(chr(10), ',measles' + chr(10))},measles\n"
        )
        record = list(public_health.load([path]))[-1]
        page = public_health.picture(view(record, sources=[path]))
        assert (
            f"<h1>Measles in North, {record.fields['cells'].split('period: ')[1][:8]}</h1>" in page
        )
        with pytest.raises(ConfigError, match=r"not one of data\.sources"):
            public_health.picture(view(record))


TEST = "4" * 4


def write_run(out: Path, *, evaluated: str | None):
    """A run of the chat, evaluated on a test of that hash, or not."""
    made = {f"{name}.jsonl": TEST for name in ("train", "validation", "test")}
    data_card(app="chatbot", outputs=made).save(out)
    for split in ("train", "validation", "test"):
        write_examples(out / f"{split}.jsonl", [Example(split, split, TERM, ["Fainting"])])
    if evaluated is not None:
        evaluation(inputs={"test": evaluated}).save(out)
        answered = Prediction("test", "test", ["Fainting"], "passing out")
        write_predictions(out / "predictions.jsonl", [answered])
    return Job(make_run(out).model_copy(update={"app": "chatbot"}))


class TestTheDoor:
    def test_before_the_evaluation_no_record_of_the_test_is_drawn(self, out: Path, tmp_path: Path):
        job = write_run(out, evaluated=None)
        page = tmp_path / "page.html"
        assert draw(job, page, record=None, own=None) == "validation"
        with pytest.raises(DataError, match="sealed test are drawn after"):
            draw(job, page, record="test", own=None)

    def test_a_test_that_was_made_anew_since_the_evaluation_is_sealed(self, out: Path):
        job = write_run(out, evaluated="an older test")
        assert draw(job, out / "page.html", record=None, own=None) == "validation"

    def test_after_it_the_answer_of_the_model_is_drawn(self, out: Path):
        job = write_run(out, evaluated=TEST)
        assert draw(job, out / "page.html", record=None, own=None) == "test"
        assert "Passing out" in (out / "page.html").read_text(encoding="utf-8")
        assert (out / "page.html").stat().st_mode & 0o077 == 0

    def test_a_misspelt_record_is_told_the_right_one(self, out: Path):
        job = write_run(out, evaluated=None)
        with pytest.raises(DataError, match="did you mean 'validation'"):
            draw(job, out / "page.html", record="validaton", own=None)

    def test_ones_own_records_are_drawn_without_a_run(self, out: Path):
        own = out / "own.jsonl"
        turns = [{"role": "user", "content": CRUSHING}]
        own.write_text(json.dumps({"id": "a", "messages": turns}) + "\n", encoding="utf-8")
        job = Job(make_run(out).model_copy(update={"app": "chatbot"}))
        assert draw(job, out / "page.html", record="a", own=own) == "a"

    def test_the_command_names_the_record_and_shows_none_of_its_text(self, out: Path):
        run_file = out / "run.yaml"
        own = out / "own.jsonl"
        own.write_text(
            json.dumps({"id": "a", "messages": [{"role": "user", "content": CRUSHING}]}),
            encoding="utf-8",
        )
        run_file.write_text(
            "app: chatbot\ngoal: accuracy\nout: o\nmodel: {source: path:m}\n"
            "data: {sources: [{source: path:d}]}\n",
            encoding="utf-8",
        )
        page = out / "page.html"
        told = CliRunner().invoke(
            cli, ["picture", str(run_file), "--records", str(own), "--out", str(page)]
        )
        assert told.output == f"{page}: record a\n"
        assert page.is_file()
