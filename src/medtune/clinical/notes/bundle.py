"""Facts about a patient out of FHIR R4 resources: only what a resource states, and what holds now.

A Condition counts if it is confirmed and current; one that is refuted is told as absent, and what
is only suspected, resolved or in remission is left out. An Observation counts if it is final,
amended or corrected. A drug that is not to be given, or was cancelled or entered in error, is no
fact; that an order is completed says neither that its drug is taken nor that it is stopped. An
allergy or a drug without a name is told as such, so that a reader looks into the record.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Literal

from medtune.clinical.fhir import (
    CURRENT,
    FINAL,
    OVER,
    Resource,
    day,
    entries,
    items,
    number,
    part,
    says_no_allergy,
    status,
    text,
    words,
    years,
)
from medtune.clinical.medication import KINDS, concept, ingredients, reference, shelf_of
from medtune.clinical.notes.dosage import dosage_of
from medtune.clinical.notes.facts import (
    Allergy,
    Condition,
    Event,
    Facts,
    Measurement,
    Medicine,
)
from medtune.records import Json

UNNAMED_ALLERGY = "a substance without a name (look in the record)"
UNNAMED_DRUG = "a medicine without a name (look in the record)"
DROPPED = frozenset({"entered-in-error", "cancelled", "draft"})
ENDED = frozenset({"completed", "not-taken"})


def facts_from_bundle(bundle: Mapping[str, Json], *, on: date) -> Facts:
    """The facts that a FHIR R4 Bundle states of one patient on a day.

    Read are Patient, Condition, Observation (with a quantity), MedicationRequest and
    MedicationStatement, AllergyIntolerance and Procedure. An allergy list is only empty if a
    resource says so; without one it is not known.
    """
    found = entries({"resourceType": "Bundle", **bundle})
    # a sentence is found by the id of its resource, so each needs one
    resources = [{"id": f"without-id-{n}", **r} for n, r in enumerate(found)]
    patient = next((r for r in resources if r.get("resourceType") == "Patient"), {})
    sex = patient.get("gender")
    return Facts(
        age_years=years(day(patient.get("birthDate")), on),
        sex=sex if sex in ("female", "male") else None,
        conditions=tuple(_conditions(resources)),
        measurements=tuple(_measurements(resources)),
        medicines=tuple(_medicines(resources)),
        allergies=_allergies(resources),
        events=tuple(_procedures(resources)),
    )


def _conditions(resources: Sequence[Resource]) -> Iterator[Condition]:
    for r in resources:
        verified, named = status(r, "verificationStatus"), _name(r.get("code"))
        is_present = verified in ("", "confirmed") and status(r, "clinicalStatus") in CURRENT
        is_told = is_present or verified == "refuted"
        if r.get("resourceType") == "Condition" and is_told and named:
            since = text(r.get("onsetDateTime"))[:10] or None
            yield Condition(id=reference(r), name=named, present=is_present, since=since)


def _measurements(resources: Sequence[Resource]) -> Iterator[Measurement]:
    for r in resources:
        if r.get("resourceType") != "Observation" or text(r.get("status")) not in FINAL:
            continue
        on = text(r.get("effectiveDateTime"))[:10] or None
        for one in (dict(r), *items(r.get("component"))):
            quantity, named = part(one, "valueQuantity"), _name(part(one, "code"))
            value = number(part(quantity, "value"))
            if value is not None and named:
                unit = text(part(quantity, "code")) or text(part(quantity, "unit"))
                yield Measurement(id=reference(r), name=named, value=value, unit=unit, on=on)


def _medicines(resources: Sequence[Resource]) -> Iterator[Medicine]:
    shelf = shelf_of(resources)
    for r in resources:
        is_told = text(r.get("status")) not in DROPPED and r.get("doNotPerform") is not True
        if r.get("resourceType") in KINDS and is_told:
            yield _medicine(r, concept(r, shelf))


def _medicine(r: Resource, drug: Json) -> Medicine:
    named = _name(drug) or ", ".join(ingredients(drug)[0]) or UNNAMED_DRUG
    lines = items(r.get("dosageInstruction")) or items(r.get("dosage"))
    return Medicine(id=reference(r), drug=named, status=_state(r), **dosage_of(lines)._asdict())


def _state(r: Resource) -> Literal["taken", "planned", "on hold", "stopped", "ended"]:
    state = text(r.get("status"))
    if state in ENDED:
        return "ended"
    if state == "stopped":
        return "stopped"
    if state == "on-hold":
        return "on hold"
    is_planned = state == "intended" or text(r.get("intent")) in ("proposal", "plan")
    return "planned" if is_planned else "taken"


def _allergies(resources: Sequence[Resource]) -> tuple[Allergy, ...] | None:
    """The current allergies; empty only if a current statement says that none is known."""
    found: list[Allergy] = []
    is_none_known = False
    for r in resources:
        refuted = status(r, "verificationStatus") in ("refuted", "entered-in-error")
        is_over = refuted or status(r, "clinicalStatus") in OVER
        if r.get("resourceType") != "AllergyIntolerance" or is_over:
            continue
        if says_no_allergy(r.get("code")):
            is_none_known = True
            continue
        reactions = (_name(part(one, "substance")) for one in items(r.get("reaction")))
        named = _name(r.get("code")) or ", ".join(dict.fromkeys(filter(None, reactions)))
        substance = named.removeprefix("Allergy to ") or UNNAMED_ALLERGY
        found.append(Allergy(id=reference(r), substance=substance))
    return tuple(found) if found or is_none_known else None


def _procedures(resources: Sequence[Resource]) -> Iterator[Event]:
    for r in resources:
        state = {"completed": "done", "preparation": "planned"}.get(text(r.get("status")))
        start = part(r.get("performedPeriod"), "start") or r.get("performedDateTime")
        if r.get("resourceType") == "Procedure" and state and _name(r.get("code")):
            on = text(start)[:10] or None
            yield Event(id=reference(r), name=_name(r.get("code")), status=state, on=on)  # type: ignore[arg-type]


def _name(concept: Json) -> str:
    return next(iter(words(concept)), "")
