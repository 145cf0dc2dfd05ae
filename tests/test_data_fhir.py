"""FHIR R4 to one record per patient. The resources are made up after the R4 examples."""

import base64
import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from medtune.data import kind_of, rows
from medtune.data.fhir_facts import facts_of
from medtune.errors import DataError

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"


def coded(code: str, words: str, system: str = SNOMED) -> dict:
    return {"coding": [{"system": system, "code": code, "display": words}], "text": words}


def about(kind: str, **fields) -> dict:
    return {"resourceType": kind, "subject": {"reference": "urn:uuid:p1"}, **fields}


PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"family": "Hopper"}],
    "gender": "female",
    "birthDate": "1961-03-04",
    "extension": [
        {
            "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
            "extension": [{"url": "text", "valueString": "White"}],
        }
    ],
}
RESOURCES = [
    PATIENT,
    about(
        "Condition",
        code=coded("38341003", "Hypertension"),
        onsetDateTime="2011-05-02T10:00:00Z",
        clinicalStatus=coded("active", "Active"),
        verificationStatus=coded("confirmed", "Confirmed"),
    ),
    about(
        "Condition",
        code=coded("22298006", "Myocardial infarction"),
        recordedDate="2012-01-05",
        verificationStatus=coded("refuted", "Refuted"),
    ),
    about(
        "Condition",
        code=coded("1", "Never"),
        verificationStatus=coded("entered-in-error", "Entered in Error"),
    ),
    about(
        "Observation",
        status="final",
        category=[coded("laboratory", "Laboratory")],
        code=coded("2160-0", "Creatinine", LOINC),
        effectiveDateTime="2019-06-01",
        valueQuantity={"value": 1.2, "unit": "mg/dL", "comparator": "<"},
        interpretation=[coded("H", "High")],
    ),
    about(
        "Observation",
        status="final",
        category=[coded("vital-signs", "Vital Signs")],
        code=coded("85354-9", "Blood pressure", LOINC),
        effectiveDateTime="2019-06-01",
        component=[
            {"code": coded("8480-6", "Systolic"), "valueQuantity": {"value": 130, "unit": "mmHg"}},
            {"code": coded("8462-4", "Diastolic"), "valueQuantity": {"value": 80, "unit": "mmHg"}},
        ],
    ),
    {
        "resourceType": "AllergyIntolerance",
        "patient": {"reference": "Patient/p1"},
        "code": coded("91936005", "Penicillin allergy"),
        "recordedDate": "1999-01-01",
        "criticality": "high",
        "reaction": [{"manifestation": [coded("247472004", "Hives")]}],
    },
    about(
        "MedicationRequest",
        status="active",
        medicationReference={"reference": "Medication/m1"},
        authoredOn="2019-06-02",
        dosageInstruction=[{"text": "once a day"}],
    ),
    {"resourceType": "Medication", "id": "m1", "code": coded("29046", "Lisinopril 10 mg")},
    about("Procedure", status="not-done", code=coded("1", "Colonoscopy"), performedDateTime="2018"),
    about(
        "DocumentReference",
        type=coded("11506-3", "Progress note", LOINC),
        date="2019-06-03T08:00:00Z",
        content=[
            {
                "attachment": {
                    "contentType": "text/plain; charset=utf-8",
                    "data": base64.b64encode("Feels well: 37 °C.".encode()).decode(),
                }
            }
        ],
    ),
    about("Claim", status="active"),
]


def bundle(resources: list[dict]) -> str:
    return json.dumps({"resourceType": "Bundle", "entry": [{"resource": r} for r in resources]})


def test_a_bundle_becomes_dated_lines_and_facts(tmp_path):
    path = tmp_path / "p1.json"
    path.write_text(bundle(RESOURCES), encoding="utf-8")
    assert kind_of(path, "auto").name == "fhir"
    (row,) = rows(path, "auto")
    found = row.values
    assert found["patient"] == "p1"
    assert found["conditions"] == (
        "2011-05-02 Hypertension (active)\n2012-01-05 Myocardial infarction (refuted)"
    )
    assert found["labs"] == "2019-06-01 Creatinine: <1.2 mg/dL (H)"
    assert found["vitals"] == "2019-06-01 Blood pressure: Systolic 130 mmHg; Diastolic 80 mmHg"
    assert found["allergies"] == "1999-01-01 Penicillin allergy: Hives (high criticality)"
    assert found["medications"] == "2019-06-02 Lisinopril 10 mg: once a day (active)"
    assert found["procedures"] == "2018 Colonoscopy (not-done)"
    assert found["notes"] == "2019-06-03 Progress note: Feels well: 37 °C."
    assert (found["sex"], found["birth_date"], found["race"]) == ("female", "1961-03-04", "White")
    assert found["time"] == "2019-06-03"
    assert str(found["text"]).startswith(
        "sex: female\nbirth date: 1961-03-04\nrace: White\n\nAller"
    )
    assert "Hopper" not in json.dumps(found)
    assert {
        "kind": "labs",
        "date": "2019-06-01",
        "what": "Creatinine",
        "code": "http://loinc.org|2160-0",
        "value": "<1.2 mg/dL",
        "status": "H",
    } in found["facts"]


def test_lines_of_a_bulk_export_come_together_by_patient_whatever_their_order(tmp_path):
    other = json.loads(json.dumps(RESOURCES).replace("p1", "p2"))
    lines = [*reversed(RESOURCES), *other]
    (tmp_path / "a.ndjson").write_text("".join(json.dumps(r) + "\n" for r in lines[:9]))
    (tmp_path / "b.ndjson").write_text("".join(json.dumps(r) + "\n" for r in lines[9:]))
    first, second = rows(tmp_path, "auto")
    assert (first.values["patient"], second.values["patient"]) == ("p1", "p2")
    (tmp_path / "b.ndjson").unlink()
    (tmp_path / "a.ndjson").write_text("".join(json.dumps(r) + "\n" for r in RESOURCES))
    (alone,) = rows(tmp_path / "a.ndjson", "auto")
    assert {k: v for k, v in alone.values.items() if k != "facts"} == {
        k: v for k, v in first.values.items() if k != "facts"
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"valueString": "trace"}, "trace"),
        ({"valueInteger": 3}, "3"),
        ({"valueBoolean": False}, "false"),
        ({"valueCodeableConcept": coded("260385009", "Negative")}, "Negative"),
        ({"valueRange": {"low": {"value": 1}, "high": {"value": 3, "unit": "g"}}}, "1 to 3 g"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 8}}}, "1:8"),
        ({"dataAbsentReason": coded("unknown", "Unknown")}, "Unknown"),
        ({}, ""),
    ],
)
def test_every_kind_of_value_is_written(value, shown):
    (fact,) = facts_of(about("Observation", status="final", code=coded("1", "Test"), **value))
    assert fact.value == shown


def test_what_is_no_resource_is_refused_and_what_is_odd_in_one_is_left_out(tmp_path):
    path = tmp_path / "a.ndjson"
    path.write_text(json.dumps(PATIENT) + '\n{"text": "Hopper"}\n')
    with pytest.raises(DataError, match=r"a.ndjson:2: not a FHIR resource") as caught:
        list(rows(path, "fhir"))
    assert "Hopper" not in str(caught.value)
    odd = about("Condition", code="Hopper", clinicalStatus=7, onsetDateTime=None)
    assert facts_of(odd) == []
    assert facts_of({"resourceType": 3}) == []


def test_real_bundles_give_a_record_for_every_patient(tmp_path):
    root = Path(os.environ.get("MEDTUNE_SHARED", Path(__file__).parents[2] / "shared")) / "data"
    archive = root / "synthea-fhir-r4/synthea_r4_120_patients.zip"
    if not archive.is_file():
        pytest.skip("Synthea bundles are not in data/ of MEDTUNE_SHARED or ../shared")
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as found:
        names = [name for name in found.namelist() if name.endswith(".json")][:4]
        for name in names:
            found.extract(name, tmp_path)
    records = [row.values for row in rows(tmp_path, "auto")]
    assert len(records) == 4
    assert all(r["sex"] and r["birth_date"] and r["labs"] and r["encounters"] for r in records)


def test_a_fact_goes_to_the_patient_that_it_is_about_and_to_nobody_else(tmp_path):
    def seen(reference: str, words: str) -> dict:
        of = {"subject": {"reference": reference}}
        return {"resourceType": "Condition", "code": coded("1", words), **of}

    lines = [
        {"resourceType": "Patient", "id": "1"},
        {"resourceType": "Patient", "id": "2"},
        seen("https://host/fhir/Patient/1/_history/2", "Asthma"),
        seen("urn:uuid:2", "Gout"),
        seen("Device/1", "Low battery"),
        seen("Group/2", "Outbreak"),
    ]
    (tmp_path / "a.ndjson").write_text("".join(json.dumps(r) + "\n" for r in lines))
    found = {row.values["patient"]: row.values["conditions"] for row in rows(tmp_path, "auto")}
    assert found == {"1": "undated Asthma", "2": "undated Gout"}


def test_a_medicine_that_must_not_be_given_says_so():
    code = coded("11289", "Warfarin")
    request = about("MedicationRequest", status="active", medicationCodeableConcept=code)
    (fact,) = facts_of(request | {"doNotPerform": True})
    assert fact.line == "undated Warfarin (active, do not perform)"


@pytest.mark.parametrize(
    ("reference", "named"), [("#m", "Aspirin"), ("#gone", "medication without a name")]
)
def test_a_medicine_within_the_resource_has_its_name(reference, named):
    inside = {"resourceType": "Medication", "id": "m", "code": coded("1191", "Aspirin")}
    request = about("MedicationRequest", medicationReference={"reference": reference})
    (fact,) = facts_of(request | {"contained": [inside]})
    assert fact.what == named


def entries(*pairs: tuple[str, dict]) -> str:
    listed = [{"fullUrl": url, "resource": resource} for url, resource in pairs]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": listed})


def ill(patient: str, words: str) -> dict:
    condition = {"resourceType": "Condition", "code": coded("1", words)}
    return condition | {"subject": {"reference": f"urn:uuid:{patient}"}}


def test_a_patient_known_by_its_full_url_keeps_what_is_known_of_it(tmp_path):
    path = tmp_path / "transaction.json"
    people = [{"resourceType": "Patient", "gender": sex} for sex in ("female", "male")]
    both = {"resourceType": "Patient", "id": "p3", "birthDate": "1950-01-01"}
    drug = {"resourceType": "Medication", "code": coded("29046", "Lisinopril")}
    takes = {"resourceType": "MedicationRequest", "subject": {"reference": "Patient/p3"}}
    path.write_text(
        entries(
            ("urn:uuid:A", people[0]),
            ("urn:uuid:B", people[1]),
            ("urn:uuid:C", both),
            ("urn:uuid:M", drug),
            ("urn:uuid:1", ill("A", "Gout")),
            ("urn:uuid:2", ill("B", "Asthma")),
            ("urn:uuid:3", ill("C", "Anaemia")),
            ("urn:uuid:4", takes | {"medicationReference": {"reference": "urn:uuid:M"}}),
        ),
        encoding="utf-8",
    )
    found = [row.values for row in rows(path, "auto")]
    assert [(r["patient"], r["sex"], r["conditions"][8:]) for r in found] == [
        ("A", "female", "Gout"),
        ("B", "male", "Asthma"),
        ("p3", "", "Anaemia"),
    ]
    assert found[2]["birth_date"] == "1950-01-01"
    assert "Lisinopril" in found[2]["medications"]


def test_a_patient_that_nothing_can_refer_to_is_refused(tmp_path):
    path = tmp_path / "bundle.json"
    path.write_text(bundle([{"resourceType": "Patient", "gender": "male"}]), encoding="utf-8")
    with pytest.raises(DataError, match="a Patient has no id"):
        list(rows(path, "auto"))
