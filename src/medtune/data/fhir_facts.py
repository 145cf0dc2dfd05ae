"""What one FHIR R4 resource says of a patient, as one dated line and as a fact.

Read are the resources of the table below, by their R4 names (HL7 FHIR 4.0.1, 2019-10-30,
https://hl7.org/fhir/R4/). A resource whose status is `entered-in-error` says nothing. A negated one
(`refuted`, `not-done`, `doNotPerform`) says so in its line.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import NamedTuple

from medtune.records import Json

Resource = Mapping[str, Json]

KINDS = (
    "allergies",
    "conditions",
    "medications",
    "labs",
    "vitals",
    "observations",
    "procedures",
    "immunizations",
    "encounters",
    "reports",
    "notes",
)
"""The kinds of fact, in the order of the text."""
WRONG = "entered-in-error"
CATEGORIES = {"laboratory": "labs", "vital-signs": "vitals"}
"""Observation categories (http://terminology.hl7.org/CodeSystem/observation-category)."""
PLAIN = "text/plain"
UNNAMED = "medication without a name"


class Fact(NamedTuple):
    """One thing that a resource says."""

    kind: str
    date: str
    """ISO 8601 date, perhaps only a year or a month; "" if it has none."""
    what: str
    """The name of the thing, as the resource has it."""
    code: str
    """System and code, such as `http://loinc.org|2160-0`; "" if it is not coded."""
    value: str
    """Value with unit, or ""."""
    status: str
    """Such as `active` or `refuted`; ""."""

    @property
    def line(self) -> str:
        """The fact as one line of text."""
        value = f": {self.value}" if self.value else ""
        status = f" ({self.status})" if self.status else ""
        return f"{self.date or 'undated'} {self.what}{value}{status}"


def facts_of(resource: Resource) -> list[Fact]:
    """The facts of a resource; none for a type that is not read, or one entered in error."""
    read = READERS.get(text(resource.get("resourceType")))
    status = text(resource.get("status")), _code(resource, "verificationStatus")
    if read is None or WRONG in status:
        return []
    return [fact for fact in read(resource) if fact.what]


def text(value: Json) -> str:
    """A string, or "" for anything else."""
    return value if isinstance(value, str) else ""


def part(value: Json, *path: str) -> Json:
    """What lies below some names; of a list the first entry; None where there is nothing."""
    for name in path:
        if isinstance(value, list):
            value = value[0] if value else None
        value = value.get(name) if isinstance(value, dict) else None
    return value


def listed(value: Json) -> list[Json]:
    """A list as it is, anything else as a list of one, nothing as none."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def concept(value: Json) -> tuple[str, str]:
    """The words and the coded form of a CodeableConcept."""
    coding = part(value, "coding")
    first = coding[0] if isinstance(coding, list) and coding else None
    words = text(part(value, "text")) or text(part(first, "display")) or text(part(first, "code"))
    code = text(part(first, "code"))
    return words, f"{text(part(first, 'system'))}|{code}" if code else ""


def _day(resource: Resource, *names: str) -> str:
    """The first of some dates that the resource has; a period counts from its start."""
    for name in names:
        found = text(resource.get(name)) or text(part(resource.get(name), "start"))
        if found:
            return found[:10]
    return ""


def _code(resource: Resource, name: str) -> str:
    return text(part(resource.get(name), "coding", "code"))


def _status(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _value(holder: Json) -> str:
    """The value of an observation or a component, with its unit."""
    quantity = part(holder, "valueQuantity")
    number = part(quantity, "value")
    if isinstance(number, int | float):
        sign = text(part(quantity, "comparator"))
        unit = text(part(quantity, "unit")) or text(part(quantity, "code"))
        return f"{sign}{number:.6g} {unit}".rstrip()
    for name in ("valueString", "valueDateTime", "valueTime"):
        if found := text(part(holder, name)):
            return found
    for name in ("valueInteger", "valueBoolean"):
        found = part(holder, name)
        if found is not None:
            return str(found).lower()
    words = concept(part(holder, "valueCodeableConcept"))[0]
    return words or _range(part(holder, "valueRange")) or _ratio(part(holder, "valueRatio"))


def _range(value: Json) -> str:
    low, high = part(value, "low", "value"), part(value, "high", "value")
    unit = text(part(value, "high", "unit")) or text(part(value, "low", "unit"))
    return f"{low} to {high} {unit}".rstrip() if low is not None and high is not None else ""


def _ratio(value: Json) -> str:
    top, bottom = part(value, "numerator", "value"), part(value, "denominator", "value")
    return f"{top}:{bottom}" if top is not None and bottom is not None else ""


def _condition(resource: Resource) -> list[Fact]:
    what, code = concept(resource.get("code"))
    status = _status(
        _code(resource, "clinicalStatus"),
        {"confirmed": ""}.get(verified := _code(resource, "verificationStatus"), verified),
    )
    end = _day(resource, "abatementDateTime", "abatementPeriod")
    day = _day(resource, "onsetDateTime", "onsetPeriod", "recordedDate")
    return [Fact("conditions", day, what, code, f"until {end}" if end else "", status)]


def _medication(resource: Resource) -> list[Fact]:
    what, code = concept(resource.get("medicationCodeableConcept"))
    if not what:
        what = text(part(resource.get("medicationReference"), "display"))
        code = text(part(resource.get("medicationReference"), "reference"))
    if code.startswith("#"):
        named, code = concept(part(_contained(resource, code), "code"))
        what = what or named or UNNAMED
    dose = part(resource.get("dosageInstruction") or resource.get("dosage"), "text")
    day = _day(resource, "authoredOn", "effectiveDateTime", "effectivePeriod", "dateAsserted")
    banned = "do not perform" if resource.get("doNotPerform") is True else ""
    status = _status(text(resource.get("status")), banned)
    return [Fact("medications", day, what or code, code, text(dose), status)]


def _contained(resource: Resource, reference: str) -> Json:
    """The resource within this one that `#id` refers to."""
    inside = listed(resource.get("contained"))
    return next((one for one in inside if f"#{text(part(one, 'id'))}" == reference), None)


def _allergy(resource: Resource) -> list[Fact]:
    what, code = concept(resource.get("code"))
    shown = [
        concept(manifestation)[0]
        for reaction in listed(resource.get("reaction"))
        for manifestation in listed(part(reaction, "manifestation"))
    ]
    criticality = text(resource.get("criticality"))
    status = _status(
        _code(resource, "clinicalStatus"),
        {"confirmed": ""}.get(verified := _code(resource, "verificationStatus"), verified),
        f"{criticality} criticality" if criticality else "",
    )
    day = _day(resource, "onsetDateTime", "recordedDate", "lastOccurrence")
    return [Fact("allergies", day, what, code, ", ".join(filter(None, shown)), status)]


def _observation(resource: Resource) -> list[Fact]:
    categories = [text(part(one, "coding", "code")) for one in listed(resource.get("category"))]
    kind = next((CATEGORIES[one] for one in categories if one in CATEGORIES), "observations")
    day = _day(resource, "effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued")
    flag = _code(resource, "interpretation")
    status = _status(text(resource.get("status")).replace("final", ""), flag)
    what, code = concept(resource.get("code"))
    value = _value(dict(resource)) or concept(resource.get("dataAbsentReason"))[0]
    parts = [
        f"{concept(part(one, 'code'))[0]} {_value(one)}".rstrip()
        for one in listed(resource.get("component"))
    ]
    return [Fact(kind, day, what, code, "; ".join(filter(None, [value, *parts])), status)]


def _procedure(resource: Resource) -> list[Fact]:
    what, code = concept(resource.get("code"))
    status = text(resource.get("status"))
    day = _day(resource, "performedDateTime", "performedPeriod")
    return [Fact("procedures", day, what, code, "", "" if status == "completed" else status)]


def _immunization(resource: Resource) -> list[Fact]:
    what, code = concept(resource.get("vaccineCode"))
    status = text(resource.get("status"))
    day = _day(resource, "occurrenceDateTime", "recorded")
    return [Fact("immunizations", day, what, code, "", "" if status == "completed" else status)]


def _encounter(resource: Resource) -> list[Fact]:
    what, code = concept(resource.get("type"))
    kind = text(part(resource.get("class"), "code"))
    reason = concept(next(iter(listed(resource.get("reasonCode"))), None))[0]
    return [Fact("encounters", _day(resource, "period"), what or kind, code, reason, kind)]


def _report(resource: Resource) -> list[Fact]:
    what, code = concept(resource.get("code"))
    said = text(resource.get("conclusion")) or _attached(listed(resource.get("presentedForm")))
    day = _day(resource, "effectiveDateTime", "effectivePeriod", "issued")
    return [Fact("reports", day, what, code, said, "")] if said else []


def _document(resource: Resource) -> list[Fact]:
    what, code = concept(resource.get("type"))
    attached = [part(one, "attachment") for one in listed(resource.get("content"))]
    said = _attached(attached)
    day = _day(resource, "date")
    return [Fact("notes", day, what or "note", code, said, "")] if said else []


def _attached(attachments: list[Json]) -> str:
    """The plain text of attachments; other kinds of file are left out."""
    texts: list[str] = []
    for one in attachments:
        if text(part(one, "contentType")).startswith(PLAIN):
            try:
                texts.append(base64.b64decode(text(part(one, "data")), validate=True).decode())
            except (binascii.Error, UnicodeDecodeError):
                continue
    return "\n".join(texts)


READERS: Mapping[str, Callable[[Resource], list[Fact]]] = {
    "AllergyIntolerance": _allergy,
    "Condition": _condition,
    "DiagnosticReport": _report,
    "DocumentReference": _document,
    "Encounter": _encounter,
    "Immunization": _immunization,
    "MedicationAdministration": _medication,
    "MedicationRequest": _medication,
    "MedicationStatement": _medication,
    "Observation": _observation,
    "Procedure": _procedure,
}
