"""`data.deidentify`: fields by their names, attributes, ids, and what a measurement is good for."""

import json
from pathlib import Path

import pytest
from test_deid_verbs import EXAMPLE, annotated, application, medtune, run_with

from medtune.deid.example import cleaner_for
from medtune.records import Example


def test_an_example_is_cleaned_by_the_names_of_its_fields(tmp_path: Path):
    fields = {"patient_name": "Quellanor Tibbs", "mrn": "8812345", "zip": "02139",
              "phone": "6175551234", "note": "quellanor was seen", "age": "95"}  # fmt: skip
    cleaner = cleaner_for(run_with(tmp_path), application())
    assert cleaner is not None
    subgroups = {"sex": "f", "age": "95", "patient_name": "Quellanor Tibbs"}
    clean = cleaner.clean(Example("1", "g", fields, "Quellanor: 95 mg", subgroups=subgroups))
    shown = str((clean.fields, clean.subgroups, clean.target)).lower()
    assert [s for s in ("quellanor", "tibbs", "8812345", "02139", "6175551234") if s in shown] == []
    assert (clean.fields["age"], clean.subgroups["age"]) == ("90+", "90+")
    assert clean.subgroups["sex"] == "f"
    assert str(clean.target).endswith(": 95 mg")
    other = cleaner.clean(Example("2", "h", fields, "", subgroups=subgroups))
    assert other.subgroups == clean.subgroups


@pytest.mark.parametrize(("source", "is_own"), [("path:a.jsonl", True), ("pypi:a==1", False)])
def test_the_id_and_group_of_ones_own_rows_become_pseudonyms(
    source: str, is_own: bool, tmp_path: Path
):
    run = run_with(tmp_path).model_copy(update={"task": None})
    sources = (run.data.sources[0].model_copy(update={"source": source}),)
    run = run.model_copy(update={"data": run.data.model_copy(update={"sources": sources})})
    cleaner = cleaner_for(run, application())
    assert cleaner is not None
    clean = cleaner.clean(EXAMPLE)
    assert [EXAMPLE.id != clean.id, EXAMPLE.group != clean.group] == [is_own, is_own]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [("language", "es", "language"), ("policy", "all", "policy"), ("tagger", "spacy:x", "tagger"),
     ("medtune_version", "0.0.1", "version")],
)  # fmt: skip
def test_a_measurement_of_another_setup_does_not_pass(
    name: str, value: str, told: str, tmp_path: Path, monkeypatch
):
    notes, out = annotated(tmp_path / "notes.jsonl", 500), tmp_path / "score.json"
    medtune("deid-score", str(notes), "--out", str(out), monkeypatch=monkeypatch)
    score = json.loads(out.read_text())
    good = {"value": 1, "low": 1, "high": 1}
    score["recall"]["all"] |= good
    score["leak_rate"] |= {"value": 0, "low": 0, "high": 0}
    outcomes = []
    for changed in ({}, {name: value}):
        out.write_text(json.dumps(score | changed))
        cleaner = cleaner_for(run_with(tmp_path, measured=str(out)), application())
        assert cleaner is not None
        outcomes.append(cleaner.check())
    assert [check.outcome for check in outcomes] == ["pass", "warn"]
    assert f"but the {told}" in outcomes[1].found
