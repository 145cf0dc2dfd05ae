"""The verbs deid, deid-score and deid-train as a user types them, and `data.deidentify`."""

import json
import stat
import sys
from pathlib import Path

import pytest
from deid_notes import ENGLISH, ENGLISH_SECRETS

from medtune import cli
from medtune.artifacts import DEIDENTIFICATION
from medtune.config import Run
from medtune.deid.example import cleaner_for
from medtune.deid.notes import Note
from medtune.deid.report import DeidReport, DeidScore
from medtune.deid.score import count
from medtune.deid.span import Span
from medtune.pipeline.deid import exact_f1, precision, recall
from medtune.records import Application, Example


def medtune(*words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["medtune", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


def annotated(path: Path, n: int = 8) -> Path:
    rows = []
    for i in range(n):
        text = f"Mr. Oakenfold{'' if i else ' went to qqxrbay'} came, MRN: 44821{i}07."
        spans = [(4, 13, "person"), (text.index("4482"), text.index("4482") + 8, "mrn")]
        spans += [] if i else [(text.index("qq"), text.index("qq") + 7, "city")]
        marks = [{"start": a, "end": b, "kind": k} for a, b, k in spans]
        rows.append({"id": str(i), "text": text, "spans": marks})
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_deid_writes_the_file_the_places_and_a_report(tmp_path: Path, monkeypatch, capsys):
    # A drawn key gives, once in some hundred times, one person the other's name as surrogate.
    monkeypatch.setattr("medtune.deid.surrogate.key.secrets.token_bytes", lambda n: b"k" * n)
    (tmp_path / "note.txt").write_text(ENGLISH, encoding="utf-8")
    words = ("deid", str(tmp_path / "note.txt"), str(tmp_path / "out.txt"))
    key = ("--key", str(tmp_path / "key"))
    assert medtune(*words, *key, monkeypatch=monkeypatch) == 0
    first = (tmp_path / "out.txt").read_text()
    assert medtune(*words, *key, monkeypatch=monkeypatch) == 0
    assert (tmp_path / "out.txt").read_text() == first
    assert "identifiers replaced in 1 of 1 documents" in capsys.readouterr().out
    report = DeidReport.model_validate_json((tmp_path / "out.txt.deid.json").read_text())
    assert report.kinds["clinician"] >= 3
    assert "What was missed is not known" in report.note
    secret = (tmp_path / "key").read_text().strip()
    for file in tmp_path.glob("out*"):
        text = file.read_text()
        assert secret not in text
        assert [s for s in ENGLISH_SECRETS if s in text] in ([], ["March 4"])
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_without_a_key_file_no_two_runs_agree(tmp_path: Path, monkeypatch):
    (tmp_path / "note.txt").write_text(ENGLISH, encoding="utf-8")
    made = []
    for name in ("a.txt", "b.txt"):
        medtune("deid", str(tmp_path / "note.txt"), str(tmp_path / name), monkeypatch=monkeypatch)
        made.append((tmp_path / name).read_text())
    assert made[0] != made[1]


def test_score_says_what_was_measured_and_claims_nothing(tmp_path: Path, monkeypatch, capsys):
    notes = annotated(tmp_path / "notes.jsonl")
    out = tmp_path / "score.json"
    assert medtune("deid-score", str(notes), "--out", str(out), monkeypatch=monkeypatch) == 0
    told = capsys.readouterr().out
    score = DeidScore.model_validate_json(out.read_text())
    assert score.recall["person"].value == score.recall["mrn"].value == 1
    assert score.recall["person"].low < 0.75
    assert score.leak_rate.value == pytest.approx(1 / 8)
    assert score.leak_rate.high > 0.3
    assert "It says nothing of other notes" in told
    assert "safe" not in told.replace("safe_harbor", "")


def test_a_tagger_is_trained_and_used_from_the_command_line(tmp_path: Path, monkeypatch, capsys):
    notes = annotated(tmp_path / "notes.jsonl", n=20)
    tagger = tmp_path / "tagger"
    assert medtune("deid-train", str(notes), str(tagger), monkeypatch=monkeypatch) == 0
    assert "learnt from 20 notes" in capsys.readouterr().out
    words = ("deid-score", str(notes), "--tagger", str(tagger))
    assert medtune(*words, monkeypatch=monkeypatch) == 0
    assert medtune(*words, "--language", "es", monkeypatch=monkeypatch) == 2


def test_a_wrong_file_is_one_message(tmp_path: Path, monkeypatch, capsys):
    assert medtune("deid", "nowhere.txt", str(tmp_path / "o.txt"), monkeypatch=monkeypatch) == 3
    assert "no such file" in capsys.readouterr().err


NOTE = Note("1", "John Doe at 12 Elm", [Span(0, 8, "person", ""), Span(12, 18, "street", "")])


def test_an_identifier_counts_as_covered_only_if_it_is_covered_whole():
    whole = [Span(0, 8, "person", ""), Span(12, 18, "street", "")]
    part = [Span(0, 4, "person", ""), Span(12, 18, "street", ""), Span(9, 11, "city", "")]
    of_whole, of_part = (count(NOTE, found, "safe_harbor") for found in (whole, part))
    assert (of_whole.leaks, of_part.leaks) == (False, True)
    assert recall([of_whole, of_part])["person"].value == 0.5
    assert recall([of_whole, of_part])["street"].value == 1.0
    made = precision([of_whole, of_part])
    assert made is not None
    assert made.value == pytest.approx(4 / 5)
    assert exact_f1([of_whole, of_part]) == pytest.approx(2 * 3 / (5 + 4))


def test_what_may_stay_does_not_count():
    text = "Woman of 45, of Peru; her mother is 93."
    spans = [Span(0, 5, "sex", ""), Span(9, 11, "age", ""), Span(16, 20, "country", ""),
             Span(36, 38, "age", "")]  # fmt: skip
    note = Note("1", text, spans)
    assert count(note, [], "safe_harbor").annotated == {"age": 1}
    assert count(note, [], "all").annotated.total() == 4
    assert count(note, [Span(36, 38, "age", "")], "safe_harbor").leaks is False


def run_with(tmp_path: Path, **settings: object) -> Run:
    return Run.model_validate(
        {
            "app": "custom",
            "goal": "custom_data",
            "out": str(tmp_path / "out"),
            "model": {"source": "path:model"},
            "data": {
                "sources": [{"source": "path:notes.jsonl"}],
                "deidentify": {"key": str(tmp_path / "key"), **settings},
            },
            "task": {
                "instruction": "Who?",
                "input": "{note}",
                "answer": "spans",
                "id": "id",
                "group": "patient",
            },
        }
    )


def application(choices=None) -> Application:
    return Application(
        "custom", "", "", lambda _: iter(()), lambda _: [], lambda _: "", lambda _e, _t: None,
        {}, "f1", choices=choices,
    )  # fmt: skip


EXAMPLE = Example(
    id="448-21-907/2",
    group="448-21-907",
    fields={"note": "Mr. Oakenfold came on 03/02/2023.", "label": "yes"},
    target=["Oakenfold", {"on": "03/02/2023"}],
    time="2023-03-02",
)


def test_an_example_is_cleaned_and_its_target_follows(tmp_path: Path):
    cleaner = cleaner_for(run_with(tmp_path), application())
    assert cleaner is not None
    clean = cleaner.clean(EXAMPLE)
    name, quoted = clean.target
    assert name in clean.fields["note"]
    assert quoted["on"] in clean.fields["note"]
    assert "Oakenfold" not in str((clean.fields, clean.target))
    assert all("448-21" not in one for one in (clean.id, clean.group))
    assert clean.time != EXAMPLE.time
    assert clean == cleaner.clean(EXAMPLE)
    check = cleaner.check()
    assert (check.name, check.outcome) == (DEIDENTIFICATION, "warn")
    assert "not measured" in check.found


def test_a_label_stays_what_it_is(tmp_path: Path):
    cleaner = cleaner_for(run_with(tmp_path), application(choices=lambda _: ["Oakenfold", "no"]))
    assert cleaner is not None
    labelled = Example("1", "1", EXAMPLE.fields, "Oakenfold")
    assert cleaner.clean(labelled).target == "Oakenfold"


@pytest.mark.parametrize(("n", "outcome"), [(8, "warn"), (500, "pass")])
def test_the_check_passes_only_on_a_measurement_that_is_good_and_large_enough(
    n: int, outcome: str, tmp_path: Path, monkeypatch
):
    rows = [
        {
            "id": str(i),
            "text": f"MRN: 4482{i:04d}",
            "spans": [{"start": 5, "end": 13, "kind": "mrn"}],
        }
        for i in range(n)
    ]
    notes, out = tmp_path / "notes.jsonl", tmp_path / "score.json"
    notes.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    medtune("deid-score", str(notes), "--out", str(out), monkeypatch=monkeypatch)
    cleaner = cleaner_for(run_with(tmp_path, measured=str(out)), application())
    assert cleaner is not None
    assert cleaner.check().outcome == outcome


def test_dates_that_decide_the_split_are_not_moved(tmp_path: Path):
    with pytest.raises(ValueError, match="true dates"):
        Run.model_validate(
            {
                "app": "drug_discovery",
                "goal": "accuracy",
                "out": str(tmp_path),
                "model": {"source": "path:model"},
                "data": {
                    "sources": [{"source": "path:x.jsonl"}],
                    "split_by": "time",
                    "deidentify": {"key": "key"},
                },
            }
        )


def test_a_folder_goes_by_pseudonyms_in_its_report(tmp_path: Path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "SMITH_JOHN_MRN8812345.txt").write_text("Mr. Smith came.")
    (tmp_path / "in" / "SMITH.pdf").write_text("")
    medtune("deid", str(tmp_path / "in"), str(tmp_path / "out"), monkeypatch=monkeypatch)
    report = DeidReport.model_validate_json((tmp_path / "out.deid.json").read_text())
    assert [*report.source_sha256] == [path.name for path in (tmp_path / "out").iterdir()]
    assert "SMITH" not in str(report)
