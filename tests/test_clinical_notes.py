"""Notes: sections, facts from FHIR, provenance, Composition, codes and the page."""

import json
import os
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from fhir.resources.R4B.composition import Composition

from medtune.clinical.faithful import check, critical, read_facts, read_text
from medtune.clinical.notes import (
    Facts,
    assemble,
    composition,
    discharge_summary,
    facts_from_bundle,
    patient_letter,
    picture,
    read_codes,
    sections,
    sentences_of,
    split_note,
)
from medtune.clinical.notes.codes import MEMBER
from medtune.errors import DataError

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("MEDTUNE_SHARED", ROOT / "../shared")) / "data"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TALK = """Doctor: What is wrong?
Patient: My left ear hurts since Monday. I am allergic to penicillin.
Doctor: Any fever?
Patient: No.
Doctor: I will prescribe azithromycin 250 mg once a day."""
FACTS = Facts.model_validate(
    {
        "age_years": 71,
        "sex": "female",
        "conditions": [
            {"id": "Condition/1", "name": "pneumonia"},
            {"id": "Condition/2", "name": "hypertension", "since": "2010-05"},
            {"id": "Condition/3", "name": "diabetes mellitus", "present": False},
        ],
        "measurements": [
            {"id": "Observation/1", "name": "Potassium", "value": 4.1, "unit": "mmol/L"}
        ],
        "medicines": [
            {"id": "M/1", "drug": "amlodipine", "dose": 5, "unit": "mg", "per_day": 1},
            {"id": "M/2", "drug": "ibuprofen", "status": "stopped"},
            {"id": "M/3", "drug": "doxycycline", "dose": 100, "unit": "mg", "route": "mouth",
             "per_day": 2, "status": "planned"},
        ],
        "allergies": [{"id": "A/1", "substance": "penicillin"}],
        "events": [
            {"id": "E/1", "name": "chest x-ray", "status": "done", "on": "2026-11-20"},
            {"id": "E/2", "name": "clinic visit", "status": "planned", "on": "2026-12-04"},
        ],
    }
)  # fmt: skip


def note(**texts: str):
    return assemble("soap", {k.replace("_", " "): v for k, v in texts.items()}, read_text(TALK))


GOOD = {
    "history_of_present_illness": "The patient reports left ear pain since Monday. Denies fever.",
    "allergies": "Allergic to penicillin.",
    "plan": "Azithromycin 250 mg once daily.",
}


def test_a_faithful_note_may_be_signed_and_an_unfaithful_one_not():
    assert note(**GOOD).may_be_signed
    assert not note(**(GOOD | {"plan": "Azithromycin 500 mg once daily."})).may_be_signed


def test_a_missing_allergy_blocks_the_note():
    without = {k: v for k, v in GOOD.items() if k != "allergies"}
    found = note(**without)
    assert [(one.kind, one.severity) for one in found.missing] == [("omission", "block")]
    assert not found.may_be_signed


def test_a_section_is_known_by_its_headings_or_refused():
    assert sections()["hpi"].loinc == "10164-2"
    with pytest.raises(DataError, match=r"not in sections\.csv"):
        note(astrology="Leo.")
    with pytest.raises(DataError, match="at least one section"):
        note(plan=" ")


def test_a_note_is_split_at_its_headings():
    text = "CHIEF COMPLAINT\n\nEar pain.\n\nHPI:\nSince Monday.\nNo fever.\n\nPLAN\nRest."
    assert split_note(text) == {
        "chief complaint": "Ear pain.",
        "history of present illness": "Since Monday.\nNo fever.",
        "plan": "Rest.",
    }


def test_the_composition_is_valid_preliminary_and_carries_the_provenance():
    resource = composition(
        note(**(GOOD | {"plan": "Azithromycin 500 mg <once> daily."})),
        patient="Patient/1",
        author="Device/medtune",
        written=NOW,
    )
    assert Composition.model_validate(resource).status == "preliminary"
    text = json.dumps(resource)
    assert "&lt;once&gt;" in text
    assert "block.dose" in text
    assert '"code": "11506-3"' in text
    with pytest.raises(DataError, match="time zone"):
        composition(
            note(**GOOD), patient="Patient/1", author="D/1", written=NOW.replace(tzinfo=None)
        )


def test_the_page_shows_status_faults_and_source_and_runs_nothing():
    bad = note(**(GOOD | {"plan": "Azithromycin 500 mg <script>alert(1)</script> daily."}))
    html = picture(bad, read_text(TALK))
    assert "Not to be signed" in html
    assert "block: dose" in html
    assert "<script" not in html
    assert "http" not in html
    assert html.count("class='turn'") == 5
    assert "Nothing blocks signing" in picture(note(**GOOD), read_text(TALK))


def test_a_discharge_summary_says_the_facts_and_no_more():
    texts = discharge_summary(FACTS)
    source = read_facts(sentences_of(FACTS))
    found = assemble("discharge", texts, source)
    assert [f for f in found.faults if f.severity != "note"] == []
    assert "ibuprofen" not in texts["discharge medications"]
    assert "Amlodipine 5 mg once daily." in texts["discharge medications"]
    assert {line.status for part in found.parts for line in part.lines} <= {"supported", None}
    empty = discharge_summary(Facts())
    assert set(empty.values()) == {"Not recorded."}


def test_the_letter_is_plain_and_holds_to_the_facts():
    letter = patient_letter(FACTS)
    assert "a lung infection (pneumonia) and high blood pressure" in letter
    assert "diabetes" not in letter
    assert "- doxycycline 100 mg by mouth twice daily" in letter
    assert "Stop taking ibuprofen." in letter
    assert "allergic to penicillin" in letter
    found = check(letter, read_facts(sentences_of(FACTS)))
    assert [f for f in found if f.severity == "block"] == []
    assert "no record of your allergies" in patient_letter(Facts())


def test_facts_come_out_of_a_bundle_and_errors_are_left_out():
    resources = [
        {"resourceType": "Patient", "id": "1", "gender": "male", "birthDate": "1956-11-24"},
        {"resourceType": "Condition", "id": "c", "code": {"text": "Asthma"},
         "onsetDateTime": "2001-02-03T00:00:00Z"},
        {"resourceType": "Condition", "id": "x", "code": {"text": "Gout"},
         "verificationStatus": {"coding": [{"code": "entered-in-error"}]}},
        {"resourceType": "Observation", "id": "o", "status": "final",
         "code": {"coding": [{"display": "Body weight"}]},
         "valueQuantity": {"value": 80, "code": "kg"}, "effectiveDateTime": "2026-11-01"},
        {"resourceType": "MedicationRequest", "id": "m", "status": "active",
         "medicationCodeableConcept": {"text": "Lisinopril 10 mg"}},
        {"resourceType": "MedicationRequest", "id": "n", "status": "cancelled",
         "medicationCodeableConcept": {"text": "Warfarin"}},
        {"resourceType": "AllergyIntolerance", "id": "a", "code": {"text": "Allergy to nuts"}},
        {"resourceType": "Procedure", "id": "p", "status": "completed",
         "code": {"text": "Appendectomy"}, "performedDateTime": "1990-01-01"},
    ]  # fmt: skip
    facts = facts_from_bundle(
        {"entry": [{"resource": r} for r in resources]}, on=date(2026, 11, 23)
    )
    assert (facts.age_years, facts.sex) == (69, "male")
    assert [c.name for c in facts.conditions] == ["Asthma"]
    assert [m.drug for m in facts.medicines] == ["Lisinopril 10 mg"]
    assert facts.allergies is not None
    assert [a.substance for a in facts.allergies] == ["nuts"]
    assert dict(sentences_of(facts))["Observation/o"] == "Body weight 80 kg on November 1, 2026."
    assert facts_from_bundle({}, on=date(2026, 1, 1)).allergies is None


def read(*resources: dict) -> Facts:
    return facts_from_bundle(
        {"entry": [{"resource": {"id": str(n), **r}} for n, r in enumerate(resources)]},
        on=date(2026, 11, 23),
    )


def allergy(code: dict | None = None, **more) -> dict:
    return {"resourceType": "AllergyIntolerance", "code": code or {}, **more}


def state(key: str, code: str) -> dict:
    return {key: {"coding": [{"code": code}]}}


SNOMED = "http://snomed.info/sct"
NONE_KNOWN = {"coding": [{"system": SNOMED, "code": "716186003"}]}


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (allergy({"coding": [{"system": SNOMED, "code": "91936005"}]}), "without a name"),
        (allergy(reaction=[{"substance": {"text": "amoxicillin"}}]), "amoxicillin"),
        (allergy({"text": "nuts"}, **state("verificationStatus", "refuted")), "Not recorded."),
        (allergy({"text": "nuts"}, **state("clinicalStatus", "resolved")), "Not recorded."),
        (allergy(NONE_KNOWN, **state("clinicalStatus", "inactive")), "Not recorded."),
        (allergy(NONE_KNOWN), "No known allergies."),
    ],
)
def test_no_allergy_is_only_said_where_a_current_statement_says_so(one: dict, said: str):
    facts = read(one)
    assert said in discharge_summary(facts)["allergies"]
    assert ("no record of your allergies" in patient_letter(facts)) is (said == "Not recorded.")


def test_allergies_without_an_id_are_all_told():
    entries = [{"resource": allergy({"text": name})} for name in ("nuts", "latex")]
    facts = facts_from_bundle({"entry": entries}, on=date(2026, 11, 23))
    told = discharge_summary(facts)["allergies"]
    assert told == "Allergic to nuts. Allergic to latex."


def request(drug: str = "", **more) -> dict:
    named = {"medicationCodeableConcept": {"text": drug}} if drug else {}
    return {"resourceType": "MedicationRequest", "status": "active", **named, **more}


def test_a_drug_that_is_not_to_be_given_or_on_hold_is_not_told_as_taken():
    facts = read(request("warfarin", doNotPerform=True), request("apixaban", status="on-hold"))
    assert [(one.drug, one.status) for one in facts.medicines] == [("apixaban", "on hold")]
    texts = discharge_summary(facts)
    assert texts["discharge medications"] == "On hold, not taken for now: apixaban."
    assert "Do not take apixaban for now" in patient_letter(facts)
    assert "Your medicines" not in patient_letter(facts)
    found = assemble("discharge", texts, read_facts(sentences_of(facts)))
    assert [one for one in found.faults if one.severity == "block"] == []


def test_a_drug_that_is_referred_to_is_told_and_one_without_a_name_too():
    inside = {"resourceType": "Medication", "id": "m", "code": {"text": "insulin glargine"}}
    referred = request(contained=[inside], medicationReference={"reference": "#m"})
    facts = read(referred, request(medicationReference={"reference": "Medication/9"}))
    letter = patient_letter(facts)
    assert "- insulin glargine" in letter
    assert "- a medicine without a name (look in the record)" in letter


def line(value: float, unit: str, text: str = "", **repeat) -> dict:
    quantity = {"doseQuantity": {"value": value, "unit": unit}}
    return {"doseAndRate": [quantity], "timing": {"repeat": repeat}, "text": text}


DOSE, HOW_OFTEN = "dose not known, ask us", "how often not known, ask us"
LIMIT = {"numerator": {"value": 20, "unit": "mg"}, "denominator": {"value": 24, "code": "h"}}
DAILY = {"frequency": 1, "period": 1, "periodUnit": "d"}


@pytest.mark.parametrize(
    ("dosage", "said"),
    [
        ([line(500, "mg", **DAILY | {"frequency": 2})], "metformin 500 mg twice daily"),
        ([line(500, "mg", period=6, periodUnit="h", frequency=1)], "500 mg four times daily"),
        ([line(500, "mg", **DAILY | {"periodUnit": "wk"})], "metformin 500 mg once weekly"),
        ([line(500, "mg", **DAILY, dayOfWeek=["mon"])], f"metformin 500 mg, {HOW_OFTEN}"),
        ([line(500, "mg", **DAILY, frequencyMax=3)], f"metformin 500 mg, {HOW_OFTEN}"),
        (
            [line(500, "mg", **DAILY) | {"asNeededBoolean": True}],
            "metformin 500 mg, as needed, at most once daily",
        ),
        (
            [line(500, "mg", period=10, periodUnit="d", frequency=1)],
            f"metformin 500 mg, {HOW_OFTEN}",
        ),
        ([{"text": "500 mg at breakfast"}], "metformin, 500 mg at breakfast"),
        ([line(500, "mg"), line(850, "mg")], f"metformin, {DOSE}"),
        ([], f"metformin, {DOSE}"),
        ([{"text": "as directed"}], f"metformin, as directed, {DOSE}"),
        ([line(500, "mg", "with food", **DAILY)], "metformin 500 mg once daily, with food"),
        ([line(500, "mg", "500 mg", **DAILY)], "metformin once daily, 500 mg"),
        (
            [line(5, "mg", "5 mg on Monday, 2.5 mg on all other days", **DAILY)],
            "metformin, 5 mg on Monday, 2.5 mg on all other days",
        ),
        (
            [line(5, "mg", "2.5 mg every day", **DAILY)],
            "metformin, 2.5 mg every day (by its code 5 mg, ask us)",
        ),
        (
            [{"text": "40 mg a day for 5 days.", "sequence": 1}, {"text": "20 mg", "sequence": 2}],
            "metformin, 40 mg a day for 5 days; then 20 mg",
        ),
        (
            [{"text": "40 mg at 8"}, {"text": "20 mg at 20"}],
            "metformin, 40 mg at 8; and 20 mg at 20",
        ),
        ([{"text": "40 mg for 5 days"}, line(20, "mg", **DAILY)], f"metformin, {DOSE}"),
        (
            [
                line(5, "mg", frequency=1, period=6, periodUnit="h")
                | {"asNeededCodeableConcept": {"text": "pain"}, "maxDosePerPeriod": LIMIT}
            ],
            "metformin 5 mg, as needed for pain, at most four times daily, no more than 20 mg in "
            "24 hours",
        ),
        (
            [{"text": "1 tablet if needed", "asNeededBoolean": True, "maxDosePerPeriod": {"a": 1}}],
            "metformin, 1 tablet if needed, no more than a maximum, ask us",
        ),
    ],
)
def test_the_dose_and_the_frequency_are_told_only_as_they_are_written(dosage, said: str):
    letter = patient_letter(read(request("metformin", dosageInstruction=dosage)))
    (told,) = [one for one in letter.splitlines() if one.startswith("- ")]
    assert told.endswith(said) if "four" in said else told == f"- {said}"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            "stopped",
            "active",
            "The order for metoprolol has changed: take only what is listed above.",
        ),
        ("completed", "active", None),
        ("completed", "completed", None),
        (
            "stopped",
            "on-hold",
            "Do not take Lopressor for now: it is on hold. Ask us when to go on.",
        ),
        (
            "on-hold",
            "active",
            "Ask us about metoprolol: the record has it as on hold and as taken.",
        ),
        ("stopped", "completed", "Stop taking metoprolol."),
        ("stopped", "stopped", "Stop taking metoprolol."),
    ],
)
def test_nobody_is_told_to_stop_what_another_entry_has(first: str, second: str, said: str | None):
    facts = read(request("metoprolol", status=first), request("Lopressor", status=second))
    letter = patient_letter(facts)
    assert said is None or said in letter
    assert ("Stop taking metoprolol" in letter) is (second in ("stopped", "completed")) & (
        first == "stopped"
    )
    assert ("- Lopressor" in letter) is (second == "active")


def test_a_completed_order_is_no_drug_of_the_summary_and_no_fault_of_a_note():
    facts = read(request("amoxicillin", status="completed"))
    assert discharge_summary(facts)["discharge medications"] == "Not recorded."
    source = read_facts(sentences_of(facts))
    assert critical(source) == {}
    assert [one for one in check("Amoxicillin was ordered.", source) if one.kind == "drug"] == []


@pytest.mark.parametrize("state", ["cancelled", "preliminary", "registered", "unknown", "amended"])
def test_only_an_observation_that_holds_is_a_result(state: str):
    potassium = {"code": {"text": "Potassium"}, "valueQuantity": {"value": 6.9, "unit": "mmol/L"}}
    facts = read({"resourceType": "Observation", "status": state, **potassium})
    assert bool(facts.measurements) is (state == "amended")


def test_a_strength_in_the_name_is_kept_apart_from_the_dose():
    taken = request("Lisinopril 5 mg tablet", dosageInstruction=[line(10, "mg", **DAILY)])
    assert "- Lisinopril 5 mg tablet, 10 mg once daily" in patient_letter(read(taken))


def test_what_is_only_suspected_or_over_is_not_told_as_an_illness():
    def ill(name: str, verified: str = "confirmed", clinical: str = "active") -> dict:
        both = state("verificationStatus", verified) | state("clinicalStatus", clinical)
        return {"resourceType": "Condition", "code": {"text": name}, **both}

    facts = read(
        ill("lung cancer", "differential"),
        ill("HIV", "unconfirmed"),
        ill("gonorrhea", clinical="resolved"),
        ill("asthma"),
        ill("gout", "refuted"),
    )
    assert [(one.name, one.present) for one in facts.conditions] == [
        ("asthma", True),
        ("gout", False),
    ]
    assert "You were treated for asthma." in patient_letter(facts)


def test_synthetic_patients_become_summaries_without_a_fault():
    path = SHARED / "synthea-fhir-r4/synthea_r4_120_patients.zip"
    if not path.is_file():
        pytest.skip("the Synthea patients are not in data/ of MEDTUNE_SHARED or ../shared")
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist()[:1]:
            facts = facts_from_bundle(json.loads(archive.read(name)), on=date(2021, 1, 1))
            found = assemble("discharge", discharge_summary(facts), read_facts(sentences_of(facts)))
            assert found.may_be_signed


CODES = """<ICD10CM.tabular><chapter><section><diag><name>E11</name><desc>Type 2 diabetes mellitus
</desc><diag><name>E11.9</name><desc>Type 2 diabetes mellitus without complications</desc></diag>
<diag><name>E11.21</name><desc>Type 2 diabetes mellitus with diabetic nephropathy</desc>
<inclusionTerm><note>Type 2 diabetes with intercapillary glomerulosclerosis</note></inclusionTerm>
</diag></diag><diag><name>J18.9</name><desc>Pneumonia, unspecified organism</desc></diag>
<diag><name>T36.0</name><desc>Poisoning by penicillins</desc><sevenChrDef>
<extension char="A">initial encounter</extension></sevenChrDef>
<diag><name>T36.0X1</name><desc>Poisoning by penicillins, accidental</desc></diag></diag>
<diag><name>T15.01</name><desc>Foreign body in cornea, right eye</desc><sevenChrDef>
<extension char="D">subsequent encounter</extension></sevenChrDef></diag>
<diag><name>I10</name><desc>Essential (primary) hypertension</desc><inclusionTerm><note>high blood
pressure</note></inclusionTerm></diag></section></chapter></ICD10CM.tabular>"""


def test_a_code_is_looked_up_and_said_to_be_whole_or_not(tmp_path: Path):
    wheel = tmp_path / "codes.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBER, CODES)
    index = read_codes(wheel)
    assert index.look_up("i10").is_whole
    assert index.look_up("E1121").title == "Type 2 diabetes mellitus with diabetic nephropathy"
    assert not index.look_up("E11").is_whole
    lacking = index.look_up("T36.0X1")
    assert (lacking.is_whole, dict(lacking.seventh)) == (False, {"A": "initial encounter"})
    whole = index.look_up("t36.0x1a")
    assert (whole.code, whole.is_whole) == ("T36.0X1A", True)
    assert whole.title == "Poisoning by penicillins, accidental, initial encounter"
    assert index.look_up("T15.01XD").title.endswith("right eye, subsequent encounter")
    for wrong in ("T36.0X1B", "T15.01D", "I10A", "Z99.9", ""):
        with pytest.raises(DataError, match="there is no code"):
            index.look_up(wrong)


def test_codes_are_suggested_from_titles_and_inclusion_terms(tmp_path: Path):
    wheel = tmp_path / "codes.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBER, CODES)
    index = read_codes(wheel)
    assert index.suggest("pneumonia")[0].code == "J18.9"
    assert index.suggest("high blood pressure")[0].code == "I10"
    assert index.suggest("glomerulosclerosis in type 2 diabetes")[0].code == "E11.21"
    assert "E11" not in {s.code for s in index.suggest("diabetes mellitus")}
    assert index.suggest("the of") == []
    with pytest.raises(DataError, match="not the simple-icd-10-cm"):
        read_codes(Path(__file__))
