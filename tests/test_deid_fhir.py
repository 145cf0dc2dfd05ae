"""FHIR elements that no list names: all are searched, and what a server is asked goes."""

import json
from datetime import date

import pytest
from test_deid_files import KEY, METHOD, left

from medtune.deid.files.fhir import deidentify_fhir

BORN = {"birthDate": "1961-03-04"}


def in_one(resource: dict, **more: object) -> dict:
    entry = {"resource": resource, **more}
    bundled = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    clean, _ = deidentify_fhir(bundled, METHOD, KEY, ["Oakenfold"])
    return clean["entry"][0]


def test_every_fhir_string_is_searched_that_is_no_code():
    note = "Mr. Oakenfold, MRN: 44821907"
    resources = [
        {"resourceType": "Account", "status": "active", "name": note},
        {"resourceType": "CareTeam", "name": note},
        {"resourceType": "Communication", "status": "final", "payload": [{"contentString": note}]},
        {"resourceType": "Observation", "status": "final", "code": {"text": "note"},
         "note": [{"authorString": "Harriet Quellmalz", "text": note}]},
        {"resourceType": "AuditEvent", "recorded": "2023-03-02T10:00:00Z",
         "agent": [{"altId": "hquellmalz7", "name": "Harriet Quellmalz", "requestor": True,
                    "network": {"address": "10.44.3.12", "type": "2"}}],
         "entity": [{"name": note, "query": "b2FrZW5mb2xk"}]},
    ]  # fmt: skip
    for resource in resources:
        text = json.dumps(in_one(resource))
        secrets = ["Oakenfold", "44821907", "uellmalz", "10.44.3.12", "b2Fr", "2023-03-02"]
        assert left(text, secrets) == [], text
        assert all(code in text for code in ("active", "final") if code in json.dumps(resource))


def test_fhir_conditional_references_and_searches_hold_no_identifier():
    asked = "identifier=http://hospital.org/mrn|44821907"
    claim = {"resourceType": "Claim", "patient": {"reference": f"Patient?{asked}"}}
    request = {"method": "PUT", "url": "Patient?identifier=44821907", "ifNoneExist": asked}
    clean = in_one(claim, request=request)
    assert left(json.dumps(clean), ["44821907", "hospital.org"]) == []
    assert clean["resource"]["patient"]["reference"].startswith("Patient?identifier=")
    assert clean["request"]["method"] == "PUT"


@pytest.mark.parametrize(
    "told",
    [
        {"code": {"text": "Age"}, "valueQuantity": {"value": 95}},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "30525-0"}]},
         "valueInteger": 95},
        {"code": {"text": "x"}, "valueQuantity": {"value": 95, "unit": "years", "code": "a"}},
        {"code": {"text": "Age"}, "valueString": "95"},
    ],
)  # fmt: skip
def test_a_fhir_age_over_89_is_one_category(told: dict):
    clean = in_one({"resourceType": "Observation", "status": "final", **told})["resource"]
    assert "95" not in json.dumps(clean)
    assert "90" in json.dumps(clean)


def test_a_fhir_value_that_is_no_age_stays():
    told = {"code": {"text": "Heart rate"}, "valueQuantity": {"value": 95, "unit": "/min"}}
    days = {"code": {"text": "Age"}, "valueQuantity": {"value": 120, "unit": "days", "code": "d"}}
    for one in (told, days):
        resource = {"resourceType": "Observation", "status": "final", **one}
        assert in_one(resource)["resource"] == resource


def test_the_dates_of_a_patient_known_by_its_full_url_move_with_its_facts():
    def days(name: str) -> int:
        facts = {"resourceType": "Procedure", "subject": {"reference": f"urn:uuid:{name}"}}
        entries = [
            {"fullUrl": "urn:uuid:A", "resource": {"resourceType": "Patient", **BORN}},
            {"fullUrl": "urn:uuid:B", "resource": {"resourceType": "Patient", **BORN}},
            {"resource": facts | {"performedDateTime": "2011-03-04"}},
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        clean = deidentify_fhir(bundle, METHOD, KEY, [])[0]["entry"]
        born = clean["AB".index(name)]["resource"]["birthDate"]
        done = clean[2]["resource"]["performedDateTime"]
        return (date.fromisoformat(done) - date.fromisoformat(born)).days

    assert days("A") == days("B") == (date(2011, 3, 4) - date(1961, 3, 4)).days
