"""Files of every format come out in the same format, without what was planted in them."""

import base64
import csv
import io
import json
import os
import stat
import zipfile
from datetime import date
from pathlib import Path

import pytest
from deid_notes import ENGLISH, ENGLISH_SECRETS
from fhir.resources.R4B.bundle import Bundle

from medtune.deid import Key, Method
from medtune.deid.files import Work, deidentify_path
from medtune.deid.files.fhir import deidentify_fhir, names_in
from medtune.deid.files.record import kind_of
from medtune.errors import ConfigError, DataError

KEY = Key(b"a key of the tests, 32 bytes long")
METHOD = Method("en", today=date(2024, 6, 1))
WORK = Work(METHOD, KEY)
SYNTHEA = (
    Path(os.environ.get("MEDTUNE_SHARED", Path(__file__).parents[2] / "shared"))
    / "data"
    / "synthea-fhir-r4"
    / "synthea_r4_120_patients.zip"
)
SECRETS = [secret for secret in ENGLISH_SECRETS if secret not in ("March 4", "01608")]


def run(source: Path, work: Work = WORK) -> str:
    target = source.with_name("clean" + source.suffix)
    deidentify_path(source, target, work, source.with_name("spans.jsonl"))
    return target.read_text(encoding="utf-8")


def left(text: str, secrets: list[str] = SECRETS) -> list[str]:
    return [secret for secret in secrets if secret in text]


def test_a_text_file(tmp_path: Path):
    source = tmp_path / "note.txt"
    source.write_text(ENGLISH, encoding="utf-8")
    assert left(run(source)) == []


def test_a_folder_keeps_its_files_and_a_patient_per_file(tmp_path: Path):
    for name in ("a/one.txt", "b/two.txt"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True)
        path.write_text("Mr. Oakenfold came on 03/02/2023.", encoding="utf-8")
    tally = deidentify_path(tmp_path / "in", tmp_path / "out", WORK, tmp_path / "spans.jsonl")
    one, two = (path.read_text() for path in (tmp_path / "out").rglob("*.txt"))
    assert tally.documents == tally.changed == 2
    assert one != two
    assert "Oakenfold" not in one + two


RECORDS = [
    {"patient_id": "P-1", "name": "Harriet Oakenfold", "dob": "1958-02-11", "zip": "01608",
     "visits": [{"date": "2023-03-02", "note": ENGLISH}], "age": 65, "weight_kg": 71.5},
    {"patient_id": "P-1", "note": "Oakenfold improved since 03/02/2023.", "age": 93, "flag": True,
     "mrn": 44821907, "empty": None},
]  # fmt: skip


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_json_records(suffix: str, tmp_path: Path):
    source = tmp_path / f"records{suffix}"
    lines = [json.dumps(row) for row in RECORDS]
    text = "\n".join(lines) if suffix == ".jsonl" else json.dumps(RECORDS)
    source.write_text(text, encoding="utf-8")
    clean = run(source, Work(METHOD, KEY, "patient_id"))
    rows = [json.loads(x) for x in clean.splitlines()] if suffix == ".jsonl" else json.loads(clean)
    assert left(clean, [*SECRETS, "P-1", "44821907", "1958-02-11"]) == []
    assert rows[0]["zip"] == "016"
    assert rows[0]["patient_id"] == rows[1]["patient_id"]
    assert (rows[0]["age"], rows[1]["age"]) == (65, 90)
    assert rows[0]["weight_kg"] == 71.5
    assert isinstance(rows[1]["mrn"], int)
    surname = rows[0]["name"].split(" ")[1]
    assert rows[1]["note"].startswith(surname)


def test_a_csv_table_keeps_its_columns_and_rows(tmp_path: Path):
    source = tmp_path / "table.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["mrn", "Last Name", "notes", "hgb"])
        writer.writerow(["448-21-907", "Oakenfold", ENGLISH, "12.3"])
        writer.writerow(["448-21-907", "Oakenfold", "pale, saw Oakenfold", "11.1"])
    rows = list(csv.DictReader(io.StringIO(run(source, Work(METHOD, KEY, "mrn")))))
    assert list(rows[0]) == ["mrn", "Last Name", "notes", "hgb"]
    assert [row["hgb"] for row in rows] == ["12.3", "11.1"]
    assert rows[0]["mrn"] == rows[1]["mrn"]
    assert rows[1]["notes"] == f"pale, saw {rows[1]['Last Name']}"
    assert left(str(rows)) == []


def bundle() -> dict:
    note = base64.b64encode(b"Mrs. Oakenfold came on 2023-03-02, MRN 44821907.").decode()
    patient = {
        "resourceType": "Patient",
        "id": "pat-oakenfold",
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml"><a href="http://x.org/44821907">'
            "Harriet <b>Oakenfold</b></a>, MRN: 44821907</div>",
        },
        "identifier": [{"system": "http://hospital.org/mrn", "value": "44821907"}],
        "name": [{"family": "Oakenfold", "given": ["Harriet"], "prefix": ["Mrs."]}],
        "telecom": [{"system": "phone", "value": "617-555-0142"}],
        "birthDate": "1931-02-11",
        "address": [{"line": ["48 Juniper Street"], "city": "Worcester", "state": "MA",
                     "postalCode": "01608", "country": "US"}],
        "photo": [{"contentType": "image/png", "data": "aGVsbG8="}],
        "communication": [{"language": {"text": "English"}}],
        "contact": [{"name": {"family": "Tremblethwaite", "given": ["Susan"]}},
                    {"name": {"text": "Ottoline Grubbfield"}}],
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName",
                       "valueString": "Quellmalz"}],
    }  # fmt: skip
    observation = {
        "resourceType": "Observation",
        "id": "obs1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7", "display": "Hgb"}]},
        "subject": {"reference": "Patient/pat-oakenfold", "display": "Harriet Oakenfold"},
        "effectiveDateTime": "2023-03-02T10:00:00Z",
        "issued": "2023-03-05T10:00:00Z",
        "valueQuantity": {"value": 12.3, "unit": "g/dL"},
        "note": [{"text": "Oakenfold is 93 years old."}],
    }
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": "Patient/pat-oakenfold"},
        "content": [
            {"attachment": {"contentType": "text/plain", "data": note}},
            {"attachment": {"contentType": "text/plain", "url": "http://x.org/d/448"}},
        ],
    }
    entries = [{"fullUrl": f"http://x.org/fhir/{r['resourceType']}/{r['id']}", "resource": r}
               for r in (patient, observation)]  # fmt: skip
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [*entries, {"resource": document}],
    }


FHIR_SECRETS = [
    "Oakenfold", "Harriet", "44821907", "617-555-0142", "1931", "Juniper", "Worcester", "01608",
    "aGVsbG8", "Tremblethwaite", "Susan", "Quellmalz", "2023-03-02", "2023-03-05", "93 years",
    "pat-oakenfold", "obs1", "x.org", "Ottoline", "Grubbfield",
]  # fmt: skip


@pytest.mark.parametrize("shift", [True, False])
def test_a_fhir_bundle(shift: bool):
    method = Method("en", shift_dates=shift, today=date(2024, 6, 1))
    clean, found = deidentify_fhir(bundle(), method, KEY, [])
    entries = [entry["resource"] for entry in clean["entry"]]
    patient, observation, document = entries
    note = base64.b64decode(document["content"][0]["attachment"]["data"]).decode()
    assert left(json.dumps(clean) + note, FHIR_SECRETS) == []
    assert observation["subject"]["reference"] == f"Patient/{patient['id']}"
    assert clean["entry"][0]["fullUrl"].endswith(f"Patient/{patient['id']}")
    assert observation["valueQuantity"] == {"value": 12.3, "unit": "g/dL"}
    assert observation["code"]["coding"][0]["display"] == "Hgb"
    assert "90+ years" in observation["note"][0]["text"]
    assert patient["address"][0]["state"] == "MA"
    assert patient["name"][0]["family"] in patient["text"]["div"]
    assert {"photo", "mrn", "patient", "date"} <= {one.change.kind for one in found}
    Bundle.model_validate(clean)


def test_the_dates_of_a_bundle_keep_their_distance():
    clean, _ = deidentify_fhir(bundle(), METHOD, KEY, [])
    observation = clean["entry"][1]["resource"]
    effective, issued = (observation[name][:10] for name in ("effectiveDateTime", "issued"))
    assert (date.fromisoformat(issued) - date.fromisoformat(effective)).days == 3


def test_fhir_lines_share_the_names_of_their_patient(tmp_path: Path):
    resources = [entry["resource"] for entry in bundle()["entry"]]
    source = tmp_path / "export.ndjson"
    source.write_text("\n".join(json.dumps(r) for r in reversed(resources)), encoding="utf-8")
    clean = run(source)
    rows = [json.loads(line) for line in clean.splitlines()]
    assert left(clean, FHIR_SECRETS) == []
    assert rows[1]["note"][0]["text"].startswith(rows[2]["name"][0]["family"])


@pytest.mark.skipif(not SYNTHEA.exists(), reason="no shared data (MEDTUNE_SHARED)")
def test_synthetic_patients_leave_no_name_and_stay_valid():
    with zipfile.ZipFile(SYNTHEA) as archive:
        names = [n for n in archive.namelist() if n.endswith(".json")][:3]
        bundles = [json.loads(archive.read(name)) for name in names]
    for one in bundles:
        clean, _ = deidentify_fhir(one, METHOD, KEY, [])
        text = json.dumps(clean)
        patient = next(
            e["resource"] for e in one["entry"] if e["resource"]["resourceType"] == "Patient"
        )
        secrets = {*names_in(patient), patient["id"], patient["birthDate"],
                   patient["address"][0]["line"][0], patient["telecom"][0]["value"],
                   *(i["value"] for i in patient["identifier"])}  # fmt: skip
        assert [s for s in secrets if f'"{s}"' in text or f" {s} " in text] == []
        Bundle.model_validate(clean)


def test_the_span_map_has_places_and_kinds_but_no_text(tmp_path: Path):
    source = tmp_path / "note.txt"
    source.write_text(ENGLISH, encoding="utf-8")
    clean = run(source)
    spans = (tmp_path / "spans.jsonl").read_text()
    assert left(spans) == []
    for row in map(json.loads, spans.splitlines()):
        assert clean[row["new_start"] : row["new_end"]]
        assert ENGLISH[row["start"] : row["end"]] not in clean[row["new_start"] : row["new_end"]]


def test_the_originals_are_for_the_owner_only(tmp_path: Path):
    source = tmp_path / "note.txt"
    source.write_text(ENGLISH, encoding="utf-8")
    originals = tmp_path / "originals.jsonl"
    deidentify_path(source, tmp_path / "out.txt", WORK, tmp_path / "spans.jsonl", originals)
    assert stat.S_IMODE(originals.stat().st_mode) == 0o600
    rows = [json.loads(line) for line in originals.read_text().splitlines()]
    assert "448-21-907" in {row["old"] for row in rows}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("patientName", "patient"), ("first_name", "patient"), ("home_phone", "phone"),
     ("attending_physician", "clinician"), ("zip_code", "zip"), ("DOB", "date"),
     ("diagnosis", None), ("note", None), ("glucose", None), ("drug_name", None),
     ("fecha_nacimiento", "date")],
)  # fmt: skip
def test_a_field_is_known_by_its_name(name: str, kind: str | None):
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.pdf", b"x", ConfigError, "tells no format"),
        ("a.txt", b"caf\xe9", DataError, "UTF-8"),
        ("a.jsonl", b'{"note": "x"}\n{broken', DataError, "a.jsonl:2: not JSON"),
        ("a.jsonl", b"[1]", DataError, "not a JSON object"),
        ("a.json", b"{", DataError, "not JSON"),
        ("a.csv", b"a,b\n1\n", DataError, "not as many columns"),
        ("a.csv", b"a,a\n1,2\n", DataError, "once"),
    ],
)
def test_a_broken_file_is_one_message_and_leaves_nothing(name, content, error, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        deidentify_path(tmp_path / name, tmp_path / "out" / name, WORK, tmp_path / "spans.jsonl")
    assert not (tmp_path / "out" / name).exists()


def test_the_source_is_never_overwritten(tmp_path: Path):
    source = tmp_path / "note.txt"
    source.write_text("Mr. Oakenfold", encoding="utf-8")
    with pytest.raises(ConfigError, match="overwrite"):
        deidentify_path(source, source, WORK, tmp_path / "spans.jsonl")
    assert source.read_text() == "Mr. Oakenfold"
