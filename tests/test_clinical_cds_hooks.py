"""CDS Hooks 2.0: the standard's examples go in and come out the same, and faults are refused."""

import json

import pytest
from pydantic import BaseModel, ValidationError

from medtune.clinical.cds_hooks import (
    Card,
    Cards,
    Feedback,
    Request,
    Service,
    Services,
    missing_prefetch,
    precondition_failed,
)

REASON = {"code": "contraindicated", "system": "http://example.org/override", "display": "No"}
CARD = {
    "uuid": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
    "summary": "CYP2C19 poor metabolizer: clopidogrel may be ineffective",
    "indicator": "critical",
    "detail": "**Not assessed:** platelet function.",
    "source": {
        "label": "CPIC 2022",
        "url": "https://www.clinpgx.org/",
        "topic": {"system": "http://example.org/topics", "code": "pgx", "display": "PGx"},
    },
    "suggestions": [
        {
            "label": "Cancel the draft",
            "uuid": "e56e1945-20b3-4393-8503-a1a20fd73152",
            "isRecommended": True,
            "actions": [
                {
                    "type": "delete",
                    "description": "Remove draft order",
                    "resourceId": "MedicationRequest/103",
                },
            ],
        }
    ],
    "selectionBehavior": "at-most-one",
    "overrideReasons": [REASON],
    "links": [
        {"label": "App", "url": "https://x.org", "type": "smart", "appContext": "{}"},
    ],
}
SERVICE = {
    "hook": "patient-view",
    "id": "differential",
    "description": "Ranks diseases",
    "title": "Differential",
    "prefetch": {"patient": "Patient/{{context.patientId}}", "labs": "Observation?x"},
    "usageRequirements": "HPO findings",
}
REQUEST = {
    "hook": "patient-view",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "fhirServer": "https://fhir.example.org",
    "fhirAuthorization": {
        "access_token": "some-opaque-fhir-access-token",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/Patient.read",
        "subject": "cds-service4",
    },
    "context": {"userId": "Practitioner/1", "patientId": "1288992"},
    "prefetch": {"patient": {"resourceType": "Patient"}, "labs": None},
}
FEEDBACK = {
    "feedback": [
        {
            "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
            "outcome": "accepted",
            "acceptedSuggestions": [{"id": "e56e1945-20b3-4393-8503-a1a20fd73152"}],
            "outcomeTimestamp": "2020-12-11T00:00:00Z",
        },
        {
            "card": "9368d37b-283f-44a0-93ea-547cebab93ed",
            "outcome": "overridden",
            "overrideReason": {"reason": REASON, "userComment": "seen"},
            "outcomeTimestamp": "2020-12-11T00:00:00Z",
        },
    ]
}
WHOLE: list[tuple[type[BaseModel], dict]] = [
    (Services, {"services": [SERVICE]}),
    (Services, {"services": []}),
    (Request, REQUEST),
    (Cards, {"cards": [CARD]}),
    (Cards, {"cards": []}),
    (Feedback, FEEDBACK),
]


@pytest.mark.parametrize(("kind", "body"), WHOLE)
def test_what_goes_in_comes_out_the_same(kind: type[BaseModel], body: dict):
    assert json.loads(kind.model_validate_json(json.dumps(body)).as_json()) == body


def changed(body: dict, path: tuple[str | int, ...], value: object) -> dict:
    """The body with one value in another way; `...` takes it away."""
    copy = json.loads(json.dumps(body))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


FIRST, ACTION = ("feedback", 0), ("suggestions", 0, "actions", 0)
FAULTS = [
    (Card, CARD, ("summary",), "x" * 140),
    (Card, CARD, ("summary",), ""),
    (Card, CARD, ("indicator",), "hard-stop"),
    (Card, CARD, ("source",), ...),
    (Card, CARD, ("source", "label"), ...),
    (Card, CARD, ("detail",), None),
    (Card, CARD, ("links",), []),
    (Card, CARD, ("colour",), "red"),
    (Card, CARD, ("selectionBehavior",), ...),
    (Card, CARD, ("selectionBehavior",), "all"),
    (Card, CARD, ("overrideReasons", 0, "display"), ...),
    (Card, CARD, ("links", 0, "type"), "absolute"),
    (Card, CARD, ("suggestions", 0, "isRecommended"), "yes"),
    (Card, CARD, (*ACTION, "type"), "create"),
    (Card, CARD, (*ACTION, "resourceId"), ...),
    (Card, CARD, (*ACTION, "resource"), {"resourceType": "Patient"}),
    (Service, SERVICE, ("hook",), "patient view"),
    (Service, SERVICE, ("description",), ...),
    (Service, SERVICE, ("prefetch",), {}),
    (Request, REQUEST, ("hookInstance",), "not-a-uuid"),
    (Request, REQUEST, ("context", "patientId"), ...),
    (Request, REQUEST, ("hook",), "order-sign"),
    (Request, REQUEST, ("fhirServer",), ...),
    (Feedback, FEEDBACK, ("feedback",), []),
    (Feedback, FEEDBACK, (*FIRST, "acceptedSuggestions"), ...),
    (Feedback, FEEDBACK, (*FIRST, "outcome"), "overridden"),
    (Feedback, FEEDBACK, (*FIRST, "outcomeTimestamp"), "2020-12-11T00:00:00"),
]


@pytest.mark.parametrize(("kind", "body", "path", "value"), FAULTS)
def test_a_fault_is_refused(kind: type[BaseModel], body: dict, path: tuple, value: object):
    kind.model_validate_json(json.dumps(body))
    with pytest.raises(ValidationError):
        kind.model_validate_json(json.dumps(changed(body, path, value)))


def test_lacking_prefetch_is_told_and_null_is_not_lacking():
    service = Service.model_validate_json(json.dumps(SERVICE))
    request = Request.model_validate_json(json.dumps(REQUEST))
    assert missing_prefetch(service, request) == []
    for value in (..., {"resourceType": "OperationOutcome"}):
        other = changed(REQUEST, ("prefetch", "labs"), value)
        lacking = missing_prefetch(service, Request.model_validate_json(json.dumps(other)))
        assert lacking == ["labs"]
        assert precondition_failed(lacking)["issue"][0]["diagnostics"] == "prefetch lacks labs"


def test_a_request_shows_no_token_and_no_patient_in_its_repr():
    shown = repr(Request.model_validate_json(json.dumps(REQUEST)))
    assert "1288992" not in shown
    assert "opaque" not in shown
