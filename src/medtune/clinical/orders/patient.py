"""What the drug rules need of a patient, out of FHIR R4: allergies, age, pregnancy, organs, labs.

What the record does not say is not known. No list of allergies, or an empty one, is not "no
allergy": that must be stated, as FHIR has it (SNOMED CT 716186003, no known allergy). Kidney
function is computed from the latest creatinine, never taken from an estimate of unknown formula.
The Child-Pugh class is the least that the record allows, where it names a disease of the liver.

Codes: SNOMED CT and LOINC as in US Core 7.0 (82810-3, pregnancy status) and the International
Patient Summary; LOINC 63895-7, breastfeeding status, with its answers; ICD-10-CM blocks (K70 to K77
liver, R18 ascites, K76.82 hepatic encephalopathy, Z33.1, Z34 and O09 pregnancy, Z39.1 lactating
mother).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from medtune.clinical.calculators import calculate
from medtune.clinical.drugs import Patient, drug_names
from medtune.clinical.drugs.allergens import allergens_of
from medtune.clinical.drugs.rules import Measure
from medtune.clinical.fhir import (
    CURRENT,
    FINAL,
    LOINC,
    OVER,
    SNOMED,
    Measured,
    Resource,
    codes,
    day,
    items,
    name,
    part,
    says_no_allergy,
    status,
    text,
    words,
    years,
)
from medtune.clinical.orders.results import read_results
from medtune.errors import DataError

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
PREGNANCY_DAYS = 30
"""An older statement on pregnancy or breastfeeding is not used: our choice."""
OLDEST_PREGNANT = 60
"""Women of this age and above are asked neither: our choice, beyond natural pregnancy."""
STATUS, PREGNANT, NOT_PREGNANT = "82810-3", "77386006", "60001007"
FEEDING_STATUS, FEEDING, NOT_FEEDING = "63895-7", "LA29252-6", "LA29253-4"
FEEDING_MOTHER = "413712001"
FEEDING_SAID = r"^(?!.*\b(?:not|no|never|stopped|history)\b).*\b(?:breast[- ]?feeding|lactating)\b"
Class = Literal["A", "B", "C"]


@dataclass(frozen=True, slots=True)
class Known:
    """A patient, and how it is known."""

    patient: Patient
    basis: Mapping[Measure, str]
    """What a measure was made from, for the card."""
    unread: Sequence[str]
    """What could not be used."""
    allergies_unread: Sequence[str]
    """Allergies that are not in the tables."""


def read_patient(person: Resource, held: Mapping[str, Sequence[Resource]], today: date) -> Known:
    """What a Patient, and the resources under `allergies`, `conditions` and `observations`, say."""
    female = {"female": True, "male": False}.get(text(person.get("gender")))
    age = years(day(person.get("birthDate")), today)
    listed, over, strange = _allergies(held["allergies"])
    present = [one for one in held["conditions"] if _is_present(one)]
    results, odd = read_results(held["observations"], today)
    values = {key: one.value for key, one in results.items()}
    pregnant = _pregnant(present, held["observations"], today)
    feeding = _feeding(present, held["observations"], today)
    if female is False or (age is not None and age >= OLDEST_PREGNANT):
        pregnant, feeding = bool(pregnant), bool(feeding)
    body = {"age_years": age, "female": female, **values}
    liver = _child_pugh(present, values)
    if liver in ("A", "B"):
        odd.append(f"the liver: judged as Child-Pugh {liver}, and the class may be higher")
    patient = Patient(
        age_years=age,
        female=None if pregnant or feeding else female,
        pregnant=pregnant,
        breastfeeding=feeding,
        potassium_mmol_l=values.get("potassium_mmol_l"),
        crcl_ml_min=_computed(
            "creatinine_clearance", body, ("age_years", "female", "weight_kg", "creatinine_mg_dl")
        ),
        egfr_ml_min_1_73m2=_computed(
            "egfr_ckd_epi_2021", body, ("age_years", "female", "creatinine_mg_dl")
        ),
        child_pugh=liver,
        allergies=listed,
    )
    return Known(patient, _basis(patient, results), [*over, *odd], strange)


def _basis(patient: Patient, results: Mapping[str, Measured]) -> dict[Measure, str]:
    """What each measure was made from, for the card."""
    found: dict[Measure, str] = {}
    if patient.age_years is not None:
        found["age_years"] = f"age {patient.age_years:.0f}"
    if patient.potassium_mmol_l is not None:
        since = results["potassium_mmol_l"].day
        found["potassium_mmol_l"] = f"potassium {patient.potassium_mmol_l:g} mmol/L of {since}"
    if patient.egfr_ml_min_1_73m2 is not None:
        since = results["creatinine_mg_dl"].day
        found["egfr_ml_min_1_73m2"] = (
            f"eGFR {patient.egfr_ml_min_1_73m2:.0f} mL/min/1.73 m2 (CKD-EPI 2021), creatinine of "
            f"{since}"
        )
    if patient.crcl_ml_min is not None:
        since, weighed = results["creatinine_mg_dl"].day, results["weight_kg"].day
        found["crcl_ml_min"] = (
            f"clearance {patient.crcl_ml_min:.0f} mL/min (Cockcroft-Gault), creatinine of {since}, "
            f"weight of {weighed}"
        )
    if patient.child_pugh is not None:
        found["child_pugh"] = (
            f"Child-Pugh class {patient.child_pugh} at least, by what is on record"
        )
    return found


def _allergies(resources: Sequence[Resource]) -> tuple[list[str] | None, list[str], list[str]]:
    """The allergies that the tables know, None where nobody has asked; those that are over; others.

    An entry that is over says nothing on what is known now, so it is told and not counted.
    """
    found: list[str] = []
    over: list[str] = []
    strange: list[str] = []
    asked = False
    for one in resources:
        verified = status(one, "verificationStatus")
        if one.get("resourceType") != "AllergyIntolerance" or verified in (
            "refuted",
            "entered-in-error",
        ):
            continue
        code, clinical = one.get("code"), status(one, "clinicalStatus")
        none_known = says_no_allergy(code)
        if clinical in OVER:
            over += [] if none_known else [f"allergy to {name(code)}: {clinical}, not counted"]
            continue
        asked = True
        if none_known:
            continue
        substances = [part(each, "substance") for each in items(one.get("reaction"))]
        said = [each for concept in (code, *substances) for each in words(concept)]
        known = [each for each in said if allergens_of(each, drug_names())]
        found += known
        if not known:
            strange.append(f"allergy to {name(code)}: not in the tables")
    return (found if asked else None), over, strange


def _is_present(one: Resource) -> bool:
    """Whether a condition is confirmed and still there."""
    return (
        one.get("resourceType") == "Condition"
        and status(one, "verificationStatus") in ("", "confirmed")
        and status(one, "clinicalStatus") in CURRENT
    )


def _names(conditions: Sequence[Resource], icd: Sequence[str], said: str) -> bool:
    """Whether a condition has a code of a block, or a name that says it."""
    return any(
        code.upper().startswith(tuple(icd))
        for one in conditions
        for code in codes(one.get("code"), ICD)
    ) or any(
        re.search(said, each, re.IGNORECASE)
        for one in conditions
        for each in words(one.get("code"))
    )


def _pregnant(
    conditions: Sequence[Resource], observations: Sequence[Resource], today: date
) -> bool | None:
    latest = _latest_status(observations, STATUS, SNOMED, today)
    coded = any(PREGNANT in codes(one.get("code"), SNOMED) for one in conditions)
    if coded or PREGNANT in latest or _names(conditions, ("Z33.1", "Z34", "O09"), r"^pregnan"):
        return True
    return False if NOT_PREGNANT in latest else None


def _feeding(
    conditions: Sequence[Resource], observations: Sequence[Resource], today: date
) -> bool | None:
    latest = _latest_status(observations, FEEDING_STATUS, LOINC, today)
    coded = any(FEEDING_MOTHER in codes(one.get("code"), SNOMED) for one in conditions)
    if coded or FEEDING in latest or _names(conditions, ("Z39.1",), FEEDING_SAID):
        return True
    return False if NOT_FEEDING in latest else None


def _latest_status(
    observations: Sequence[Resource], asked: str, system: str, today: date
) -> list[str]:
    """The codes of the latest final answer, if it is not too old."""
    stated = [
        (taken, codes(one.get("valueCodeableConcept"), system))
        for one in observations
        if asked in codes(one.get("code"), LOINC)
        and text(one.get("status")) in FINAL
        and (taken := day(one.get("effectiveDateTime"))) is not None
        and 0 <= (today - taken).days <= PREGNANCY_DAYS
    ]
    return max(stated, default=(None, list[str]()))[1]


def _computed(
    calculator: str, body: Mapping[str, float | None], needs: Sequence[str]
) -> float | None:
    """The result of a calculator; None where an input is not known or out of its limits."""
    inputs = {key: value for key in needs if (value := body.get(key)) is not None}
    try:
        return calculate(calculator, inputs).value
    except DataError:
        return None


def _child_pugh(conditions: Sequence[Resource], values: Mapping[str, float]) -> Class | None:
    """The least class: what is not on record counts as its mildest; None without liver disease."""
    liver = r"\b(?:cirrhosis|(?:liver|hepatic) (?:disease|failure|insufficiency|impairment))\b"
    if not _names(conditions, [f"K{n}" for n in range(70, 78)], liver):
        return None
    mildest = {"bilirubin_mg_dl": 1.0, "albumin_g_dl": 4.0, "inr": 1.0}
    signs = {
        "ascites_grade": float(_names(conditions, ("R18", "K70.31", "K70.11"), r"\bascites\b")),
        "encephalopathy_grade": float(
            _names(conditions, ("K76.82",), r"\bhepatic (?:encephalopathy|coma)\b")
        ),
    }
    try:
        band = calculate("child_pugh", {**mildest, **_only(values, mildest), **signs}).band
    except DataError:
        return "A"
    return "C" if band == "C" else "B" if band == "B" else "A"


def _only(values: Mapping[str, float], keys: Mapping[str, float]) -> dict[str, float]:
    return {key: values[key] for key in keys if key in values}
