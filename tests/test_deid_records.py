"""Patients' numbers, ages and the names of files: what is in no prose."""

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest
from test_deid_files import KEY, METHOD, WORK, left, run

from medtune.deid import Method, deidentify
from medtune.deid.files import Work, deidentify_path

TODAY = date(2024, 6, 1)


@pytest.mark.parametrize(
    "column", ["patient_id", "subject_id", "pid", "person_id", "PatientID", "Patient ID", "mrn"]
)
def test_the_column_that_tells_the_patient_becomes_a_pseudonym(column: str, tmp_path: Path):
    source = tmp_path / "table.csv"
    lines = [f"{column},age,admitted,note", "8812345,95,20240531,seen", "8812345,64,,seen"]
    source.write_text("\n".join(lines), encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(run(source))))
    assert rows[0][column] == rows[1][column] != "8812345"
    assert [row["age"] for row in rows] == ["90+", "64"]
    assert rows[0]["admitted"] != "20240531"
    assert (rows[0]["admitted"].isdigit(), rows[1]["admitted"]) == (True, "")
    source = source.with_suffix(".jsonl")
    source.write_text(json.dumps({column: 8812345, "id": 77120, "in": {"pid": 8812345}}))
    clean = run(source)
    assert left(clean, ["8812345", "77120"]) == []


@pytest.mark.parametrize("shift", [True, False])
def test_a_date_without_marks_is_moved_like_any_other(shift: bool, tmp_path: Path):
    source = tmp_path / "a.jsonl"
    row = {"on": "20240531", "at": 20240531, "iso": "2024-05-31", "dob": "19310211", "n": 20249931}
    source.write_text(json.dumps(row), encoding="utf-8")
    clean = json.loads(run(source, Work(Method("en", shift_dates=shift, today=TODAY), KEY)))
    assert clean["on"] == str(clean["at"]) == clean["iso"].replace("-", "") != "20240531"
    assert "1931" not in clean["dob"]
    assert (isinstance(clean["at"], int), clean["n"]) == (True, 20249931)


@pytest.mark.parametrize("age", ["95", "95.0", "95 years", "F/95", "ninety-five", "95Y"])
def test_an_age_that_is_text_is_read_as_an_age(age: str, tmp_path: Path):
    source = tmp_path / "a.jsonl"
    source.write_text(json.dumps({"age": age}), encoding="utf-8")
    assert "95" not in (clean := run(source))
    assert "five" not in clean
    source.write_text(json.dumps({"age": age.replace("95", "65").replace("nine", "six")}))
    assert json.loads(run(source)) == {"age": age.replace("95", "65").replace("nine", "six")}


def test_names_of_files_and_folders_stay_in_the_file_of_originals_only(tmp_path: Path):
    old = "SMITH_JOHN/SMITH_JOHN_MRN8812345.txt"
    for name in (old, "SMITH_JOHN/list8812345.csv"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("note\nMr. Oakenfold came.", encoding="utf-8")
    out, spans, originals = (tmp_path / name for name in ("out", "spans.jsonl", "originals.jsonl"))
    tally = deidentify_path(tmp_path / "in", out, WORK, spans, originals)
    places = [path.relative_to(out).as_posix() for path in sorted(out.rglob("*.*"))]
    documents = [json.loads(line)["document"] for line in spans.read_text().splitlines()]
    assert left(f"{places} {spans.read_text()} {list(tally.sources)}", ["SMITH", "8812345"]) == []
    assert sorted(tally.sources) == places
    assert {name.partition(":")[0] for name in documents} == set(places)
    rows = [json.loads(line) for line in originals.read_text().splitlines()]
    found = {row["old"]: row["document"] for row in rows if row["field"] == "file name"}
    assert (out / found[old]).read_text().startswith("note")


@pytest.mark.parametrize(
    "text",
    ["94F with CHF.", "Pt is a 94 M.", "Age/Sex: 94/F", "Sex/Age: F/94", "94/F seen", "94yo F",
     "ninety-four-year-old woman", "aged ninety-four", "ninety four years of age",
     "a hundred and two years old", "a nonagenarian", "94.5 years old"],
)  # fmt: skip
def test_an_age_over_89_in_prose_is_found(text: str):
    clean = deidentify(text, "p", METHOD, KEY).text.lower()
    assert left(clean, ["94", "four", "hundred", "nonagenarian"]) == []


@pytest.mark.parametrize(
    "text",
    ["65F with CHF.", "Temp 98F, HR 90", "T 101 F", "walked 94 m", "BP 120/94", "Age/Sex: 64/F"],
)
def test_what_is_no_age_over_89_stays(text: str):
    assert deidentify(text, "p", METHOD, KEY).text == text
