"""CDS Hooks in the server: the standard's answers, nothing guessed, and no card without its row."""

import json
from datetime import date
from pathlib import Path

import hpo_small
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from planted import SECRET, make_run
from served import client_of, rows, voice

from medtune import __version__
from medtune.apps import APPS, decision_support
from medtune.clinical.cds_hooks import Cards, Service, Services
from medtune.clinical.hpo import Knowledge
from medtune.clinical.hpo.card import cards
from medtune.clinical.hpo.fhir import HORIZON_DAYS, request_facts
from medtune.errors import ConfigError
from medtune.monitor.journal import read_use
from medtune.records import Hook
from medtune.serve import Rails, serve_rules
from medtune.serve.app import create_rules_app

TODAY = date(2026, 11, 23)
DISCOVERY = "/cds-services"
URL = "/cds-services/decision-support"
PATIENT = {"resourceType": "Patient", "gender": "male", "birthDate": "1980-11-24"}
HPO = "http://human-phenotype-ontology.org"


def condition(name: str, verified: str = "confirmed", clinical: str = "active", **code) -> dict:
    return {
        "resourceType": "Condition",
        "code": {"text": name, **code},
        "verificationStatus": {"coding": [{"code": verified}]},
        "clinicalStatus": {"coding": [{"code": clinical}]},
    }


def potassium(value: float = 6.8, day: str = "2026-11-01", **changed) -> dict:
    fields = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Potassium", "coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "effectiveDateTime": day,
        "valueQuantity": {"value": value, "unit": "mmol/L", "code": "mmol/L"},
    }
    return fields | changed


def bundle(*resources: dict) -> dict:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": one} for one in resources],
    }


FINDINGS = (condition("Squint"), condition("Short stature"), condition("Febrile seizure"))
PREFETCH = {"patient": PATIENT, "conditions": bundle(*FINDINGS), "labs": bundle(potassium())}


def request(prefetch: dict | None = None, **changed) -> dict:
    asked = {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/1", "patientId": "1"},
        "prefetch": PREFETCH if prefetch is None else prefetch,
    }
    return asked | changed


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    return hpo_small.known(tmp_path_factory.mktemp("hpo"))


@pytest.fixture
def client(out: Path, known: Knowledge, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decision_support, "_pinned", lambda: known)
    (hook,) = APPS["decision_support"].hooks
    mine = Hook(hook.service, hook.advise, lambda: None)
    with client_of(out, voice(), rails=Rails(hooks=(mine,))) as found:
        yield found


class TestWhatIsReadOfARequest:
    def test_conditions_and_results_become_a_ranking(self, known: Knowledge):
        facts = request_facts(known, PREFETCH, today=TODAY)
        assert sorted(facts["findings"]) == [
            "Febrile seizure",
            "Hyperkalemia",
            "Short stature",
            "Strabismus",
        ]
        assert facts["excluded"] == ["Hypokalemia"]
        assert (facts["status"], facts["not_used"]) == ("success", [])

    def test_a_code_of_the_ontology_goes_before_the_words(self, known: Knowledge):
        coded = condition("whatever", coding=[{"system": HPO, "code": "HP:0000023"}])
        facts = request_facts(known, {"conditions": bundle(coded)}, today=TODAY)
        assert facts["findings"] == ["Ataxia"]

    @pytest.mark.parametrize(
        ("one", "why"),
        [
            (condition("Ataxia", "provisional"), "Ataxia: provisional"),
            (condition("Ataxia", clinical="resolved"), "Ataxia: resolved"),
            (condition("Fallen arches"), "Fallen arches: no term of the ontology"),
        ],
    )
    def test_a_condition_that_is_not_sure_now_is_shown_and_not_used(self, known, one, why):
        facts = request_facts(known, {"conditions": bundle(*FINDINGS, one)}, today=TODAY)
        assert "Ataxia" not in [*facts["findings"], *facts["excluded"]]
        assert facts["not_used"] == [why]
        assert why in cards(facts).cards[0].detail

    def test_a_refuted_condition_is_excluded_and_one_in_error_is_nothing(self, known: Knowledge):
        refuted, wrong = condition("Ataxia", "refuted"), condition("Ataxia", "entered-in-error")
        told = request_facts(known, {"conditions": bundle(*FINDINGS, refuted)}, today=TODAY)
        assert told["excluded"] == ["Ataxia"]
        told = request_facts(known, {"conditions": bundle(*FINDINGS, wrong)}, today=TODAY)
        assert (told["excluded"], told["not_used"]) == ([], [])

    def test_what_is_stated_and_refuted_is_told_and_not_guessed(self, known: Knowledge):
        both = bundle(*FINDINGS, condition("Seizure", "refuted"))
        facts = request_facts(known, {"conditions": both}, today=TODAY)
        assert facts["not_used"] == ["Seizure: both stated and refuted"]

    def test_a_stated_finding_that_a_result_excludes_is_told_and_the_card_still_comes(
        self, known: Knowledge
    ):
        conditions = bundle(*FINDINGS, condition("Hyperkalemia"))
        asked = {**PREFETCH, "conditions": conditions, "labs": bundle(potassium(4.2))}
        facts = request_facts(known, asked, today=TODAY)
        assert facts["not_used"] == [
            "Hyperkalemia: stated, but excluded by potassium of 2026-11-01"
        ]
        assert "Hyperkalemia" in facts["findings"]
        assert facts["excluded"] == ["Hypokalemia"]
        assert facts["status"] == "success"

    @pytest.mark.parametrize(
        ("one", "why"),
        [
            (potassium(day="2026-01-01"), f"not of the last {HORIZON_DAYS} days"),
            (potassium(day="2027-01-01"), f"not of the last {HORIZON_DAYS} days"),
            (potassium(effectiveDateTime=None), f"not of the last {HORIZON_DAYS} days"),
            (potassium(status="preliminary"), "not final"),
            (potassium(valueQuantity={"value": 6.8}), "no number with a unit of the analyte"),
            (potassium(valueQuantity={"value": 6.8, "code": "kg"}), "no number with a unit"),
            (potassium(valueQuantity={"value": True, "code": "mmol/L"}), "no number with a unit"),
            (potassium(code={"text": "Potassium"}), "not an analyte that is known here"),
        ],
    )
    def test_a_result_that_cannot_be_trusted_is_shown_and_not_used(self, known, one, why):
        facts = request_facts(known, {**PREFETCH, "labs": bundle(one)}, today=TODAY)
        assert "Hyperkalemia" not in [*facts["findings"], *facts["excluded"]]
        assert facts["not_used"][0].startswith(f"Potassium: {why}")

    def test_the_latest_result_counts(self, known: Knowledge):
        results = bundle(potassium(4.2, "2026-11-02"), potassium(6.8, "2026-11-01"))
        facts = request_facts(known, {**PREFETCH, "labs": results}, today=TODAY)
        assert "Hyperkalemia" in facts["excluded"]

    def test_mass_and_moles_of_a_result_are_the_same_result(self, known: Knowledge):
        # 1 mmol of potassium is 39.098 mg
        mass = potassium(valueQuantity={"value": 6.8 * 3.9098, "code": "mg/dL"})
        facts = request_facts(known, {**PREFETCH, "labs": bundle(mass)}, today=TODAY)
        assert "Hyperkalemia" in facts["findings"]

    def test_without_a_sex_or_age_no_result_is_judged(self, known: Knowledge):
        facts = request_facts(known, {**PREFETCH, "patient": None}, today=TODAY)
        assert facts["not_judged"] == ["potassium"]

    @given(st.permutations(range(5)))
    def test_the_order_of_the_entries_changes_no_card(self, known: Knowledge, order):
        conditions = [*FINDINGS, condition("Ataxia", "refuted"), condition("Fallen arches")]
        results = [potassium(), potassium(4.0, "2026-10-01"), potassium(9.9, "2025-01-01")]
        shuffled = {
            "patient": PATIENT,
            "conditions": bundle(*(conditions[n] for n in order)),
            "labs": bundle(*(results[n] for n in order if n < 3)),
        }
        plain = {"patient": PATIENT, "conditions": bundle(*conditions), "labs": bundle(*results)}
        told = [cards(request_facts(known, one, today=TODAY)) for one in (plain, shuffled)]
        assert told[0] == told[1]


class TestTheRoutes:
    def test_the_discovery_lists_the_service_as_the_standard_has_it(self, client):
        found = Services.model_validate_json(client.get(DISCOVERY).text)
        assert [one.id for one in found.services] == ["decision-support"]

    def test_a_call_gives_a_card_with_source_and_indicator(self, client, out: Path):
        response = client.post(URL, json=request())
        (card,) = Cards.model_validate_json(response.text).cards
        assert (response.status_code, card.indicator) == (200, "info")
        assert card.source.label.startswith("HPO ")
        assert "Limits" in card.detail
        (row,) = rows(out)
        assert (row["status"], row["answer"], row["prompt_text"]) == (200, "info", None)

    @pytest.mark.parametrize("key", ["patient", "conditions", "labs"])
    @pytest.mark.parametrize("how", ["absent", "unread"])
    def test_a_missing_prefetch_is_412_and_never_a_guess(self, client, out, key, how):
        unread = {"resourceType": "OperationOutcome", "issue": []}
        given = {k: v for k, v in PREFETCH.items() if k != key}
        response = client.post(
            URL, json=request(given if how == "absent" else {**given, key: unread})
        )
        assert response.status_code == 412
        assert response.json()["resourceType"] == "OperationOutcome"
        assert key in response.json()["issue"][0]["diagnostics"]
        assert rows(out)[0]["status"] == 412

    def test_no_such_data_is_not_missing_data(self, client):
        nobody = {"patient": PATIENT, "conditions": None, "labs": None}
        response = client.post(URL, json=request(nobody))
        assert (response.status_code, response.json()) == (200, {"cards": []})

    @pytest.mark.parametrize(
        "changed",
        [{"hookInstance": SECRET}, {"context": {"userId": SECRET}}, {"hook": SECRET}, {SECRET: 1}],
    )
    def test_a_request_off_the_standard_is_refused_without_being_quoted(self, client, changed):
        response = client.post(URL, json=request(**changed))
        assert response.status_code == 400
        assert SECRET not in response.text

    def test_a_request_for_another_hook_is_refused(self, client):
        context = {"userId": "Practitioner/1", "patientId": "1", "encounterId": "1"}
        response = client.post(URL, json=request(hook="encounter-start", context=context))
        assert response.status_code == 400
        assert "this service is for patient-view" in response.text

    def test_a_body_that_is_not_declared_as_json_is_refused(self, client):
        plain = {"content-type": "text/plain"}
        assert client.post(URL, content=json.dumps(request()), headers=plain).status_code == 415

    def test_an_unknown_service_is_not_there(self, client):
        assert client.post("/cds-services/other", json=request()).status_code == 404

    def test_a_fault_of_ours_shows_no_text(self, out: Path):
        def broken(context, prefetch):
            raise ValueError(SECRET)

        entry = APPS["decision_support"].hooks[0].service
        with client_of(out, voice(), rails=Rails(hooks=(Hook(entry, broken, dict),))) as client:
            response = client.post(URL, json=request())
        assert response.status_code == 500
        assert SECRET not in response.text

    def test_cards_off_the_standard_never_leave_the_server(self, out: Path):
        entry = APPS["decision_support"].hooks[0].service
        made = json.dumps({"cards": [{"summary": "x" * 140, "indicator": "info"}]})
        wrong = Hook(entry, lambda context, prefetch: made, dict)
        with client_of(out, voice(), rails=Rails(hooks=(wrong,))) as client:
            assert client.post(URL, json=request()).status_code == 500

    def test_feedback_is_counted_and_its_words_are_not_kept(self, client, out: Path):
        card = client.post(URL, json=request()).json()["cards"][0]
        overridden = {
            "card": card["uuid"],
            "outcome": "overridden",
            "overrideReason": {"userComment": SECRET},
            "outcomeTimestamp": "2026-11-23T09:00:00Z",
        }
        response = client.post(f"{URL}/feedback", json={"feedback": [overridden]})
        assert (response.status_code, response.content) == (200, b"")
        assert [row["answer"] for row in rows(out)] == ["info", "overridden"]
        assert SECRET not in str(rows(out))

    def test_feedback_off_the_standard_is_refused_without_being_quoted(self, client):
        response = client.post(f"{URL}/feedback", json={"feedback": [{"card": SECRET}]})
        assert response.status_code == 400
        assert SECRET not in response.text

    def test_a_call_is_no_use_of_the_model_for_the_monitor(self, client, out: Path):
        client.post(URL, json=request())
        release = rows(out)[0]["release_id"]
        assert read_use(f"sqlite:///{out / 'journal.sqlite'}", release, latest=9).n == 0


def test_other_applications_have_no_service(out: Path):
    named = [name for name, app in APPS.items() if app.hooks]
    assert named == ["decision_support", "personalized_medicine"]
    with client_of(out, voice()) as client:
        assert client.get(DISCOVERY).status_code == 404


def test_two_services_are_kept_apart(out: Path):
    def told(name: str) -> Hook:
        entry = Service(hook="patient-view", id=name, description="d").model_dump(
            exclude_unset=True
        )
        card = {"summary": name, "indicator": "info", "source": {"label": "s"}}
        return Hook(entry, lambda context, prefetch: json.dumps({"cards": [card]}), dict)

    with client_of(out, voice(), rails=Rails(hooks=(told("one"), told("two")))) as client:
        said = [
            client.post(f"/cds-services/{name}", json=request({})).json()["cards"][0]["summary"]
            for name in ("one", "two")
        ]
    assert said == ["one", "two"]


def test_an_entry_off_the_standard_is_refused_at_the_start(out: Path):
    wrong = Hook({"hook": "patient-view", "id": ""}, lambda context, prefetch: "", dict)
    with pytest.raises(ConfigError), client_of(out, voice(), rails=Rails(hooks=(wrong,))):
        pass


class TestTheRulesAlone:
    def test_cards_are_told_and_written_down_without_a_release(self, out, known, monkeypatch):
        monkeypatch.setattr(decision_support, "_pinned", lambda: known)
        (hook,) = APPS["decision_support"].hooks
        mine = Hook(hook.service, hook.advise, lambda: None)
        app = create_rules_app(make_run(out), (mine,))
        with TestClient(app, base_url="http://127.0.0.1") as client:
            assert client.post(URL, json=request()).json()["cards"]
            assert client.get("/health").json()["scope"] == "computed by rules, no model"
            assert client.post("/v1/chat/completions", json={}).status_code == 404
        (row,) = rows(out)
        assert row["release_id"] == f"rules-{__version__}"

    def test_an_application_without_cards_has_nothing_to_serve(self, out):
        with pytest.raises(ConfigError, match="no CDS Hooks service"):
            serve_rules(make_run(out), APPS["drug_discovery"])
