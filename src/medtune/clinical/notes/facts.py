"""Structured facts about a patient, out of FHIR resources, and as sentences to check with.

Only what a resource states is taken. A Condition or MedicationRequest that was entered in error,
refuted or cancelled is no fact.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from medtune.records import Json


class _Fact(BaseModel):
    """Strict and frozen; `id` is that of the resource or the row."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    id: str


class Condition(_Fact):
    """An illness or a symptom, present or absent."""

    name: str
    present: bool = True
    side: Literal["left", "right", "both"] | None = None
    since: str | None = None
    """ISO 8601 date of onset, as far as known."""


class Measurement(_Fact):
    """A vital sign or laboratory value."""

    name: str
    value: float
    unit: str = ""
    """UCUM code."""
    on: str | None = None


class Medicine(_Fact):
    """A drug that is taken, planned or stopped."""

    drug: str
    dose: Annotated[float, Field(gt=0)] | None = None
    unit: str = ""
    route: str = ""
    per_day: Annotated[float, Field(gt=0)] | None = None
    status: Literal["taken", "planned", "stopped"] = "taken"


class Allergy(_Fact):
    """What the patient is allergic to."""

    substance: str


class Event(_Fact):
    """A procedure, an examination or an appointment."""

    name: str
    status: Literal["done", "planned"]
    side: Literal["left", "right", "both"] | None = None
    on: str | None = None


class Facts(BaseModel):
    """What is known of a patient at one visit. None means that it is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    age_years: Annotated[float, Field(ge=0, le=130)] | None = None
    sex: Literal["female", "male"] | None = None
    conditions: tuple[Condition, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    medicines: tuple[Medicine, ...] = ()
    allergies: tuple[Allergy, ...] | None = None
    """Empty when none are known, None when nobody asked."""
    events: tuple[Event, ...] = ()


TIMES: Mapping[float, str] = {
    0.5: "every other day",
    1: "once daily",
    2: "twice daily",
    3: "three times daily",
    4: "four times daily",
}


def sentences_of(facts: Facts) -> list[tuple[str, str]]:
    """Each fact as a sentence, with the id of where it is from."""
    found: list[tuple[str, str]] = []
    if facts.age_years is not None or facts.sex:
        age = f"{facts.age_years:g}-year-old " if facts.age_years is not None else ""
        found.append(("patient", f"The patient is a {age}{facts.sex or 'person'}."))
    for one in facts.conditions:
        since = f" since {_day(one.since)}" if one.since else ""
        found.append(
            (one.id, f"{'' if one.present else 'No '}{_sided(one.side, one.name)}{since}.")
        )
    for one in facts.measurements:
        on = f" on {_day(one.on)}" if one.on else ""
        found.append((one.id, f"{one.name} {one.value:g} {_written(one.unit)}".rstrip() + f"{on}."))
    found += [(one.id, f"{_verb(one)}{medicine_text(one)}.") for one in facts.medicines]
    if facts.allergies is not None and not facts.allergies:
        found.append(("allergies", "No known allergies."))
    found += [(one.id, f"Allergic to {one.substance}.") for one in facts.allergies or ()]
    for one in facts.events:
        on = f" on {_day(one.on)}" if one.on else ""
        verb = "was done" if one.status == "done" else "is scheduled"
        found.append((one.id, f"{_sided(one.side, one.name)} {verb}{on}."))
    return found


def medicine_text(one: Medicine) -> str:
    """A drug with its dose, route and frequency in words."""
    parts = [one.drug]
    if one.dose is not None:
        parts.append(f"{one.dose:g} {one.unit}".rstrip())
    if one.route:
        parts.append(f"by {one.route}" if one.route == "mouth" else one.route)
    if one.per_day is not None:
        parts.append(TIMES.get(one.per_day, f"{one.per_day:g} times daily"))
    return " ".join(parts)


def _verb(one: Medicine) -> str:
    return {"taken": "Takes ", "planned": "Will start ", "stopped": "Stopped "}[one.status]


def _sided(side: str | None, name: str) -> str:
    if side is None:
        return name
    return f"{'bilateral' if side == 'both' else side} {name}"


def _written(unit: str) -> str:
    return {"mm[Hg]": "mmHg", "Cel": "°C", "[degF]": "°F"}.get(unit, unit)


def _day(iso: str) -> str:
    """An ISO date in words, as far as it is given: "10 January 2009" reads the same everywhere."""
    parts = iso[:10].split("-")
    if len(parts) == 3:  # noqa: PLR2004
        return f"{date.fromisoformat(iso[:10]):%B} {int(parts[2])}, {parts[0]}"
    return f"{date(int(parts[0]), int(parts[1]), 1):%B} {parts[0]}" if len(parts) > 1 else iso


def facts_from_bundle(bundle: Mapping[str, Json], *, on: date) -> Facts:
    """The facts that a FHIR R4 Bundle states of one patient on a day.

    Read are Patient, Condition, Observation (with a quantity), MedicationRequest and
    MedicationStatement, AllergyIntolerance and Procedure. An allergy list is only empty if a
    resource says so; without one it is not known.
    """
    resources = list(_resources(bundle))
    patient = next((r for r in resources if r.get("resourceType") == "Patient"), {})
    allergies = [r for r in resources if r.get("resourceType") == "AllergyIntolerance"]
    sex = patient.get("gender")
    return Facts(
        age_years=_age(patient.get("birthDate"), on),
        sex=sex if sex in ("female", "male") else None,
        conditions=tuple(_conditions(resources)),
        measurements=tuple(_measurements(resources)),
        medicines=tuple(_medicines(resources)),
        allergies=tuple(_allergies(allergies)) if allergies else None,
        events=tuple(_procedures(resources)),
    )


def _resources(bundle: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    for entry in _list(bundle.get("entry")):
        resource = entry.get("resource")
        if isinstance(resource, dict):
            yield resource


def _conditions(resources: Sequence[dict[str, Json]]) -> Iterator[Condition]:
    for r in resources:
        verified = _code(r.get("verificationStatus"))
        if r.get("resourceType") == "Condition" and verified != "entered-in-error" and _name(r):
            onset = r.get("onsetDateTime")
            yield Condition(
                id=_id(r),
                name=_name(r),
                present=verified != "refuted",
                since=onset[:10] if isinstance(onset, str) else None,
            )


def _measurements(resources: Sequence[dict[str, Json]]) -> Iterator[Measurement]:
    for r in resources:
        if r.get("resourceType") != "Observation" or r.get("status") == "entered-in-error":
            continue
        day = r.get("effectiveDateTime")
        on = day[:10] if isinstance(day, str) else None
        for part in (r, *_list(r.get("component"))):
            quantity = part.get("valueQuantity")
            value = quantity.get("value") if isinstance(quantity, dict) else None
            if isinstance(quantity, dict) and isinstance(value, int | float) and _name(part):
                unit = str(quantity.get("code") or quantity.get("unit") or "")
                yield Measurement(id=_id(r), name=_name(part), value=value, unit=unit, on=on)


def _medicines(resources: Sequence[dict[str, Json]]) -> Iterator[Medicine]:
    dropped = {"entered-in-error", "cancelled", "draft"}
    for r in resources:
        kind = r.get("resourceType")
        if kind not in ("MedicationRequest", "MedicationStatement") or r.get("status") in dropped:
            continue
        name = _name(r, "medicationCodeableConcept")
        if name:
            stopped = r.get("status") in ("stopped", "completed", "not-taken")
            yield Medicine(id=_id(r), drug=name, status="stopped" if stopped else "taken")


def _allergies(resources: Sequence[dict[str, Json]]) -> Iterator[Allergy]:
    for r in resources:
        refuted = _code(r.get("verificationStatus")) in ("refuted", "entered-in-error")
        none_known = _code(r.get("code")) in ("716186003", "409137002")
        if not refuted and not none_known and _name(r):
            yield Allergy(id=_id(r), substance=_name(r).removeprefix("Allergy to "))


def _procedures(resources: Sequence[dict[str, Json]]) -> Iterator[Event]:
    for r in resources:
        status = {"completed": "done", "preparation": "planned"}.get(str(r.get("status")))
        period = r.get("performedPeriod")
        start = period.get("start") if isinstance(period, dict) else r.get("performedDateTime")
        if r.get("resourceType") == "Procedure" and status and _name(r):
            on = start[:10] if isinstance(start, str) else None
            yield Event(id=_id(r), name=_name(r), status=status, on=on)  # type: ignore[arg-type]


def _id(resource: Mapping[str, Json]) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _name(resource: Mapping[str, Json], key: str = "code") -> str:
    concept = resource.get(key)
    if not isinstance(concept, dict):
        return ""
    displays = [str(c["display"]) for c in _list(concept.get("coding")) if c.get("display")]
    return str(concept.get("text") or (displays[0] if displays else ""))


def _code(concept: Json) -> str:
    codes = _list(concept.get("coding")) if isinstance(concept, dict) else []
    return str(codes[0].get("code", "")) if codes else ""


def _list(value: Json) -> list[dict[str, Json]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _age(birth: Json, on: date) -> float | None:
    if not isinstance(birth, str) or len(birth) < 10:  # noqa: PLR2004
        return None
    born = date.fromisoformat(birth[:10])
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
